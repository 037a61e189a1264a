//! What the tests of this crate share: a Meter of one's own, and the numbers of one phase.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::time::Duration;

use phasemeter::{CellReading, DropReason, ItemOutcome, ManualClock, Meter, Outcome, Value, catalogue};

/// A Meter whose time stands still, and its clock.
pub(crate) fn meter() -> (Meter, ManualClock) {
    let clock = ManualClock::new();
    (Meter::builder().clock(clock.clone()).environment([]).pipeline("test").build(), clock)
}

/// The counts of one phase of the pipeline `test`.
#[track_caller]
pub(crate) fn counts(meter: &Meter, phase: &str) -> CellReading {
    counts_in(meter, "test", phase)
}

#[track_caller]
pub(crate) fn counts_in(meter: &Meter, pipeline: &str, phase: &str) -> CellReading {
    let found = meter.phases().into_iter().find(|reading| *reading.pipeline == *pipeline && *reading.phase == *phase);
    found.unwrap_or_else(|| panic!("no phase {phase:?} of {pipeline:?} in {:#?}", meter.phases())).counts
}

/// Ended runs by outcome (ok, error, cancelled), and those going on.
#[track_caller]
pub(crate) fn runs(meter: &Meter, phase: &str) -> ([u64; 3], i64) {
    let counts = counts(meter, phase);
    (Outcome::ALL.map(|outcome| counts.durations(outcome).count()), counts.active)
}

/// Items by outcome (ok, error, skipped).
#[track_caller]
pub(crate) fn items(meter: &Meter, phase: &str) -> [u64; 3] {
    let counts = counts(meter, phase);
    ItemOutcome::ALL.map(|outcome| counts.items(outcome))
}

/// Errors by type.
#[track_caller]
pub(crate) fn errors(meter: &Meter, phase: &str) -> Vec<(String, u64)> {
    counts(meter, phase).errors.into_iter().map(|(name, count)| (name.into(), count)).collect()
}

/// The sum of the durations of all runs.
#[track_caller]
pub(crate) fn elapsed(meter: &Meter, phase: &str) -> Duration {
    let counts = counts(meter, phase);
    Duration::from_nanos(Outcome::ALL.iter().map(|outcome| counts.durations(*outcome).sum_ns).sum())
}

#[track_caller]
pub(crate) fn dropped(meter: &Meter, reason: DropReason) -> u64 {
    match meter.snapshot().value(&catalogue::DROPPED, &[("reason", reason.as_str())]) {
        Some(Value::Count(count)) => *count,
        other => panic!("{other:?}"),
    }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
