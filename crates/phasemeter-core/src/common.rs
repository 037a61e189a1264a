//! What all threads share of one phase: what is rare, and the stripes of those who have no counts of their own.

use crate::cell::{MAX_ERROR_TYPES, MAX_UNITS};
use crate::counts::{self, Counts, Writer};
use crate::ended::EndedRuns;
use crate::exemplar::Exemplars;
use crate::named::NamedCounters;
use crate::sync::{AtomicBool, AtomicI64, COUNT, Mutex, OnceLock, Ordering, lock, thread_id};
use crate::{During, Interval, ItemOutcome, MAX_COUNT, Outcome};

/// Threads without a seat are spread over so many.
#[cfg(not(all(test, loom)))]
pub(crate) const STRIPES: usize = 4;

#[cfg(all(test, loom))]
pub(crate) const STRIPES: usize = 1;

/// The part of a cell that its shards lead to.
#[derive(Default)]
pub(crate) struct Common {
    stripes: [OnceLock<Box<Counts>>; STRIPES],
    pub(crate) expected: AtomicI64,
    pub(crate) errors: OnceLock<Box<ErrorTypes>>,
    pub(crate) units: OnceLock<Box<Units>>,
    pub(crate) exemplars: [Exemplars; Outcome::ALL.len()],
    pub(crate) ended: EndedRuns,
    /// What the process spent while runs were in flight here; only the one who reads that writes it.
    during: OnceLock<Box<Mutex<During>>>,
    /// Whether the registry may let go of it while threads have seats at it.
    can_go: AtomicBool,
    is_gone: AtomicBool,
}

type ErrorTypes = NamedCounters<MAX_ERROR_TYPES, 1>;
type Units = NamedCounters<MAX_UNITS, { ItemOutcome::ALL.len() }>;

/// Where the calling thread goes that has no place of its own.
pub(crate) fn stripe_of_thread() -> usize {
    thread_id() as usize % STRIPES
}

impl Common {
    /// That of the calling thread.
    pub(crate) fn stripe(&self) -> &Counts {
        self.stripes[stripe_of_thread()].get_or_init(Box::default)
    }

    pub(crate) fn stripes(&self) -> impl Iterator<Item = &Counts> {
        self.stripes.iter().filter_map(|stripe| stripe.get().map(|counts| &**counts))
    }

    pub(crate) fn add_interval(&self, phases: usize, interval: &Interval) {
        lock(self.during.get_or_init(Box::default)).add(phases, interval);
    }

    pub(crate) fn during(&self) -> Option<During> {
        self.during.get().map(|during| *lock(during))
    }

    pub(crate) fn can_go(&self) -> bool {
        self.can_go.load(COUNT)
    }

    /// From now on each run that begins looks whether the cell is gone.
    pub(crate) fn let_it_go_some_day(&self) {
        self.can_go.store(true, COUNT);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::SeqCst)
    }

    pub(crate) fn set_gone(&self, is_gone: bool) {
        self.is_gone.store(is_gone, Ordering::SeqCst);
    }

    pub(crate) fn add_units(&self, unit: &str, outcome: ItemOutcome, count: u64) -> bool {
        let add = |total: &_, count| counts::add(Writer::Anyone, total, count);
        self.units.get_or_init(Box::default).add(unit, outcome.index(), count, add)
    }

    pub(crate) fn add_errors(&self, error_type: &str, errors: u64) {
        let add = |total: &_, count| counts::add(Writer::Anyone, total, count);
        let _taken = self.errors.get_or_init(Box::default).add(error_type, 0, errors, add);
    }

    pub(crate) fn replace_expected(&self, before: u64, after: u64) {
        let difference = after.min(MAX_COUNT) as i64 - before.min(MAX_COUNT) as i64;
        self.expected.fetch_add(difference, COUNT);
    }
}
