//! What tests of a measured program need: a Meter of their own, a clock that they turn, and counts to compare.
//!
//! ```
//! use std::time::Duration;
//!
//! use phasemeter::Phase;
//! use phasemeter::testing::{Counts, TestMeter};
//!
//! static EMBED: Phase = Phase::new("embed");
//!
//! fn embed(batch: &[&str]) -> Result<(), std::fmt::Error> {
//!     EMBED.run(|phase| {
//!         phase.items(batch.len());
//!         if batch.is_empty() { Err(std::fmt::Error) } else { Ok(()) }
//!     })
//! }
//!
//! let test = TestMeter::new();
//! let _scope = test.enter(); // static phases on this thread are the test's
//! let _ok = embed(&["a", "b"]);
//! let _error = embed(&[]);
//! assert_eq!(
//!     test.counts("embed"),
//!     Counts { ok: 1, error: 1, items_ok: 2, errors: vec![("core::fmt::Error".into(), 1)], ..Counts::default() },
//! );
//! ```

use std::fmt;
use std::time::Duration;

use phasemeter_core::{ItemOutcome, Outcome};

use crate::builder::MeterBuilder;
use crate::clock::ManualClock;
use crate::meter::Meter;
use crate::phase::Phase;
use crate::scoped;

/// An isolated Meter whose time stands still until it is advanced. Its pipeline is called `test`, and no environment
/// variable reaches it.
#[derive(Debug, Clone)]
pub struct TestMeter {
    meter: Meter,
    clock: ManualClock,
}

/// While it lives, static phases that are used on this thread belong to the test.
#[derive(Debug)]
#[must_use = "the scope ends when it is dropped"]
pub struct Scope {
    _inner: scoped::Scope,
}

/// What a phase counted. All of it is compared at once; what does not matter is taken from another one by `..`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs that ended well.
    pub ok: u64,
    /// Runs that failed.
    pub error: u64,
    /// Runs that were dropped unfinished.
    pub cancelled: u64,
    /// Runs in flight.
    pub active: i64,
    /// Items dealt with.
    pub items_ok: u64,
    /// Items that failed.
    pub items_error: u64,
    /// Items left out.
    pub items_skipped: u64,
    /// Bytes, whatever became of them.
    pub bytes: u64,
    /// Errors by type, sorted.
    pub errors: Vec<(String, u64)>,
    /// The time of all runs that ended.
    pub elapsed: Duration,
}

impl Default for TestMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl TestMeter {
    /// A Meter for one test.
    #[must_use]
    pub fn new() -> Self {
        Self::of(MeterBuilder::default())
    }

    /// A Meter for one test, built from this; its clock, environment and, where none is named, pipeline are the test's.
    #[must_use]
    pub fn of(builder: MeterBuilder) -> Self {
        let clock = ManualClock::new();
        let meter = builder.pipeline_or("test").environment([]).clock(clock.clone()).build();
        Self { meter, clock }
    }

    /// The Meter: its layer, its handles, its snapshots.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// A phase of this Meter.
    #[must_use]
    pub fn phase(&self, name: &str) -> Phase {
        self.meter.phase(name)
    }

    /// Makes the static phases that are used on this thread the test's, until the scope is dropped. Threads and tasks
    /// elsewhere are not in it: under tokio, use the current-thread runtime. Of several scopes the one that began last counts,
    /// whichever ends first. `metric!` goes to the process's Meter all the same.
    pub fn enter(&self) -> Scope {
        Scope { _inner: scoped::Scope::enter(self.meter.inner.clone()) }
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// What the phase has counted, over all pipelines and labels; all 0 where it never was.
    #[must_use]
    pub fn counts(&self, phase: &str) -> Counts {
        let mut counts = Counts::default();
        for reading in self.meter.phases().iter().filter(|reading| *reading.phase == *phase) {
            let own = &reading.counts;
            let [ok, error, cancelled] = Outcome::ALL.map(|outcome| own.durations(outcome));
            counts.ok += ok.count();
            counts.error += error.count();
            counts.cancelled += cancelled.count();
            counts.active += own.active;
            let [ok_items, error_items, skipped] = ItemOutcome::ALL.map(|outcome| own.items(outcome));
            counts.items_ok += ok_items;
            counts.items_error += error_items;
            counts.items_skipped += skipped;
            counts.bytes += ItemOutcome::ALL.iter().map(|outcome| own.bytes(*outcome)).sum::<u64>();
            counts.errors.extend(own.errors.iter().map(|(name, count)| (name.to_string(), *count)));
            counts.elapsed += Duration::from_nanos(ok.sum_ns + error.sum_ns + cancelled.sum_ns);
        }
        counts.errors.sort();
        counts
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ok, error, cancelled, active, items_ok, items_error, items_skipped, .. } = self;
        write!(f, "runs {ok} ok, {error} error, {cancelled} cancelled, {active} active; ")?;
        write!(f, "items {items_ok} ok, {items_error} error, {items_skipped} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static EMBED: Phase = Phase::new("embed");

    #[test]
    fn scopes_end_in_any_order() {
        let (one, two) = (TestMeter::new(), TestMeter::new());
        let (first, second) = (one.enter(), two.enter());
        drop(first);
        EMBED.run(|_| ());
        drop(second);
        assert_eq!((one.counts("embed").ok, two.counts("embed").ok), (0, 1));
    }
}
