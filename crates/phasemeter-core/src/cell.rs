//! The counts of one phase. Recording takes no lock; what is read at one moment is a plain [`CellReading`].

use std::fmt;

use crate::common::{Common, STRIPES, stripe_of_thread};
use crate::counts::{Counts, Writer};
use crate::durations::Durations;
use crate::flights::{FlightCounts, InFlight};
use crate::reading::add_each;
use crate::seat::{Flight, Seat, Shard, Shards};
use crate::sync::{Arc, AtomicBool, AtomicU64, COUNT, OnceLock, Ordering, fence};
use crate::{CellReading, Effort, Ended, Histogram, Interval, ItemOutcome, Moment, Outcome, TraceIds};

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
    common: Arc<Common>,
    shards: Shards,
    /// Where runs are in flight of those who have no place of their own.
    of_anyone: [OnceLock<Arc<Shard>>; STRIPES],
    /// What was dealt with when it was last read, when a run had last begun or ended then, and when live counts were
    /// first seen to have changed, plus one.
    seen_dealt_with: AtomicU64,
    seen_last_run: AtomicU64,
    seen: AtomicU64,
    /// When it was made, by both clocks.
    created: Moment,
    stands_in: AtomicBool,
}

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
            stands_in: AtomicBool::new(false),
            common: Arc::default(),
            shards: Shards::default(),
            of_anyone: Default::default(),
            seen_dealt_with: AtomicU64::new(0),
            seen_last_run: AtomicU64::new(0),
            seen: AtomicU64::new(0),
        }
    }

    /// A place of its own for the calling thread; beyond [`MAX_SEATS`](crate::MAX_SEATS) threads one that it shares.
    #[must_use]
    pub fn seat(&self) -> Seat {
        Seat::new(self.shards.take(&self.common).unwrap_or_else(|| self.of_anyone().clone()))
    }

    fn of_anyone(&self) -> &Arc<Shard> {
        self.of_anyone[stripe_of_thread()].get_or_init(|| Shard::of_anyone(&self.common))
    }

    /// A run starts, of whoever has no seat here.
    pub fn begin(&self, now_ns: u64) -> Flight {
        Flight::begin_here(self.of_anyone(), now_ns)
    }

    /// A run that was measured elsewhere.
    pub fn record(&self, outcome: Outcome, elapsed_ns: u64) {
        self.common.stripe().record_elsewhere(Writer::Anyone, outcome, elapsed_ns);
    }

    /// Items dealt with. False where the count was refused: beyond [`MAX_COUNT`], or the total near its end.
    #[must_use = "a refused count is to be counted as dropped"]
    pub fn add_items(&self, outcome: ItemOutcome, items: u64) -> bool {
        self.common.stripe().add_items(Writer::Anyone, outcome, items)
    }

    /// Bytes dealt with. False where the count was refused: beyond [`MAX_COUNT`], or the total near its end.
    #[must_use = "a refused count is to be counted as dropped"]
    pub fn add_bytes(&self, outcome: ItemOutcome, bytes: u64) -> bool {
        self.common.stripe().add_bytes(Writer::Anyone, outcome, bytes)
    }

    /// What was dealt with in a unit of its own name; beyond [`MAX_UNITS`] names they count as `other`. False where the
    /// count was refused: beyond [`MAX_COUNT`], or the total near its end.
    #[must_use = "a refused count is to be counted as dropped"]
    pub fn add_units(&self, unit: &str, outcome: ItemOutcome, count: u64) -> bool {
        self.common.add_units(unit, outcome, count)
    }

    /// Errors of one type; beyond [`MAX_ERROR_TYPES`] types they count as `other`.
    pub fn add_errors(&self, error_type: &str, errors: u64) {
        self.common.add_errors(error_type, errors);
    }

    /// What runs spent.
    pub fn add_effort(&self, effort: &Effort) {
        self.common.stripe().add_effort(Writer::Anyone, effort);
    }

    /// Offers a run that ended as an exemplar of its bucket. `ids` says in which trace it was, and is asked only
    /// where the bucket has no exemplar that is still to be read.
    pub fn offer_exemplar(
        &self,
        outcome: Outcome,
        elapsed_ns: u64,
        unix_ns: u64,
        ids: impl FnOnce() -> Option<TraceIds>,
    ) {
        self.common.exemplars[outcome.index()].offer(elapsed_ns, unix_ns, ids);
    }

    /// Sets how many items are expected in all.
    pub fn set_expected(&self, items: u64) {
        self.common.expected.store(items.min(MAX_COUNT) as i64, COUNT);
    }

    /// Replaces one part of the expected items by another: a worker's first estimate by its second.
    pub fn replace_expected(&self, before: u64, after: u64) {
        self.common.replace_expected(before, after);
    }

    /// When it was made: since then it counts.
    #[must_use]
    pub fn created(&self) -> Moment {
        self.created
    }

    /// Every part of the counts.
    fn parts(&self) -> impl Iterator<Item = &Counts> {
        let of_anyone = self.of_anyone.iter().filter_map(|shard| shard.get().map(|shard| &**shard));
        self.shards.each().chain(of_anyone).map(|shard| &shard.counts).chain(self.common.stripes())
    }

    /// Runs in flight, in every part.
    fn in_flight(&self, held_since_ns: Option<u64>) -> FlightCounts {
        let counts = self.parts().map(|part| part.flights.counts(held_since_ns));
        counts.reduce(FlightCounts::and).unwrap_or_default()
    }

    /// All counts, read one after the other.
    #[must_use]
    pub fn read(&self, moment: Moment) -> CellReading {
        // First all that is in flight: a run that has left it since is counted in what is read after.
        let FlightCounts { active, oldest_start_ns, held } = self.in_flight(moment.now_ns.checked_sub(HELD_AFTER_NS));
        let durations = Outcome::ALL.map(|outcome| {
            let parts = self.parts().filter_map(|part| part.durations(outcome).map(Durations::read));
            let mut histogram = parts.reduce(Histogram::and).unwrap_or_default();
            histogram.exemplars = self.common.exemplars[outcome.index()].read();
            histogram
        });
        let [mut items, mut bytes] = [[0; ItemOutcome::ALL.len()]; 2];
        let mut effort = None::<Effort>;
        for part in self.parts() {
            add_each(&mut items, &part.items());
            add_each(&mut bytes, &part.bytes());
            if let Some(spent) = part.effort.get() {
                effort.get_or_insert_default().merge(&spent.read());
            }
        }
        let errors = self.common.errors.get();
        let units = self.common.units.get();
        let mut reading = CellReading {
            created_unix_ns: self.created.unix_ns,
            active,
            held,
            oldest_start_ns,
            last_activity_ns: None,
            expected: self.common.expected.load(COUNT),
            durations,
            items,
            bytes,
            errors: errors
                .map_or_else(Vec::new, |types| types.read())
                .into_iter()
                .map(|(name, [count])| (name, count))
                .collect(),
            errors_overflowed: errors.map_or(0, |types| types.overflowed()),
            units: units.map_or_else(Vec::new, |units| units.read()),
            units_overflowed: units.map_or(0, |units| units.overflowed()),
            effort,
            during: self.common.during(),
        };
        reading.last_activity_ns = self.last_activity_ns(&reading, moment.now_ns);
        reading
    }

    /// When anything last happened, as far as readings have seen, by the caller's clock; 0 for never.
    pub(crate) fn last_activity(&self) -> u64 {
        self.last_run().max(self.seen.load(COUNT)).saturating_sub(1)
    }

    /// Whether nothing was ever counted here, and nothing is going on.
    pub(crate) fn is_unused(&self) -> bool {
        let is_unused = |part: &Counts| {
            let counted = Outcome::ALL.iter().filter_map(|outcome| part.durations(*outcome));
            counted.map(|durations| durations.read().count()).sum::<u64>() == 0
                && part.items().iter().chain(&part.bytes()).all(|count| *count == 0)
        };
        let units = self.common.units.get().map_or_else(Vec::new, |units| units.read());
        let errors = self.common.errors.get().map_or_else(Vec::new, |types| types.read());
        !self.is_active()
            && self.parts().all(is_unused)
            && units.iter().all(|(_, counts)| counts.iter().all(|count| *count == 0))
            && errors.is_empty()
            && self.common.expected.load(COUNT) == 0
    }

    pub(crate) fn is_active(&self) -> bool {
        self.in_flight(None).active > 0
    }

    /// Whether a run was in flight at this moment, or has been since then.
    pub(crate) fn has_run_since(&self, since_ns: u64) -> bool {
        self.last_run() > since_ns || self.is_active()
    }

    pub(crate) fn add_interval(&self, phases: usize, interval: &Interval) {
        self.common.add_interval(phases, interval);
    }

    /// When a run last began or ended, plus one.
    fn last_run(&self) -> u64 {
        self.parts().map(|part| part.last_run.load(COUNT)).max().unwrap_or(0)
    }

    /// Whether it stands in for phases, or label sets, that found no place of their own.
    #[must_use]
    pub fn stands_in(&self) -> bool {
        self.stands_in.load(COUNT)
    }

    pub(crate) fn stand_in(&self) {
        self.stands_in.store(true, COUNT);
    }

    /// From now on the registry may let go of it while threads have seats here.
    pub(crate) fn let_it_go_some_day(&self) {
        self.common.let_it_go_some_day();
    }

    /// Takes it out of use, where nothing is going on that `is_idle` sees: no run begins here from then on.
    pub(crate) fn close_where(&self, is_idle: impl FnOnce() -> bool) -> bool {
        self.common.set_gone(true);
        // Either we see a run that begins, or who begins it, with the same fence in between, sees that we are gone.
        fence(Ordering::SeqCst);
        let closes = is_idle();
        if !closes {
            self.common.set_gone(false);
        }
        closes
    }

    /// Live counts take no time; that they have changed is seen here, at most one reading late. Where a run has begun or
    /// ended since the last reading, what it declared has changed them too, and its own moment stands for both.
    fn last_activity_ns(&self, reading: &CellReading, now_ns: u64) -> Option<u64> {
        let recorded = self.parts().map(|part| part.recorded.load(COUNT)).fold(0, u64::wrapping_add);
        let (dealt_with, last_run) = (reading.dealt_with().wrapping_add(recorded), self.last_run());
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
        let mut oldest: Vec<_> = self.parts().flat_map(|part| part.flights.oldest(most)).collect();
        oldest.sort_by(InFlight::cmp_by_age);
        oldest.truncate(most);
        oldest
    }

    /// The slowest runs that ended, the slowest first.
    #[must_use]
    pub fn slowest(&self) -> Vec<Ended> {
        self.common.ended.slowest()
    }

    /// The latest runs that failed, the latest first.
    #[must_use]
    pub fn failed(&self) -> Vec<Ended> {
        self.common.ended.failed()
    }
}

impl fmt::Debug for PhaseCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseCell").finish_non_exhaustive()
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
        one.end(Verdict::Error("io"), 15_000, 15_005);
        let reading = read(&cell);
        assert_eq!((reading.active, reading.runs(), reading.oldest_start_ns), (1, 1, Some(7)));
        assert_eq!(reading.durations(Outcome::Error).sum_ns, 15_000);
        assert_eq!(reading.durations(Outcome::Error).slots.len(), 1);
        assert_eq!((reading.errors, reading.last_activity_ns), (vec![("io".into(), 1)], Some(15_005)));
        two.withdraw();
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
        flight.end(Verdict::Cancelled, 40, 60);
        assert_eq!(cell.read(at(70)).last_activity_ns, Some(60));
    }

    #[test]
    fn a_plain_span_is_held_a_minute_after_it_exited() {
        let cell = PhaseCell::new(Moment::default());
        let flight = cell.begin(1);
        flight.set_exited(Some(2));
        let held = |now_ns| cell.read(Moment { now_ns, unix_ns: 0 }).held;
        assert_eq!([held(3), held(HELD_AFTER_NS + 1), held(HELD_AFTER_NS + 2)], [0, 0, 1]);
        flight.set_exited(None);
        assert_eq!(held(HELD_AFTER_NS + 3), 0);
        flight.end(Verdict::Ok, 1, HELD_AFTER_NS + 4);
    }
}
