//! Iterators as runs of a phase: one run a loop, one item a turn.

use crate::guard::PhaseGuard;
use crate::phase::Phase;

/// Measures loops.
pub trait Track: Iterator + Sized {
    /// Makes the loop over this iterator one run of the phase. It starts with the first turn. An item counts as ok
    /// when the next one is asked for; where the loop is left early the run ends as cancelled, where it panics as
    /// error, and the item in hand then counts as failed. The items expected in all are said where the iterator knows.
    ///
    /// ```
    /// use phasemeter::{Phase, Track};
    ///
    /// static READ: Phase = Phase::new("read");
    /// let longest = ["a", "bb"].into_iter().track(&READ).max_by_key(|word| word.len());
    /// assert_eq!(longest, Some("bb"));
    /// ```
    fn track(self, phase: &Phase) -> Tracked<'_, Self> {
        Tracked { items: self, phase, turn: Turn::default() }
    }
}

impl<I: Iterator> Track for I {}

/// An iterator whose loop is a run of a phase. Made by [`Track::track`].
#[derive(Debug)]
#[must_use = "iterators do nothing unless they are consumed"]
pub struct Tracked<'p, I> {
    items: I,
    phase: &'p Phase,
    turn: Turn,
}

/// Where the loop stands.
#[derive(Debug, Default)]
struct Turn {
    begun: bool,
    /// While the loop goes on.
    guard: Option<PhaseGuard>,
    /// Items that the consumer has and that are not counted yet: one or none.
    in_hand: u64,
}

impl<I: Iterator> Iterator for Tracked<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        if !std::mem::replace(&mut self.turn.begun, true) {
            self.turn.guard = Some(self.begin());
        }
        let done = std::mem::take(&mut self.turn.in_hand);
        if let Some(guard) = &self.turn.guard {
            guard.inc(done);
        }
        let item = self.items.next();
        // Asked again after its end, an iterator may answer; that is its own business, and no run.
        match (&item, self.turn.guard.take()) {
            (Some(_), Some(guard)) => self.turn = Turn { begun: true, guard: Some(guard), in_hand: 1 },
            (None, Some(guard)) => guard.end_as_error_where(None),
            (_, None) => {}
        }
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for Tracked<'_, I> {}

impl<I: Iterator> Tracked<'_, I> {
    fn begin(&self) -> PhaseGuard {
        let mut guard = self.phase.start();
        guard.set_cancelled_when_dropped();
        if let (least, Some(most)) = self.items.size_hint() {
            if least == most {
                guard.total(u64::try_from(most).unwrap_or(u64::MAX));
            }
        }
        guard
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.as_ref().filter(|guard| guard.is_failing()) {
            guard.inc_error(self.in_hand, "panic");
        }
    }
}
