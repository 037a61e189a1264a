//! Several workers seen as one.

mod story;

use phasemeter_analysis::analysis::{Limits, Rule};
use phasemeter_analysis::event::{Declared, Resources};
use phasemeter_analysis::progress::PastRuns;
use phasemeter_analysis::{Analysis, Event, RunState, Status};
use phasemeter_core::Outcome;
use proptest::prelude::*;
use story::workloads::beat;
use story::{S, Story, declared, phase_of};

fn worker(name: &str) -> Story {
    let declared = Declared { worker: name.to_owned(), ..declared(&[phase_of("embed", 100, 2)]) };
    Story::of(declared)
}

/// As if the worker had begun so much later.
fn later(story: &Story, seconds: u64) -> RunState {
    let events: Vec<_> =
        story.events().into_iter().map(|event| Event { at_ns: event.at_ns + seconds * S, ..event }).collect();
    RunState::of(&events)
}

fn analysed(states: &[RunState]) -> Analysis {
    let merged = RunState::merged(states);
    Analysis::of(&merged, &PastRuns::default(), &Limits::default(), merged.clock.last_unix_ns)
}

#[test]
fn none_is_nothing_and_one_is_itself() {
    assert_eq!(RunState::merged(&[]), RunState::default());
    let state = worker("w1").run("embed", 0, 0.0, 5.0).state();
    assert_eq!(RunState::merged(std::slice::from_ref(&state)), state);
}

#[test]
fn workers_lie_beside_each_other_by_when_they_began() {
    let first = worker("w1").run("embed", 0, 0.0, 50.0).over(50.0, Outcome::Ok);
    let second = worker("w2").run("embed", 0, 0.0, 50.0).over(50.0, Outcome::Error);
    let states = [first.state(), later(&second, 80)];
    let merged = RunState::merged(&states);
    assert_eq!((merged.status(), merged.clock.run_ns), (Status::Failed, 130 * S));
    assert_eq!(merged.phases[0].stretches.as_slice().len(), 2);
    assert_eq!((merged.phases[0].total, merged.phases[0].workers), (Some(200), Some(4)));
    let analysis = analysed(&states);
    assert_eq!((analysis.phases[0].on_path_ns / S, analysis.outside_ns / S), (100, 30));
    // While one still works, the run does.
    let works = worker("w3").run("embed", 0, 0.0, 5.0).state();
    assert_eq!(RunState::merged(&[first.state(), works]).status(), Status::Running);
}

#[test]
fn the_fullest_worker_of_all_is_the_one_that_counts() {
    let busy = |name: &str, share: f64| {
        let mut story = worker(name);
        for number in 1..=40_u32 {
            let at = f64::from(number) * 10.0;
            let machine = Resources { cpu: Some(share), ..Resources::default() };
            story =
                story.beat(at, &[beat("embed", u64::from(number), at, 2, [share, 1.0 - share, 0.0])], Some(machine));
        }
        story.state()
    };
    let states = [busy("w1", 0.3), busy("w2", 0.9), busy("w3", 0.3)];
    let analysis = analysed(&states);
    let embed = &analysis.phases[0];
    assert!((embed.skew.expect("three work") - 3.0).abs() < 0.01, "{embed:#?}");
    assert!((embed.utilisation.expect("they work") - 0.9).abs() < 0.01, "{embed:#?}");
    assert_eq!((embed.items, embed.workers), (120, 6));
    let merged = RunState::merged(&states);
    let windows = merged.timeline.as_slice();
    assert_eq!(windows.len(), 40);
    assert_eq!(windows.iter().map(|window| window.phases[0].processed).sum::<u64>(), 120);
    assert!((windows[20].resources.cpu.expect("all measure it") - 0.5).abs() < 0.01, "{:?}", windows[20]);
    let rules: Vec<_> = analysis.advice.iter().map(|advice| advice.rule).collect();
    assert_eq!(rules, [Rule::Rebalance]);
    assert!(
        analysis.advice[0].evidence.starts_with("worker w2 was busy for 6 min, 3.0 times"),
        "{:?}",
        analysis.advice
    );
}

#[test]
fn phases_that_only_one_worker_has_stay_within_theirs() {
    let mut first = Story::of(Declared { worker: "w1".to_owned(), ..declared(&[]) }).run("load", 0, 0.0, 5.0);
    let outer = first.begin("document", 0, 10.0, None);
    first = first.inside(outer, "parse", 11.0, 14.0);
    first.end(outer, 20.0);
    let mut second = worker("w2");
    let outer = second.begin("document", 0, 10.0, None);
    second = second.inside(outer, "ocr", 11.0, 19.0);
    second.end(outer, 20.0);
    let merged = RunState::merged(&[second.state(), first.state()]);
    let parent = |name: &str| {
        let parent = merged.phase(name).expect("it is there").parent;
        parent.map(|place| &*merged.phases[place].name)
    };
    let parents = ["embed", "load", "document", "ocr", "parse"].map(parent);
    assert_eq!(parents, [None, None, None, Some("document"), Some("document")]);
}

proptest! {
    #[test]
    fn nothing_is_lost_between_workers(
        runs in prop::collection::vec((0..3_usize, 0..4_u32, 0..100_u32, 1..50_u32, 0..60_u64), 1..40),
    ) {
        let mut stories = [worker("w1"), worker("w2"), worker("w3")];
        let mut shifts = [0; 3];
        for (which, lane, from, long, shift) in runs {
            stories[which] =
                stories[which].clone().run("embed", lane, f64::from(from), f64::from(from + long));
            shifts[which] = shift;
        }
        let states: Vec<_> = stories.iter().zip(shifts).map(|(story, shift)| later(story, shift)).collect();
        let merged = RunState::merged(&states);
        let of = |of: fn(&RunState) -> u64| (of(&merged), states.iter().map(of).sum::<u64>());
        for (all, parts) in [
            of(|state| state.phases[0].runs()),
            of(|state| state.phases[0].service.sum_ns()),
            of(|state| state.phases[0].run_ends.amount),
            of(|state| state.phases[0].lanes.values().map(|lane| lane.busy_ns).sum()),
        ] {
            prop_assert_eq!(all, parts);
        }
        let at_work = merged.phases[0].stretches.total_ns();
        let longest = states.iter().map(|state| state.phases[0].stretches.total_ns()).max();
        prop_assert!(Some(at_work) >= longest && at_work <= merged.clock.run_ns);
    }
}
