//! Runs in flight: who has begun and not ended, since when, and with what in hand.
//!
//! A run claims a slot when it begins and frees it when it ends, from whatever thread. How many are in flight is the
//! number of claimed slots, so it cannot drift from what begins and ends. Claiming and freeing take no lock and wait
//! for nobody; slots come in levels, each twice as large as the one before, made when they are first needed.

use crate::counts::Writer;
use crate::sync::{Arc, AtomicBool, AtomicI64, AtomicU32, AtomicU64, COUNT, Mutex, OnceLock, Ordering, lock, try_lock};

/// Slots of the first level; the others double.
#[cfg(not(all(test, loom)))]
const FIRST_LEVEL: u32 = 8;

/// Together they hold over half a million runs of one phase; what is beyond is counted and nothing else.
#[cfg(not(all(test, loom)))]
const LEVELS: usize = 16;

/// So few that two threads want the same slot, and need the second level where they do not get it.
#[cfg(all(test, loom))]
const FIRST_LEVEL: u32 = 1;

#[cfg(all(test, loom))]
const LEVELS: usize = 2;

/// Slots that only the owner claims: as many as one thread mostly has in flight at once.
#[cfg(not(all(test, loom)))]
const QUICK: usize = 4;

#[cfg(all(test, loom))]
const QUICK: usize = 1;

/// Runs of one phase that are in flight.
#[derive(Default)]
pub(crate) struct Flights {
    /// Claimed by the owner alone, with a plain store; freed by anyone.
    quick: [Entry; QUICK],
    levels: [OnceLock<Box<Level>>; LEVELS],
    /// Where a slot was last freed or claimed, so that a search begins where it will end.
    hint: AtomicU32,
    /// Runs that found no slot.
    untracked: AtomicI64,
}

struct Level {
    /// One bit a slot, set while it is claimed.
    claimed: Box<[AtomicU64]>,
    slots: Box<[Entry]>,
}

#[derive(Default)]
struct Entry {
    /// When the run began, plus one; 0 in the moment before that is known.
    started: AtomicU64,
    /// When a plain span that has exited did so, plus one; 0 while it is inside.
    exited: AtomicU64,
    has_item: AtomicBool,
    item: Mutex<Option<Arc<str>>>,
}

/// Where a run in flight stands. It is handed back exactly once, to the flights that gave it.
#[derive(Debug)]
#[must_use = "a slot that is not handed back stays claimed"]
pub(crate) struct Slot(u32);

/// That of a run that found no slot.
const NONE: u32 = u32::MAX;

/// A run in flight, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// When it began, by the clock of the caller.
    pub started_ns: u64,
    /// When the plain span exited that has not been entered since; `None` for the exact grade, which is never outside.
    pub exited_ns: Option<u64>,
    /// What it has in hand, where it said so.
    pub item: Option<Arc<str>>,
}

/// How many are in flight, and since when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FlightCounts {
    pub(crate) active: i64,
    pub(crate) oldest_start_ns: Option<u64>,
    /// Those that exited at least as long ago as was asked.
    pub(crate) held: u64,
}

impl FlightCounts {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            active: self.active.saturating_add(other.active),
            oldest_start_ns: [self.oldest_start_ns, other.oldest_start_ns].into_iter().flatten().min(),
            held: self.held.saturating_add(other.held),
        }
    }
}

impl InFlight {
    /// The oldest first.
    pub(crate) fn cmp_by_age(&self, other: &Self) -> std::cmp::Ordering {
        (self.started_ns, &self.item).cmp(&(other.started_ns, &other.item))
    }
}

impl Flights {
    #[inline]
    pub(crate) fn begin(&self, started_ns: u64, writer: Writer) -> Slot {
        let started = started_ns.saturating_add(1);
        if writer == Writer::Owner {
            // Acquire: the slot is as the run before left it, empty.
            let is_free = |entry: &Entry| entry.started.load(Ordering::Acquire) == 0;
            if let Some(index) = self.quick.iter().position(is_free) {
                // Release: whoever sees this start, with acquire, sees nothing of the run before in the slot.
                self.quick[index].started.store(started, Ordering::Release);
                return Slot(index as u32);
            }
        }
        self.begin_anywhere(started)
    }

    fn begin_anywhere(&self, started: u64) -> Slot {
        let claimed = self.claim();
        match claimed {
            Some(index) => {
                if let Some(entry) = self.leveled(index) {
                    // Release: as above.
                    entry.started.store(started, Ordering::Release);
                }
            }
            None => {
                self.untracked.fetch_add(1, COUNT);
            }
        }
        Slot(claimed.map_or(NONE, |index| index + QUICK as u32))
    }

    /// What the run had in hand.
    #[inline]
    pub(crate) fn end(&self, slot: Slot) -> Option<Arc<str>> {
        let Some(entry) = self.quick.get(slot.0 as usize) else { return self.end_anywhere(slot) };
        let item = entry.empty();
        // Release: whoever claims this slot next, with acquire, finds it empty.
        entry.started.store(0, Ordering::Release);
        item
    }

    fn end_anywhere(&self, slot: Slot) -> Option<Arc<str>> {
        if slot.0 == NONE {
            self.untracked.fetch_sub(1, COUNT);
            return None;
        }
        let index = slot.0.checked_sub(QUICK as u32)?;
        let (level, place) = place(index);
        let level = self.levels.get(level)?.get()?;
        let (word, bit) = (place / 64, place % 64);
        let entry = level.slots.get(place as usize)?;
        let item = entry.empty();
        entry.started.store(0, COUNT);
        // Release: whoever claims this slot next, with acquire, finds it empty.
        level.claimed.get(word as usize)?.fetch_and(!(1 << bit), Ordering::Release);
        self.hint.store(index, COUNT);
        item
    }

    /// The plain span left, or came back.
    pub(crate) fn set_exited(&self, slot: &Slot, exited_ns: Option<u64>) {
        if let Some(slot) = self.entry(slot) {
            // Release: whoever sees this exit, with acquire, sees the start of its run.
            slot.exited.store(exited_ns.map_or(0, |exited| exited.saturating_add(1)), Ordering::Release);
        }
    }

    /// What the run has in hand now. The lock is the slot's own: only somebody who looks at this very slot holds it,
    /// for as long as it takes to copy a pointer.
    pub(crate) fn set_item(&self, slot: &Slot, item: Arc<str>) {
        if let Some(slot) = self.entry(slot) {
            *lock(&slot.item) = Some(item);
            slot.has_item.store(true, COUNT);
        }
    }

    /// Counts, without a lock. Held is what exited at or before `held_since_ns`.
    pub(crate) fn counts(&self, held_since_ns: Option<u64>) -> FlightCounts {
        let mut counts = FlightCounts { active: self.untracked.load(COUNT).max(0), ..FlightCounts::default() };
        self.each(|slot| {
            counts.active += 1;
            // Acquire: where the next run has the slot by now, the one before is seen counted.
            let (started, exited) = (slot.started.load(Ordering::Acquire), slot.exited.load(COUNT));
            if let Some(started_ns) = started.checked_sub(1) {
                counts.oldest_start_ns =
                    Some(counts.oldest_start_ns.map_or(started_ns, |oldest| oldest.min(started_ns)));
            }
            let is_held = exited.checked_sub(1).zip(held_since_ns).is_some_and(|(exited, since)| exited <= since);
            counts.held += u64::from(is_held);
        });
        counts
    }

    /// The oldest runs in flight, the oldest first. An item that is being set this moment is left out.
    pub(crate) fn oldest(&self, most: usize) -> Vec<InFlight> {
        let mut flights = Vec::new();
        self.each(|slot| {
            // Acquire, both, and so does the lock: with the releases where they are stored.
            let started = slot.started.load(Ordering::Acquire);
            let exited_ns = slot.exited.load(Ordering::Acquire).checked_sub(1);
            let item =
                if slot.has_item.load(COUNT) { try_lock(&slot.item).and_then(|item| item.clone()) } else { None };
            // A slot that was freed and claimed meanwhile would give one run's start and what another one holds.
            let is_same = slot.started.load(COUNT) == started;
            if let Some(started_ns) = started.checked_sub(1).filter(|_| is_same) {
                flights.push(InFlight { started_ns, exited_ns, item });
            }
        });
        flights.sort_by(InFlight::cmp_by_age);
        flights.truncate(most);
        flights
    }

    fn each(&self, mut look_at: impl FnMut(&Entry)) {
        // Acquire: what was counted before a slot was emptied is seen.
        self.quick.iter().filter(|entry| entry.started.load(Ordering::Acquire) > 0).for_each(&mut look_at);
        // A level is made only once those below it were full.
        for level in self.levels.iter().map_while(OnceLock::get) {
            for (word, slots) in level.claimed.iter().zip(level.slots.chunks(64)) {
                // Acquire: what was stored in a slot before it was claimed is seen.
                let claimed = word.load(Ordering::Acquire);
                let is_claimed = |(bit, _): &(usize, &Entry)| claimed >> bit & 1 == 1;
                slots.iter().enumerate().filter(is_claimed).for_each(|(_, slot)| look_at(slot));
            }
        }
    }

    fn entry(&self, slot: &Slot) -> Option<&Entry> {
        self.quick.get(slot.0 as usize).or_else(|| self.leveled(slot.0.checked_sub(QUICK as u32)?))
    }

    fn leveled(&self, index: u32) -> Option<&Entry> {
        let (level, place) = place(index);
        self.levels.get(level)?.get()?.slots.get(place as usize)
    }

    fn claim(&self) -> Option<u32> {
        let (hinted, place) = place(self.hint.load(COUNT));
        let near =
            self.levels.get(hinted).and_then(OnceLock::get).and_then(|level| level.claim_in((place / 64) as usize));
        let claimed = near.map(|place| index(hinted, place)).or_else(|| self.claim_anywhere())?;
        self.hint.store(claimed, COUNT);
        Some(claimed)
    }

    fn claim_anywhere(&self) -> Option<u32> {
        self.levels.iter().enumerate().find_map(|(number, level)| {
            let level = level.get_or_init(|| Box::new(Level::new(number)));
            (0..level.claimed.len()).find_map(|word| level.claim_in(word)).map(|place| index(number, place))
        })
    }
}

impl Entry {
    /// Empties all of it but its start.
    #[inline]
    fn empty(&self) -> Option<Arc<str>> {
        self.exited.store(0, COUNT);
        // Only the run itself puts something in, and it is over.
        if !self.has_item.load(COUNT) {
            return None;
        }
        self.has_item.store(false, COUNT);
        lock(&self.item).take()
    }
}

impl Level {
    fn new(number: usize) -> Self {
        let slots = FIRST_LEVEL << number;
        let words = slots.div_ceil(64);
        Self {
            claimed: (0..words).map(|_| AtomicU64::new(0)).collect(),
            slots: (0..slots).map(|_| Entry::default()).collect(),
        }
    }

    /// A slot of one word of the mask, where one is free.
    fn claim_in(&self, word: usize) -> Option<u32> {
        let mask = self.claimed.get(word)?;
        let slots = (self.slots.len() - word * 64).min(64);
        let mut claimed = mask.load(COUNT);
        loop {
            let free = (!claimed).trailing_zeros() as usize;
            if free >= slots {
                return None;
            }
            // Acquire: the slot is as the run before left it, empty.
            let before = mask.fetch_or(1 << free, Ordering::Acquire);
            if before >> free & 1 == 0 {
                return u32::try_from(word * 64 + free).ok();
            }
            claimed = before;
        }
    }
}

/// Level and place in it of a slot, counted through all levels.
fn place(index: u32) -> (usize, u32) {
    let level = (index / FIRST_LEVEL + 1).ilog2();
    (level as usize, index - FIRST_LEVEL * ((1 << level) - 1))
}

fn index(level: usize, place: u32) -> u32 {
    FIRST_LEVEL * ((1 << level) - 1) + place
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_a_level_and_a_place_and_back() {
        assert_eq!([0, 7, 8, 23, 24, 1_000_000].map(place), [(0, 0), (0, 7), (1, 0), (1, 15), (2, 0), (16, 475_720)]);
        for number in 0..100_000 {
            let (level, place) = place(number);
            assert!(place < FIRST_LEVEL << level);
            assert_eq!(index(level, place), number);
        }
    }

    #[test]
    fn what_is_in_flight_is_what_began_and_did_not_end() {
        let flights = Flights::default();
        let mut begun: Vec<_> = (0..1_000).map(|start| flights.begin(start, Writer::Anyone)).collect();
        assert_eq!(flights.counts(None), FlightCounts { active: 1_000, oldest_start_ns: Some(0), held: 0 });
        let late = begun.split_off(100);
        begun.into_iter().for_each(|flight| _ = flights.end(flight));
        assert_eq!(flights.counts(None), FlightCounts { active: 900, oldest_start_ns: Some(100), held: 0 });
        late.into_iter().for_each(|flight| _ = flights.end(flight));
        assert_eq!(flights.counts(None), FlightCounts::default());
        assert!(flights.levels[7].get().is_none(), "a thousand slots are enough for a thousand runs");
    }

    #[test]
    fn slots_are_used_again() {
        let flights = Flights::default();
        let _stuck: Vec<_> = (0..500).map(|_| flights.begin(1, Writer::Anyone)).collect();
        for _ in 0..10_000 {
            let flight = flights.begin(2, Writer::Anyone);
            let _item = flights.end(flight);
        }
        assert_eq!(flights.levels.iter().map_while(OnceLock::get).map(|level| level.slots.len()).sum::<usize>(), 504);
    }

    #[test]
    fn beyond_the_last_slot_runs_are_counted_all_the_same() {
        let flights = Flights::default();
        let most = (FIRST_LEVEL * ((1 << LEVELS) - 1)) as usize;
        let begun: Vec<_> = (0..most + 5).map(|_| flights.begin(7, Writer::Anyone)).collect();
        assert_eq!(flights.counts(None).active, most as i64 + 5);
        begun.into_iter().for_each(|flight| _ = flights.end(flight));
        assert_eq!(flights.counts(None).active, 0);
    }

    #[test]
    fn the_oldest_come_first_with_what_they_have_in_hand() {
        let flights = Flights::default();
        let begun: Vec<_> = [30, 10, 20].map(|start| flights.begin(start, Writer::Anyone)).into_iter().collect();
        flights.set_item(&begun[1], "b.pdf".into());
        flights.set_exited(&begun[2], Some(25));
        let oldest = flights.oldest(2);
        assert_eq!(oldest[0], InFlight { started_ns: 10, exited_ns: None, item: Some("b.pdf".into()) });
        assert_eq!(oldest[1], InFlight { started_ns: 20, exited_ns: Some(25), item: None });
        assert_eq!(oldest.len(), 2);
        assert_eq!(flights.counts(Some(24)).held, 0);
        assert_eq!(flights.counts(Some(25)).held, 1);
        flights.set_exited(&begun[2], None);
        assert_eq!(flights.counts(Some(25)).held, 0);
        let mut begun = begun.into_iter();
        assert_eq!(begun.next().and_then(|flight| flights.end(flight)), None);
        assert_eq!(begun.next().and_then(|flight| flights.end(flight)).as_deref(), Some("b.pdf"));
        // The next run of that slot has nothing in hand.
        let again = flights.begin(40, Writer::Anyone);
        assert!(flights.oldest(9).iter().filter(|flight| flight.started_ns == 40).all(|flight| flight.item.is_none()));
        assert_eq!(flights.end(again), None);
    }
}
