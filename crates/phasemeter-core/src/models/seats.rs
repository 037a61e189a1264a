//! What threads with seats of their own, the runs that they hand over, and the registry do to one phase at once. There
//! is one seat, one slot that its owner claims alone, and one stripe: so all of them are wanted by two.

use super::{check, join, read, registry, spawn};

use std::sync::atomic::AtomicU64;

use loom::sync::mpsc;
use loom::thread;

use crate::common::Common;
use crate::seat::Shards;
use crate::sync::{Arc, COUNT};
use crate::{
    CellReading, Flight, Limits, Moment, Outcome, PhaseCell, PhaseReading, Registry, Samples, Snapshot, Value, Verdict,
    catalogue,
};

fn cell() -> Arc<PhaseCell> {
    Arc::new(PhaseCell::new(Moment::default()))
}

/// Runs that ended well, and how long they took together.
fn ok(reading: &CellReading) -> (u64, u64) {
    let durations = reading.durations(Outcome::Ok);
    (durations.count(), durations.sum_ns)
}

/// What is read twice in a row.
fn twice(cell: &PhaseCell) -> [CellReading; 2] {
    let readings = [(); 2].map(|()| read(cell));
    let [first, second] = readings.each_ref().map(ok);
    assert!(first.0 <= second.0 && first.1 <= second.1, "{first:?}, then {second:?}");
    readings
}

/// Of two runs one has begun for certain: it is in flight, or counted. Both, where it ended between.
#[track_caller]
fn check_in_sight(reading: &CellReading) {
    let (active, runs) = (reading.active.unsigned_abs(), reading.runs());
    assert!(active <= 2 && runs <= 2 && active + runs >= 1, "{reading:?}");
}

/// A whole run, at a seat that is given up at once.
fn run(cell: &PhaseCell, elapsed_ns: u64) {
    let seat = cell.seat();
    let flight = seat.begin(10).expect("a cell that stays");
    flight.end(Verdict::Ok, elapsed_ns, 10 + elapsed_ns);
}

#[test]
fn what_an_owner_records_is_never_taken_back() {
    check(2, || {
        let cell = cell();
        let records = spawn(&cell, |cell| {
            let seat = cell.seat();
            assert!([1, 2].into_iter().all(|elapsed_ns| seat.record(Outcome::Ok, elapsed_ns)));
        });
        for reading in twice(&cell) {
            let (runs, _) = ok(&reading);
            assert!(runs <= 2);
        }
        join(records);
        assert_eq!(ok(&read(&cell)), (2, 3));
    });
}

#[test]
fn a_seat_that_was_given_up_is_adopted_with_all_that_was_counted_there() {
    check(3, || {
        let cell = cell();
        let running = [1, 2].map(|elapsed_ns| spawn(&cell, move |cell| run(cell, elapsed_ns)));
        running.into_iter().for_each(join);
        let reading = read(&cell);
        assert_eq!((reading.active, ok(&reading)), (0, (2, 3)));
    });
}

#[test]
fn totals_do_not_go_back_where_a_seat_is_adopted() {
    check(1, || {
        let cell = cell();
        let recording = [(); 2].map(|()| spawn(&cell, |cell| assert!(cell.seat().record(Outcome::Ok, 1))));
        let [_, second] = twice(&cell);
        assert!(second.runs() <= 2);
        recording.into_iter().for_each(join);
        assert_eq!(ok(&read(&cell)), (2, 2));
    });
}

#[test]
fn an_adopted_seat_goes_on_with_the_runs_that_are_still_in_flight_there() {
    check(1, || {
        let cell = cell();
        let seat = cell.seat();
        let left_behind = seat.begin(10).expect("a cell that stays");
        drop(seat);
        let adopts = spawn(&cell, |cell| run(cell, 1));
        let ends = thread::spawn(move || left_behind.end(Verdict::Ok, 2, 12));
        check_in_sight(&read(&cell));
        join(adopts);
        join(ends);
        let reading = read(&cell);
        assert_eq!((reading.active, ok(&reading)), (0, (2, 3)));
    });
}

#[test]
fn a_run_that_ends_elsewhere_is_never_out_of_sight_while_the_owner_begins_the_next() {
    check(2, || {
        let cell = cell();
        let seat = cell.seat();
        let ten = seat.begin(10).expect("a cell that stays");
        let ends = thread::spawn(move || ten.end(Verdict::Ok, 1, 11));
        let reads = spawn(&cell, |cell| {
            let reading = read(cell);
            check_in_sight(&reading);
            // The next run has the place of the first, or stands beside it.
            assert!(reading.oldest_start_ns != Some(20) || reading.active == 2 || reading.runs() >= 1, "{reading:?}");
        });
        let twenty = seat.begin(20).expect("a cell that stays");
        join(ends);
        join(reads);
        let reading = read(&cell);
        assert_eq!((reading.active, reading.oldest_start_ns, ok(&reading)), (1, Some(20), (1, 1)));
        twenty.withdraw();
    });
}

#[test]
fn a_run_that_ends_elsewhere_and_one_that_ends_at_its_owner_are_both_counted() {
    check(3, || {
        let cell = cell();
        let seat = cell.seat();
        let ten = seat.begin(10).expect("a cell that stays");
        let ends = thread::spawn(move || ten.end(Verdict::Ok, 1, 11));
        let twenty = seat.begin(20).expect("a cell that stays");
        twenty.end(Verdict::Ok, 1, 21);
        join(ends);
        let reading = read(&cell);
        assert_eq!((reading.active, ok(&reading)), (0, (2, 2)));
    });
}

#[test]
fn of_two_threads_that_want_the_last_seat_one_gets_it() {
    check(3, || {
        let (shards, common) = (Arc::new(Shards::default()), Arc::new(Common::default()));
        let taking = [(); 2].map(|()| {
            let common = common.clone();
            spawn(&shards, move |shards| shards.take(&common).is_some())
        });
        assert_eq!(taking.map(join).into_iter().filter(|is_taken| *is_taken).count(), 1);
        assert!(shards.take(&common).is_none());
    });
}

#[test]
fn threads_that_find_no_seat_lose_nothing_to_each_other() {
    check(2, || {
        let cell = cell();
        let seat = cell.seat();
        let running = [1, 2].map(|elapsed_ns| spawn(&cell, move |cell| run(cell, elapsed_ns)));
        running.into_iter().for_each(join);
        let reading = read(&cell);
        assert_eq!((reading.active, ok(&reading)), (0, (2, 3)));
        drop(seat);
    });
}

#[test]
fn runs_of_threads_that_find_no_seat_are_each_in_flight() {
    check(2, || {
        let cell = cell();
        let seat = cell.seat();
        let beginning = [10, 20].map(|now_ns| spawn(&cell, move |cell| cell.seat().begin(now_ns)));
        let flights = beginning.map(join);
        let reading = read(&cell);
        assert_eq!((reading.active, reading.oldest_start_ns), (2, Some(10)));
        flights.into_iter().flatten().for_each(Flight::withdraw);
        assert_eq!(read(&cell).active, 0);
        drop(seat);
    });
}

/// What is idle for 100 ns may go. The phase was made at 0, and now it is 100.
fn registry_at_100() -> (Arc<Registry>, Arc<PhaseCell>) {
    // No part of the model: nobody changes it while threads are there.
    let now_ns = Arc::new(AtomicU64::new(0));
    let clock = now_ns.clone();
    let limits = Limits { idle: Some(std::time::Duration::from_nanos(100)), ..Limits::default() };
    let registry = Registry::new(limits, move || Moment { now_ns: clock.load(COUNT), unix_ns: 0 });
    let cell = registry.span_phase(None, "embed", &[]);
    now_ns.store(100, COUNT);
    (Arc::new(registry), cell)
}

fn counted(registry: &Registry) -> Vec<(i64, u64)> {
    let counts = |phase: &PhaseReading| (phase.counts.active, phase.counts.runs());
    registry.read(Moment::default()).iter().map(counts).collect()
}

/// Beside `lets_go`, which says how many cells went, a run at a seat that was found before.
fn check_a_run_at_a_known_seat(preemptions: usize, lets_go: fn(&Registry) -> usize) {
    check(preemptions, move || {
        let (registry, cell) = registry_at_100();
        let (seated, wait) = mpsc::channel();
        let runs = thread::spawn(move || {
            let seat = cell.seat();
            drop(cell);
            // Counted pointers are no part of the model: where a handle is still there, nothing shows that it may go.
            seated.send(()).expect("somebody receives");
            let flight = seat.begin(50);
            let is_kept = flight.is_some();
            flight.into_iter().for_each(|flight| flight.end(Verdict::Ok, 1, 51));
            is_kept
        });
        wait.recv().expect("somebody sends");
        let went = lets_go(&registry);
        if join(runs) {
            assert_eq!((went, counted(&registry)), (0, vec![(0, 1)]));
        } else {
            // Who lets go may have turned back on seeing the run, which asks again: it will find the same cell.
            let expected = if went == 0 { vec![(0, 0)] } else { vec![] };
            assert_eq!(counted(&registry), expected);
            let flight = registry.span_phase(None, "embed", &[]).seat().begin(52);
            assert!(flight.is_some());
            assert_eq!(counted(&registry), [(1, 0)]);
        }
    });
}

#[test]
fn a_run_at_a_known_seat_is_kept_or_refused_by_a_phase_that_expires() {
    check_a_run_at_a_known_seat(3, Registry::expire);
}

#[test]
fn a_run_at_a_known_seat_is_kept_or_refused_by_a_phase_that_nobody_used() {
    check_a_run_at_a_known_seat(1, |registry| {
        registry.let_go(registry.span_phase(None, "embed", &[]));
        1 - registry.read(Moment::default()).len()
    });
}

#[test]
fn a_phase_whose_last_run_is_ending_does_not_expire() {
    check(3, || {
        let (registry, cell) = registry_at_100();
        let flight = cell.seat().begin(0).expect("nobody lets go of it yet");
        drop(cell);
        let ends = thread::spawn(move || flight.end(Verdict::Ok, 100, 100));
        assert_eq!(registry.expire(), 0);
        join(ends);
        assert_eq!(counted(&registry), [(0, 1)]);
    });
}

/// Runs that ended well, as they are exposed.
fn exposed(registry: &Registry) -> u64 {
    let mut samples = Samples::default();
    registry.sample(Moment::default(), &mut samples);
    let labels = [("outcome", "ok"), ("phase", "embed"), ("pipeline", "p")];
    match Snapshot::new(samples).value(&catalogue::PHASE_RUNS, &labels) {
        None => 0,
        Some(Value::Count(runs)) => *runs,
        Some(other) => panic!("{other:?} is no count"),
    }
}

#[test]
fn a_scrape_sees_a_phase_that_is_first_used_whole_or_not_at_all() {
    check(1, || {
        let registry = Arc::new(registry(Limits::default()));
        let using = [1, 2]
            .map(|elapsed_ns| spawn(&registry, move |registry| run(&registry.phase(Some("p"), "embed"), elapsed_ns)));
        let [first, second] = [(); 2].map(|()| exposed(&registry));
        assert!(first <= second && second <= 2, "{first}, then {second}");
        using.into_iter().for_each(join);
        assert_eq!(exposed(&registry), 2);
    });
}
