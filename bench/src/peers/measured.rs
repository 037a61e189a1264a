//! `measured`: families with interned labels, written as text without a step between.
//!
//! 0.0.25: from 0.1 on it needs a newer compiler than we do.

use std::hint::black_box;
use std::sync::{Arc, LazyLock};

use lasso::ThreadedRodeo;
use measured::metric::histogram::Thresholds;
use measured::text::BufferedTextEncoder;
use measured::{CounterVec, HistogramVec, LabelGroup, MetricGroup};

use super::{BOUNDS_S, Exposition, Names, VALUES};
use crate::workload::{Turns, turns};

/// What it is called in the tables.
pub const NAME: &str = "measured";

#[derive(Debug, Clone, Copy, PartialEq, LabelGroup)]
#[label(set = LabelSet)]
struct Labels<'a> {
    #[label(dynamic_with = ThreadedRodeo)]
    pipeline: &'a str,
    #[label(dynamic_with = ThreadedRodeo)]
    phase: &'a str,
    #[label(dynamic_with = ThreadedRodeo)]
    outcome: &'a str,
}

#[derive(MetricGroup)]
struct Phases {
    phase_seconds: HistogramVec<LabelSet, 12>,
    phase_items_total: CounterVec<LabelSet>,
}

impl Phases {
    fn new() -> Self {
        let labels =
            || LabelSet { pipeline: ThreadedRodeo::new(), phase: ThreadedRodeo::new(), outcome: ThreadedRodeo::new() };
        Self {
            phase_seconds: HistogramVec::with_label_set_and_metadata(labels(), Thresholds::with_buckets(BOUNDS_S)),
            phase_items_total: CounterVec::with_label_set(labels()),
        }
    }
}

/// A duration and a count by places that are kept; it has no handles.
pub fn record() -> Turns {
    static PHASES: LazyLock<Phases> = LazyLock::new(Phases::new);
    let (phases, mut values) = (&*PHASES, super::seconds());
    let labels = Labels { pipeline: "acid", phase: "embed", outcome: "ok" };
    let (seconds, items) = (phases.phase_seconds.with_labels(labels), phases.phase_items_total.with_labels(labels));
    turns(move || {
        phases.phase_seconds.get_metric(seconds).observe(black_box(values()));
        phases.phase_items_total.get_metric(items).inc();
    })
}

/// So many series.
#[must_use]
pub fn fill(series: usize) -> Exposition {
    let phases = Arc::new(Phases::new());
    let mut values = super::seconds();
    for Names { pipeline, phase, outcome } in (0..series).map(Names::of) {
        let labels = Labels { pipeline: &pipeline, phase: &phase, outcome };
        (0..VALUES).for_each(|_| phases.phase_seconds.observe(labels, values()));
        phases.phase_items_total.inc_by(labels, 32);
    }
    let Names { pipeline, phase, outcome } = Names::of(0);
    let first = phases.phase_seconds.with_labels(Labels { pipeline: &pipeline, phase: &phase, outcome });
    let (shown_phases, mut encoder) = (Arc::clone(&phases), BufferedTextEncoder::new());
    Exposition {
        write: Box::new(move |shown| {
            shown_phases.collect_group_into(&mut encoder).expect("a buffer takes everything");
            shown(&encoder.finish());
        }),
        record: Box::new(move |seconds| phases.phase_seconds.get_metric(first).observe(seconds)),
    }
}
