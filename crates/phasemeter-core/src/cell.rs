//! The counts of one phase. Recording takes no lock; what is read at one moment is a plain [`CellReading`].

use std::fmt;

use crate::durations::Durations;
use crate::effort::EffortCell;
use crate::ended::EndedRuns;
use crate::flights::{Flight, FlightCounts, Flights, InFlight};
use crate::named::NamedCounters;
use crate::sync::{Arc, AtomicI64, AtomicU64, COUNT, OnceLock};
use crate::{Effort, Ended, Histogram, ItemOutcome, Moment, Outcome, TraceIds};

/// How many error types a phase tells apart; the rest is counted as `other`.
pub const MAX_ERROR_TYPES: usize = 20;

/// How many named units a phase tells apart; the rest is counted as `other`.
pub const MAX_UNITS: usize = 8;

/// The most that one call may count: larger values are no longer exact where they are read as floats.
pub const MAX_COUNT: u64 = 1 << 53;

/// A plain span that exited this long ago and is not closed counts as held.
pub const HELD_AFTER_NS: u64 = 60_000_000_000;

/// The counts of one phase, written by many threads. How they are stored is nobody else's business.
pub struct PhaseCell {
    flights: Flights,
    expected: AtomicI64,
    durations: [Durations; Outcome::ALL.len()],
    items: [AtomicU64; ItemOutcome::ALL.len()],
    bytes: [AtomicU64; ItemOutcome::ALL.len()],
    errors: OnceLock<Box<ErrorTypes>>,
    units: OnceLock<Box<Units>>,
    effort: OnceLock<Box<EffortCell>>,
    ended: EndedRuns,
    /// When a run last began or ended, plus one.
    last_run: AtomicU64,
    /// Runs that were measured elsewhere: nobody says when they were.
    recorded: AtomicU64,
    /// What was dealt with when it was last read, when a run had last begun or ended then, and when live counts were
    /// first seen to have changed, plus one.
    seen_dealt_with: AtomicU64,
    seen_last_run: AtomicU64,
    seen: AtomicU64,
    /// When it was made, by both clocks.
    created: Moment,
}

type ErrorTypes = NamedCounters<MAX_ERROR_TYPES, 1>;
type Units = NamedCounters<MAX_UNITS, { ItemOutcome::ALL.len() }>;

/// How a run ended, with the type of its error where it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It returned, and not with an error.
    Ok,
    /// It failed, and this is the type of its error.
    Error(&'a str),
    /// It was dropped before it finished.
    Cancelled,
}

impl Verdict<'_> {
    /// The outcome alone.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Ok => Outcome::Ok,
            Self::Error(_) => Outcome::Error,
            Self::Cancelled => Outcome::Cancelled,
        }
    }
}

impl PhaseCell {
    pub(crate) fn new(created: Moment) -> Self {
        Self {
            created,
            flights: Flights::new(),
            expected: AtomicI64::new(0),
            durations: std::array::from_fn(|_| Durations::new()),
            items: std::array::from_fn(|_| AtomicU64::new(0)),
            bytes: std::array::from_fn(|_| AtomicU64::new(0)),
            errors: OnceLock::new(),
            units: OnceLock::new(),
            effort: OnceLock::new(),
            ended: EndedRuns::default(),
            last_run: AtomicU64::new(0),
            recorded: AtomicU64::new(0),
            seen_dealt_with: AtomicU64::new(0),
            seen_last_run: AtomicU64::new(0),
            seen: AtomicU64::new(0),
        }
    }

    /// A run starts.
    pub fn begin(&self, now_ns: u64) -> Flight {
        self.last_run.store(now_ns.saturating_add(1), COUNT);
        self.flights.begin(now_ns)
    }

    /// A run that started ends, now, after this long: for a plain span that is less than since it began.
    pub fn end(&self, flight: Flight, verdict: Verdict<'_>, elapsed_ns: u64, now_ns: u64) {
        if let Verdict::Error(error_type) = verdict {
            self.add_errors(error_type, 1);
        }
        self.durations[verdict.outcome().index()].record(elapsed_ns);
        let item = self.flights.end(flight);
        self.last_run.store(now_ns.saturating_add(1), COUNT);
        self.ended.note(elapsed_ns, now_ns, item, verdict);
    }

    /// A run that started turns out not to have been one: it leaves no trace.
    pub fn withdraw(&self, flight: Flight) {
        let _item = self.flights.end(flight);
    }

    /// The plain span of a run left, or, with `None`, came back.
    pub fn set_exited(&self, flight: &Flight, exited_ns: Option<u64>) {
        self.flights.set_exited(flight, exited_ns);
    }

    /// What a run has in hand now.
    pub fn set_item(&self, flight: &Flight, item: Arc<str>) {
        self.flights.set_item(flight, item);
    }

    /// A run that was measured elsewhere.
    pub fn record(&self, outcome: Outcome, elapsed_ns: u64) {
        self.durations[outcome.index()].record(elapsed_ns);
        self.recorded.fetch_add(1, COUNT);
    }

    /// Offers a run that ended as an exemplar of its bucket. `ids` says in which trace it was, and is asked only where
    /// the bucket has no exemplar that is still to be read.
    pub fn offer_exemplar(
        &self,
        outcome: Outcome,
        elapsed_ns: u64,
        unix_ns: u64,
        ids: impl FnOnce() -> Option<TraceIds>,
    ) {
        self.durations[outcome.index()].offer(elapsed_ns, unix_ns, ids);
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

    /// What was dealt with in a unit of its own name; beyond [`MAX_UNITS`] names they count as `other`. False where the
    /// count was refused: beyond [`MAX_COUNT`], or the total near its end.
    #[must_use = "a refused count is to be counted as dropped"]
    pub fn add_units(&self, unit: &str, outcome: ItemOutcome, count: u64) -> bool {
        self.units.get_or_init(Box::default).add(unit, outcome.index(), count, add)
    }

    /// Errors of one type; beyond [`MAX_ERROR_TYPES`] types they count as `other`.
    pub fn add_errors(&self, error_type: &str, errors: u64) {
        let _taken = self.errors.get_or_init(Box::default).add(error_type, 0, errors, add);
    }

    /// What runs spent.
    pub fn add_effort(&self, effort: &Effort) {
        self.effort.get_or_init(Box::default).add(effort);
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

    /// When it was made: since then it counts.
    #[must_use]
    pub fn created(&self) -> Moment {
        self.created
    }

    /// All counts, read one after the other.
    #[must_use]
    pub fn read(&self, moment: Moment) -> CellReading {
        let FlightCounts { active, oldest_start_ns, held } =
            self.flights.counts(moment.now_ns.checked_sub(HELD_AFTER_NS));
        let durations = self.durations.each_ref().map(Durations::read);
        let errors = self.errors.get().map_or_else(Vec::new, |types| types.read());
        let units = self.units.get().map_or_else(Vec::new, |units| units.read());
        let mut reading = CellReading {
            created_unix_ns: self.created.unix_ns,
            active,
            held,
            oldest_start_ns,
            last_activity_ns: None,
            expected: self.expected.load(COUNT),
            durations,
            items: self.items.each_ref().map(|items| items.load(COUNT)),
            bytes: self.bytes.each_ref().map(|bytes| bytes.load(COUNT)),
            errors: errors.into_iter().map(|(error_type, [count])| (error_type, count)).collect(),
            errors_overflowed: self.errors.get().map_or(0, |types| types.overflowed()),
            units,
            units_overflowed: self.units.get().map_or(0, |units| units.overflowed()),
            effort: self.effort.get().map(|effort| effort.read()),
        };
        reading.last_activity_ns = self.last_activity_ns(&reading, moment.now_ns);
        reading
    }

    /// When anything last happened, as far as readings have seen, by the caller's clock; 0 for never.
    pub(crate) fn last_activity(&self) -> u64 {
        self.last_run.load(COUNT).max(self.seen.load(COUNT)).saturating_sub(1)
    }

    /// Whether nothing was ever counted here, and nothing is going on.
    pub(crate) fn is_unused(&self) -> bool {
        let reading = self.read(Moment::default());
        reading.runs() == 0
            && reading.dealt_with() == 0
            && reading.active == 0
            && reading.expected == 0
            && reading.errors.is_empty()
    }

    pub(crate) fn is_active(&self) -> bool {
        self.flights.counts(None).active > 0
    }

    /// Live counts take no time; that they have changed is seen here, at most one reading late. Where a run has begun or
    /// ended since the last reading, what it declared has changed them too, and its own moment stands for both.
    fn last_activity_ns(&self, reading: &CellReading, now_ns: u64) -> Option<u64> {
        let (dealt_with, last_run) =
            (reading.dealt_with().wrapping_add(self.recorded.load(COUNT)), self.last_run.load(COUNT));
        let has_changed = self.seen_dealt_with.swap(dealt_with, COUNT) != dealt_with;
        let has_run = self.seen_last_run.swap(last_run, COUNT) != last_run;
        if has_changed && !has_run {
            self.seen.store(now_ns.saturating_add(1), COUNT);
        }
        last_run.max(self.seen.load(COUNT)).checked_sub(1)
    }

    /// The oldest runs in flight, the oldest first.
    #[must_use]
    pub fn oldest_in_flight(&self, most: usize) -> Vec<InFlight> {
        self.flights.oldest(most)
    }

    /// The slowest runs that ended, the slowest first.
    #[must_use]
    pub fn slowest(&self) -> Vec<Ended> {
        self.ended.slowest()
    }

    /// The latest runs that failed, the latest first.
    #[must_use]
    pub fn failed(&self) -> Vec<Ended> {
        self.ended.failed()
    }
}

fn add(total: &AtomicU64, count: u64) -> bool {
    if count > MAX_COUNT || total.load(COUNT) > u64::MAX / 2 {
        return false;
    }
    total.fetch_add(count, COUNT);
    true
}

impl fmt::Debug for PhaseCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseCell").finish_non_exhaustive()
    }
}

/// What a [`PhaseCell`] held when it was read. Two of them add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellReading {
    /// When counting began, since the Unix epoch.
    pub created_unix_ns: u64,
    /// Runs started and not ended.
    pub active: i64,
    /// Of those, plain spans that exited over [`HELD_AFTER_NS`] ago and are not closed: something holds them.
    pub held: u64,
    /// When the oldest run in flight started, by the caller's clock.
    pub oldest_start_ns: Option<u64>,
    /// When a run last began or ended, or live counts were last seen to have changed, by the caller's clock.
    pub last_activity_ns: Option<u64>,
    /// Items expected in all; 0 or less where nobody said.
    pub expected: i64,
    durations: [Histogram; Outcome::ALL.len()],
    items: [u64; ItemOutcome::ALL.len()],
    bytes: [u64; ItemOutcome::ALL.len()],
    /// Errors by type, in the order in which the types first came.
    pub errors: Vec<(Box<str>, u64)>,
    /// Errors whose type did not find a place of its own.
    pub errors_overflowed: u64,
    units: Vec<(Box<str>, [u64; ItemOutcome::ALL.len()])>,
    /// Counts whose unit did not find a place of its own.
    pub units_overflowed: u64,
    /// What the runs spent, where level detailed was on.
    pub effort: Option<Effort>,
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
    fn dealt_with(&self) -> u64 {
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
    }
}

fn add_each(own: &mut [u64], others: &[u64]) {
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn read(cell: &PhaseCell) -> CellReading {
        cell.read(Moment::default())
    }

    #[test]
    fn a_run_is_active_until_it_ends_and_counts_where_it_ended() {
        let cell = PhaseCell::new(Moment::default());
        let (one, two) = (cell.begin(5), cell.begin(7));
        let reading = read(&cell);
        assert_eq!((reading.active, reading.oldest_start_ns, reading.last_activity_ns), (2, Some(5), Some(7)));
        cell.end(one, Verdict::Error("io"), 15_000, 15_005);
        let reading = read(&cell);
        assert_eq!((reading.active, reading.runs(), reading.oldest_start_ns), (1, 1, Some(7)));
        assert_eq!(reading.durations(Outcome::Error).sum_ns, 15_000);
        assert_eq!(reading.durations(Outcome::Error).slots.len(), 1);
        assert_eq!((reading.errors, reading.last_activity_ns), (vec![("io".into(), 1)], Some(15_005)));
        cell.withdraw(two);
        assert_eq!((read(&cell).active, read(&cell).runs()), (0, 1));
    }

    #[test]
    fn counts_that_floats_cannot_hold_are_refused() {
        let cell = PhaseCell::new(Moment::default());
        assert!(cell.add_items(ItemOutcome::Ok, MAX_COUNT));
        assert!(!cell.add_items(ItemOutcome::Ok, MAX_COUNT + 1));
        assert!(!cell.add_bytes(ItemOutcome::Skipped, u64::MAX));
        assert_eq!(read(&cell).items(ItemOutcome::Ok), MAX_COUNT);
    }

    #[test]
    fn a_total_never_wraps() {
        let cell = PhaseCell::new(Moment::default());
        let accepted = (0..4_000).filter(|_| cell.add_items(ItemOutcome::Ok, MAX_COUNT)).count() as u64;
        assert_eq!(read(&cell).items(ItemOutcome::Ok), accepted * MAX_COUNT);
        assert!(accepted < 4_000);
    }

    #[test]
    fn error_types_beyond_the_cap_are_other() {
        let cell = PhaseCell::new(Moment::default());
        for number in 0..MAX_ERROR_TYPES + 5 {
            cell.add_errors(&format!("type_{number}"), 2);
        }
        cell.add_errors("type_0", 1);
        cell.add_errors("other", 1);
        let reading = read(&cell);
        assert_eq!(reading.errors.len(), MAX_ERROR_TYPES + 1);
        assert_eq!(reading.errors.first(), Some(&("type_0".into(), 3)));
        assert_eq!(reading.errors.last(), Some(&("other".into(), 11)));
        assert_eq!(reading.errors_overflowed, 10);
    }

    #[test]
    fn readings_add_up() {
        let (one, two) = (PhaseCell::new(Moment::default()), PhaseCell::new(Moment::default()));
        for (cell, items) in [(&one, 3), (&two, 4)] {
            cell.record(Outcome::Ok, 5_000);
            assert!(cell.add_units("tokens", ItemOutcome::Ok, items));
            assert!(cell.add_items(ItemOutcome::Ok, items));
            cell.add_errors("io", items);
            cell.replace_expected(0, 10);
        }
        two.replace_expected(10, 20);
        let mut both = read(&one);
        both.merge(&read(&two));
        assert_eq!((both.runs(), both.items_processed(), both.expected), (2, 7, 30));
        assert_eq!(both.errors, [("io".into(), 7)]);
        assert_eq!(both.count("tokens", ItemOutcome::Ok), 7);
    }

    #[test]
    fn units_have_names_of_their_own_up_to_the_cap() {
        let cell = PhaseCell::new(Moment::default());
        assert!(cell.add_units("tokens", ItemOutcome::Ok, 512) && cell.add_units("tokens", ItemOutcome::Error, 3));
        assert!(!cell.add_units("tokens", ItemOutcome::Ok, MAX_COUNT + 1));
        for number in 0..MAX_UNITS {
            assert!(cell.add_units(&format!("unit_{number}"), ItemOutcome::Ok, 1));
        }
        let reading = read(&cell);
        assert_eq!((reading.count("tokens", ItemOutcome::Ok), reading.count("tokens", ItemOutcome::Error)), (512, 3));
        assert_eq!((reading.count("other", ItemOutcome::Ok), reading.units_overflowed), (1, 1));
        assert_eq!(reading.units().count(), MAX_UNITS + 1);
    }

    #[test]
    fn live_counts_are_activity_from_the_reading_on_that_sees_them() {
        let cell = PhaseCell::new(Moment::default());
        let at = |now_ns| Moment { now_ns, unix_ns: 0 };
        assert_eq!(cell.read(at(10)).last_activity_ns, None);
        let flight = cell.begin(20);
        assert_eq!(cell.read(at(30)).last_activity_ns, Some(20));
        assert!(cell.add_items(ItemOutcome::Skipped, 1));
        assert_eq!(cell.read(at(40)).last_activity_ns, Some(40));
        assert_eq!(cell.read(at(50)).last_activity_ns, Some(40));
        // What a run declares counts at its end.
        assert!(cell.add_items(ItemOutcome::Ok, 5));
        cell.end(flight, Verdict::Cancelled, 40, 60);
        assert_eq!(cell.read(at(70)).last_activity_ns, Some(60));
    }

    #[test]
    fn a_plain_span_is_held_a_minute_after_it_exited() {
        let cell = PhaseCell::new(Moment::default());
        let flight = cell.begin(1);
        cell.set_exited(&flight, Some(2));
        let held = |now_ns| cell.read(Moment { now_ns, unix_ns: 0 }).held;
        assert_eq!([held(3), held(HELD_AFTER_NS + 1), held(HELD_AFTER_NS + 2)], [0, 0, 1]);
        cell.set_exited(&flight, None);
        assert_eq!(held(HELD_AFTER_NS + 3), 0);
        cell.end(flight, Verdict::Ok, 1, HELD_AFTER_NS + 4);
    }
}
