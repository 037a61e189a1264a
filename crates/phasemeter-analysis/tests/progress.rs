//! How far a run is and when it will be done, with the time as an argument.

mod story;

use phasemeter_analysis::event::{Counted, Counts, Declared, Flow, PhaseBeat, PhaseDeclared};
use phasemeter_analysis::progress::{Basis, Eta, HighWater, PastPhase, PastRun, PastRuns};
use phasemeter_analysis::{EventKind, Progress, RunState, Status};
use phasemeter_core::Outcome;
use proptest::prelude::*;
use story::{S, Story, declared, phase, phase_of, unix_ns};

fn progress(story: &Story, now_s: f64) -> Progress {
    Progress::of(&story.state(), &PastRuns::default(), unix_ns(now_s))
}

fn eta_s(eta: Option<Eta>) -> f64 {
    eta.expect("there is an estimate").median_ns as f64 / 1e9
}

#[track_caller]
fn check(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found}, not {expected}");
}

fn past(phases: &[(&str, u64, u64)]) -> PastRuns {
    let phase = |(name, items, seconds): &(&str, u64, u64)| PastPhase {
        name: (*name).to_owned(),
        items: *items,
        workers: 1,
        at_work_ns: seconds * S,
    };
    PastRuns { runs: vec![PastRun { phases: phases.iter().map(phase).collect(), eta_error: None }] }
}

#[test]
fn a_hundred_counts_of_one_are_a_hundred_items_and_finished() {
    let mut story = Story::new(&[phase_of("embed", 100, 1)]);
    for number in 1..=100 {
        story = story.counted(number as f64, "embed", number);
        if number == 50 {
            check(progress(&story, 50.0).overall.expect("it has a total"), 0.5, 1e-9);
            check(eta_s(progress(&story, 50.0).eta), 50.0, 3.0);
        }
    }
    let seen = progress(&story, 100.0);
    assert_eq!((seen.phases[0].processed, seen.phases[0].status, seen.overall), (100, Status::Completed, Some(1.0)));
    check(seen.phases[0].average_per_s.expect("it has worked"), 1.0, 0.02);
    let seen = progress(&story.over(101.0, Outcome::Ok), 900.0);
    assert_eq!((seen.status, seen.overall, seen.elapsed_ns), (Status::Completed, Some(1.0), 101 * S));
    assert_eq!((seen.eta, seen.finish_unix_ns), (None, Some(unix_ns(101.0))));
}

#[test]
fn failed_and_skipped_items_reach_a_hundred_per_cent_too() {
    let mut story = Story::new(&[phase_of("embed", 10, 1)]);
    let counts = Counts { ok: 5, error: 4, skipped: 1, weight: 0 };
    story.push(10.0, EventKind::Counted(Counted { phase: "embed".to_owned(), counts }));
    let seen = progress(&story, 10.0);
    assert_eq!((seen.overall, seen.phases[0].failed, seen.phases[0].skipped), (Some(1.0), 4, 1));
}

#[test]
fn paused_time_is_no_time() {
    let story = Story::new(&[phase_of("embed", 100, 1)]).counted(25.0, "embed", 25).counted(50.0, "embed", 50);
    let before = progress(&story, 50.0);
    let paused = story.at(50.0, EventKind::Paused);
    let during = progress(&paused, 5_000.0);
    assert_eq!((during.status, during.eta, during.elapsed_ns), (Status::Paused, before.eta, 50 * S));
    let after = progress(&paused.at(5_000.0, EventKind::Resumed).counted(5_001.0, "embed", 51), 5_001.0);
    check(eta_s(after.eta), 49.0, 5.0);
    assert_eq!(after.paused_ns, 4_950 * S);
}

#[test]
fn a_limit_that_will_be_missed_is_said_with_by_how_much() {
    let phases = [phase_of("embed", 100, 1)];
    let limit = Declared { deadline_unix_ns: Some(unix_ns(3_600.0)), ..declared(&phases) };
    let mut story = Story::of(limit);
    for number in 1..=40 {
        story = story.counted(number as f64 * 60.0, "embed", number);
    }
    let deadline = progress(&story, 2_400.0).deadline.expect("there is a limit");
    check(deadline.margin_ns.expect("there is an estimate") as f64 / 60e9, -40.0, 1.0);
    assert!(deadline.margin_at_worst_ns < deadline.margin_ns);
}

#[test]
fn thirty_items_in_forty_seconds_are_not_the_mean_of_two_rates() {
    let story = Story::new(&[phase("embed")])
        .run("embed", 0, 0.0, 30.5)
        .counted(30.5, "embed", 10)
        .run("embed", 0, 100.0, 110.0)
        .counted(110.0, "embed", 30);
    check(progress(&story, 110.0).phases[0].average_per_s.expect("it has worked"), 0.741, 0.0005);
}

#[test]
fn overall_is_weighted_by_time_not_by_items() {
    // 10 000 chunks take as long as 100 papers do thrice.
    let phases = [phase_of("extract", 100, 1), phase_of("embed", 10_000, 1)];
    let story = Story::new(&phases).run("extract", 0, 0.0, 100.0).counted(100.0, "extract", 100);
    let past = past(&[("extract", 100, 100), ("embed", 10_000, 300)]);
    let seen = Progress::of(&story.state(), &past, unix_ns(100.0));
    check(seen.overall.expect("both have totals"), 0.25, 1e-9);
    check(eta_s(seen.eta), 300.0, 1e-6);
    assert_eq!(seen.eta.map(|eta| eta.basis), Some(Basis::PastRuns));
}

#[test]
fn of_a_phase_to_come_nothing_is_known_without_a_past() {
    let phases = [phase_of("extract", 100, 1), phase_of("embed", 10_000, 1)];
    let story = Story::new(&phases).counted(50.0, "extract", 50);
    let seen = progress(&story, 50.0);
    assert_eq!((seen.eta, seen.finish_unix_ns, seen.status), (None, None, Status::Running));
    check(seen.overall.expect("as if embed took as long"), 0.25, 0.02);
    assert_eq!(progress(&Story::new(&phases), 50.0).overall, Some(0.0));
    assert_eq!(progress(&Story::new(&[phase("embed")]), 50.0).overall, None);
}

#[test]
fn a_run_is_not_done_while_a_phase_without_a_total_works() {
    let phases = [phase_of("extract", 100, 1), phase("embed")];
    let story = Story::of(Declared { flow: Some(Flow::Streaming), ..declared(&phases) });
    let beats = [PhaseBeat { phase: "embed".to_owned(), counts: story::counts(40), active: 1, ..PhaseBeat::default() }];
    let story = story.counted(50.0, "extract", 50).counted(100.0, "extract", 100).beat(110.0, &beats, None);
    let seen = progress(&story, 111.0);
    assert_eq!((seen.status, seen.overall, seen.eta), (Status::Running, Some(0.99), None));
    let seen = progress(&story.over(120.0, Outcome::Ok), 120.0);
    assert_eq!((seen.status, seen.overall), (Status::Completed, Some(1.0)));
    let none = Story::new(&[phase("embed")]).run("embed", 0, 0.0, 9.0).over(9.0, Outcome::Ok);
    assert_eq!(progress(&none, 9.0).overall, Some(1.0));
}

#[test]
fn what_was_done_is_what_was_counted_however_it_ended() {
    for outcome in [Outcome::Ok, Outcome::Error, Outcome::Cancelled] {
        let story = Story::new(&[phase_of("embed", 20, 1)]).counted(10.0, "embed", 10).over(11.0, outcome);
        let seen = progress(&story, 20.0);
        assert_eq!((seen.phases[0].completion, seen.overall), (Some(0.5), Some(0.5)), "{outcome:?}");
    }
    let phases = [phase_of("extract", 20, 1), phase_of("embed", 20, 1)];
    let story = Story::new(&phases).counted(10.0, "extract", 20).over(11.0, Outcome::Ok);
    assert_eq!(progress(&story, 20.0).overall, Some(0.5), "nothing of embed was done");
}

#[test]
fn a_past_run_is_scaled_by_items_and_its_errors_widen_the_range() {
    let mut past = past(&[("embed", 50, 100)]);
    past.runs[0].eta_error = Some(0.7);
    let story = Story::new(&[phase_of("embed", 100, 1)]);
    let eta = Progress::of(&story.state(), &past, unix_ns(0.0)).eta.expect("the past tells");
    check(eta.median_ns as f64 / 1e9, 200.0, 1e-6);
    check(eta.high_ns as f64 / 1e9, 200.0 * 1.25 * 0.7_f64.exp(), 0.01);
}

#[test]
fn items_that_an_earlier_attempt_did_say_nothing_of_the_rate() {
    let phases = [PhaseDeclared { resumed: Some(900), ..phase_of("embed", 1_000, 1) }];
    let mut story = Story::new(&phases);
    for number in 1..=50 {
        story = story.counted(number as f64, "embed", number);
    }
    let seen = progress(&story, 50.0);
    assert_eq!(seen.phases[0].processed, 950);
    check(eta_s(seen.eta), 50.0, 3.0);
    check(seen.phases[0].current_per_s.expect("it works"), 1.0, 0.05);
}

#[test]
fn an_attempt_that_begins_from_nothing_has_done_nothing() {
    let again = [PhaseDeclared { resumed: Some(0), ..phase_of("embed", 100, 1) }];
    let weighed =
        |resumed: Option<u64>| PhaseDeclared { total_weight: Some(1_000), resumed, ..phase_of("embed", 100, 1) };
    let counts = Counts { ok: 40, weight: 400, ..Counts::default() };
    let items = Story::new(&[weighed(None)])
        .at(10.0, EventKind::Counted(Counted { phase: "embed".to_owned(), counts }))
        .at(60.0, EventKind::Declared(Declared { attempt: 2, ..declared(&[weighed(Some(0))]) }));
    let beat = PhaseBeat { phase: "embed".to_owned(), runs: 40, busy_ns: 10 * S, ..PhaseBeat::default() };
    let runs = Story::new(&[phase_of("embed", 100, 1)])
        .beat(10.0, &[beat], None)
        .at(60.0, EventKind::Declared(Declared { attempt: 2, ..declared(&again) }));
    for story in [items, runs] {
        let seen = progress(&story, 61.0);
        assert_eq!((seen.phases[0].processed, seen.phases[0].completion, seen.overall), (0, Some(0.0), Some(0.0)));
    }
}

#[test]
fn a_stall_lets_the_estimate_grow_without_any_event() {
    let mut story = Story::new(&[phase_of("embed", 1_000, 1)]);
    for number in 1..=500 {
        story = story.counted(number as f64, "embed", number);
    }
    let etas: Vec<_> = [500.0, 700.0, 1_500.0].map(|now_s| eta_s(progress(&story, now_s).eta)).into();
    assert!(etas[1] > etas[0] * 1.1 && etas[2] > etas[1] * 1.5, "{etas:?}");
}

#[test]
fn where_no_items_are_counted_each_run_is_one() {
    let mut story = Story::new(&[phase_of("embed", 10_000, 1)]);
    for number in 0..100_u32 {
        story = story.run("embed", 0, f64::from(number), f64::from(number + 1));
    }
    let seen = progress(&story, 100.0);
    assert_eq!((seen.phases[0].processed, seen.eta.map(|eta| eta.basis)), (100, Some(Basis::Counts)));
    check(eta_s(seen.eta), 9_900.0, 150.0);
    check(seen.phases[0].current_per_s.expect("it works"), 1.0, 0.02);
}

#[test]
fn of_runs_of_which_a_journal_holds_a_sample_heartbeats_know_the_number() {
    let mut story = Story::new(&[phase_of("embed", 10_000, 1)]);
    for number in 1..=100_u32 {
        let at = f64::from(number) * 10.0;
        story = story.run("embed", 0, at - 5.0, at - 4.0);
        let beat = PhaseBeat {
            phase: "embed".to_owned(),
            runs: u64::from(number) * 10,
            busy_ns: u64::from(number) * 10 * S,
            active: 1,
            ..PhaseBeat::default()
        };
        story = story.beat(at, &[beat], None);
    }
    let seen = progress(&story, 1_000.0);
    assert_eq!(seen.phases[0].processed, 1_000);
    check(eta_s(seen.eta), 9_000.0, 150.0);
    check(seen.phases[0].at_work_ns as f64 / 1e9, 1_000.0, 60.0);
}

#[test]
fn weights_know_that_the_large_ones_come_last() {
    let mut story = Story::new(&[PhaseDeclared { total_weight: Some(5_050), ..phase_of("embed", 100, 1) }]);
    for number in 1..=50_u64 {
        let weight = number * (number + 1) / 2;
        let counts = Counts { ok: number, weight, ..Counts::default() };
        story.push(weight as f64, EventKind::Counted(Counted { phase: "embed".to_owned(), counts }));
    }
    let seen = progress(&story, 1_275.0);
    check(eta_s(seen.eta), 3_775.0, 150.0);
    check(seen.overall.expect("it has a total"), 0.2525, 1e-3);
    assert_eq!(seen.eta.map(|eta| eta.basis), Some(Basis::Weight));
}

#[test]
fn phases_that_stream_last_as_long_as_the_slowest_and_its_drain() {
    let phases = [phase_of("read", 100, 1), phase_of("embed", 100, 1), phase_of("store", 100, 1)];
    let mut story = Story::of(Declared { flow: Some(Flow::Streaming), ..declared(&phases) });
    for number in 1..=20_u64 {
        let at = number as f64 * 10.0;
        story = story
            .run("read", 0, at - 10.0, at - 8.0)
            .run("embed", 1, at - 10.0, at)
            .run("store", 2, at - 5.0, at - 2.0)
            .counted(at, "read", number * 2)
            .counted(at, "embed", number)
            .counted(at, "store", number);
    }
    // What has ended says: 80 items of 10 s, and then one of 3 s.
    check(eta_s(progress(&story, 200.0).eta), 803.0, 10.0);
}

#[test]
fn where_phases_stream_one_without_a_total_goes_with_the_others() {
    let phases = [phase("read"), phase_of("embed", 100, 1)];
    let told = |flow| {
        let mut story = Story::of(Declared { flow: Some(flow), ..declared(&phases) });
        for number in 1..=50 {
            story = story.counted(number as f64, "read", number + 5).counted(number as f64, "embed", number);
        }
        progress(&story, 50.0).eta
    };
    check(eta_s(told(Flow::Streaming)), 50.0, 3.0);
    assert_eq!(told(Flow::Sequential), None);
}

#[test]
fn a_phase_within_another_is_a_part_of_it() {
    let mut story = Story::new(&[phase_of("document", 10, 1), phase_of("parse", 10, 1)]);
    for number in 0..5 {
        let at = f64::from(number) * 10.0;
        let outer = story.begin("document", 0, at, None);
        story = story.inside(outer, "parse", at + 1.0, at + 9.0);
        story.end(outer, at + 10.0);
    }
    let seen = progress(&story, 50.0);
    check(eta_s(seen.eta), 50.0, 0.5);
    check(seen.overall.expect("it has a total"), 0.5, 1e-9);
}

#[test]
fn what_was_shown_goes_back_only_where_there_is_more_to_do() {
    let mut high = HighWater::default();
    let mut shown = |story: &Story, now_s: f64| {
        let mut seen = progress(story, now_s);
        high.hold(&mut seen);
        (seen.overall.expect("it has a total"), seen.went_back)
    };
    let story = Story::new(&[phase_of("extract", 10, 1), phase_of("embed", 100, 1)]).counted(10.0, "extract", 5);
    let (first, _) = shown(&story, 10.0);
    // In a stall it is thought to take longer, so that less of it seems to be done.
    let stalled = story.clone().counted(11.0, "extract", 9).counted(12.0, "embed", 1);
    let (second, went_back) = shown(&stalled, 400.0);
    assert!(second >= first && !went_back, "{first} {second}");
    let grown = stalled.total(401.0, "embed", 10_000).total(401.0, "extract", 1_000);
    let (third, went_back) = shown(&grown, 402.0);
    assert!(third < second && went_back, "{second} {third}");
}

#[test]
fn a_total_of_nothing_is_done_at_once() {
    let seen = progress(&Story::new(&[phase_of("embed", 0, 1)]), 5.0);
    assert_eq!((seen.phases[0].status, seen.phases[0].completion), (Status::Completed, Some(1.0)));
    assert_eq!(eta_s(seen.eta), 0.0);
}

proptest! {
    #[test]
    fn overall_stays_between_none_and_all_and_never_goes_back(
        steps in prop::collection::vec((0..3_usize, 1..60_u64, 0..20_u64), 1..60),
    ) {
        let phases = [phase_of("a", 100, 2), phase_of("b", 300, 1), phase("c")];
        let mut state: RunState = Story::new(&phases).state();
        let (mut now, mut done, mut high, mut last) = (0.0, [0; 3], HighWater::default(), 0.0);
        for (which, passed, amount) in steps {
            now += passed as f64;
            done[which] = (done[which] + amount).min(100);
            let name = ["a", "b", "c"][which];
            let events = Story::new(&[]).counted(now, name, done[which]).events_as_told();
            events.iter().skip(1).for_each(|event| state.apply(event));
            let mut seen = Progress::of(&state, &PastRuns::default(), unix_ns(now));
            high.hold(&mut seen);
            let overall = seen.overall.expect("two have totals");
            prop_assert!((last..=1.0).contains(&overall), "{last} {overall}");
            prop_assert!(seen.eta.is_none_or(|eta| eta.low_ns <= eta.median_ns && eta.median_ns <= eta.high_ns));
            last = overall;
        }
    }
}
