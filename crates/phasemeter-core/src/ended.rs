//! Which runs of a phase to look at: the slowest ever, and the latest that failed. A few of each, by the item that
//! they had in hand. Never a label: there are as many items as there is work.

use std::collections::VecDeque;

use crate::sync::{Arc, AtomicU64, COUNT, Mutex, lock};
use crate::{Verdict, bounded_value};

/// How many of the slowest runs, and how many of the latest failed ones, are kept.
pub const MAX_ENDED: usize = 20;

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What it had in hand, where it said so.
    pub item: Option<Arc<str>>,
    /// How long it took.
    pub elapsed_ns: u64,
    /// When it ended, by the clock of the caller.
    pub ended_ns: u64,
    /// The type of its error, where it failed.
    pub error_type: Option<Arc<str>>,
}

/// The runs of one phase that are worth a look.
#[derive(Debug, Default)]
pub(crate) struct EndedRuns {
    /// Below this a run is none of the slowest; 0 until there are as many as are kept. So most runs take no lock.
    slow_from_ns: AtomicU64,
    /// The slowest first.
    slowest: Mutex<Vec<Ended>>,
    /// The latest last.
    failed: Mutex<VecDeque<Ended>>,
}

impl EndedRuns {
    /// Notes a run; most are not worth it. The locks are held for a move among a few entries, by whoever ends a run and whoever looks.
    #[inline]
    pub(crate) fn note(&self, elapsed_ns: u64, ended_ns: u64, item: Option<Arc<str>>, verdict: Verdict<'_>) {
        let is_error = matches!(verdict, Verdict::Error(_));
        if is_error || elapsed_ns >= self.slow_from_ns.load(COUNT) {
            self.keep(elapsed_ns, ended_ns, item, verdict);
        }
    }

    #[cold]
    fn keep(&self, elapsed_ns: u64, ended_ns: u64, item: Option<Arc<str>>, verdict: Verdict<'_>) {
        let error_type = match verdict {
            Verdict::Error(error_type) => Some(bounded_value(error_type).into()),
            Verdict::Ok | Verdict::Cancelled => None,
        };
        let is_slow = elapsed_ns >= self.slow_from_ns.load(COUNT);
        let ended = Ended { item, elapsed_ns, ended_ns, error_type };
        if ended.error_type.is_some() {
            let mut failed = lock(&self.failed);
            let oldest = if failed.len() == MAX_ENDED { failed.pop_front() } else { None };
            failed.push_back(ended.clone());
            drop(failed);
            drop(oldest);
        }
        if is_slow {
            self.note_slow(ended);
        }
    }

    fn note_slow(&self, ended: Ended) {
        let mut slowest = lock(&self.slowest);
        let place = slowest.partition_point(|slower| slower.elapsed_ns >= ended.elapsed_ns);
        slowest.insert(place, ended);
        let fastest = if slowest.len() > MAX_ENDED { slowest.pop() } else { None };
        if let Some(last) = slowest.get(MAX_ENDED - 1) {
            self.slow_from_ns.store(last.elapsed_ns.saturating_add(1), COUNT);
        }
        drop(slowest);
        drop(fastest);
    }

    /// The slowest, the slowest first.
    pub(crate) fn slowest(&self) -> Vec<Ended> {
        lock(&self.slowest).clone()
    }

    /// The latest that failed, the latest first.
    pub(crate) fn failed(&self) -> Vec<Ended> {
        lock(&self.failed).iter().rev().cloned().collect()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn note(runs: &EndedRuns, elapsed_ns: u64, verdict: Verdict<'_>) {
        runs.note(elapsed_ns, 0, Some(elapsed_ns.to_string().into()), verdict);
    }

    #[test]
    fn the_slowest_are_kept_and_the_order_of_their_ends_does_not_matter() {
        let (up, down) = (EndedRuns::default(), EndedRuns::default());
        (1..=100).for_each(|elapsed| note(&up, elapsed, Verdict::Ok));
        (1..=100).rev().for_each(|elapsed| note(&down, elapsed, Verdict::Cancelled));
        let expected: Vec<_> = (81..=100).rev().collect();
        let elapsed = |runs: &EndedRuns| runs.slowest().iter().map(|run| run.elapsed_ns).collect::<Vec<_>>();
        assert_eq!((elapsed(&up), elapsed(&down)), (expected.clone(), expected));
        assert!(up.failed().is_empty());
    }

    #[test]
    fn of_the_failed_the_latest_are_kept() {
        let runs = EndedRuns::default();
        let verdict = |elapsed| if elapsed % 2 == 0 { Verdict::Error("io") } else { Verdict::Ok };
        (1..=50).for_each(|elapsed| note(&runs, elapsed, verdict(elapsed)));
        let failed: Vec<_> = runs.failed().iter().map(|run| run.elapsed_ns).collect();
        assert_eq!(failed, (6..=25).rev().map(|half| 2 * half).collect::<Vec<_>>());
    }
}
