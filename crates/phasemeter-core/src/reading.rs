//! The counts of one phase as they were read: plain numbers.

use crate::{During, Effort, Histogram, ItemOutcome, Outcome};

/// What a [`PhaseCell`](crate::PhaseCell) held when it was read. Two of them add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellReading {
    /// When counting began, since the Unix epoch.
    pub created_unix_ns: u64,
    /// Runs started and not ended.
    pub active: i64,
    /// Of those, plain spans that exited over [`HELD_AFTER_NS`](crate::HELD_AFTER_NS) ago and are not closed: something holds them.
    pub held: u64,
    /// When the oldest run in flight started, by the caller's clock.
    pub oldest_start_ns: Option<u64>,
    /// When a run last began or ended, or live counts were last seen to have changed, by the caller's clock.
    pub last_activity_ns: Option<u64>,
    /// Items expected in all; 0 or less where nobody said.
    pub expected: i64,
    pub(crate) durations: [Histogram; Outcome::ALL.len()],
    pub(crate) items: [u64; ItemOutcome::ALL.len()],
    pub(crate) bytes: [u64; ItemOutcome::ALL.len()],
    /// Errors by type, in the order in which the types first came.
    pub errors: Vec<(Box<str>, u64)>,
    /// Errors whose type did not find a place of its own.
    pub errors_overflowed: u64,
    pub(crate) units: Vec<(Box<str>, [u64; ItemOutcome::ALL.len()])>,
    /// Counts whose unit did not find a place of its own.
    pub units_overflowed: u64,
    /// What the runs spent, where level detailed was on.
    pub effort: Option<Effort>,
    /// What the process spent while runs were in flight, where a reader of the process adds it.
    pub during: Option<During>,
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

    /// The named units, in the order in which they first came.
    pub fn units(&self) -> impl Iterator<Item = &str> {
        self.units.iter().map(|(unit, _)| &**unit)
    }

    /// What of a named unit became so.
    #[must_use]
    pub fn count(&self, unit: &str, outcome: ItemOutcome) -> u64 {
        self.units.iter().find(|(own, _)| **own == *unit).map_or(0, |(_, counts)| counts[outcome.index()])
    }

    /// Items dealt with, whatever became of them.
    #[must_use]
    pub fn items_processed(&self) -> u64 {
        self.items.into_iter().fold(0, u64::saturating_add)
    }

    /// Runs that ended, however they did.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.durations.iter().map(Histogram::count).fold(0, u64::saturating_add)
    }

    /// A number that grows whenever anything live is counted.
    pub(crate) fn dealt_with(&self) -> u64 {
        let units = self.units.iter().flat_map(|(_, counts)| counts);
        self.items.iter().chain(&self.bytes).chain(units).fold(0_u64, |sum, count| sum.wrapping_add(*count))
    }

    /// Adds what another cell of the same phase held. Totals may be near their end, where a cell refuses more: their
    /// sum stays there, rather than to fail a scrape.
    pub fn merge(&mut self, other: &Self) {
        self.created_unix_ns = self.created_unix_ns.min(other.created_unix_ns);
        self.active = self.active.saturating_add(other.active);
        self.held = self.held.saturating_add(other.held);
        self.oldest_start_ns = [self.oldest_start_ns, other.oldest_start_ns].into_iter().flatten().min();
        self.last_activity_ns = self.last_activity_ns.max(other.last_activity_ns);
        self.expected = self.expected.saturating_add(other.expected);
        self.durations.iter_mut().zip(&other.durations).for_each(|(own, others)| own.merge(others));
        add_each(&mut self.items, &other.items);
        add_each(&mut self.bytes, &other.bytes);
        merge_named(&mut self.errors, &other.errors, |own, others| *own = own.saturating_add(others));
        self.errors_overflowed = self.errors_overflowed.saturating_add(other.errors_overflowed);
        merge_named(&mut self.units, &other.units, |own, others| add_each(own, &others));
        self.units_overflowed = self.units_overflowed.saturating_add(other.units_overflowed);
        if let Some(effort) = &other.effort {
            self.effort.get_or_insert_default().merge(effort);
        }
        if let Some(during) = &other.during {
            self.during.get_or_insert_default().merge(during);
        }
    }
}

pub(crate) fn add_each(own: &mut [u64], others: &[u64]) {
    own.iter_mut().zip(others).for_each(|(own, others)| *own = own.saturating_add(*others));
}

fn merge_named<T: Copy>(own: &mut Vec<(Box<str>, T)>, others: &[(Box<str>, T)], add: impl Fn(&mut T, T)) {
    for (name, count) in others {
        match own.iter_mut().find(|(known, _)| known == name) {
            Some((_, own)) => add(own, *count),
            None => own.push((name.clone(), *count)),
        }
    }
}
