//! What came of the pushes, counted. Readable at any time, and without any lock.

use std::sync::atomic::{AtomicU64, Ordering};

use phasemeter_core::catalogue::{OTLP_EXPORTS, OTLP_LAST_SUCCESS_TIMESTAMP, OTLP_REJECTED_POINTS};
use phasemeter_core::{Labels, Samples, Value};

/// What came of one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has every point.
    Ok,
    /// The receiver has the points, but for some that it named.
    Partial,
    /// The receiver is away, is too slow, or asks for patience: the next push holds what this one held.
    Unavailable,
    /// The receiver will not have it.
    Refused,
    /// There was nothing to send: what was asked for a snapshot panicked.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Partial, Self::Unavailable, Self::Refused, Self::Failed];

    /// The value of the label `outcome`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Whether the receiver has what it wants of it.
    #[must_use]
    pub const fn came_through(self) -> bool {
        match self {
            Self::Ok | Self::Partial => true,
            Self::Unavailable | Self::Refused | Self::Failed => false,
        }
    }
}

/// The pushes so far.
#[derive(Debug)]
pub struct Counts {
    began_unix_ns: u64,
    exports: [AtomicU64; Outcome::ALL.len()],
    rejected_points: AtomicU64,
    /// 0 before the first.
    last_success_unix_ns: AtomicU64,
}

// They are numbers of their own: no one of them says anything about another.
const COUNT: Ordering = Ordering::Relaxed;

impl Counts {
    pub(crate) fn new(began_unix_ns: u64) -> Self {
        let exports = Outcome::ALL.map(|_| AtomicU64::new(0));
        Self { began_unix_ns, exports, rejected_points: AtomicU64::new(0), last_success_unix_ns: AtomicU64::new(0) }
    }

    pub(crate) fn count(&self, outcome: Outcome, unix_ns: u64) {
        self.exports[outcome as usize].fetch_add(1, COUNT);
        if outcome.came_through() {
            self.last_success_unix_ns.store(unix_ns, COUNT);
        }
    }

    pub(crate) fn reject(&self, points: u64) {
        self.rejected_points.fetch_add(points, COUNT);
    }

    /// How many pushes ended so.
    #[must_use]
    pub fn exports(&self, outcome: Outcome) -> u64 {
        self.exports[outcome as usize].load(COUNT)
    }

    /// How many points receivers said they left out.
    #[must_use]
    pub fn rejected_points(&self) -> u64 {
        self.rejected_points.load(COUNT)
    }

    /// Puts them into `out`, under the names of the catalogue.
    pub fn sample(&self, out: &mut Samples) {
        for outcome in Outcome::ALL {
            let labels = Labels::new([("outcome", outcome.as_str())]);
            let labels = labels.expect("invariant: a constant, valid label name");
            out.push_counted(&OTLP_EXPORTS, labels, Value::Count(self.exports(outcome)), self.began_unix_ns);
        }
        let rejected = Value::Count(self.rejected_points());
        out.push_counted(&OTLP_REJECTED_POINTS, Labels::none(), rejected, self.began_unix_ns);
        if let last_success @ 1.. = self.last_success_unix_ns.load(COUNT) {
            out.push_plain(&OTLP_LAST_SUCCESS_TIMESTAMP, Value::Nanos(last_success));
        }
    }
}

#[cfg(test)]
mod tests {
    use phasemeter_core::Snapshot;

    use super::*;

    #[test]
    fn every_outcome_is_born_at_0_and_a_success_has_a_time() {
        let counts = Counts::new(1);
        let snapshot = || {
            let mut samples = Samples::default();
            counts.sample(&mut samples);
            Snapshot::new(samples)
        };
        assert_eq!(snapshot().series(&OTLP_EXPORTS).len(), Outcome::ALL.len());
        assert_eq!(snapshot().series(&OTLP_LAST_SUCCESS_TIMESTAMP), []);
        counts.count(Outcome::Unavailable, 5);
        assert_eq!(snapshot().series(&OTLP_LAST_SUCCESS_TIMESTAMP), []);
        counts.count(Outcome::Partial, 7);
        counts.reject(3);
        let snapshot = snapshot();
        assert_eq!(snapshot.value(&OTLP_EXPORTS, &[("outcome", "unavailable")]), Some(&Value::Count(1)));
        assert_eq!(snapshot.value(&OTLP_EXPORTS, &[("outcome", "partial")]), Some(&Value::Count(1)));
        assert_eq!(snapshot.value(&OTLP_REJECTED_POINTS, &[]), Some(&Value::Count(3)));
        assert_eq!(snapshot.value(&OTLP_LAST_SUCCESS_TIMESTAMP, &[]), Some(&Value::Nanos(7)));
    }
}
