//! What is in hand now and then, so that a journal that breaks off tells what was. Single runs of phases are not told: what is
//! seen of them once in a while would be told as more than it is, and they are in the counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use phasemeter_analysis::event::{EventKind, InHand as Told};
use phasemeter_core::Work;

/// What was told last, by phase and place.
#[derive(Default)]
pub(super) struct InHand(BTreeMap<(Box<str>, u32), Arc<str>>);

/// Of each phase, so many items are told: those that have been in hand longest.
const MOST: usize = 4;

impl InHand {
    /// What is in hand, where that is not what it was.
    pub(super) fn look(&mut self, work: &[Work]) -> Vec<EventKind> {
        let items = work.iter().flat_map(|work| {
            let items = work.oldest.iter().filter_map(|running| running.item.clone()).take(MOST);
            (0_u32..).zip(items).map(|(place, item)| ((work.phase.clone(), place), item))
        });
        let now: BTreeMap<_, _> = items.collect();
        let told = |(phase, lane): &(Box<str>, u32), item: Option<&Arc<str>>| {
            EventKind::InHand(Told { phase: phase.to_string(), lane: *lane, item: item.map(|item| item.to_string()) })
        };
        let gone = self.0.keys().filter(|place| !now.contains_key(*place)).map(|place| told(place, None));
        let other = now.iter().filter(|(place, item)| self.0.get(*place) != Some(*item));
        let events = gone.chain(other.map(|(place, item)| told(place, Some(item)))).collect();
        self.0 = now;
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter_core::Running;

    fn work(items: &[&str]) -> Work {
        let running = |item: &&str| Running { item: Some((*item).into()), running_ns: 1, exited_ns: None };
        Work { phase: "embed".into(), oldest: items.iter().map(running).collect(), ..Work::default() }
    }

    #[test]
    fn what_is_in_hand_is_told_when_it_changes() {
        let mut in_hand = InHand::default();
        let mut told = |items: &[&str]| {
            let of = |event: EventKind| match event {
                EventKind::InHand(hand) => (hand.lane, hand.item),
                other => panic!("{other:?}"),
            };
            in_hand.look(&[work(items)]).into_iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(told(&["a", "b"]), [(0, Some("a".into())), (1, Some("b".into()))]);
        assert_eq!(told(&["a", "b"]), []);
        assert_eq!(told(&["a"]), [(1, None)]);
        assert_eq!(told(&["c"]), [(0, Some("c".into()))]);
        assert_eq!(told(&["1", "2", "3", "4", "5"]).len(), MOST);
    }
}
