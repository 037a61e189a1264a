//! Ours, where the others' series are the measure.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use phasemeter::{Level, Meter};
use phasemeter_core::encode::{Negotiated, Style, encode};
use phasemeter_core::{
    Buckets, Kind, Labels, Limits, Metric, Moment, Origin, Outcome, PhaseCell, Registry, Samples, Snapshot, Stability,
    Unit, Value,
};

use super::{BOUNDS_S, Exposition, LINES, Names, VALUES};

/// What it is called in the tables.
pub const NAME: &str = "phasemeter";

static SECONDS: Metric = Metric {
    otel: "phase.seconds",
    classic: None,
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    labels: &["pipeline", "phase", "outcome"],
    help: "Durations.",
    stability: Stability::Development,
    origin: Origin::Ours("It is a benchmark."),
};

static ITEMS: Metric = Metric {
    otel: "phase.things",
    classic: None,
    kind: Kind::Counter,
    unit: Unit::Count("{thing}"),
    labels: &["pipeline", "phase", "outcome"],
    help: "A count.",
    stability: Stability::Development,
    origin: Origin::Ours("It is a benchmark."),
};

/// The encoder alone: a snapshot of the same series as the others have, written again and again. Such buckets come from
/// other libraries; our own durations are written in a way of their own.
#[must_use]
pub fn fill_buckets(series: usize) -> Exposition {
    let mut values = super::seconds();
    let mut samples = Samples::default();
    for Names { pipeline, phase, outcome } in (0..series).map(Names::of) {
        let labels = [("pipeline", &*pipeline), ("phase", &*phase), ("outcome", outcome)];
        let labels = Labels::new(labels).expect("each stands once");
        let values: Vec<_> = (0..VALUES).map(|_| values()).collect();
        let below = |bound| values.iter().filter(|value| **value <= bound).count() as u64;
        let bounds = BOUNDS_S.map(|bound| (bound, below(bound))).to_vec();
        let buckets = Buckets { bounds, count: values.len() as u64, sum: values.iter().sum() };
        samples.push(&SECONDS, labels.clone(), Value::Buckets(Box::new(buckets)));
        samples.push(&ITEMS, labels, Value::Count(32));
    }
    written(Snapshot::new(samples))
}

/// The encoder alone: a snapshot of as many phases as show as many lines, written again and again.
#[must_use]
pub fn fill_snapshot(series: usize) -> Exposition {
    let phases = phases_of(series);
    let registry = Registry::new(limits(phases), Moment::default);
    let _held: Vec<_> = (0..phases).map(|number| cell(&registry, number)).collect();
    let mut samples = Samples::default();
    registry.sample(Moment::default(), &mut samples);
    written(Snapshot::new(samples))
}

fn written(snapshot: Snapshot) -> Exposition {
    let mut text = Vec::new();
    Exposition {
        write: Box::new(move |shown| {
            text.clear();
            encode(&snapshot, Negotiated::TEXT, &Style::default(), &mut text);
            shown(&text);
        }),
        record: Box::new(|_| ()),
    }
}

/// Everything that a scrape does: so many phases are read, sorted and written.
#[must_use]
pub fn fill_phases(phases: usize) -> Exposition {
    let registry = Registry::new(limits(phases), Moment::default);
    let _is_first = registry.name_base_pipeline("bench");
    let cells: Vec<_> = (0..phases).map(|number| cell(&registry, number)).collect();
    let first = cells.first().map(Arc::clone);
    let mut text = Vec::new();
    Exposition {
        write: Box::new(move |shown| {
            let _held = &cells;
            let mut samples = Samples::default();
            registry.sample(Moment::default(), &mut samples);
            text.clear();
            encode(&Snapshot::new(samples), Negotiated::TEXT, &Style::default(), &mut text);
            shown(&text);
        }),
        record: Box::new(move |seconds| {
            if let Some(cell) = &first {
                cell.record(Outcome::Ok, (seconds * 1e9) as u64);
            }
        }),
    }
}

/// The same, with as many phases as it takes to show as many lines as so many series of the others.
#[must_use]
pub fn fill_lines(series: usize) -> Exposition {
    fill_phases(phases_of(series))
}

/// How many phases show as many lines.
fn phases_of(series: usize) -> usize {
    let [few, more] = [10, 20].map(|phases| lines_of(&mut fill_phases(phases)));
    let lines_of_a_phase = (more - few) / 10;
    series * LINES as usize / lines_of_a_phase.max(1)
}

fn lines_of(exposition: &mut Exposition) -> usize {
    let mut lines = 0;
    (exposition.write)(&mut |text| lines = text.iter().filter(|byte| **byte == b'\n').count());
    lines
}

fn limits(phases: usize) -> Limits {
    Limits { phases: phases + 1, ..Limits::default() }
}

fn cell(registry: &Registry, number: usize) -> Arc<PhaseCell> {
    // The outcome is no part of a phase's name: two series of the others are one phase.
    let Names { pipeline, phase, .. } = Names::of(2 * number);
    let cell = registry.phase(Some(&pipeline), &phase);
    VALUES_NS.iter().for_each(|nanos| cell.record(Outcome::Ok, *nanos));
    cell
}

static VALUES_NS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut values = super::nanoseconds();
    (0..VALUES).map(|_| values()).collect()
});

/// As many lines as so many series of the others, behind our endpoint, and where that is.
#[must_use]
pub fn serve(series: usize) -> SocketAddr {
    let phases = phases_of(series);
    let meter = Meter::builder().environment([]).pipeline("bench").limits(limits(phases)).level(Level::Basic).build();
    let endpoint = meter.server().listen("127.0.0.1:0").start().expect("a port is free");
    let address = endpoint.address().expect("it listens");
    // As long as the process: dropped, it would close.
    std::mem::forget(endpoint);
    let mut values = super::nanoseconds();
    for number in 0..phases {
        let phase = meter.phase(format!("phase-{number}"));
        (0..VALUES).for_each(|_| phase.record(Outcome::Ok, std::time::Duration::from_nanos(values())));
    }
    address
}
