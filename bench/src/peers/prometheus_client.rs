//! `prometheus-client`: families of metrics, written as OpenMetrics.

use std::hint::black_box;
use std::sync::LazyLock;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{BOUNDS_S, Exposition, Names, VALUES};
use crate::workload::{Turns, turns};

/// What it is called in the tables.
pub const NAME: &str = "prometheus-client";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    pipeline: String,
    phase: String,
    outcome: &'static str,
}

impl From<Names> for Labels {
    fn from(Names { pipeline, phase, outcome }: Names) -> Self {
        Self { pipeline, phase, outcome }
    }
}

/// A duration and a count into handles that are kept.
pub fn record() -> Turns {
    static HANDLES: LazyLock<(Histogram, Counter)> = LazyLock::new(|| (Histogram::new(BOUNDS_S), Counter::default()));
    let ((histogram, counter), mut values) = (HANDLES.clone(), super::seconds());
    turns(move || {
        histogram.observe(black_box(values()));
        counter.inc();
    })
}

/// So many series.
#[must_use]
pub fn fill(series: usize) -> Exposition {
    let seconds = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS_S));
    let items = Family::<Labels, Counter>::default();
    let mut registry = Registry::default();
    registry.register("phase_seconds", "Durations", seconds.clone());
    registry.register("phase_items", "A count", items.clone());
    let mut values = super::seconds();
    for labels in (0..series).map(|number| Labels::from(Names::of(number))) {
        let histogram = seconds.get_or_create(&labels);
        (0..VALUES).for_each(|_| histogram.observe(values()));
        items.get_or_create(&labels).inc_by(32);
    }
    let first = seconds.get_or_create(&Names::of(0).into()).clone();
    let mut text = String::new();
    Exposition {
        write: Box::new(move |shown| {
            text.clear();
            text::encode(&mut text, &registry).expect("a String takes everything");
            shown(text.as_bytes());
        }),
        record: Box::new(move |seconds| first.observe(seconds)),
    }
}
