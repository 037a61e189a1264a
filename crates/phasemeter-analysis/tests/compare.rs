//! Two runs beside each other.

mod story;

use phasemeter_analysis::analysis::Limits;
use phasemeter_analysis::event::{Declared, Flow};
use phasemeter_analysis::progress::PastRuns;
use phasemeter_analysis::{Analysis, Comparison};
use phasemeter_core::Outcome;
use story::workloads::{self, beat};
use story::{Story, declared, phase, phase_of, unix_ns};

/// Three phases that stream; what the workers of `embed` do with the time of an item, in milliseconds, and a factor that
/// differs from heartbeat to heartbeat.
fn run(embed_ms: [f64; 3], workers: u32, jitter: f64) -> Analysis {
    let phases = [phase_of("read", 9_999, 1), phase_of("embed", 9_999, workers), phase_of("store", 9_999, 1)];
    let mut story = Story::of(Declared { flow: Some(Flow::Streaming), ..declared(&phases) });
    let item_s = embed_ms.iter().sum::<f64>() / 1e3 / f64::from(workers);
    let mut at = 0.0;
    for number in 1..=60_u64 {
        at += 100.0 * item_s * if number % 2 == 0 { 1.0 + jitter } else { 1.0 - jitter };
        let items = number * 100;
        let spent = embed_ms.map(|ms| ms / 1e3 * items as f64 / f64::from(workers));
        let beats = [
            beat("read", items, at, 1, [0.1, 0.0, 0.9]),
            beat("embed", items, 1.0, workers, spent),
            beat("store", items, at, 1, [0.5, 0.5, 0.0]),
        ];
        story = story.beat(at, &beats, None);
    }
    let state = story.over(at, Outcome::Ok).state();
    Analysis::of(&state, &PastRuns::default(), &Limits::default(), unix_ns(at))
}

fn compared(base: &Analysis, head: &Analysis) -> Comparison {
    Comparison::of(base, head, &Limits::default()).expect("they are of one pipeline")
}

#[track_caller]
fn check(base: ([f64; 3], u32), head: ([f64; 3], u32), cause: &str) {
    let comparison = compared(&run(base.0, base.1, 0.02), &run(head.0, head.1, 0.02));
    let embed = comparison.phases.iter().find(|phase| phase.name == "embed").expect("it is in both");
    assert_eq!(embed.cause.as_deref(), Some(cause), "{comparison:#?}");
}

const USUAL: [f64; 3] = [90.0, 5.0, 5.0];

#[test]
fn a_phase_that_waits_for_the_next_one_says_so() {
    let comparison = compared(&run(USUAL, 2, 0.02), &run([90.0, 5.0, 36.0], 2, 0.02));
    let embed = comparison.phases.iter().find(|phase| phase.name == "embed").expect("it is in both");
    assert_eq!(embed.change.map(|change| (change * 100.0).round()), Some(31.0));
    assert_eq!(embed.cause.as_deref(), Some("waiting on store, not compute"));
    assert!(comparison.verdict.ends_with("+31 %: waiting on store, not compute"), "{}", comparison.verdict);
    assert!(comparison.is_slower_by(0.10) && !comparison.is_slower_by(0.35));
}

#[test]
fn each_cause_is_told_apart() {
    check((USUAL, 2), ([90.0, 36.0, 5.0], 2), "waiting on read, not compute");
    check((USUAL, 2), ([121.0, 5.0, 5.0], 2), "compute: an item takes 121 ms instead of 90 ms");
    check((USUAL, 4), (USUAL, 3), "3 workers instead of 4");
    check(([90.0, 5.0, 36.0], 2), (USUAL, 2), "less waiting on store, not compute");
}

#[test]
fn what_is_within_noise_is_no_change() {
    let comparison = compared(&run(USUAL, 2, 0.02), &run([93.0, 5.0, 5.0], 2, 0.02));
    assert_eq!(comparison.verdict, "no phase differs by more than noise");
    // Twelve per cent, but heartbeats differ by as much again.
    let noisy = compared(&run(USUAL, 2, 0.5), &run([102.0, 5.0, 5.0], 2, 0.5));
    assert!(!noisy.is_slower_by(0.0), "{noisy:#?}");
    let steady = compared(&run(USUAL, 2, 0.02), &run([102.0, 5.0, 5.0], 2, 0.02));
    assert!(steady.is_slower_by(0.10), "{steady:#?}");
}

#[test]
fn a_phase_that_is_new_or_gone_is_shown() {
    let of = |name: &str| {
        let story = Story::new(&[phase("a"), phase(name)]).run("a", 0, 0.0, 5.0).run(name, 0, 5.0, 9.0);
        let state = story.over(9.0, Outcome::Ok).state();
        Analysis::of(&state, &PastRuns::default(), &Limits::default(), unix_ns(9.0))
    };
    let comparison = compared(&of("b"), &of("c"));
    let shown: Vec<_> = comparison
        .phases
        .iter()
        .map(|phase| (&*phase.name, phase.base_ns.is_some(), phase.head_ns.is_some()))
        .collect();
    assert_eq!(shown, [("a", true, true), ("c", false, true), ("b", true, false)]);
}

fn analysed(story: &Story) -> Analysis {
    let state = story.state();
    Analysis::of(&state, &PastRuns::default(), &Limits::default(), state.clock.last_unix_ns)
}

#[test]
fn a_run_that_takes_six_times_as_long_and_a_new_phase_of_hours_are_slower() {
    let (base, other) = (analysed(&workloads::a()), analysed(&workloads::b()));
    let error = Comparison::of(&base, &other, &Limits::default()).expect_err("they are of two pipelines");
    let message = error.to_string();
    let expected = "\"workload-a\" is of pipeline \"papers\", and \"workload-b\" of \"abstracts\"";
    assert!(error.is_comparison() && message.contains(expected), "{message}");

    let comparison = compared(&base, &Analysis { pipeline: base.pipeline.clone(), ..other });
    assert_eq!((comparison.change * 100.0).round(), 507.0);
    assert!(comparison.is_slower_by(0.10) && comparison.is_slower_by(5.0), "{comparison:#?}");
    assert!(comparison.verdict.contains("is new and takes 16 h"), "{}", comparison.verdict);
}

/// Ten items of a phase, and so long before they begin.
fn with_a_gap(gap_s: f64, items: u64) -> Analysis {
    let end_s = gap_s + items as f64;
    let story = Story::new(&[phase("a")]).run("a", 0, gap_s, end_s).counted(end_s, "a", items);
    analysed(&story.over(end_s, Outcome::Ok))
}

#[test]
fn the_whole_run_counts_by_item_where_no_phase_is_to_blame() {
    let comparison = compared(&with_a_gap(0.0, 100), &with_a_gap(50.0, 100));
    assert!(comparison.is_slower_by(0.45) && !comparison.is_slower_by(0.55), "{comparison:#?}");
    assert!(comparison.verdict.starts_with("the whole run takes 50.0 % longer for each item"), "{comparison:#?}");
    let longer = compared(&with_a_gap(0.0, 100), &with_a_gap(0.0, 300));
    assert!(longer.change > 1.9 && !longer.is_slower_by(0.0), "{longer:#?}");
}

#[test]
fn a_phase_that_has_another_name_is_no_new_one() {
    let of = |name: &str, seconds: f64| {
        let story = Story::new(&[phase("a"), phase(name)]).run("a", 0, 0.0, 50.0).run(name, 0, 50.0, 50.0 + seconds);
        analysed(&story.over(100.0, Outcome::Ok))
    };
    assert!(!compared(&of("b", 50.0), &of("c", 50.0)).is_slower_by(0.0));
    let comparison = compared(&of("b", 10.0), &of("c", 50.0));
    assert!(comparison.is_slower_by(0.35) && !comparison.is_slower_by(0.45), "{comparison:#?}");
}

#[test]
fn runs_that_have_nothing_in_common_are_refused() {
    let of = |name: &str, end: f64| {
        let story = Story::new(&[phase(name)]).run(name, 0, 0.0, end);
        Analysis::of(&story.state(), &PastRuns::default(), &Limits::default(), unix_ns(end))
    };
    let refused = |base: &Analysis, head: &Analysis| {
        let error = Comparison::of(base, head, &Limits::default()).expect_err("it is refused");
        assert!(error.is_comparison());
        error.to_string()
    };
    let message = refused(&of("a", 5.0), &of("b", 5.0));
    assert!(message.contains("\"nightly\" has a, and \"nightly\" has b; compare runs of one pipeline"), "{message}");
    assert!(refused(&of("a", 5.0), &of("a", 0.0)).contains("has no length yet"));
}
