//! What threads do to one phase at once, in every order that memory allows. The models are small, because the orders
//! multiply with every step. That a run ends twice, or ends and is withdrawn, has no model: a flight is handed back by
//! value. Loom never lets `try_lock` fail, so what is left out then is not seen here.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p phasemeter-core --lib --release models
//! ```

mod seats;

use loom::sync::mpsc;
use loom::thread::{self, JoinHandle};

use crate::counts::Writer;
use crate::ended::{EndedRuns, MAX_ENDED};
use crate::flights::{FlightCounts, Flights};
use crate::named::NamedCounters;
use crate::sync::{Arc, COUNT};
use crate::{
    CellReading, Effort, InFlight, ItemOutcome, Limits, Moment, Outcome, PhaseCell, Registry, Samples, Snapshot, Value,
    Verdict, catalogue,
};

/// Runs a model in every order in which threads are interrupted at most so many times where they could go on. Most
/// mistakes show with one or two; `LOOM_MAX_PREEMPTIONS` allows more, for whoever has the time.
fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 10_000;
    builder.check(model);
}

/// Does this beside whatever else is done to the same thing.
fn spawn<S: Send + Sync + 'static, T: 'static>(
    shared: &Arc<S>,
    act: impl FnOnce(&S) -> T + Send + 'static,
) -> JoinHandle<T> {
    let shared = shared.clone();
    thread::spawn(move || act(&shared))
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no thread panics")
}

fn read(cell: &PhaseCell) -> CellReading {
    cell.read(Moment::default())
}

/// One whose clock stands still.
fn registry(limits: Limits) -> Registry {
    Registry::new(limits, Moment::default)
}

/// How much went to a collective label, by this limit.
fn overflowed(registry: &Registry, limit: &str) -> Option<Value> {
    let mut samples = Samples::default();
    registry.sample(Moment::default(), &mut samples);
    Snapshot::new(samples).value(&catalogue::OVERFLOW, &[("limit", limit)]).cloned()
}

#[test]
fn two_runs_that_begin_at_once_are_both_in_flight() {
    check(2, || {
        let flights = Arc::new(Flights::default());
        let begun = [10, 20].map(|start| spawn(&flights, move |flights| flights.begin(start, Writer::Anyone)));
        let counts = flights.counts(None);
        assert!((0..=2).contains(&counts.active), "{counts:?}");
        assert!(matches!(counts.oldest_start_ns, None | Some(10 | 20)), "{counts:?}");
        let [ten, twenty] = begun.map(join);
        assert_eq!(flights.counts(None), FlightCounts { active: 2, oldest_start_ns: Some(10), held: 0 });
        assert_eq!(flights.end(ten), None);
        assert_eq!(flights.counts(None), FlightCounts { active: 1, oldest_start_ns: Some(20), held: 0 });
        assert_eq!(flights.end(twenty), None);
        assert_eq!(flights.counts(None), FlightCounts::default());
    });
}

#[test]
fn a_slot_shows_nothing_of_the_run_before() {
    check(2, || {
        let flights = Arc::new(Flights::default());
        let begin = |flights: &Flights, start: u64| {
            let flight = flights.begin(start, Writer::Anyone);
            flights.set_item(&flight, start.to_string().into());
            flights.set_exited(&flight, Some(start + 1));
            flight
        };
        let whole = |started_ns: u64| InFlight {
            started_ns,
            exited_ns: Some(started_ns + 1),
            item: Some(started_ns.to_string().into()),
        };
        let ten = begin(&flights, 10);
        let ends = spawn(&flights, |flights| flights.end(ten));
        let begins = spawn(&flights, move |flights| begin(flights, 20));
        for InFlight { started_ns, exited_ns, item } in flights.oldest(9) {
            assert!(matches!(started_ns, 10 | 20));
            assert!(exited_ns.is_none_or(|exited| exited == started_ns + 1), "{started_ns} exited at {exited_ns:?}");
            assert!(item.is_none_or(|item| *item == *started_ns.to_string()), "{started_ns} has another one's item");
        }
        assert_eq!(join(ends).as_deref(), Some("10"));
        let twenty = join(begins);
        assert_eq!(flights.oldest(9), [whole(20)]);
        assert_eq!(flights.end(twenty).as_deref(), Some("20"));
        let _last = flights.begin(30, Writer::Anyone);
        assert_eq!(flights.oldest(9), [InFlight { started_ns: 30, exited_ns: None, item: None }]);
    });
}

#[test]
fn a_run_that_another_thread_ends_is_ended_whole() {
    check(2, || {
        let flights = Arc::new(Flights::default());
        let (hand_over, taken) = mpsc::channel();
        let begins = spawn(&flights, move |flights| {
            let flight = flights.begin(10, Writer::Anyone);
            flights.set_item(&flight, "ten".into());
            flights.set_exited(&flight, Some(11));
            hand_over.send(flight).expect("somebody receives");
        });
        let ends = spawn(&flights, move |flights| flights.end(taken.recv().expect("somebody sends")));
        let twenty = flights.begin(20, Writer::Anyone);
        let counts = flights.counts(Some(11));
        assert!((1..=2).contains(&counts.active), "{counts:?}");
        join(begins);
        assert_eq!(join(ends).as_deref(), Some("ten"));
        assert_eq!(flights.oldest(9), [InFlight { started_ns: 20, exited_ns: None, item: None }]);
        assert_eq!(flights.counts(Some(11)), FlightCounts { active: 1, oldest_start_ns: Some(20), held: 0 });
        assert_eq!(flights.end(twenty), None);
    });
}

#[test]
fn a_run_that_ends_is_never_out_of_sight() {
    check(3, || {
        let cell = Arc::new(PhaseCell::new(Moment::default()));
        let flight = cell.begin(10);
        let ends = thread::spawn(move || flight.end(Verdict::Error("io"), 5, 15));
        let reading = read(&cell);
        assert!(matches!(reading.active, 0 | 1), "{reading:?}");
        if reading.active == 0 {
            assert_eq!((reading.runs(), reading.durations(Outcome::Error).sum_ns), (1, 5));
            assert_eq!(reading.errors, [("io".into(), 1)]);
        }
        join(ends);
        let reading = read(&cell);
        assert_eq!((reading.active, reading.runs(), reading.last_activity_ns), (0, 1, Some(15)));
        assert_eq!(cell.failed().len(), 1);
    });
}

#[test]
fn the_slowest_are_kept_whoever_comes_first() {
    check(3, || {
        let runs = Arc::new(EndedRuns::default());
        let note = |runs: &EndedRuns, elapsed_ns| runs.note(elapsed_ns, 0, None, Verdict::Error("io"));
        let most = MAX_ENDED as u64;
        (1..=most).for_each(|elapsed_ns| note(&runs, elapsed_ns));
        let later = [most + 1, most + 2].map(|elapsed_ns| spawn(&runs, move |runs| note(runs, elapsed_ns)));
        let slowest = |runs: &EndedRuns| runs.slowest().iter().map(|run| run.elapsed_ns).collect::<Vec<_>>();
        let while_they_come = slowest(&runs);
        assert!(while_they_come.len() == MAX_ENDED && while_they_come.is_sorted_by(|one, next| one > next));
        later.into_iter().for_each(join);
        assert_eq!(slowest(&runs), (3..most + 3).rev().collect::<Vec<_>>());
        let mut failed: Vec<_> = runs.failed().iter().map(|run| run.elapsed_ns).collect();
        failed.sort_unstable();
        assert_eq!(failed, (3..most + 3).collect::<Vec<_>>());
    });
}

fn add(counters: &NamedCounters<1, 1>, name: &str) {
    let taken = counters.add(name, 0, 1, |total, count| {
        total.fetch_add(count, COUNT);
        true
    });
    assert!(taken);
}

#[test]
fn a_name_that_comes_twice_at_once_stands_once() {
    check(3, || {
        let counters = Arc::new(NamedCounters::default());
        let adding = [(); 2].map(|()| spawn(&counters, |counters| add(counters, "io")));
        let counts = counters.read();
        assert!(counts.iter().all(|(name, [count])| **name == *"io" && *count <= 2) && counts.len() <= 1, "{counts:?}");
        adding.into_iter().for_each(join);
        assert_eq!((counters.read(), counters.overflowed()), (vec![("io".into(), [2])], 0));
    });
}

#[test]
fn of_two_names_that_want_the_last_place_one_is_other() {
    check(3, || {
        let counters = Arc::new(NamedCounters::default());
        let adding = ["io", "timeout"].map(|name| spawn(&counters, move |counters| add(counters, name)));
        adding.into_iter().for_each(join);
        let counts = counters.read();
        assert!(matches!(&counts[..], [(first, [1]), (last, [1])] if **first != *"other" && **last == *"other"));
        assert_eq!(counters.overflowed(), 1);
    });
}

#[test]
fn what_is_made_when_first_needed_is_made_once() {
    check(3, || {
        let cell = Arc::new(PhaseCell::new(Moment::default()));
        let adding = [1, 2].map(|busy_ns| {
            spawn(&cell, move |cell| {
                cell.add_effort(&Effort { busy_ns, ..Effort::default() });
                assert!(cell.add_units("tokens", ItemOutcome::Ok, busy_ns));
            })
        });
        adding.into_iter().for_each(join);
        let reading = read(&cell);
        assert_eq!(reading.effort.map(|effort| effort.busy_ns), Some(3));
        assert_eq!((reading.count("tokens", ItemOutcome::Ok), reading.units().count()), (3, 1));
    });
}

#[test]
fn two_first_uses_of_a_phase_meet_in_one_cell() {
    check(2, || {
        let registry = Arc::new(registry(Limits::default()));
        let cells = [(); 2].map(|()| {
            spawn(&registry, |registry| {
                let cell = registry.phase(None, "embed");
                cell.record(Outcome::Ok, 1);
                cell
            })
        });
        let phases = registry.read(Moment::default());
        assert!(phases.len() <= 1 && phases.iter().all(|phase| phase.counts.runs() <= 2), "{phases:?}");
        let [one, other] = cells.map(join);
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(registry.read(Moment::default())[0].counts.runs(), 2);
    });
}

#[test]
fn of_two_phases_that_want_the_last_place_one_overflows() {
    check(3, || {
        let registry = Arc::new(registry(Limits { phases: 1, ..Limits::default() }));
        let recording = ["embed", "store"]
            .map(|phase| spawn(&registry, move |registry| registry.phase(None, phase).record(Outcome::Ok, 1)));
        recording.into_iter().for_each(join);
        let phases = registry.read(Moment::default());
        assert_eq!(phases.iter().map(|phase| phase.counts.runs()).collect::<Vec<_>>(), [1]);
        assert_eq!(overflowed(&registry, "phases"), Some(Value::Count(1)));
    });
}

#[test]
fn of_two_label_sets_that_want_the_last_place_one_is_other() {
    check(3, || {
        let registry = Arc::new(registry(Limits { label_sets: 1, ..Limits::default() }));
        let recording = ["large", "small"].map(|model| {
            spawn(&registry, move |registry| {
                registry.labelled_phase(None, "embed", &[("model", model)]).record(Outcome::Ok, 1);
            })
        });
        recording.into_iter().for_each(join);
        let phases = registry.read(Moment::default());
        let own = phases.iter().filter(|phase| &*phase.labels[0].1 != "other");
        assert_eq!((phases.len(), own.map(|phase| phase.counts.runs()).sum::<u64>()), (2, 1));
        assert_eq!(overflowed(&registry, "label_sets"), Some(Value::Count(1)));
    });
}
