//! What holds of threads that come and go, more at once than there are seats, and hand runs to each other:
//!
//! - nothing is lost: in the end there is exactly what each thread did;
//! - no total goes back from one reading to the next, and each has what had ended before it and nothing that comes after;
//! - the buckets of a histogram add up to its count.

mod cases;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use cases::registry;
use phasemeter_core::{
    CellReading, Flight, Histogram, ItemOutcome, Limits, MAX_SEATS, Moment, Outcome, PhaseCell, Seat, Verdict,
};

/// Runs of each thread.
const RUNS: u64 = 500;

/// A phase, what is done to it, and the runs that wait for some thread to end them, each with its number.
struct Crowd {
    cell: Arc<PhaseCell>,
    begun: AtomicU64,
    ending: AtomicU64,
    ended: AtomicU64,
    handed: Mutex<Vec<(Flight, u64)>>,
    is_over: AtomicBool,
}

/// What a reading has of everything that only grows.
#[derive(Debug, Default)]
struct Totals {
    counts: BTreeMap<u16, u64>,
    sum_ns: u64,
    items: u64,
    errors: u64,
}

impl Totals {
    fn of(reading: &CellReading) -> Self {
        let mut counts = BTreeMap::new();
        let mut sum_ns = 0;
        for outcome in Outcome::ALL {
            let durations = reading.durations(outcome);
            let in_all = durations.buckets().last().map_or(0, |(_, count)| count);
            assert_eq!(in_all, durations.count(), "{durations:?}");
            durations.slots.iter().for_each(|(slot, count)| *counts.entry(*slot).or_default() += count);
            sum_ns += durations.sum_ns;
        }
        let errors = reading.errors.iter().map(|(_, errors)| errors).sum();
        Self { counts, sum_ns, items: reading.items_processed(), errors }
    }

    fn assert_none_is_below(&self, before: &Self) {
        let count = |slot| self.counts.get(slot).copied().unwrap_or(0);
        let counts = before.counts.iter().all(|(slot, counted)| *counted <= count(slot));
        let others = before.sum_ns <= self.sum_ns && before.items <= self.items && before.errors <= self.errors;
        assert!(counts && others, "{before:?}, then {self:?}");
    }
}

/// From nothing to some milliseconds, so that several groups of slots are made.
fn elapsed_ns(number: u64) -> u64 {
    (number % 97).pow(3) * 10
}

fn verdict(number: u64) -> Verdict<'static> {
    match number % 5 {
        0 => Verdict::Error("io"),
        1 => Verdict::Cancelled,
        2.. => Verdict::Ok,
    }
}

impl Crowd {
    fn new() -> Self {
        Self {
            cell: registry(Limits::default()).phase(None, "embed"),
            begun: AtomicU64::new(0),
            ending: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            handed: Mutex::default(),
            is_over: AtomicBool::new(false),
        }
    }

    fn end(&self, (flight, number): (Flight, u64)) {
        self.ending.fetch_add(1, Ordering::SeqCst);
        assert!(flight.add_items(ItemOutcome::Ok, number % 3));
        flight.end(verdict(number), elapsed_ns(number), number);
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    /// The runs of one thread. Some it leaves to others, and ends some that others left, none of them while it holds
    /// the lock.
    fn work(&self, seat: &Seat) {
        for _ in 0..RUNS {
            let number = self.begun.fetch_add(1, Ordering::SeqCst);
            let run = (seat.begin(number).expect("nobody lets go of the phase"), number);
            if number % 3 == 0 {
                self.handed.lock().expect("nobody panics").push(run);
            } else {
                self.end(run);
            }
            if number % 7 < 2 {
                let handed = self.handed.lock().expect("nobody panics").pop();
                handed.into_iter().for_each(|run| self.end(run));
            }
        }
    }

    fn watch(&self) {
        let mut before = Totals::default();
        while !self.is_over.load(Ordering::SeqCst) {
            let ended = self.ended.load(Ordering::SeqCst);
            let reading = self.cell.read(Moment::default());
            let ending = self.ending.load(Ordering::SeqCst);
            assert!((ended..=ending).contains(&reading.runs()), "{} of {ended} to {ending}", reading.runs());
            let totals = Totals::of(&reading);
            totals.assert_none_is_below(&before);
            before = totals;
            std::thread::yield_now();
        }
    }

    /// All that is counted in the end.
    fn check(&self) {
        for run in self.handed.lock().expect("nobody panics").drain(..) {
            self.end(run);
        }
        let reading = self.cell.read(Moment::default());
        assert_eq!((reading.active, reading.oldest_start_ns), (0, None));
        for outcome in Outcome::ALL {
            let runs = (0..self.begun.load(Ordering::SeqCst)).filter(|run| verdict(*run).outcome() == outcome);
            let (count, sum_ns) = runs.fold((0, 0), |(count, sum), run| (count + 1, sum + elapsed_ns(run)));
            let durations: &Histogram = reading.durations(outcome);
            assert_eq!((durations.count(), durations.sum_ns), (count, sum_ns), "{outcome:?}");
        }
        let runs = 0..self.begun.load(Ordering::SeqCst);
        assert_eq!(reading.items(ItemOutcome::Ok), runs.clone().map(|run| run % 3).sum::<u64>());
        let failed = runs.filter(|run| verdict(*run).outcome() == Outcome::Error).count() as u64;
        assert_eq!(reading.errors, [("io".into(), failed)]);
    }
}

/// Beside somebody who reads all the while.
fn check(work: impl FnOnce(&Crowd)) {
    /// Also where the work panics, or the reader would never end.
    struct Over<'a>(&'a Crowd);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.is_over.store(true, Ordering::SeqCst);
        }
    }

    let crowd = Crowd::new();
    std::thread::scope(|scope| {
        scope.spawn(|| crowd.watch());
        let _over = Over(&crowd);
        work(&crowd);
    });
    crowd.check();
}

#[test]
fn more_threads_at_once_than_there_are_seats_lose_nothing() {
    const THREADS: usize = MAX_SEATS + 16;
    check(|crowd| {
        let all_are_there = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let seat = crowd.cell.seat();
                    all_are_there.wait();
                    crowd.work(&seat);
                });
            }
        });
    });
}

#[test]
fn hundreds_of_threads_that_come_and_go_lose_nothing() {
    check(|crowd| {
        std::thread::scope(|lanes| {
            for _ in 0..3 {
                lanes.spawn(|| {
                    for _ in 0..100 {
                        // Awaited, as its successor is to find the seat that it gives up.
                        let done = std::thread::scope(|scope| scope.spawn(|| crowd.work(&crowd.cell.seat())).join());
                        done.expect("nobody panics");
                    }
                });
            }
        });
    });
}
