//! Many runs of both grades at once, on threads and in tasks, that end in every way, within each other, while the level
//! changes and somebody scrapes all the while: at the end what is measured is what the test itself has counted.

mod oracle;
mod random;
mod scrape;
mod tasks;
mod threads;
mod way;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, RwLock};
use std::thread;

use phasemeter::{Level, Meter, Phase};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use oracle::Tally;

#[test]
fn a_hundred_thousand_runs_are_counted_once_each() {
    check(100_000, &[Level::Basic, Level::Detailed, Level::Profiling]);
}

#[test]
#[ignore = "takes a quarter of a minute; the smaller one always runs"]
fn a_million_runs_are_counted_once_each_in_full() {
    check(1_000_000, &[Level::Basic, Level::Detailed, Level::Profiling]);
}

#[test]
fn runs_that_begin_while_the_level_is_off_are_not_counted_and_the_others_are() {
    check(20_000, &Level::ALL);
}

const THREADS: u64 = 4;

/// So few phases that threads meet in them.
const EXACT: [&str; 3] = ["exact 0", "exact 1", "exact 2"];
const PLAIN: [&str; 3] = ["plain 0", "plain 1", "plain 2"];

/// A Meter under stress.
struct Stress {
    meter: Meter,
    exact: [Phase; EXACT.len()],
    dispatch: Dispatch,
    /// Held to change the level, and to begin a run: the test has to know at which level that was.
    level: RwLock<()>,
}

impl Stress {
    fn new() -> Arc<Self> {
        let meter = Meter::builder().isolated().environment([]).pipeline("stress").build();
        let dispatch = Dispatch::new(registry().with(meter.layer()));
        Arc::new(Self { exact: EXACT.map(|name| meter.phase(name)), meter, dispatch, level: RwLock::default() })
    }

    /// Begins something, and tells whether it is measured.
    fn begin<T>(&self, begin: impl FnOnce() -> T) -> (T, bool) {
        let _same_level = self.level.read().expect("nobody panics here");
        (begin(), self.meter.level() > Level::Off)
    }
}

/// At least so many runs, while the level goes round.
#[track_caller]
fn check(runs: u64, levels: &[Level]) {
    LazyLock::force(&way::PANICS_ARE_SILENT);
    let stress = Stress::new();
    let is_over = AtomicBool::new(false);
    let tally = thread::scope(|scope| {
        let scrapes = scope.spawn(|| scrape::until(&is_over, &stress, levels));
        let threads: Vec<_> = threads::start(scope, &stress, runs / (THREADS + 1));
        let mut tally = tasks::run(&stress, runs / (THREADS + 1));
        threads.into_iter().for_each(|thread| tally.add(thread.join().expect("it catches its panics")));
        is_over.store(true, Ordering::Relaxed);
        assert!(scrapes.join().expect("no scrape shows what cannot be") > 0);
        tally
    });
    assert_eq!(Tally::measured_by(&stress.meter), tally);
    assert!(tally.runs() >= runs / (THREADS + 1) * (THREADS + 1), "{} runs", tally.runs());
}
