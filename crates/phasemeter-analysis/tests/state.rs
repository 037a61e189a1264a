//! Events fold into one state: once, whatever is told twice, out of order or wrongly.

mod story;

use phasemeter_analysis::event::{Declared, InHand, PhaseDeclared};
use phasemeter_analysis::state::{MAX_NOTES, MAX_PHASES, ProblemKind};
use phasemeter_analysis::{Event, EventKind, RunState, Status};
use phasemeter_core::Outcome;
use proptest::prelude::*;
use story::{EPOCH_S, S, Story, counts, declared, phase, phase_of, unix_ns};

#[track_caller]
fn check_problem(state: &RunState, kind: ProblemKind, words: &str) {
    let found = state.problems.as_slice().iter().find(|problem| problem.kind == kind);
    let message = found.map(|problem| &*problem.message).unwrap_or_else(|| panic!("no {kind:?}: {:?}", state.problems));
    assert!(message.contains(words), "{message}");
}

fn statuses(state: &RunState) -> Vec<Status> {
    (0..state.phases.len()).map(|place| state.phase_status(place)).collect()
}

#[test]
fn a_run_is_pending_running_paused_running_and_completed() {
    let story = Story::new(&[phase("embed")]);
    let mut state = story.state();
    assert_eq!(state.status(), Status::Pending);
    let rest = story
        .counted(10.0, "embed", 5)
        .at(20.0, EventKind::Paused)
        .at(80.0, EventKind::Resumed)
        .over(90.0, Outcome::Ok)
        .events();
    let seen: Vec<_> = rest.iter().skip(1).map(|event| (state.apply(event), state.status()).1).collect();
    assert_eq!(seen, [Status::Running, Status::Paused, Status::Running, Status::Completed]);
    assert_eq!((state.elapsed_ns(unix_ns(500.0)), state.clock.paused_ns), (30 * S, 60 * S));
}

#[test]
fn a_declared_phase_that_never_ran_is_skipped() {
    let story = Story::new(&[phase("extract"), phase("embed"), phase_of("store", 0, 1)]).run("extract", 0, 0.0, 5.0);
    assert_eq!(statuses(&story.state()), [Status::Running, Status::Pending, Status::Completed]);
    let state = story.over(6.0, Outcome::Error).state();
    assert_eq!(
        (state.status(), statuses(&state)),
        (Status::Failed, vec![Status::Failed, Status::Skipped, Status::Completed])
    );
}

#[test]
fn a_phase_without_a_total_is_done_when_a_later_one_has_begun() {
    let state = Story::new(&[]).run("extract", 0, 0.0, 5.0).run("embed", 0, 6.0, 8.0).state();
    assert_eq!(statuses(&state), [Status::Completed, Status::Running]);
}

#[test]
fn failed_items_are_done_with_too() {
    let mut story = Story::new(&[phase_of("embed", 10, 1)]);
    let all = phasemeter_analysis::event::Counts { ok: 6, error: 3, skipped: 1, weight: 0 };
    let counted = phasemeter_analysis::event::Counted { phase: "embed".to_owned(), counts: all };
    story.push(10.0, EventKind::Counted(counted));
    assert_eq!(statuses(&story.state()), [Status::Completed]);
}

#[test]
fn a_phase_that_never_ends_is_closed_with_the_run_and_named() {
    let mut story = Story::new(&[phase("embed")]);
    story.begin("embed", 0, 10.0, Some("paper-7"));
    let running = story.state();
    let in_hand = running.items_in_hand(running.clock.run_ns_at(unix_ns(25.0)));
    assert_eq!(in_hand.iter().map(|item| (&*item.item, item.age_ns)).collect::<Vec<_>>(), [("paper-7", 15 * S)]);
    let state = story.over(40.0, Outcome::Error).state();
    check_problem(&state, ProblemKind::NeverEnded, "was in flight with \"paper-7\" for 30.0 s when the run ended");
    assert_eq!(state.phases[0].ended, [0, 0, 1]);
    assert_eq!(state.phases[0].stretches.total_ns(), 30 * S);
    assert!(state.items_in_hand(0).is_empty());
}

#[test]
fn a_clock_that_was_set_back_is_said_and_durations_stay_positive() {
    let story = Story::new(&[phase("embed")]);
    let mut state = story.state();
    let mut told = Story::new(&[]);
    let span = told.begin("embed", 0, 100.0, None);
    told.end(span, 40.0);
    let events = told.counted(50.0, "embed", 1).events_as_told();
    events.iter().skip(1).for_each(|event| state.apply(event));
    check_problem(&state, ProblemKind::ClockWentBack, "set back by 60.0 s");
    assert_eq!((state.clock.run_ns, state.phases[0].service.sum_ns()), (110 * S, 0));
}

#[test]
fn a_total_that_shrinks_is_zero_or_exceeded_is_said() {
    let state = Story::new(&[phase_of("embed", 100, 1), phase_of("store", 0, 1)])
        .counted(5.0, "embed", 60)
        .total(6.0, "embed", 50)
        .state();
    check_problem(&state, ProblemKind::TotalShrank, "from 100 to 50");
    check_problem(&state, ProblemKind::TotalIsZero, "leave it out");
    check_problem(&state, ProblemKind::TotalExceeded, "60 items are processed of 50; set the total");
    assert_eq!((state.phases[0].effective_total(), state.total_changes), (Some(60), 1));
}

#[test]
fn a_resumed_attempt_goes_on_without_counting_twice() {
    let first = Story::new(&[phase_of("embed", 100, 1)]).counted(10.0, "embed", 40);
    let again = |resumed| {
        let phases = [PhaseDeclared { resumed, ..phase_of("embed", 100, 1) }];
        let second = Declared { attempt: 2, ..declared(&phases) };
        first.clone().at(1_000.0, EventKind::Declared(second)).counted(1_010.0, "embed", 25).state()
    };
    let state = again(None);
    assert_eq!((state.attempt, state.phases[0].processed(), state.clock.run_ns), (2, 65, 20 * S));
    // The program knows better: some of what the killed attempt had counted was never committed.
    assert_eq!(again(Some(30)).phases[0].processed(), 55);
    let all_again = first.at(1_000.0, EventKind::Declared(Declared { attempt: 2, ..declared(&[]) }));
    check_problem(&all_again.counted(1_020.0, "embed", 100).state(), ProblemKind::TotalExceeded, "declare how many");
}

#[test]
fn failed_items_of_an_earlier_attempt_are_tried_again() {
    let mut story = Story::new(&[phase_of("embed", 100, 1)]);
    let failed = phasemeter_analysis::event::Counts { ok: 30, error: 10, ..Default::default() };
    let counted = phasemeter_analysis::event::Counted { phase: "embed".to_owned(), counts: failed };
    story.push(10.0, EventKind::Counted(counted));
    let second = EventKind::Declared(Declared { attempt: 2, ..declared(&[]) });
    assert_eq!(story.at(20.0, second).state().phases[0].processed(), 30);
}

#[test]
fn an_older_attempt_that_still_writes_is_left_out() {
    let second = EventKind::Declared(Declared { attempt: 2, ..declared(&[]) });
    let first = EventKind::Declared(declared(&[]));
    let story = Story::new(&[phase("embed")]).at(10.0, second).counted(15.0, "embed", 5);
    let state = story.at(20.0, first).counted(25.0, "embed", 900).state();
    check_problem(&state, ProblemKind::TwoWriters, "attempt 1 is still written after attempt 2 began");
    assert_eq!((state.attempt, state.phases[0].processed()), (2, 5));
}

#[test]
fn two_writers_of_one_journal_are_told_apart() {
    let other_host = Declared { host: "node2".to_owned(), ..declared(&[]) };
    let other_run = Declared { run: "weekly".to_owned(), ..declared(&[]) };
    for (other, words) in [(other_host, "from \"node1\" and from \"node2\""), (other_run, "a journal of its own")] {
        let story = Story::new(&[phase("embed")]).counted(5.0, "embed", 5);
        let state = story.at(10.0, EventKind::Declared(other)).counted(11.0, "embed", 900).state();
        check_problem(&state, ProblemKind::TwoWriters, words);
        assert_eq!((&*state.run, state.phases[0].processed()), ("nightly", 5));
    }
}

#[test]
fn an_attempt_that_begins_twice_is_said_and_goes_on_as_the_next() {
    let again = EventKind::Declared(declared(&[]));
    let story = Story::new(&[phase_of("embed", 100, 1)]).counted(5.0, "embed", 40).at(60.0, again);
    let state = story.counted(65.0, "embed", 10).state();
    check_problem(&state, ProblemKind::TwoWriters, "attempt 1 began twice: the second is taken for the next attempt");
    assert_eq!((state.phases[0].processed(), state.clock.run_ns), (50, 10 * S));
}

#[test]
fn what_comes_before_the_declaration_or_after_the_end_is_said() {
    let story = Story::new(&[]).counted(5.0, "embed", 5).over(6.0, Outcome::Ok).counted(7.0, "embed", 9);
    let state = story.state();
    check_problem(&state, ProblemKind::AfterEnd, "left out");
    assert_eq!(state.phases[0].processed(), 5);
    let state = RunState::of(&story.events()[1..]);
    check_problem(&state, ProblemKind::NotDeclared, "without saying which run");
    assert_eq!(state.phases[0].processed(), 5);
}

#[test]
fn a_run_that_ends_twice_is_said_and_counts_once() {
    let mut story = Story::new(&[phase("embed")]);
    let span = story.begin("embed", 0, 0.0, None);
    story.end(span, 5.0);
    story.end(span, 6.0);
    let state = story.state();
    check_problem(&state, ProblemKind::NeverBegan, "ended before");
    assert_eq!(state.phases[0].runs(), 1);
}

#[test]
fn an_item_in_hand_is_known_until_it_is_put_down() {
    let take = |item: Option<&str>| {
        EventKind::InHand(InHand { phase: "embed".to_owned(), lane: 3, item: item.map(str::to_owned) })
    };
    let story = Story::new(&[phase("embed")]).at(5.0, take(Some("paper-1"))).at(8.0, take(Some("paper-1")));
    let state = story.state();
    assert_eq!(state.items_in_hand(10 * S).first().map(|item| item.age_ns), Some(5 * S));
    assert!(story.at(9.0, take(None)).state().items_in_hand(10 * S).is_empty());
}

#[test]
fn phases_and_notes_are_bounded() {
    let mut story = Story::new(&[]);
    for number in 0..MAX_PHASES + 5 {
        story = story.counted(1.0, &format!("phase-{number}"), 1).at(2.0, EventKind::Note(number.to_string()));
    }
    let state = story.state();
    assert_eq!((state.phases.len(), state.notes.len()), (MAX_PHASES, MAX_NOTES));
    assert_eq!(state.notes.front().map(|(_, text)| &**text), Some("260"));
    check_problem(&state, ProblemKind::TooMany, "put what differs into items");
}

#[test]
fn names_and_items_are_bounded_and_stay_distinct() {
    let long = "ü".repeat(100_000);
    let mut story = Story::new(&[phase(&long)]).counted(1.0, &long, 5).counted(1.0, &format!("{long}x"), 7);
    story.begin(&long, 0, 2.0, Some(&long));
    let state = story.at(3.0, EventKind::Note(long.clone())).state();
    assert_eq!(state.phases.iter().map(|phase| phase.name.len() <= 256).collect::<Vec<_>>(), [true; 2]);
    assert_eq!(state.phase(&long).map(|phase| phase.processed()), Some(5));
    assert!(state.items_in_hand(0)[0].item.len() <= 256 && state.notes[0].1.len() <= 256);
}

#[test]
fn phases_that_call_each_other_in_turn_do_not_lie_within_each_other() {
    let mut story = Story::new(&[]);
    let outer = story.begin("a", 0, 0.0, None);
    story = story.inside(outer, "b", 1.0, 2.0);
    story.end(outer, 3.0);
    let outer = story.begin("b", 0, 4.0, None);
    story = story.inside(outer, "a", 5.0, 6.0);
    let state = story.state();
    assert_eq!(state.phases.iter().map(|phase| phase.parent).collect::<Vec<_>>(), [None, Some(0)]);
}

/// A journal of a run: spans, counts, heartbeats, a pause and two attempts.
fn any_story() -> impl Strategy<Value = Vec<Event>> {
    let step = (0..6_u8, 0..5_000_u64, 0..3_usize, 0..20_u64);
    (prop::collection::vec(step, 1..80), 0..80_usize).prop_map(|(steps, second_attempt)| {
        let mut story = Story::new(&[phase_of("a", 200, 2), phase("b")]);
        let (mut now, mut open, mut count) = (0.0, Vec::new(), 0);
        for (place, (kind, passed_ms, which, amount)) in steps.into_iter().enumerate() {
            now += passed_ms as f64 / 1e3;
            let name = ["a", "b", "c"][which];
            if place == second_attempt {
                story.push(now, EventKind::Declared(Declared { attempt: 2, ..declared(&[]) }));
                (open, count) = (Vec::new(), 0);
            }
            count += amount;
            match kind {
                0 => open.push(story.begin(name, which as u32, now, None)),
                1 => open.pop().into_iter().for_each(|span| story.end(span, now)),
                2 => story = story.counted(now, name, count),
                3 => story.push(now, EventKind::Paused),
                4 => story.push(now, EventKind::Resumed),
                _ => {
                    let beat = phasemeter_analysis::event::PhaseBeat {
                        phase: name.to_owned(),
                        counts: counts(count),
                        ..Default::default()
                    };
                    story = story.beat(now, &[beat], None);
                }
            }
        }
        story.events_as_told()
    })
}

proptest! {
    #[test]
    fn an_event_that_is_told_twice_in_a_row_counts_once(events in any_story()) {
        let once = RunState::of(&events);
        let twice = RunState::of(events.iter().flat_map(|event| [event, event]));
        let seen = |state: &RunState| {
            let phases = state.phases.iter().map(|phase| (phase.all_counts(), phase.runs(), phase.ended_ns));
            (phases.collect::<Vec<_>>(), state.clock, state.status(), state.attempt)
        };
        prop_assert_eq!(seen(&once), seen(&twice));
    }

    #[test]
    fn a_journal_that_is_read_twice_counts_once(events in any_story()) {
        let once = RunState::of(&events);
        let twice = RunState::of(events.iter().chain(&events));
        let counted = |state: &RunState| {
            state.phases.iter().map(|phase| (phase.all_counts(), phase.runs(), phase.ended_ns)).collect::<Vec<_>>()
        };
        prop_assert_eq!(counted(&once), counted(&twice));
        prop_assert_eq!((once.clock, once.status()), (twice.clock, twice.status()));
    }

    #[test]
    fn time_never_goes_back_and_counts_never_fall_within_an_attempt(
        events in any_story(), jumps in prop::collection::vec(-100..100_i64, 80),
    ) {
        let mut state = RunState::default();
        for (event, jump) in events.iter().zip(jumps) {
            let at_ns = event.at_ns.saturating_add_signed(jump * S as i64).max(EPOCH_S * S / 2);
            let (before_ns, attempt) = (state.clock.run_ns, state.attempt);
            let processed = |state: &RunState| state.phases.iter().map(|phase| phase.counts.processed()).sum::<u64>();
            let before = processed(&state);
            state.apply(&Event { at_ns, event: event.event.clone() });
            prop_assert!(state.clock.run_ns >= before_ns);
            prop_assert!(state.attempt > attempt || processed(&state) >= before);
        }
    }
}
