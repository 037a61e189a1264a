//! Runs that are followed: progress, ETA, deadline, journal, report, the next attempt.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use phasemeter::analysis::event::PhaseDeclared;
use phasemeter::analysis::journal::{Reading, fold};
use phasemeter::analysis::state::Status;
use phasemeter::analysis::{Progress, RunState};
use phasemeter::catalogue::{DROPPED, PHASE_ETA, PIPELINE_ETA, PIPELINE_HEARTBEAT_TIMESTAMP, PIPELINE_PROGRESS};
use phasemeter::{Collectors, ManualClock, Meter, MeterBuilder, Metric, Phase, Run, Value};

const SECOND: Duration = Duration::from_secs(1);

struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("phasemeter-follow-{test}-{}", std::process::id()));
        let _left_over = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a writable temporary folder");
        Self(path)
    }

    fn journal(&self, run: &str, worker: &str) -> PathBuf {
        self.0.join(run).join(format!("{worker}.jsonl"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn builder(clock: &ManualClock) -> MeterBuilder {
    Meter::builder().clock(clock.clone()).environment([]).pipeline("papers").collectors(Collectors::none())
}

fn read(path: &Path) -> (RunState, Reading) {
    fold(BufReader::new(File::open(path).expect("there is a journal")), &path.display().to_string()).expect("it is one")
}

/// Progress as of a look that comes after all that was done: what a program says makes the thread look.
#[track_caller]
fn looked(run: &Run, holds: impl Fn(&Progress) -> bool) -> Progress {
    let begun = Instant::now();
    loop {
        run.note("look");
        match run.progress() {
            Some(progress) if holds(&progress) => return progress,
            last => assert!(begun.elapsed() < 30 * SECOND, "{last:#?}"),
        }
        std::thread::yield_now();
    }
}

/// One item after the other, each of a second.
fn work(clock: &ManualClock, phase: &Phase, items: u64) {
    for _ in 0..items {
        phase.run(|run| {
            clock.advance(SECOND);
            run.items(1);
        });
    }
}

fn value(meter: &Meter, metric: &Metric, labels: &[(&str, &str)]) -> Option<f64> {
    meter.snapshot().value(metric, labels).map(Value::as_f64)
}

#[test]
fn progress_and_what_is_left_come_from_the_counts_of_phases() {
    let clock = ManualClock::new();
    let meter = builder(&clock).build();
    let embed = meter.phase("embed");
    // What was done before the run is none of its own.
    work(&clock, &embed, 7);
    let run = meter
        .run("nightly")
        .phase(PhaseDeclared { name: "embed".into(), total: Some(100), ..PhaseDeclared::default() })
        .start();
    let begun = looked(&run, |progress| progress.phases.len() == 1);
    assert_eq!((begun.phases[0].processed, begun.status), (0, Status::Pending));
    work(&clock, &embed, 40);
    let progress = looked(&run, |progress| progress.phases[0].processed == 40);
    assert_eq!((progress.phases[0].total, progress.status), (Some(100), Status::Running));
    let is_two_fifths = |share: f64| (share - 0.4).abs() < 1e-9;
    assert!(progress.overall.is_some_and(is_two_fifths), "{:?}", progress.overall);
    let left = progress.eta.expect("there is a rate").median_ns as f64 / 1e9;
    // The latest counts weigh most, and they came all at once.
    assert!((left - 60.0).abs() < 9.0, "{left} s");
    let of_run = [("pipeline", "papers")];
    assert!(value(&meter, &PIPELINE_PROGRESS, &of_run).is_some_and(is_two_fifths));
    assert!(value(&meter, &PIPELINE_ETA, &of_run).is_some_and(|eta| (eta - 60.0).abs() < 9.0));
    assert!(value(&meter, &PHASE_ETA, &[("phase", "embed"), ("pipeline", "papers")]).is_some());
    assert!(value(&meter, &PIPELINE_HEARTBEAT_TIMESTAMP, &of_run).is_some());
}

#[test]
fn a_pause_is_no_time_of_the_run() {
    let clock = ManualClock::new();
    let meter = builder(&clock).build();
    let embed = meter.phase("embed");
    let run = meter
        .run("nightly")
        .phase(PhaseDeclared { name: "embed".into(), total: Some(100), ..PhaseDeclared::default() })
        .start();
    let _begun = looked(&run, |progress| progress.phases.len() == 1);
    work(&clock, &embed, 20);
    let before = looked(&run, |progress| progress.phases[0].processed == 20);
    run.pause();
    let _paused = looked(&run, |progress| progress.status == Status::Paused);
    clock.advance(3_600 * SECOND);
    run.resume();
    let after = looked(&run, |progress| progress.status == Status::Running && progress.paused_ns > 0);
    assert_eq!((after.elapsed_ns, after.paused_ns), (before.elapsed_ns, 3_600_000_000_000));
}

#[test]
fn the_journal_holds_what_the_process_knows_and_the_report_says_how_it_ended() {
    let (clock, folder) = (ManualClock::new(), Folder::new("journal"));
    let meter = builder(&clock).build();
    let embed = meter.phase("embed");
    let run =
        meter.run("nightly").id("n1").worker("w1").journal(&folder.0).report(folder.0.join("metrics.json")).start();
    work(&clock, &embed, 10);
    let _seen = looked(&run, |progress| progress.phases.first().is_some_and(|phase| phase.processed == 10));
    run.fail("no space left");
    let (state, reading) = read(&folder.journal("n1", "w1"));
    assert_eq!((reading.bad_lines, reading.is_torn), (0, false));
    assert_eq!((&*state.run, &*state.worker, state.attempt, state.status()), ("n1", "w1", 1, Status::Failed));
    assert_eq!(state.phase("embed").map(|phase| (phase.processed(), phase.counts.ok)), Some((10, 10)));
    for report in [folder.0.join("n1/w1.report.json"), folder.0.join("metrics.json")] {
        let text = fs::read_to_string(report).expect("it was left");
        assert!(text.contains("no space left") || text.contains("\"failed\""), "{text}");
    }
}

#[test]
fn what_was_counted_just_before_the_end_is_in_the_journal() {
    let (clock, folder) = (ManualClock::new(), Folder::new("last"));
    let meter = builder(&clock).build();
    let embed = meter.phase("embed");
    let run = meter.run("nightly").id("n1").worker("w1").journal(&folder.0).start();
    let _begun = looked(&run, |_| true);
    embed.run(|run| run.items(3));
    run.finish();
    let (state, _) = read(&folder.journal("n1", "w1"));
    assert_eq!(state.phase("embed").map(|phase| phase.processed()), Some(3));
}

#[test]
fn the_next_attempt_goes_on_without_counting_twice() {
    let (clock, folder) = (ManualClock::new(), Folder::new("attempt"));
    let attempt = |items: u64| {
        let meter = builder(&clock).build();
        let embed = meter.phase("embed");
        let declared = PhaseDeclared { name: "embed".into(), total: Some(100), ..PhaseDeclared::default() };
        let run = meter.run("nightly").id("n1").worker("w1").journal(&folder.0).phase(declared).start();
        let _begun = looked(&run, |progress| progress.phases.len() == 1);
        work(&clock, &embed, items);
        let progress = looked(&run, |_| true);
        run.cancel("requeued");
        progress.attempt
    };
    assert_eq!((attempt(30), attempt(20)), (1, 2));
    let (state, _) = read(&folder.journal("n1", "w1"));
    assert_eq!((state.attempt, state.phase("embed").map(|phase| phase.processed())), (2, Some(50)));
}

#[test]
fn a_torn_line_of_a_killed_attempt_is_closed_and_costs_nothing_else() {
    let (clock, folder) = (ManualClock::new(), Folder::new("torn"));
    let path = folder.journal("n1", "w1");
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable temporary folder");
    fs::write(&path, "{\"phasemeter_journal\":1}\n{\"at_ns\":17,\"even").expect("a writable temporary folder");
    let meter = builder(&clock).build();
    let embed = meter.phase("embed");
    let run = meter.run("nightly").id("n1").worker("w1").journal(&folder.0).start();
    work(&clock, &embed, 5);
    run.finish();
    let (state, reading) = read(&path);
    assert_eq!((reading.bad_lines, state.status()), (1, Status::Completed));
    assert_eq!(state.phase("embed").map(|phase| phase.processed()), Some(5));
}

#[test]
fn a_journal_that_cannot_be_written_is_counted_and_the_run_goes_on() {
    let (clock, folder) = (ManualClock::new(), Folder::new("unwritable"));
    let occupied = folder.0.join("occupied");
    fs::write(&occupied, "a file where a folder should be").expect("a writable temporary folder");
    let meter = builder(&clock).build();
    let embed = meter.phase("embed");
    let run = meter.run("nightly").id("n1").journal(&occupied).start();
    work(&clock, &embed, 5);
    let progress = looked(&run, |progress| progress.phases.first().is_some_and(|phase| phase.processed == 5));
    assert_eq!(progress.phases[0].processed, 5);
    run.finish();
    let failures = value(&meter, &DROPPED, &[("reason", "journal_failed")]);
    assert!(failures >= Some(1.0), "{failures:?}");
}

#[test]
fn the_program_is_called_before_its_time_is_over_and_once() {
    let clock = ManualClock::new();
    let meter = builder(&clock).build();
    let called = Arc::new(AtomicU32::new(0));
    let (own, deadline) =
        (called.clone(), std::time::UNIX_EPOCH + Duration::from_nanos(clock_unix(&clock)) + 600 * SECOND);
    let run = meter.run("nightly").deadline(deadline).before_deadline(60 * SECOND, move || {
        own.fetch_add(1, Ordering::SeqCst);
    });
    let run = run.start();
    let _looked = looked(&run, |progress| progress.deadline.is_some());
    assert_eq!(called.load(Ordering::SeqCst), 0);
    clock.advance(550 * SECOND);
    let _looked = looked(&run, |_| called.load(Ordering::SeqCst) > 0);
    for _ in 0..3 {
        let _looked = looked(&run, |_| true);
    }
    run.finish();
    assert_eq!(called.load(Ordering::SeqCst), 1);
}

fn clock_unix(clock: &ManualClock) -> u64 {
    phasemeter::Clock::from(clock.clone()).unix_ns()
}

#[test]
fn two_runs_at_once_are_two_workers_and_a_journal_whose_folder_is_cleared_is_begun_anew() {
    let (clock, folder) = (ManualClock::new(), Folder::new("two"));
    let meter = builder(&clock).build();
    let embed = meter.phase("embed");
    let begin = || meter.run("nightly").id("n1").worker("w1").journal(&folder.0).start();
    let (one, other) = (begin(), begin());
    let _begun = (looked(&one, |_| true), looked(&other, |_| true));
    assert!(folder.journal("n1", "w1").exists() && folder.journal("n1", "w1-2").exists());
    fs::remove_dir_all(folder.0.join("n1")).expect("it is there");
    work(&clock, &embed, 10);
    let _seen = looked(&one, |progress| progress.phases.first().is_some_and(|phase| phase.processed == 10));
    one.finish();
    other.finish();
    let (state, _) = read(&folder.journal("n1", "w1"));
    assert_eq!((state.phase("embed").map(|phase| phase.processed()), state.status()), (Some(10), Status::Completed));
    assert!(value(&meter, &DROPPED, &[("reason", "journal_failed")]) >= Some(1.0));
}

#[test]
fn one_long_item_takes_as_long_as_it_does() {
    let (clock, folder) = (ManualClock::new(), Folder::new("long"));
    let meter = builder(&clock).build();
    let embed = meter.phase("embed");
    embed.total(2);
    let declared = PhaseDeclared { name: "embed".into(), workers: Some(1), ..PhaseDeclared::default() };
    let run = meter.run("nightly").id("n1").worker("w1").journal(&folder.0).phase(declared).start();
    for _ in 0..2 {
        embed.run(|item| {
            item.item("long");
            for _ in 0..3 {
                clock.advance(20 * SECOND);
                let _looked = looked(&run, |_| true);
            }
            item.items(1);
        });
    }
    let last = looked(&run, |progress| progress.phases[0].processed == 2);
    assert_eq!((last.phases[0].total, last.elapsed_ns), (Some(2), 120_000_000_000));
    run.finish();
    let (state, _) = read(&folder.journal("n1", "w1"));
    assert_eq!((state.clock.run_ns, state.problems.as_slice().len()), (120_000_000_000, 0), "{:?}", state.problems);
}

#[test]
fn a_run_of_a_disabled_meter_is_not_followed() {
    let clock = ManualClock::new();
    let folder = Folder::new("disabled");
    let meter = builder(&clock).disabled().build();
    let run = meter.run("nightly").journal(&folder.0).start();
    assert!(run.progress().is_none());
    run.finish();
    assert_eq!(fs::read_dir(&folder.0).expect("it is there").count(), 0);
}
