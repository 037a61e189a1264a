//! Many workers of one run, each with a journal of its own.

mod story;

use phasemeter_analysis::event::{Declared, InHand, PhaseDeclared, Role, RunEnded};
use phasemeter_analysis::fleet::{Fleet, FleetLimits, Liveness};
use phasemeter_analysis::progress::PastRuns;
use phasemeter_analysis::render::{self, Form, Viewer};
use phasemeter_analysis::{EventKind, RunState};
use phasemeter_core::Outcome;
use story::workloads::beat;
use story::{S, Story, declared, phase, phase_of, unix_ns};

/// A worker that has done so many of a hundred, one a second.
fn worker(name: &str, done: u64) -> Story {
    part(name, name, 1, done)
}

fn part(name: &str, shard: &str, attempt: u32, done: u64) -> Story {
    let declared = Declared {
        worker: name.to_owned(),
        shard: Some(shard.to_owned()),
        host: format!("node-{name}"),
        attempt,
        ..declared(&[phase_of("embed", 100, 1)])
    };
    let mut story = Story::of(declared);
    for number in 1..=done {
        story = story.counted(number as f64, "embed", number);
    }
    story
}

fn seen(states: &[RunState], now_s: f64) -> Fleet {
    Fleet::of(states, &PastRuns::default(), &FleetLimits::default(), unix_ns(now_s)).expect("they are of one run")
}

/// One has finished, one was killed at 14:02 with two items in hand, one works.
fn three() -> Vec<RunState> {
    let finished = worker("w1", 100).over(100.0, Outcome::Ok);
    let mut killed = worker("w2", 10);
    killed.begin("embed", 0, 100.0, Some("paper-17"));
    killed.begin("embed", 1, 115.0, Some("paper-18"));
    killed = killed.counted(120.0, "embed", 11);
    let works = worker("w3", 23).counted(290.0, "embed", 24);
    [finished, killed, works].iter().map(Story::state).collect()
}

#[test]
fn of_three_workers_one_finished_and_one_killed_it_is_45_per_cent() {
    let fleet = seen(&three(), 300.0);
    assert_eq!(fleet.overall.map(|overall| (overall * 100.0).round()), Some(45.0));
    assert_eq!((fleet.active, fleet.silent, fleet.lost, fleet.finished, fleet.failed), (1, 0, 1, 1, 0));
    assert_eq!((fleet.orphaned, fleet.slowest.as_deref()), (89, Some("w3")));
    assert_eq!(fleet.phases[0].total, Some(300));
}

#[test]
fn a_killed_worker_reads_killed_and_never_running() {
    let fleet = seen(&three(), 300.0);
    let viewer = Viewer { now_unix_ns: unix_ns(300.0), utc_offset_s: 0 };
    let text = render::fleet(&fleet, &viewer, Form::Plain);
    let line = text.lines().find(|line| line.contains("w2 on")).expect("it is shown");
    let expected = "  w2 on node-w2: killed at 14:02, in flight: paper-17 (embed, 20 s), paper-18 (embed, 5.0 s)";
    assert!(line.starts_with(expected) && !line.contains("running"), "{line}");
    let abroad = render::fleet(&fleet, &Viewer { utc_offset_s: 5_400, ..viewer }, Form::Plain);
    assert!(abroad.contains("killed at 15:32"), "{abroad}");
}

#[test]
fn one_minute_makes_a_worker_silent_and_two_make_it_lost() {
    let state = worker("w1", 10).state();
    let liveness = |now_s: f64| seen(std::slice::from_ref(&state), now_s).workers[0].liveness;
    let found = [70.0, 70.5, 130.0, 130.5].map(liveness);
    assert_eq!(found, [Liveness::Active, Liveness::Silent, Liveness::Silent, Liveness::Lost]);
}

#[test]
fn a_part_that_another_worker_takes_over_counts_once() {
    let killed = part("w1", "shard-1", 1, 40).state();
    let phases = [PhaseDeclared { resumed: Some(40), ..phase_of("embed", 100, 1) }];
    let second =
        Declared { worker: "w9".to_owned(), shard: Some("shard-1".to_owned()), attempt: 2, ..declared(&phases) };
    let mut again = Story::of(second);
    again = again.counted(5.0, "embed", 5);
    let fleet = seen(&[again.state(), killed], 10.0);
    assert_eq!(fleet.workers.iter().map(|worker| &*worker.worker).collect::<Vec<_>>(), ["w9"]);
    assert_eq!((fleet.phases[0].processed, fleet.phases[0].total), (45, Some(100)));
}

#[test]
fn two_that_do_the_same_part_at_once_are_said() {
    let both = [part("w1", "shard-1", 1, 40).state(), part("w9", "shard-1", 1, 30).state()];
    let fleet = seen(&both, 41.0);
    let (worker, problem) = &fleet.problems[0];
    assert_eq!((&**worker, fleet.workers.len()), ("w9", 1));
    assert!(problem.message.starts_with("works on \"shard-1\" in attempt 1 as \"w1\" does"), "{problem:?}");
    let near = [part("w1", "shard-1", 1, 40).state(), part("w9", "shard-1", 2, 30).state()];
    assert!(seen(&near, 41.0).problems.is_empty());
    assert!(seen(&both, 400.0).problems.is_empty(), "both are lost");
}

#[test]
fn a_worker_that_failed_says_why() {
    let reason = Some("no space left on device".to_owned());
    let failed = worker("w1", 10).at(11.0, EventKind::RunEnded(RunEnded { outcome: Outcome::Error, reason }));
    let fleet = seen(&[failed.state()], 900.0);
    assert_eq!((fleet.failed, fleet.orphaned), (1, 90));
    let text = render::fleet(&fleet, &Viewer { now_unix_ns: unix_ns(900.0), utc_offset_s: 0 }, Form::Plain);
    assert!(text.contains("failed at 14:00: no space left on device"), "{text}");
}

/// A worker that does a thousand a second and says so every five seconds.
fn told_by_heartbeats(until_s: u32) -> Story {
    let mut story = Story::of(declared(&[phase_of("embed", 100_000, 1)]));
    for at_s in (5..=until_s).step_by(5) {
        let done = u64::from(at_s) * 1_000;
        story = story.beat(f64::from(at_s), &[beat("embed", done, f64::from(at_s), 1, [1.0, 0.0, 0.0])], None);
    }
    story
}

#[test]
fn between_heartbeats_the_rate_stands_and_the_end_does_not_move() {
    let mut story = told_by_heartbeats(20);
    // What is in hand is told in between, and says nothing of counts.
    let in_hand = InHand { phase: "embed".to_owned(), lane: 0, item: Some("paper-17".to_owned()) };
    story.push(22.0, EventKind::InHand(in_hand));
    let states = [story.state()];
    let at = |now_s: f64| {
        let fleet = seen(&states, now_s);
        (fleet.items_per_s.expect("it works"), fleet.eta.expect("it works"), fleet.finish_unix_ns)
    };
    let (rate, eta, finish) = at(22.0);
    assert!((rate - 1_000.0).abs() < 50.0, "{rate}");
    for now_s in [23.0, 26.0, 30.0, 34.9] {
        let (later_rate, later_eta, later_finish) = at(now_s);
        assert_eq!((later_rate, later_finish), (rate, finish), "{now_s}");
        assert_eq!(eta.median_ns - later_eta.median_ns, unix_ns(now_s) - unix_ns(22.0), "{now_s}");
    }
    let (stalled, ..) = at(50.0);
    assert!(stalled < rate * 0.8, "{stalled} of {rate}");
}

#[test]
fn throughput_is_of_those_that_live_and_the_last_of_them_sets_the_end() {
    let slow = {
        let mut story = worker("w2", 0);
        for number in 1..=20_u64 {
            story = story.counted(number as f64 * 2.5, "embed", number);
        }
        story
    };
    let fleet =
        seen(&[worker("w1", 50).state(), slow.state(), worker("w3", 100).over(50.0, Outcome::Ok).state()], 50.0);
    let per_s = fleet.items_per_s.expect("two live");
    assert!((per_s - 1.4).abs() < 0.1, "{per_s}");
    assert_eq!(fleet.slowest.as_deref(), Some("w2"));
    let eta_s = fleet.eta.expect("both have an estimate").median_ns / S;
    assert!((180..220).contains(&eta_s), "{eta_s}");
}

#[test]
fn the_whole_and_its_only_worker_are_equally_far() {
    let of = |phases: &[PhaseDeclared], outcome: Option<Outcome>| {
        let mut story = Story::new(phases).counted(10.0, "extract", 10);
        story = story.beat(20.0, &[beat("embed", 5, 10.0, 1, [1.0, 0.0, 0.0])], None);
        if let Some(outcome) = outcome {
            story = story.over(21.0, outcome);
        }
        let fleet = seen(&[story.state()], 22.0);
        assert_eq!(fleet.overall, fleet.workers[0].overall);
        fleet.overall.map(|overall| (overall * 100.0).round())
    };
    let (all, half) = (phase_of("extract", 10, 1), phase_of("extract", 20, 1));
    assert_eq!(of(&[all.clone(), phase("embed")], None), Some(99.0));
    assert_eq!(of(&[all, phase("embed")], Some(Outcome::Ok)), Some(100.0));
    let of_half = of(&[half.clone(), phase("embed")], Some(Outcome::Ok));
    assert!(of_half.is_some_and(|share| share < 100.0), "{of_half:?}");
    let init = PhaseDeclared { role: Role::Initialisation, ..phase("load") };
    assert_eq!(of(&[init, half, phase_of("embed", 10, 1)], Some(Outcome::Ok)), Some(50.0));
}

#[test]
fn the_earliest_limit_is_the_limit() {
    let with_limit = |name: &str, limit_s: f64| {
        let declared = Declared {
            worker: name.to_owned(),
            deadline_unix_ns: Some(unix_ns(limit_s)),
            ..declared(&[phase_of("embed", 1_000, 1)])
        };
        let mut story = Story::of(declared);
        for number in 1..=200 {
            story = story.counted(number as f64, "embed", number);
        }
        story.state()
    };
    let fleet = seen(&[with_limit("w1", 5_000.0), with_limit("w2", 600.0)], 200.0);
    let margin_s = fleet.deadline.and_then(|deadline| deadline.margin_ns).expect("there is one") as f64 / 1e9;
    assert!((margin_s + 400.0).abs() < 20.0, "{margin_s}");
}

#[test]
fn no_worker_and_two_runs_are_refused() {
    let of = |states: &[RunState]| {
        let error = Fleet::of(states, &PastRuns::default(), &FleetLimits::default(), 0).expect_err("refused");
        assert!(error.is_fleet());
        error.to_string()
    };
    assert!(of(&[]).contains("no journal in it yet"));
    let weekly = Story::of(Declared { run: "weekly".to_owned(), ..declared(&[]) });
    let message = of(&[worker("w1", 1).state(), weekly.state()]);
    assert!(message.contains("run \"nightly\" of \"papers\" and run \"weekly\" of \"papers\"; name one"), "{message}");
}
