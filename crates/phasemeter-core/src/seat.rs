//! Where a thread records: in counts of its own, so that it shares nothing with other threads that do the same.
//!
//! A thread that runs a phase often keeps a [`Seat`] at its cell. The seat's shard is written by that thread alone, with
//! plain loads and stores, until the seat is dropped; then another thread adopts it, and what was counted stays. A run
//! that ends on another thread than it began on, and threads that find no seat free, write to stripes instead, which
//! anyone may.
//!
//! ```text
//! PhaseCell ─┬─→ Shard (one owner) ─┬─→ Counts
//!            └─→ Common ─→ stripes ─┘
//! ```

use std::fmt;
use std::marker::PhantomData;

use crate::common::Common;
use crate::counts::{Counts, Writer};
use crate::flights::Slot;
use crate::sync::{Arc, AtomicU32, AtomicU64, COUNT, OnceLock, Ordering, fence, thread_id};
use crate::{Effort, ItemOutcome, Outcome, TraceIds, Verdict};

/// How many threads have a seat of their own at one cell; those beyond share a few stripes.
pub const MAX_SEATS: usize = GROUPS * GROUP;

#[cfg(not(all(test, loom)))]
const GROUPS: usize = 8;
#[cfg(not(all(test, loom)))]
const GROUP: usize = 8;

/// So few that two threads want the same one.
#[cfg(all(test, loom))]
const GROUPS: usize = 1;
#[cfg(all(test, loom))]
const GROUP: usize = 1;

/// The shards of one cell, made as threads come.
#[derive(Default)]
pub(crate) struct Shards([OnceLock<Box<Group>>; GROUPS]);

type Group = [OnceLock<Arc<Shard>>; GROUP];

/// Counts that one thread writes, and runs that are in flight.
pub(crate) struct Shard {
    /// The number of the thread that writes; [`FREE`] while nobody does, [`ANYONE`] where it has no counts.
    owner: AtomicU64,
    /// How many seats of its owner it has; nobody else reads it.
    seats: AtomicU32,
    pub(crate) counts: Counts,
    common: Arc<Common>,
}

const FREE: u64 = 0;
const ANYONE: u64 = u64::MAX;

/// A thread's own place at a cell; kept by that thread, and given up when it is dropped.
pub struct Seat {
    shard: Arc<Shard>,
    /// Another thread's stores would not be alone.
    _thread: PhantomData<*const ()>,
}

/// A run in flight. It is handed back exactly once, from whatever thread: [`Flight::end`] or [`Flight::withdraw`].
// As small as two registers: a run is handed on by value several times.
#[must_use = "a flight that is not handed back stays in flight"]
pub struct Flight {
    shard: Arc<Shard>,
    slot: Slot,
}

impl Shards {
    /// A shard that is the thread's own from now on, or already; none where all are taken.
    pub(crate) fn take(&self, common: &Arc<Common>) -> Option<Arc<Shard>> {
        let own = thread_id();
        let groups = self.0.iter().map_while(OnceLock::get);
        let mut shards = groups.flat_map(|group| group.iter().filter_map(OnceLock::get));
        if let Some(shard) = shards.find(|shard| shard.owner.load(COUNT) == own) {
            shard.seats.store(shard.seats.load(COUNT) + 1, COUNT);
            return Some(shard.clone());
        }
        for place in self.0.iter().flat_map(|group| &**group.get_or_init(Box::default)) {
            let mut is_new = false;
            let shard = place.get_or_init(|| {
                is_new = true;
                let (owner, seats) = (AtomicU64::new(own), AtomicU32::new(0));
                Arc::new(Shard { owner, seats, counts: Counts::default(), common: common.clone() })
            });
            // Acquire: with the release where it was given up, so that we go on from what the last owner stored.
            let adopt = || shard.owner.compare_exchange(FREE, own, Ordering::Acquire, COUNT).is_ok();
            if is_new || adopt() {
                shard.seats.store(1, COUNT);
                return Some(shard.clone());
            }
        }
        None
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = &Shard> {
        let groups = self.0.iter().map_while(OnceLock::get);
        groups.flat_map(|group| group.iter().filter_map(|place| place.get().map(|shard| &**shard)))
    }
}

impl Shard {
    /// For whoever has no seat: runs are in flight here, and counted in the stripes.
    pub(crate) fn of_anyone(common: &Arc<Common>) -> Arc<Self> {
        let common = common.clone();
        let (owner, seats) = (AtomicU64::new(ANYONE), AtomicU32::new(0));
        Arc::new(Self { owner, seats, counts: Counts::default(), common })
    }

    /// Where the calling thread may write.
    #[inline]
    fn counts(&self) -> (&Counts, Writer) {
        if self.owner.load(COUNT) == thread_id() {
            (&self.counts, Writer::Owner)
        } else {
            (self.common.stripe(), Writer::Anyone)
        }
    }

    /// A run starts. Nothing where the registry has let go of the cell.
    #[inline]
    fn claim(self: &Arc<Self>, started_ns: u64, writer: Writer) -> Option<Flight> {
        let slot = self.counts.flights.begin(started_ns, writer);
        if self.common.can_go() {
            // Either we see that it is gone, or who lets it go, with the same fence in between, sees that we are in it.
            fence(Ordering::SeqCst);
            if self.common.is_gone() {
                let _item = self.counts.flights.end(slot);
                return None;
            }
        }
        Some(Flight { shard: self.clone(), slot })
    }
}

impl Seat {
    pub(crate) fn new(shard: Arc<Shard>) -> Self {
        Self { shard, _thread: PhantomData }
    }

    /// As those of the shard, but that we need not ask who its owner is: whoever has the seat.
    #[inline]
    fn counts(&self) -> (&Counts, Writer) {
        if self.shard.owner.load(COUNT) == ANYONE {
            (self.shard.common.stripe(), Writer::Anyone)
        } else {
            (&self.shard.counts, Writer::Owner)
        }
    }

    /// A run starts. Nothing where the registry has let go of the cell: then another one is to be asked for.
    #[inline]
    pub fn begin(&self, now_ns: u64) -> Option<Flight> {
        let (counts, writer) = self.counts();
        let flight = self.shard.claim(now_ns, writer)?;
        counts.note_run(now_ns);
        Some(flight)
    }

    /// A run that was measured elsewhere. False where the registry has let go of the cell: then another one is to be
    /// asked for.
    #[inline]
    #[must_use = "what was not recorded is to be recorded elsewhere"]
    pub fn record(&self, outcome: Outcome, elapsed_ns: u64) -> bool {
        let (counts, writer) = self.counts();
        if self.shard.common.can_go() {
            // While a run is in flight, the cell is not let go of. Who looks this very moment sees one that begins now.
            let Some(flight) = self.shard.claim(u64::MAX - 1, writer) else { return false };
            counts.record_elsewhere(writer, outcome, elapsed_ns);
            flight.withdraw();
        } else {
            counts.record_elsewhere(writer, outcome, elapsed_ns);
        }
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Only the owner has it; one of anyone stays so.
        if self.shard.owner.load(COUNT) == ANYONE {
            return;
        }
        let others = self.shard.seats.load(COUNT).saturating_sub(1);
        self.shard.seats.store(others, COUNT);
        if others == 0 {
            // Release: who takes it next, with acquire, goes on from what we stored.
            self.shard.owner.store(FREE, Ordering::Release);
        }
    }
}

impl Flight {
    /// For whoever has no seat, and holds the cell itself: that is not let go of.
    pub(crate) fn begin_here(shard: &Arc<Shard>, now_ns: u64) -> Self {
        let slot = shard.counts.flights.begin(now_ns, Writer::Anyone);
        shard.common.stripe().note_run(now_ns);
        Self { shard: shard.clone(), slot }
    }

    /// The run ends, now, after this long: for a plain span that is less than since it began.
    #[inline]
    pub fn end(self, verdict: Verdict<'_>, elapsed_ns: u64, now_ns: u64) {
        let Self { shard, slot } = self;
        let common = &shard.common;
        if let Verdict::Error(error_type) = verdict {
            common.add_errors(error_type, 1);
        }
        let (counts, writer) = shard.counts();
        counts.record(writer, verdict.outcome(), elapsed_ns);
        counts.note_run(now_ns);
        // Last, so that a reader who sees it out of flight sees it counted.
        let item = shard.counts.flights.end(slot);
        common.ended.note(elapsed_ns, now_ns, item, verdict);
    }

    /// The run turns out not to have been one: it leaves no trace.
    pub fn withdraw(self) {
        let Self { shard, slot } = self;
        let _item = shard.counts.flights.end(slot);
    }

    /// The plain span of the run left, or, with `None`, came back.
    #[inline]
    pub fn set_exited(&self, exited_ns: Option<u64>) {
        self.shard.counts.flights.set_exited(&self.slot, exited_ns);
    }

    /// What the run has in hand now.
    pub fn set_item(&self, item: Arc<str>) {
        self.shard.counts.flights.set_item(&self.slot, item);
    }

    /// Items dealt with. False where the count was refused: beyond [`MAX_COUNT`](crate::MAX_COUNT), or the total near
    /// its end.
    #[inline]
    #[must_use = "a refused count is to be counted as dropped"]
    pub fn add_items(&self, outcome: ItemOutcome, items: u64) -> bool {
        let (counts, writer) = self.shard.counts();
        counts.add_items(writer, outcome, items)
    }

    /// Bytes dealt with. False where the count was refused, as of items.
    #[inline]
    #[must_use = "a refused count is to be counted as dropped"]
    pub fn add_bytes(&self, outcome: ItemOutcome, bytes: u64) -> bool {
        let (counts, writer) = self.shard.counts();
        counts.add_bytes(writer, outcome, bytes)
    }

    /// What was dealt with in a unit of its own name; see [`PhaseCell::add_units`](crate::PhaseCell::add_units).
    #[must_use = "a refused count is to be counted as dropped"]
    pub fn add_units(&self, unit: &str, outcome: ItemOutcome, count: u64) -> bool {
        self.shard.common.add_units(unit, outcome, count)
    }

    /// Errors of one type; beyond [`MAX_ERROR_TYPES`](crate::MAX_ERROR_TYPES) types they count as `other`.
    pub fn add_errors(&self, error_type: &str, errors: u64) {
        self.shard.common.add_errors(error_type, errors);
    }

    /// What the run spent.
    pub fn add_effort(&self, effort: &Effort) {
        let (counts, writer) = self.shard.counts();
        counts.add_effort(writer, effort);
    }

    /// Replaces one part of the expected items by another: a worker's first estimate by its second.
    pub fn replace_expected(&self, before: u64, after: u64) {
        self.shard.common.replace_expected(before, after);
    }

    /// Offers the run, as it ends, as an exemplar of its bucket. `ids` says in which trace it was, and is asked only
    /// where the bucket has no exemplar that is still to be read.
    pub fn offer_exemplar(
        &self,
        outcome: Outcome,
        elapsed_ns: u64,
        unix_ns: u64,
        ids: impl FnOnce() -> Option<TraceIds>,
    ) {
        self.shard.common.exemplars[outcome.index()].offer(elapsed_ns, unix_ns, ids);
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("slot", &self.slot).finish_non_exhaustive()
    }
}
