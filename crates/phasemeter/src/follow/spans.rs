//! Runs of phases that last long enough to be seen in flight, each with its begin and its end. Shorter ones are in the
//! counts: writing each of them down would cost more than it tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use phasemeter_analysis::event::{Event, EventKind, PhaseEnded, PhaseStarted};
use phasemeter_core::{Outcome, Work};

/// Those that were in flight at the last look.
#[derive(Default)]
pub(super) struct Spans {
    open: BTreeMap<Key, u64>,
    last: u64,
}

/// A phase, when its run began by the process's clock, and what it has in hand.
type Key = (Box<str>, u64, Option<Arc<str>>);

impl Spans {
    /// What began and what ended since the look before. One that has gone ended between the two, and how is in the counts.
    pub(super) fn look(&mut self, work: &[Work], now_ns: u64, now_unix_ns: u64) -> Vec<Event> {
        let in_flight = work.iter().flat_map(|work| {
            let key = |running_ns: u64, item: &Option<Arc<str>>| {
                (work.phase.clone(), now_ns.saturating_sub(running_ns), item.clone())
            };
            work.oldest.iter().map(move |running| (key(running.running_ns, &running.item), running.running_ns))
        });
        let (mut seen, mut begun) = (BTreeMap::new(), Vec::new());
        for (key, running_ns) in in_flight {
            let span = self.open.remove(&key).unwrap_or_else(|| {
                self.last += 1;
                let started = PhaseStarted {
                    span: self.last,
                    phase: key.0.to_string(),
                    parent: None,
                    lane: None,
                    item: key.2.as_deref().map(str::to_owned),
                };
                begun.push(Event {
                    at_ns: now_unix_ns.saturating_sub(running_ns),
                    event: EventKind::PhaseStarted(started),
                });
                self.last
            });
            seen.insert(key, span);
        }
        let gone = std::mem::replace(&mut self.open, seen).into_values();
        let ended = |span| Event {
            at_ns: now_unix_ns,
            event: EventKind::PhaseEnded(PhaseEnded { span, outcome: Outcome::Ok }),
        };
        begun.sort_by_key(|event| event.at_ns);
        let mut events: Vec<_> = gone.map(ended).collect();
        begun.append(&mut events);
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter_core::Running;

    fn work(phase: &str, of: &[(u64, &str)]) -> Work {
        let running = |(running_ns, item): &(u64, &str)| Running {
            item: Some((*item).into()),
            running_ns: *running_ns,
            exited_ns: None,
        };
        Work { phase: phase.into(), oldest: of.iter().map(running).collect(), ..Work::default() }
    }

    #[test]
    fn a_run_is_seen_from_its_begin_to_the_look_that_misses_it() {
        let mut spans = Spans::default();
        let begun = spans.look(&[work("embed", &[(500, "a"), (200, "b")])], 1_000, 9_000);
        let of = |event: &Event| match &event.event {
            EventKind::PhaseStarted(started) => (event.at_ns, started.span, started.item.clone()),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            begun.iter().map(of).collect::<Vec<_>>(),
            [(8_500, 1, Some("a".into())), (8_800, 2, Some("b".into()))]
        );
        assert_eq!(spans.look(&[work("embed", &[(1_500, "a"), (1_200, "b")])], 2_000, 10_000), []);
        let ended = spans.look(&[work("embed", &[(2_200, "b")])], 3_000, 11_000);
        let expected = EventKind::PhaseEnded(PhaseEnded { span: 1, outcome: Outcome::Ok });
        assert_eq!(ended, [Event { at_ns: 11_000, event: expected }]);
    }

    #[test]
    fn the_next_item_of_the_same_phase_is_another_run() {
        let mut spans = Spans::default();
        assert_eq!(spans.look(&[work("embed", &[(10, "a")])], 100, 100).len(), 1);
        assert_eq!(spans.look(&[work("embed", &[(10, "a")])], 200, 200).len(), 2);
    }
}
