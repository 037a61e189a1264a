//! Where the time of known runs went, and what would be: the numbers that must come out.

mod story;

use phasemeter_analysis::analysis::{Limits, Rule, WhatIf};
use phasemeter_analysis::event::{Flow, Resources};
use phasemeter_analysis::progress::PastRuns;
use phasemeter_analysis::render::{self, Form};
use phasemeter_analysis::{Analysis, Error, EventKind, Status};
use phasemeter_core::Outcome;
use proptest::prelude::*;
use story::workloads::{a, b, beat, seed};
use story::{S, Story, phase, phase_of, unix_ns};

fn analysed(story: &Story, now_s: f64) -> Analysis {
    Analysis::of(&story.state(), &PastRuns::default(), &Limits::default(), unix_ns(now_s))
}

/// By how much a run would be shorter, in per cent, and how many times as fast.
fn what_if(analysis: &Analysis, question: &str) -> (f64, f64) {
    let asked: WhatIf = question.parse().expect("it is understood");
    let answer = analysis.what_if(&asked).expect("it can be answered");
    ((answer.shorter * 1_000.0).round() / 10.0, (answer.speedup * 100.0).round() / 100.0)
}

#[track_caller]
fn check(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found}, not {expected}");
}

#[test]
fn of_ten_thirty_and_five_seconds_embedding_is_two_thirds() {
    let analysis = analysed(&seed(), 45.0);
    let shares: Vec<_> = analysis.phases.iter().map(|phase| (phase.time_share * 1_000.0).round() / 10.0).collect();
    assert_eq!(shares, [22.2, 66.7, 11.1]);
    assert_eq!(what_if(&analysis, "embed=2x").0, 33.3);
    assert_eq!(
        analysis.verdict,
        "embed takes 66.7 % of the time (30 s of 45 s): twice as fast, the run is 33.3 % shorter"
    );
}

#[test]
fn workload_a_is_understood() {
    let analysis = analysed(&a(), 9_680.0);
    assert_eq!(what_if(&analysis, "extract=2x").0, 27.8);
    assert_eq!(what_if(&analysis, "embed=2x").0, 22.1);
    let (shorter, speedup) = what_if(&analysis, "overlap");
    assert_eq!((shorter.round(), speedup), (44.0, 1.80));
    check(analysis.overlap_efficiency.expect("it has phases"), 0.556, 0.0005);
    let more = analysis.what_if(&"workers:extract=+12".parse().expect("understood")).expect("answered");
    check(more.items_per_s.expect("items") * 60.0, 7.2, 0.005);
    assert_eq!(what_if(&analysis, "workers:extract=48"), what_if(&analysis, "workers:extract=+12"));
    check(analysis.items_per_s.expect("items") * 60.0, 6.2, 0.005);
    let per_min = |name: &str| analysis.phase(name).and_then(|phase| phase.items_per_s).expect("items") * 60.0;
    check(per_min("extract"), 11.2, 0.1);
    check(per_min("embed"), 14.0, 0.05);
    assert_eq!((analysis.flow, analysis.outside_ns), (Flow::Sequential, 9 * S));
    let rules: Vec<_> = analysis.advice.iter().map(|advice| advice.rule).collect();
    assert_eq!(rules, [Rule::OverlapPhases]);
    check(analysis.advice[0].gain.expect("it has a gain"), 0.444, 0.0005);
}

#[test]
fn workload_b_names_the_single_thread_that_stores() {
    let analysis = analysed(&b(), 58_750.0);
    assert_eq!(analysis.flow, Flow::Streaming);
    assert_eq!(analysis.bound.as_ref().map(|bound| &*bound.phase), Some("store"));
    check(analysis.items_per_s.expect("items"), 48.0, 0.01);
    check(analysis.phase("store").and_then(|phase| phase.capacity_per_s).expect("items"), 49.5, 0.05);
    let sink = &analysis.advice[0];
    assert_eq!((sink.rule, sink.phase.as_deref()), (Rule::ScaleTheSink, Some("store")));
    assert!(sink.action.starts_with("scale the sink") && sink.evidence.contains("embed waits for store 43.0 %"));
    assert_eq!(analysis.advice.len(), 1, "{:#?}", analysis.advice);
    assert_eq!(analysis.verdict, "store (one worker, full for 97.0 % of the time) limits the run to at most 49.5/s");
    // min(2·μ of the sink, μ of the GPUs): the GPUs are next.
    assert_eq!(what_if(&analysis, "workers:store=2"), (43.3, 1.76));
    assert_eq!(what_if(&analysis, "store=1.2x"), (16.7, 1.2));
    assert_eq!(what_if(&analysis, "embed=2x"), (0.0, 1.0));
}

#[test]
fn several_changes_are_answered_together() {
    let analysis = analysed(&a(), 9_680.0);
    let together = what_if(&analysis, "extract=2x, overlap");
    check(together.0, 100.0 * (1.0 - 4_287.0 / 9_680.0), 0.06);
    check(what_if(&analysis, "extract=2x,embed=2x").0, 27.8 + 22.1, 0.11);
    check(what_if(&analysis, "extract=0.5x").0, -55.6, 0.05);
}

#[test]
fn more_workers_make_no_item_shorter() {
    let mut story = Story::new(&[phase_of("embed", 3, 1)]);
    story = story.run("embed", 0, 0.0, 10.0).run("embed", 0, 10.0, 20.0).run("embed", 0, 20.0, 100.0);
    let analysis = analysed(&story.over(100.0, Outcome::Ok), 100.0);
    assert_eq!(what_if(&analysis, "workers:embed=100").0, 20.0);
    assert_eq!(what_if(&analysis, "embed=100x").0, 99.0);
    // Ten items for four workers take three rounds, for five two, and for nine two as well.
    let mut story = Story::new(&[phase_of("embed", 10, 4)]);
    for number in 0..10_u32 {
        let at = f64::from(number / 4) * 10.0;
        story = story.run("embed", number % 4, at, at + 10.0);
    }
    let analysis = analysed(&story.over(30.0, Outcome::Ok), 30.0);
    let shorter = ["workers:embed=5", "workers:embed=9", "workers:embed=2"].map(|asked| what_if(&analysis, asked).0);
    assert_eq!(shorter, [33.3, 33.3, -66.7]);
}

#[test]
fn what_is_not_understood_names_what_would_be() {
    let analysis = analysed(&a(), 9_680.0);
    let message = |error: Error| {
        assert!(error.is_what_if());
        error.to_string()
    };
    for (question, words) in [
        ("", "is not understood; say PHASE=2x"),
        ("faster", "workers:PHASE=+12 or overlap"),
        ("embed=2", "\"2\" is no factor, such as 2x"),
        ("embed=0x", "no factor above 0"),
        ("embed=-1x", "no factor above 0"),
        ("embed=infx", "no factor above 0"),
        ("=2x", "is not understood"),
        ("workers:embed=many", "\"many\" is no number of workers, such as 48 or +12"),
        ("workers:embed=0", "no number of workers"),
        ("overlap,", "is not understood"),
    ] {
        let found = message(question.parse::<WhatIf>().expect_err(question));
        assert!(found.contains(words) && found.contains(&format!("{question:?}")), "{found}");
    }
    let unknown: WhatIf = "embbed=2x".parse().expect("it is understood");
    let found = message(analysis.what_if(&unknown).expect_err("there is none"));
    assert_eq!(found, "cannot answer what if \"embbed=2x\": there is no phase \"embbed\"; there are extract, embed");
    let nothing = analysed(&Story::new(&[phase("embed")]), 0.0);
    let found = message(nothing.what_if(&"embed=2x".parse().expect("understood")).expect_err("it has no length"));
    assert!(found.contains("no length yet"), "{found}");
}

#[test]
fn twelve_items_are_not_enough_while_the_run_lasts() {
    let mut story = Story::new(&[phase_of("embed", 1_000, 1)]);
    story = story.counted(10.0, "embed", 12);
    assert_eq!(analysed(&story, 10.0).verdict, "not enough data (12 items)");
    assert_eq!(analysed(&Story::new(&[]), 10.0).verdict, "not enough data (0 items)");
    let near = story.counted(20.0, "embed", 30);
    assert!(analysed(&near, 20.0).verdict.starts_with("embed takes"));
}

#[test]
fn overlapping_phases_share_the_path_and_their_shares_sum_to_one() {
    // b begins within a and ends last; at its end c waits for nothing.
    let story = Story::new(&[]).run("a", 0, 0.0, 60.0).run("b", 1, 40.0, 100.0).run("c", 2, 50.0, 90.0);
    let analysis = analysed(&story.over(110.0, Outcome::Ok), 110.0);
    let on_path: Vec<_> = analysis.phases.iter().map(|phase| phase.on_path_ns / S).collect();
    assert_eq!((on_path, analysis.outside_ns / S), (vec![40, 60, 0], 10));
}

#[test]
fn of_phases_that_end_together_the_one_that_began_first_is_waited_for() {
    let phases = [phase("short"), phase("long")];
    let story = Story::new(&phases).run("short", 0, 80.0, 100.0).run("long", 1, 0.0, 100.0).over(100.0, Outcome::Ok);
    let analysis = analysed(&story, 100.0);
    assert_eq!(analysis.phases.iter().map(|phase| phase.on_path_ns / S).collect::<Vec<_>>(), [0, 100]);
}

#[test]
fn what_lies_within_a_phase_is_taken_out_of_its_own_time() {
    let mut story = Story::new(&[]);
    let outer = story.begin("document", 0, 0.0, None);
    story = story.inside(outer, "parse", 10.0, 40.0).inside(outer, "embed", 50.0, 90.0);
    story.end(outer, 100.0);
    let analysis = analysed(&story.over(100.0, Outcome::Ok), 100.0);
    let times: Vec<_> =
        analysis.phases.iter().map(|phase| (&*phase.name, phase.on_path_ns / S, phase.self_ns / S)).collect();
    assert_eq!(times, [("document", 30, 30), ("parse", 30, 30), ("embed", 40, 40)]);
    assert_eq!(analysis.phase("parse").and_then(|phase| phase.parent.as_deref()), Some("document"));
}

#[test]
fn the_fullest_worker_is_shown_not_the_mean() {
    let mut story = Story::new(&[phase_of("embed", 10, 4)]).run("embed", 0, 0.0, 100.0);
    for lane in 1..4 {
        story = story.run("embed", lane, 0.0, 20.0);
    }
    let analysis = analysed(&story.over(100.0, Outcome::Ok), 100.0);
    let embed = analysis.phase("embed").expect("it was at work");
    check(embed.utilisation.expect("it was busy"), 1.0, 1e-9);
    check(embed.skew.expect("it has workers"), 5.0, 1e-9);
    assert_eq!((embed.drain_ns, embed.drain_cost_ns), (Some(80 * S), Some(60 * S)));
}

#[test]
fn littles_law_holds_where_all_is_measured_and_says_where_it_is_not() {
    let mut story = Story::new(&[phase_of("embed", 40, 4)]);
    for number in 0..40_u32 {
        let at = f64::from(number / 4) * 10.0;
        story = story.run("embed", number % 4, at, at + 10.0);
    }
    let little = |story: &Story| analysed(story, 100.0).phases[0].little.expect("it was busy");
    check(little(&story).ratio(), 1.0, 1e-9);
    check(little(&story).at_work, 4.0, 1e-9);
    // Heartbeats that see half of the work.
    let half = beat("embed", 40, 100.0, 4, [0.5, 0.0, 0.0]);
    check(little(&story.beat(100.0, &[half], None)).ratio(), 0.5, 1e-9);
}

#[test]
fn what_the_machine_did_is_told_by_the_phase_that_worked_meanwhile() {
    let machine = |cpu| Some(Resources { cpu: Some(cpu), ..Resources::default() });
    let story = Story::new(&[phase("a"), phase("b")])
        .beat(10.0, &[beat("a", 1, 10.0, 1, [1.0, 0.0, 0.0])], machine(0.9))
        .beat(40.0, &[beat("a", 2, 40.0, 1, [1.0, 0.0, 0.0])], machine(0.5))
        .beat(50.0, &[beat("b", 1, 10.0, 1, [1.0, 0.0, 0.0])], machine(0.1));
    let analysis = analysed(&story, 50.0);
    let seen = analysis.phases.iter().map(|phase| (phase.machine.cpu, phase.machine_at_most.cpu));
    assert_eq!(seen.collect::<Vec<_>>(), [(Some(0.6), Some(0.9)), (Some(0.1), Some(0.1))]);
    assert_eq!(analysis.phases[0].machine.gpu, None, "what nobody measures is absent, not 0");
}

#[test]
fn a_killed_run_lasted_until_it_was_heard_of_last() {
    let mut story = Story::new(&[phase_of("embed", 100, 1)]).counted(500.0, "embed", 50);
    story.begin("embed", 0, 600.0, Some("paper-51"));
    let story = story.counted(630.0, "embed", 50);
    let next_day = analysed(&story, 86_400.0);
    assert!(next_day.is_lost);
    assert_eq!((next_day.wall_ns, next_day.status), (630 * S, Status::Running));
    let text = render::analysis(&next_day, Form::Plain);
    assert!(text.contains("\nbroke off after 10 min 30 s, 50 items"), "{text}");
    let works = analysed(&story, 700.0);
    assert_eq!((works.is_lost, works.wall_ns), (false, 700 * S));
    assert!(!analysed(&story.over(640.0, Outcome::Ok), 86_400.0).is_lost);
}

#[test]
fn getting_ready_is_a_share_of_the_busy_time() {
    let story = Story::new(&[]).run("load_model", 0, 0.0, 20.0).run("embed", 0, 20.0, 100.0);
    assert_eq!(analysed(&story, 100.0).initialisation_share, Some(0.2));
    let story = Story::new(&[]).run("read", 0, 0.0, 20.0).run("embed", 0, 20.0, 100.0);
    assert_eq!(analysed(&story, 100.0).initialisation_share, None);
}

#[test]
fn paused_time_is_nobodys() {
    let story = Story::new(&[])
        .run("a", 0, 0.0, 50.0)
        .at(20.0, EventKind::Paused)
        .at(1_020.0, EventKind::Resumed)
        .over(1_050.0, Outcome::Ok);
    let analysis = analysed(&story, 1_050.0);
    // It ended while nothing passed.
    assert_eq!((analysis.wall_ns, analysis.phases[0].at_work_ns), (50 * S, 20 * S));
}

proptest! {
    #[test]
    fn shares_sum_to_one_and_no_answer_is_out_of_bounds(
        runs in prop::collection::vec((0..3_usize, 0..4_u32, 0..100_u32, 1..50_u32), 1..40), factor in 1.0..9.0_f64,
    ) {
        let mut story = Story::new(&[]);
        for (which, lane, from, long) in runs {
            story = story.run(["a", "b", "c"][which], lane, f64::from(from), f64::from(from + long));
        }
        let analysis = analysed(&story.over(200.0, Outcome::Ok), 200.0);
        let shares: f64 = analysis.phases.iter().map(|phase| phase.time_share).sum();
        let outside = analysis.outside_ns as f64 / analysis.wall_ns as f64;
        prop_assert!((shares + outside - 1.0).abs() < 1e-9);
        for phase in &analysis.phases {
            prop_assert!(phase.on_path_ns <= phase.at_work_ns && phase.self_ns <= phase.at_work_ns);
            prop_assert!(phase.utilisation.is_none_or(|full| (0.0..=1.0).contains(&full)));
        }
        for question in [format!("a={factor}x"), "workers:b=+3".to_owned(), "overlap".to_owned()] {
            let Ok(answer) = analysis.what_if(&question.parse().expect("understood")) else { continue };
            prop_assert!((-1e-9..1.0).contains(&answer.shorter) && answer.after_ns > 0, "{answer:?}");
        }
    }
}
