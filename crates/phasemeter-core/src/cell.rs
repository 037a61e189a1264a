//! The counts of one phase. Recording takes no lock; what is read at one moment is a plain [`CellReading`].

use std::fmt;

use crate::buckets::{self, SLOTS};
use crate::sync::{AtomicI64, AtomicU64, COUNT, OnceLock};
use crate::{Histogram, ItemOutcome, Outcome, bounded_value};

/// How many error types a phase tells apart; the rest is counted as `other`.
pub const MAX_ERROR_TYPES: usize = 20;

/// The most that one call may count: larger values are no longer exact where they are read as floats.
pub const MAX_COUNT: u64 = 1 << 53;

/// The counts of one phase, written by many threads. How they are stored is nobody else's business.
pub struct PhaseCell {
    active: AtomicI64,
    expected: AtomicI64,
    durations: [DurationCell; Outcome::ALL.len()],
    items: [AtomicU64; ItemOutcome::ALL.len()],
    bytes: [AtomicU64; ItemOutcome::ALL.len()],
    errors: OnceLock<Box<ErrorTypes>>,
}

struct DurationCell {
    slots: [AtomicU64; SLOTS],
    sum_ns: AtomicU64,
}

#[derive(Default)]
struct ErrorTypes {
    known: [ErrorType; MAX_ERROR_TYPES],
    other: AtomicU64,
    overflowed: AtomicU64,
}

#[derive(Default)]
struct ErrorType {
    name: OnceLock<Box<str>>,
    count: AtomicU64,
}

impl PhaseCell {
    pub(crate) fn new() -> Self {
        Self {
            active: AtomicI64::new(0),
            expected: AtomicI64::new(0),
            durations: std::array::from_fn(|_| DurationCell {
                slots: std::array::from_fn(|_| AtomicU64::new(0)),
                sum_ns: AtomicU64::new(0),
            }),
            items: Default::default(),
            bytes: Default::default(),
            errors: OnceLock::new(),
        }
    }

    /// A run starts.
    pub fn begin(&self) {
        self.active.fetch_add(1, COUNT);
    }

    /// A run that started ends.
    pub fn end(&self, outcome: Outcome, elapsed_ns: u64) {
        self.record(outcome, elapsed_ns);
        self.active.fetch_sub(1, COUNT);
    }

    /// A run that started turns out not to have been one: it leaves no trace.
    pub fn withdraw(&self) {
        self.active.fetch_sub(1, COUNT);
    }

    /// A run that was measured elsewhere.
    pub fn record(&self, outcome: Outcome, elapsed_ns: u64) {
        let cell = &self.durations[outcome.index()];
        cell.slots[buckets::slot(elapsed_ns)].fetch_add(1, COUNT);
        cell.sum_ns.fetch_add(elapsed_ns, COUNT);
    }

    /// Items dealt with. False where the count was refused: beyond [`MAX_COUNT`], or the total near its end.
    #[must_use = "a refused count is to be counted as dropped"]
    pub fn add_items(&self, outcome: ItemOutcome, items: u64) -> bool {
        add(&self.items[outcome.index()], items)
    }

    /// Bytes dealt with. False where the count was refused: beyond [`MAX_COUNT`], or the total near its end.
    #[must_use = "a refused count is to be counted as dropped"]
    pub fn add_bytes(&self, outcome: ItemOutcome, bytes: u64) -> bool {
        add(&self.bytes[outcome.index()], bytes)
    }

    /// Errors of one type; beyond [`MAX_ERROR_TYPES`] types they count as `other`.
    pub fn add_errors(&self, error_type: &str, errors: u64) {
        let name = bounded_value(error_type);
        let types = self.errors.get_or_init(Box::default);
        if name == OTHER {
            types.other.fetch_add(errors, COUNT);
            return;
        }
        for known in &types.known {
            if **known.name.get_or_init(|| name.as_ref().into()) == *name {
                known.count.fetch_add(errors, COUNT);
                return;
            }
        }
        types.other.fetch_add(errors, COUNT);
        types.overflowed.fetch_add(errors, COUNT);
    }

    /// Sets how many items are expected in all.
    pub fn set_expected(&self, items: u64) {
        self.expected.store(items.min(MAX_COUNT) as i64, COUNT);
    }

    /// Replaces one part of the expected items by another: a worker's first estimate by its second.
    pub fn replace_expected(&self, before: u64, after: u64) {
        let difference = after.min(MAX_COUNT) as i64 - before.min(MAX_COUNT) as i64;
        self.expected.fetch_add(difference, COUNT);
    }

    /// All counts, read one after the other.
    #[must_use]
    pub fn read(&self) -> CellReading {
        let durations = self.durations.each_ref().map(|cell| Histogram {
            slots: cell.slots.each_ref().map(|slot| slot.load(COUNT)),
            sum_ns: cell.sum_ns.load(COUNT),
        });
        let mut reading = CellReading {
            active: self.active.load(COUNT),
            expected: self.expected.load(COUNT),
            durations,
            items: self.items.each_ref().map(|items| items.load(COUNT)),
            bytes: self.bytes.each_ref().map(|bytes| bytes.load(COUNT)),
            errors: Vec::new(),
            errors_overflowed: 0,
        };
        if let Some(types) = self.errors.get() {
            reading.errors_overflowed = types.overflowed.load(COUNT);
            let known = types.known.iter();
            let named = known.filter_map(|known| Some((known.name.get()?.clone(), known.count.load(COUNT))));
            reading.errors.extend(named);
            let other = types.other.load(COUNT);
            if other > 0 {
                reading.errors.push((OTHER.into(), other));
            }
        }
        reading
    }
}

const OTHER: &str = "other";

fn add(total: &AtomicU64, count: u64) -> bool {
    if count > MAX_COUNT || total.load(COUNT) > u64::MAX / 2 {
        return false;
    }
    total.fetch_add(count, COUNT);
    true
}

impl fmt::Debug for PhaseCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PhaseCell").field(&self.read()).finish()
    }
}

/// What a [`PhaseCell`] held when it was read. Two of them add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellReading {
    /// Runs started and not ended.
    pub active: i64,
    /// Items expected in all; 0 or less where nobody said.
    pub expected: i64,
    durations: [Histogram; Outcome::ALL.len()],
    items: [u64; ItemOutcome::ALL.len()],
    bytes: [u64; ItemOutcome::ALL.len()],
    /// Errors by type, in the order in which the types first came.
    pub errors: Vec<(Box<str>, u64)>,
    /// Errors whose type did not find a place of its own.
    pub errors_overflowed: u64,
}

impl CellReading {
    /// Durations of the runs that ended so; their count is the number of runs.
    #[must_use]
    pub fn durations(&self, outcome: Outcome) -> &Histogram {
        &self.durations[outcome.index()]
    }

    /// Items that became so.
    #[must_use]
    pub fn items(&self, outcome: ItemOutcome) -> u64 {
        self.items[outcome.index()]
    }

    /// Bytes that became so.
    #[must_use]
    pub fn bytes(&self, outcome: ItemOutcome) -> u64 {
        self.bytes[outcome.index()]
    }

    /// Items dealt with, whatever became of them.
    #[must_use]
    pub fn items_processed(&self) -> u64 {
        self.items.into_iter().fold(0, u64::saturating_add)
    }

    /// Runs that ended, however they did.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.durations.iter().map(Histogram::count).sum()
    }

    /// Adds what another cell of the same phase held. Totals may be near their end, where a cell refuses more: their
    /// sum stays there, rather than to fail a scrape.
    pub fn merge(&mut self, other: &Self) {
        self.active = self.active.saturating_add(other.active);
        self.expected = self.expected.saturating_add(other.expected);
        for (own, others) in self.durations.iter_mut().zip(&other.durations) {
            own.sum_ns = own.sum_ns.wrapping_add(others.sum_ns);
            add_each(&mut own.slots, &others.slots);
        }
        add_each(&mut self.items, &other.items);
        add_each(&mut self.bytes, &other.bytes);
        for (name, count) in &other.errors {
            match self.errors.iter_mut().find(|(own, _)| own == name) {
                Some((_, own)) => *own = own.saturating_add(*count),
                None => self.errors.push((name.clone(), *count)),
            }
        }
        self.errors_overflowed = self.errors_overflowed.saturating_add(other.errors_overflowed);
    }
}

fn add_each(own: &mut [u64], others: &[u64]) {
    own.iter_mut().zip(others).for_each(|(own, others)| *own = own.saturating_add(*others));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_active_until_it_ends_and_counts_where_it_ended() {
        let cell = PhaseCell::new();
        cell.begin();
        cell.begin();
        assert_eq!(cell.read().active, 2);
        cell.end(Outcome::Error, 15_000);
        let reading = cell.read();
        assert_eq!((reading.active, reading.runs()), (1, 1));
        assert_eq!(reading.durations(Outcome::Error).sum_ns, 15_000);
        assert_eq!(reading.durations(Outcome::Error).slots[1], 1);
        cell.withdraw();
        assert_eq!(cell.read().active, 0);
    }

    #[test]
    fn counts_that_floats_cannot_hold_are_refused() {
        let cell = PhaseCell::new();
        assert!(cell.add_items(ItemOutcome::Ok, MAX_COUNT));
        assert!(!cell.add_items(ItemOutcome::Ok, MAX_COUNT + 1));
        assert!(!cell.add_bytes(ItemOutcome::Skipped, u64::MAX));
        assert_eq!(cell.read().items(ItemOutcome::Ok), MAX_COUNT);
    }

    #[test]
    fn a_total_never_wraps() {
        let cell = PhaseCell::new();
        let accepted = (0..4_000).filter(|_| cell.add_items(ItemOutcome::Ok, MAX_COUNT)).count() as u64;
        assert_eq!(cell.read().items(ItemOutcome::Ok), accepted * MAX_COUNT);
        assert!(accepted < 4_000);
    }

    #[test]
    fn error_types_beyond_the_cap_are_other() {
        let cell = PhaseCell::new();
        for number in 0..MAX_ERROR_TYPES + 5 {
            cell.add_errors(&format!("type_{number}"), 2);
        }
        cell.add_errors("type_0", 1);
        cell.add_errors("other", 1);
        let reading = cell.read();
        assert_eq!(reading.errors.len(), MAX_ERROR_TYPES + 1);
        assert_eq!(reading.errors.first(), Some(&("type_0".into(), 3)));
        assert_eq!(reading.errors.last(), Some(&("other".into(), 11)));
        assert_eq!(reading.errors_overflowed, 10);
    }

    #[test]
    fn readings_add_up() {
        let (one, two) = (PhaseCell::new(), PhaseCell::new());
        for (cell, items) in [(&one, 3), (&two, 4)] {
            cell.begin();
            cell.end(Outcome::Ok, 5_000);
            assert!(cell.add_items(ItemOutcome::Ok, items));
            cell.add_errors("io", items);
            cell.replace_expected(0, 10);
        }
        two.replace_expected(10, 20);
        let mut both = one.read();
        both.merge(&two.read());
        assert_eq!((both.runs(), both.items_processed(), both.expected), (2, 7, 30));
        assert_eq!(both.errors, [("io".into(), 7)]);
    }
}
