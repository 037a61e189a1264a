//! Runs of phases that last long enough to be told one by one, each with its begin and its end; and what is in hand now and
//! then, so that a journal that breaks off tells what was. Short runs are in the counts: writing each of them down would
//! cost more than it tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use phasemeter_analysis::event::{Event, EventKind, InHand, PhaseEnded, PhaseStarted};
use phasemeter_core::{Outcome, Ran, Work};

/// Those that were in flight at the last look.
#[derive(Default)]
pub(super) struct Spans {
    open: BTreeMap<Key, u64>,
    last: u64,
    in_hand: BTreeMap<(Box<str>, u32), Arc<str>>,
}

/// A phase, when its run began by the process's clock, and what it has in hand.
type Key = (Box<str>, u64, Option<Arc<str>>);

/// A run is told once it has lasted so long: what the look that misses it can be late by is then little of it.
const LONG_NS: u64 = 5_000_000_000;

/// Of each phase, so many items in hand are told.
const IN_HAND: usize = 4;

/// A look, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) now_ns: u64,
    pub(super) unix_ns: u64,
}

impl Spans {
    /// Long runs that began, and those that ended, since the look before.
    pub(super) fn look(&mut self, work: &[Work], at: At) -> Vec<Event> {
        let (mut seen, mut events) = (BTreeMap::new(), Vec::new());
        for work in work {
            for running in work.oldest.iter().filter(|running| running.running_ns >= LONG_NS) {
                let key = (work.phase.clone(), at.now_ns.saturating_sub(running.running_ns), running.item.clone());
                let span = self.open.remove(&key).unwrap_or_else(|| {
                    self.last += 1;
                    let began_ns = at.unix_ns.saturating_sub(running.running_ns);
                    events.push(started(self.last, &key, began_ns));
                    self.last
                });
                seen.insert(key, span);
            }
        }
        events.sort_by_key(|event| event.at_ns);
        for (key, span) in std::mem::replace(&mut self.open, seen) {
            events.push(ended(work, &key, span, at));
        }
        events
    }

    /// What is in hand now, where that is not what it was.
    pub(super) fn in_hand(&mut self, work: &[Work], at: At) -> Vec<Event> {
        let items = work.iter().flat_map(|work| {
            let short = work.oldest.iter().filter(|running| running.running_ns < LONG_NS);
            let items = short.filter_map(|running| running.item.clone()).take(IN_HAND);
            (0_u32..).zip(items).map(|(lane, item)| ((work.phase.clone(), lane), item))
        });
        let now: BTreeMap<_, _> = items.collect();
        let told = |(phase, lane): &(Box<str>, u32), item: Option<&Arc<str>>| Event {
            at_ns: at.unix_ns,
            event: EventKind::InHand(InHand {
                phase: phase.to_string(),
                lane: *lane,
                item: item.map(|item| item.to_string()),
            }),
        };
        let gone = self.in_hand.keys().filter(|place| !now.contains_key(*place)).map(|place| told(place, None));
        let other = now.iter().filter(|(place, item)| self.in_hand.get(*place) != Some(*item));
        let events = gone.chain(other.map(|(place, item)| told(place, Some(item)))).collect();
        self.in_hand = now;
        events
    }
}

fn started(span: u64, (phase, _, item): &Key, at_ns: u64) -> Event {
    let item = item.as_deref().map(str::to_owned);
    let started = PhaseStarted { span, phase: phase.to_string(), parent: None, lane: None, item };
    Event { at_ns, event: EventKind::PhaseStarted(started) }
}

/// When and how it ended, where it is among those that are kept; else at this look, and well.
fn ended(work: &[Work], (phase, began_ns, item): &Key, span: u64, at: At) -> Event {
    let is_it = |ran: &&Ran| {
        let began = at.now_ns.saturating_sub(ran.ago_ns).saturating_sub(ran.elapsed_ns);
        // The two times were taken one after the other.
        ran.item == *item && began.abs_diff(*began_ns) < 1_000_000
    };
    let of_phase = || work.iter().filter(|work| work.phase == *phase);
    let failed = of_phase().find_map(|work| work.failed.iter().find(is_it));
    let ran = failed.or_else(|| of_phase().find_map(|work| work.slowest.iter().find(is_it)));
    let outcome = if failed.is_some() { Outcome::Error } else { Outcome::Ok };
    let at_ns = at.unix_ns.saturating_sub(ran.map_or(0, |ran| ran.ago_ns));
    Event { at_ns, event: EventKind::PhaseEnded(PhaseEnded { span, outcome }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter_core::Running;

    const SECOND_NS: u64 = 1_000_000_000;

    /// A phase with runs in flight, by how many seconds they have lasted.
    fn work(of: &[(u64, &str)]) -> Work {
        let running = |(seconds, item): &(u64, &str)| Running {
            item: Some((*item).into()),
            running_ns: seconds * SECOND_NS,
            exited_ns: None,
        };
        Work { phase: "embed".into(), oldest: of.iter().map(running).collect(), ..Work::default() }
    }

    fn at(second: u64) -> At {
        At { now_ns: second * SECOND_NS, unix_ns: (1_000 + second) * SECOND_NS }
    }

    fn ended_at(at_ns: u64, span: u64, outcome: Outcome) -> Event {
        Event { at_ns, event: EventKind::PhaseEnded(PhaseEnded { span, outcome }) }
    }

    #[test]
    fn a_long_run_is_told_from_its_begin_to_the_look_that_misses_it() {
        let mut spans = Spans::default();
        let begun = spans.look(&[work(&[(9, "a"), (7, "b"), (1, "short")])], at(10));
        let of = |event: &Event| match &event.event {
            EventKind::PhaseStarted(started) => (event.at_ns / SECOND_NS, started.span, started.item.clone()),
            other => panic!("{other:?}"),
        };
        let expected = [(1_001, 1, Some("a".to_owned())), (1_003, 2, Some("b".to_owned()))];
        assert_eq!(begun.iter().map(of).collect::<Vec<_>>(), expected);
        assert_eq!(spans.look(&[work(&[(10, "a"), (8, "b")])], at(11)), []);
        assert_eq!(spans.look(&[work(&[(9, "b")])], at(12)), [ended_at(1_012 * SECOND_NS, 1, Outcome::Ok)]);
    }

    #[test]
    fn one_that_is_kept_as_slow_or_failed_ended_when_and_as_it_did() {
        let mut spans = Spans::default();
        let _begun = spans.look(&[work(&[(6, "a"), (5, "b")])], at(10));
        let ran =
            |item: &str, elapsed_ns, ago_ns| Ran { item: Some(item.into()), elapsed_ns, ago_ns, error_type: None };
        let half = SECOND_NS / 2;
        let mut after = work(&[]);
        after.slowest.push(ran("a", 6 * SECOND_NS + half, half));
        after.failed.push(ran("b", 5 * SECOND_NS + half, half));
        let at_ns = 1_010 * SECOND_NS + half;
        assert_eq!(spans.look(&[after], at(11)), [ended_at(at_ns, 1, Outcome::Ok), ended_at(at_ns, 2, Outcome::Error)]);
    }

    #[test]
    fn what_is_in_hand_is_told_when_it_changes() {
        let mut spans = Spans::default();
        let told = |events: Vec<Event>| {
            let of = |event: Event| match event.event {
                EventKind::InHand(hand) => (hand.lane, hand.item),
                other => panic!("{other:?}"),
            };
            events.into_iter().map(of).collect::<Vec<_>>()
        };
        let first = told(spans.in_hand(&[work(&[(1, "a"), (0, "b"), (9, "long")])], at(1)));
        assert_eq!(first, [(0, Some("a".into())), (1, Some("b".into()))]);
        assert_eq!(told(spans.in_hand(&[work(&[(1, "a"), (0, "b")])], at(2))), []);
        assert_eq!(told(spans.in_hand(&[work(&[(1, "a")])], at(3))), [(1, None)]);
        assert_eq!(told(spans.in_hand(&[work(&[(0, "c")])], at(4))), [(0, Some("c".into()))]);
    }
}
