//! Collectors that are told by the test when to come back, and a clock that it moves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use phasemeter_core::catalogue::{COLLECTOR_FAILURES, COLLECTOR_SUCCESS, SYSTEM_LOAD_1M};
use phasemeter_core::{Snapshot, Value};

use super::*;
use crate::Error;

const SECOND: Duration = Duration::from_secs(1);

/// Asks the test what to read each time.
struct Told {
    name: &'static str,
    asks: Sender<&'static str>,
    answers: Receiver<Result<i64, &'static str>>,
}

impl Collector for Told {
    fn name(&self) -> &'static str {
        self.name
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        self.asks.send(self.name).expect("the test listens");
        match self.answers.recv().expect("the test answers") {
            Ok(load) => out.push_plain(&SYSTEM_LOAD_1M, Value::Level(load)),
            Err("panic") => panic!("as it was told"),
            Err("absent") => return Err(Error::read("there".as_ref(), std::io::ErrorKind::NotFound.into())),
            Err(other) => return Err(Error::parse("there".as_ref(), "a number", other)),
        }
        Ok(())
    }
}

struct Rig {
    schedule: Schedule,
    clock_ns: Arc<AtomicU64>,
    asked: Receiver<&'static str>,
    answers: Vec<Sender<Result<i64, &'static str>>>,
    changes: Receiver<(&'static str, State)>,
    seen: Receiver<&'static str>,
}

struct Changes(Sender<(&'static str, State)>, Sender<&'static str>);

impl Watch for Changes {
    fn seen(&mut self, collector: &'static str, _at: Moment, samples: &Samples) {
        assert_eq!(samples.len(), 1);
        let _gone = self.1.send(collector);
    }

    fn changed(&mut self, collector: &'static str, state: State, reason: Option<&str>) {
        assert_eq!(reason.is_none(), state == State::Ok);
        let _gone = self.0.send((collector, state));
    }
}

impl Rig {
    fn new(names: &[&'static str]) -> Self {
        Self::watched(names, Changes)
    }

    fn watched<W: Watch + 'static>(
        names: &[&'static str],
        watch: impl FnOnce(Sender<(&'static str, State)>, Sender<&'static str>) -> W,
    ) -> Self {
        let clock_ns = Arc::new(AtomicU64::new(0));
        let (asks, asked) = mpsc::channel();
        let mut answers = Vec::new();
        let mut told = |name: &&'static str| {
            let (answer, from_test) = mpsc::channel();
            answers.push(answer);
            Box::new(Told { name, asks: asks.clone(), answers: from_test }) as Box<dyn Collector>
        };
        let collectors = names.iter().map(&mut told).collect();
        let (changed, changes) = mpsc::channel();
        let clock = clock_ns.clone();
        let now = move || {
            let now_ns = clock.load(Ordering::SeqCst);
            Moment { now_ns, unix_ns: now_ns }
        };
        let (sees, seen) = mpsc::channel();
        let schedule = Schedule::start_by(now, collectors, SECOND, watch(changed, sees));
        Self { schedule, clock_ns, asked, answers, changes, seen }
    }

    fn asked(&self) -> &'static str {
        self.asked.recv_timeout(30 * SECOND).expect("a collector is asked")
    }

    fn answer(&self, place: usize, answer: Result<i64, &'static str>) -> (&'static str, State) {
        self.answers[place].send(answer).expect("it waits for an answer");
        self.changes.recv_timeout(30 * SECOND).expect("its state changes")
    }

    fn pass(&self, time: Duration) {
        self.clock_ns.fetch_add(nanos(time), Ordering::SeqCst);
        self.schedule.supervise();
    }

    fn snapshot(&self) -> Snapshot {
        let mut samples = Samples::default();
        self.schedule.read(&mut samples);
        Snapshot::new(samples)
    }

    #[track_caller]
    fn check(&self, collector: &str, success: Option<i64>, failures: u64) {
        let snapshot = self.snapshot();
        let labels = [("collector", collector)];
        assert_eq!(snapshot.value(&COLLECTOR_SUCCESS, &labels), success.map(Value::Level).as_ref());
        assert_eq!(snapshot.value(&COLLECTOR_FAILURES, &labels), Some(&Value::Count(failures)));
    }

    fn state_of(&self, collector: &str) -> State {
        let states = self.schedule.states();
        let found = states.into_iter().find(|(name, ..)| *name == collector);
        found.expect("there is one of this name").1
    }

    fn load(&self) -> Option<Value> {
        self.snapshot().value(&SYSTEM_LOAD_1M, &[]).cloned()
    }
}

#[test]
fn each_reads_at_its_interval_and_the_latest_is_there_for_everybody() {
    let rig = Rig::new(&["one"]);
    assert_eq!((rig.asked(), rig.load()), ("one", None));
    assert_eq!(rig.answer(0, Ok(1)), ("one", State::Ok));
    assert!(rig.schedule.wait_for_first(SECOND));
    assert_eq!((rig.load(), rig.load()), (Some(Value::Level(1)), Some(Value::Level(1))));
    rig.pass(SECOND / 2);
    assert!(rig.asked.try_recv().is_err());
    rig.pass(SECOND / 2);
    assert_eq!(rig.asked(), "one");
    assert_eq!(rig.load(), Some(Value::Level(1)), "while it reads, the last reading stands");
    rig.answers[0].send(Ok(2)).expect("it waits");
    assert_eq!((rig.seen.recv_timeout(30 * SECOND), rig.seen.recv_timeout(30 * SECOND)), (Ok("one"), Ok("one")));
    rig.pass(SECOND);
    assert_eq!((rig.asked(), rig.load()), ("one", Some(Value::Level(2))));
}

#[test]
fn a_second_reading_is_waited_for_where_it_comes_within_the_limit() {
    let rig = Rig::new(&["one"]);
    assert_eq!((rig.asked(), rig.answer(0, Ok(1))), ("one", ("one", State::Ok)));
    // It reads each second: in less, no second reading is to be expected.
    assert!(rig.schedule.wait_for_second(SECOND / 2));
    assert!(rig.schedule.shared.plan().lacks_a_second(nanos(SECOND)));
    rig.pass(SECOND);
    assert_eq!(rig.asked(), "one");
    rig.answers[0].send(Ok(2)).expect("it waits");
    assert!(rig.schedule.wait_for_second(30 * SECOND));
}

#[test]
fn a_failure_is_no_value_and_counted_and_what_is_not_there_is_neither() {
    let rig = Rig::new(&["one"]);
    for (answer, state, success, failures) in [
        (Ok(1), State::Ok, Some(1), 0),
        (Err("???"), State::Failed, Some(0), 1),
        (Err("absent"), State::NoData, None, 1),
        (Err("panic"), State::Failed, Some(0), 2),
        (Ok(3), State::Ok, Some(1), 2),
    ] {
        assert_eq!(rig.asked(), "one");
        assert_eq!(rig.answer(0, answer), ("one", state));
        rig.check("one", success, failures);
        assert_eq!(rig.load(), answer.ok().map(Value::Level));
        rig.pass(SECOND);
    }
}

#[test]
fn one_that_is_stuck_says_so_while_the_others_go_on_and_is_well_when_it_is_back() {
    let rig = Rig::new(&["one", "two"]);
    assert_eq!(rig.asked(), "one");
    rig.pass(SECOND);
    rig.check("one", None, 0);
    // A new thread reads the other one, again and again, long before the first one's deadline.
    let two = |load| {
        assert_eq!(rig.asked(), "two");
        rig.answers[1].send(Ok(load)).expect("it waits");
        assert_eq!(rig.seen.recv_timeout(30 * SECOND), Ok("two"));
        rig.pass(SECOND);
    };
    (1..4).for_each(two);
    assert_eq!(rig.changes.recv_timeout(30 * SECOND), Ok(("two", State::Ok)));
    (4..7).for_each(two);
    assert_eq!(rig.changes.recv_timeout(30 * SECOND), Ok(("one", State::Stuck)));
    rig.check("one", Some(0), 1);
    assert_eq!(rig.schedule.shared.plan().threads, 2);
    rig.check("one", Some(0), 1);
    assert_eq!(rig.answer(0, Ok(7)), ("one", State::Ok));
    rig.check("one", Some(1), 1);
}

#[test]
fn all_that_are_stuck_have_a_thread_each_and_no_more() {
    let rig = Rig::new(&["one", "two"]);
    for expected in ["one", "two"] {
        assert_eq!(rig.asked(), expected);
        rig.pass(6 * SECOND);
    }
    for _ in 0..10 {
        rig.pass(SECOND);
    }
    assert_eq!(rig.schedule.shared.plan().threads, 2);
    assert!(!rig.schedule.wait_for_first(Duration::ZERO));
}

/// Does not come back from being told of a failure until the test says so.
struct Blocked(Receiver<()>);

impl Watch for Blocked {
    fn changed(&mut self, _collector: &'static str, state: State, _reason: Option<&str>) {
        if state == State::Failed {
            let _released = self.0.recv();
        }
    }
}

#[test]
fn who_is_told_and_does_not_come_back_holds_up_no_other_collector() {
    let (release, released) = mpsc::channel();
    let rig = Rig::watched(&["one", "two"], |_, _| Blocked(released));
    assert_eq!(rig.asked(), "one");
    rig.answers[0].send(Err("???")).expect("it waits");
    // It has read, and is being told of: nothing comes from it, and it is stuck in the end.
    wait_until(|| rig.state_of("one") == State::Failed);
    rig.pass(6 * SECOND);
    assert_eq!(rig.state_of("one"), State::Stuck);
    for load in 1..4 {
        assert_eq!(rig.asked(), "two");
        rig.answers[1].send(Ok(load)).expect("it waits");
        wait_until(|| rig.load() == Some(Value::Level(load)));
        rig.pass(SECOND);
    }
    drop(release);
    assert_eq!(rig.asked(), "two");
    rig.answers[1].send(Ok(4)).expect("it waits");
    wait_until(|| rig.state_of("one") != State::Stuck);
}

#[test]
fn one_that_was_slow_leaves_somebody_behind_for_the_others() {
    let rig = Rig::new(&["one", "two"]);
    assert_eq!(rig.asked(), "one");
    rig.clock_ns.fetch_add(nanos(SECOND / 2), Ordering::SeqCst);
    assert_eq!(rig.answer(0, Ok(1)), ("one", State::Ok));
    assert_eq!(rig.asked(), "two");
    assert_eq!(rig.answer(1, Ok(2)), ("two", State::Ok));
    rig.clock_ns.fetch_add(nanos(2 * SECOND), Ordering::SeqCst);
    rig.schedule.shared.changed.notify_all();
    // Both are asked, though neither has come back and nobody supervises.
    let mut asked = [rig.asked(), rig.asked()];
    asked.sort_unstable();
    assert_eq!(asked, ["one", "two"]);
}

/// Asks again and again, but not for ever.
#[track_caller]
fn wait_until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < 30 * SECOND, "it does not come to hold");
        std::thread::yield_now();
    }
}
