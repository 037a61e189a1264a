//! The seats of a thread: its own places at the phases that it runs, found again without a lock.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use phasemeter_core::{Flight, Outcome, PhaseCell, Seat};

/// Whose seat it is, and since when: where one of these is another one, the phase has another cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    /// The number of the handle that asks, which no other one ever has.
    pub(crate) handle: u64,
    /// The Meter's.
    pub(crate) meter: u64,
    /// How often the pipeline of phases that name none has changed.
    pub(crate) epoch: u64,
}

thread_local! {
    static SEATS: RefCell<Seats> = const { RefCell::new(Seats(Vec::new())) };
}

/// Each handle has one place, which others may have as well: the last one that came is there.
struct Seats(Vec<Option<(Key, Seat)>>);

const FEWEST: usize = 16;
const MOST: usize = 1_024;

/// A run starts, in the cell that is found where the thread has no seat yet.
#[inline]
pub(crate) fn begin(key: Key, now_ns: u64, find: impl Fn() -> Arc<PhaseCell>) -> Flight {
    let begun = SEATS.try_with(|seats| seats.borrow().get(key)?.begin(now_ns));
    match begun {
        Ok(Some(flight)) => flight,
        Ok(None) | Err(_) => at_another(key, find, |seat| seat.begin(now_ns)),
    }
}

/// Records a run that was measured elsewhere.
#[inline]
pub(crate) fn record(key: Key, outcome: Outcome, elapsed_ns: u64, find: impl Fn() -> Arc<PhaseCell>) {
    let record = |seat: &Seat| seat.record(outcome, elapsed_ns).then_some(());
    if SEATS.try_with(|seats| record(seats.borrow().get(key)?)) != Ok(Some(())) {
        at_another(key, find, record);
    }
}

/// Does something at a seat that is new: there is none yet, or the registry has let go of its cell.
#[cold]
fn at_another<T>(key: Key, find: impl Fn() -> Arc<PhaseCell>, act: impl Fn(&Seat) -> Option<T>) -> T {
    loop {
        // In a thread that is going away, the new one is given up at once.
        let _gone = SEATS.try_with(|seats| seats.borrow_mut().remove(key));
        let cell = find();
        let seat = cell.seat();
        if let Some(done) = act(&seat) {
            // One that stands in for others is asked for each time: there may be room by then.
            if !cell.stands_in() {
                let _gone = SEATS.try_with(|seats| seats.borrow_mut().insert(key, seat));
            }
            return done;
        }
    }
}

/// A number for a handle.
pub(crate) fn next_handle() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl Seats {
    #[inline]
    fn get(&self, key: Key) -> Option<&Seat> {
        let (own, seat) = self.0.get(self.place(key))?.as_ref()?;
        (*own == key).then_some(seat)
    }

    fn place(&self, key: Key) -> usize {
        // There are 2^n of them, or none.
        key.handle as usize & self.0.len().wrapping_sub(1)
    }

    fn insert(&mut self, key: Key, seat: Seat) {
        let is_taken = |seats: &Self| match seats.0.get(seats.place(key)) {
            None => true,
            Some(place) => place.as_ref().is_some_and(|(other, _)| other.handle != key.handle),
        };
        while is_taken(self) && self.0.len() < MOST {
            self.grow();
        }
        let place = self.place(key);
        self.0[place] = Some((key, seat));
    }

    fn grow(&mut self) {
        let more = (self.0.len() * 2).max(FEWEST);
        let before = std::mem::replace(&mut self.0, std::iter::repeat_with(|| None).take(more).collect());
        for (key, seat) in before.into_iter().flatten() {
            let place = self.place(key);
            self.0[place] = Some((key, seat));
        }
    }

    fn remove(&mut self, key: Key) {
        let place = self.place(key);
        if let Some(kept) = self.0.get_mut(place) {
            *kept = kept.take().filter(|(other, _)| *other != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use phasemeter_core::{Limits, Moment, Registry, Verdict};

    fn key(handle: u64) -> Key {
        Key { handle, meter: 7, epoch: 0 }
    }

    #[test]
    fn each_handle_finds_its_own_however_many_there_are() {
        let registry = Registry::new(Limits { phases: 10_000, ..Limits::default() }, Moment::default);
        let cell = |handle: u64| registry.phase(None, &handle.to_string());
        for _round in 0..2 {
            for handle in 1..=3 * MOST as u64 {
                begin(key(handle), 1, || cell(handle)).end(Verdict::Ok, 1, 2);
            }
        }
        let readings = registry.read(Moment::default());
        assert_eq!(readings.len(), 3 * MOST);
        assert!(readings.iter().all(|phase| phase.counts.runs() == 2 && phase.counts.active == 0));
        assert!(SEATS.with(|seats| seats.borrow().0.len()) <= MOST);
    }

    #[test]
    fn what_found_no_place_gets_one_when_there_is_room() {
        let now_ns = Arc::new(AtomicU64::new(0));
        let clock = now_ns.clone();
        let limits = Limits { phases: 1, idle: Some(Duration::from_nanos(100)), ..Limits::default() };
        let registry = Registry::new(limits, move || Moment { now_ns: clock.load(Ordering::Relaxed), unix_ns: 0 });
        let run =
            |handle, phase| begin(key(handle), 1, || registry.span_phase(None, phase, &[])).end(Verdict::Ok, 1, 2);
        run(1, "first");
        run(2, "second");
        now_ns.store(1_000, Ordering::Relaxed);
        assert_eq!(registry.expire(), 1);
        (0..2).for_each(|_| run(2, "second"));
        let phases = registry.read(Moment::default());
        assert_eq!(
            phases.iter().map(|phase| (&*phase.phase, phase.counts.runs())).collect::<Vec<_>>(),
            [("second", 2)]
        );
    }

    #[test]
    fn a_thread_has_one_place_at_a_cell_however_many_handles_it_has() {
        let registry = Registry::new(Limits::default(), Moment::default);
        let cell = registry.phase(None, "embed");
        (1..=200).for_each(|handle| begin(key(handle), 1, || cell.clone()).end(Verdict::Ok, 1, 2));
        // Whoever comes now still finds a place of his own.
        std::thread::scope(|scope| {
            scope.spawn(|| begin(key(1), 1, || cell.clone()).end(Verdict::Ok, 1, 2));
        });
        assert_eq!(cell.read(Moment::default()).runs(), 201);
    }

    #[test]
    fn another_meter_or_pipeline_is_another_seat() {
        let registry = Registry::new(Limits::default(), Moment::default);
        let [one, other] = ["one", "other"].map(|phase| registry.phase(None, phase));
        let runs = |cell: &PhaseCell| cell.read(Moment::default()).runs();
        for (key, cell) in [(key(1), &one), (Key { epoch: 1, ..key(1) }, &other), (Key { meter: 8, ..key(1) }, &other)]
        {
            begin(key, 1, || cell.clone()).end(Verdict::Ok, 1, 2);
        }
        assert_eq!((runs(&one), runs(&other)), (1, 2));
    }
}
