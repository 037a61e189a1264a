//! `prometheus`: vectors of atomics behind a lock, gathered into protobuf and then written.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Instant;

use prometheus::{Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};
use prometheus::{TextEncoder, core::Collector};

use super::{BOUNDS_S, Exposition, Names, VALUES};
use crate::workload::{Turns, turns};

/// What it is called in the tables.
pub const NAME: &str = "prometheus";

const LABELS: [&str; 3] = ["pipeline", "phase", "outcome"];

/// What is measured of phases.
pub(super) struct Vectors {
    seconds: HistogramVec,
    items: IntCounterVec,
    outcomes: IntCounterVec,
}

/// The three of one series.
#[derive(Clone)]
pub(super) struct Handles {
    seconds: Histogram,
    items: IntCounter,
    outcomes: IntCounter,
}

impl Vectors {
    pub(super) fn new() -> Self {
        let seconds = HistogramOpts::new("phase_seconds", "Durations.").buckets(BOUNDS_S.to_vec());
        let counter = |name: &str| IntCounterVec::new(Opts::new(name, "A count."), &LABELS).expect("a valid name");
        Self {
            seconds: HistogramVec::new(seconds, &LABELS).expect("a valid name"),
            items: counter("phase_items_total"),
            outcomes: counter("phase_outcomes_total"),
        }
    }

    pub(super) fn handles(&self, labels: [&str; 3]) -> Handles {
        Handles {
            seconds: self.seconds.with_label_values(&labels),
            items: self.items.with_label_values(&labels),
            outcomes: self.outcomes.with_label_values(&labels),
        }
    }

    /// Looks all three up.
    pub(super) fn record(&self, labels: [&str; 3], begun: Instant, items: u64) {
        self.seconds.with_label_values(&labels).observe(begun.elapsed().as_secs_f64());
        self.items.with_label_values(&labels).inc_by(items);
        self.outcomes.with_label_values(&labels).inc();
    }
}

impl Handles {
    pub(super) fn record(&self, begun: Instant, items: u64) {
        self.seconds.observe(begun.elapsed().as_secs_f64());
        self.items.inc_by(items);
        self.outcomes.inc();
    }
}

/// A duration and a count into handles that are kept.
pub fn record() -> Turns {
    static HANDLES: LazyLock<Handles> = LazyLock::new(|| Vectors::new().handles(["acid", "embed", "ok"]));
    let (Handles { seconds, outcomes, .. }, mut values) = (HANDLES.clone(), super::seconds());
    turns(move || {
        seconds.observe(black_box(values()));
        outcomes.inc();
    })
}

/// So many series.
#[must_use]
pub fn fill(series: usize) -> Exposition {
    let (registry, vectors) = (Registry::new(), Vectors::new());
    let collectors: [Box<dyn Collector>; 2] = [Box::new(vectors.seconds.clone()), Box::new(vectors.items.clone())];
    collectors.into_iter().for_each(|collector| registry.register(collector).expect("each is registered once"));
    let mut values = super::seconds();
    for Names { pipeline, phase, outcome } in (0..series).map(Names::of) {
        let labels = [&*pipeline, &*phase, outcome];
        let seconds = vectors.seconds.with_label_values(&labels);
        (0..VALUES).for_each(|_| seconds.observe(values()));
        vectors.items.with_label_values(&labels).inc_by(32);
    }
    let Names { pipeline, phase, outcome } = Names::of(0);
    let first = vectors.seconds.with_label_values(&[&*pipeline, &*phase, outcome]);
    let mut text = Vec::new();
    Exposition {
        write: Box::new(move |shown| {
            text.clear();
            TextEncoder::new().encode(&registry.gather(), &mut text).expect("a Vec takes everything");
            shown(&text);
        }),
        record: Box::new(move |seconds| first.observe(seconds)),
    }
}
