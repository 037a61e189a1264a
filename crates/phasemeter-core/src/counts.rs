//! What runs are counted in: by the one thread that owns the counts, or by anyone.

use crate::durations::Durations;
use crate::effort::EffortCell;
use crate::flights::Flights;
use crate::sync::{AtomicU64, COUNT, OnceLock};
use crate::{Effort, ItemOutcome, MAX_COUNT, Outcome};

/// Who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// The only thread that does: what it has read nobody changes before it stores, so a plain store is enough.
    Owner,
    /// One of several.
    Anyone,
}

/// Part of the counts of a phase. All parts together are what was counted.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) flights: Flights,
    /// Most runs end well; the others take room when one first does not.
    ok: Durations,
    others: [OnceLock<Box<Durations>>; Outcome::ALL.len() - 1],
    items: [AtomicU64; ItemOutcome::ALL.len()],
    bytes: [AtomicU64; ItemOutcome::ALL.len()],
    pub(crate) effort: OnceLock<Box<EffortCell>>,
    /// When a run last began or ended, plus one.
    pub(crate) last_run: AtomicU64,
    /// Runs that were measured elsewhere: nobody says when they were.
    pub(crate) recorded: AtomicU64,
}

impl Writer {
    /// A sum that wraps, as a counter does at its end.
    #[inline]
    pub(crate) fn add(self, total: &AtomicU64, count: u64) {
        match self {
            Self::Owner => total.store(total.load(COUNT).wrapping_add(count), COUNT),
            Self::Anyone => _ = total.fetch_add(count, COUNT),
        }
    }
}

impl Counts {
    /// A run took so long. The first of an outcome takes room.
    #[inline]
    pub(crate) fn record(&self, writer: Writer, outcome: Outcome, elapsed_ns: u64) {
        let durations = match outcome.index().checked_sub(1) {
            None => &self.ok,
            Some(other) => self.others[other].get_or_init(Box::default),
        };
        durations.record(writer, elapsed_ns);
    }

    /// A run that was measured elsewhere took so long.
    #[inline]
    pub(crate) fn record_elsewhere(&self, writer: Writer, outcome: Outcome, elapsed_ns: u64) {
        self.record(writer, outcome, elapsed_ns);
        writer.add(&self.recorded, 1);
    }

    pub(crate) fn durations(&self, outcome: Outcome) -> Option<&Durations> {
        match outcome.index().checked_sub(1) {
            None => Some(&self.ok),
            Some(other) => self.others[other].get().map(|durations| &**durations),
        }
    }

    #[inline]
    pub(crate) fn note_run(&self, now_ns: u64) {
        self.last_run.store(now_ns.saturating_add(1), COUNT);
    }

    /// False where the count was refused.
    #[inline]
    pub(crate) fn add_items(&self, writer: Writer, outcome: ItemOutcome, items: u64) -> bool {
        add(writer, &self.items[outcome.index()], items)
    }

    /// False where the count was refused.
    #[inline]
    pub(crate) fn add_bytes(&self, writer: Writer, outcome: ItemOutcome, bytes: u64) -> bool {
        add(writer, &self.bytes[outcome.index()], bytes)
    }

    pub(crate) fn add_effort(&self, writer: Writer, effort: &Effort) {
        self.effort.get_or_init(Box::default).add(writer, effort);
    }

    pub(crate) fn items(&self) -> [u64; ItemOutcome::ALL.len()] {
        self.items.each_ref().map(|items| items.load(COUNT))
    }

    pub(crate) fn bytes(&self) -> [u64; ItemOutcome::ALL.len()] {
        self.bytes.each_ref().map(|bytes| bytes.load(COUNT))
    }
}

/// Adds, but for a count beyond [`MAX_COUNT`] and to a total near its end.
#[inline]
pub(crate) fn add(writer: Writer, total: &AtomicU64, count: u64) -> bool {
    if count > MAX_COUNT || total.load(COUNT) > u64::MAX / 2 {
        return false;
    }
    writer.add(total, count);
    true
}
