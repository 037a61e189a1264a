//! What was counted a few seconds ago, so that the page can say what happens now. Time is an argument.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use phasemeter_core::catalogue::{PHASE_BYTES, PHASE_ITEMS, PHASE_RUNS, PROCESS_CPU_SECONDS};
use phasemeter_core::{Metric, Snapshot, Value};

use super::model::{Name, whole};
use crate::sync::lock;

/// Views are kept this far apart, however many viewers there are.
const SPACING: Duration = Duration::from_secs(1);
/// A comparison over less is noise, over more is not "now". The page reloads every two seconds.
const NEWEST: Duration = Duration::from_millis(1_500);
const OLDEST: Duration = Duration::from_secs(10);
/// Where there is a choice, the view nearest to this age is compared with.
const WANTED: Duration = Duration::from_secs(4);

/// The counts of the last few views, shared by all viewers; at most one a second for ten seconds.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<VecDeque<(Instant, Arc<Tally>)>>);

/// The counts of one moment that rates are made of.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Tally {
    pub(crate) phases: BTreeMap<Name, PhaseTally>,
    pub(crate) cpu_seconds: Option<f64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PhaseTally {
    pub(crate) runs: u64,
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

/// The counts of a moment some seconds ago.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Earlier {
    pub(crate) ago: Duration,
    pub(crate) tally: Arc<Tally>,
}

/// What a snapshot has counted, whatever the outcome.
pub(crate) fn tally(snapshot: &Snapshot) -> Tally {
    let mut phases: BTreeMap<Name, PhaseTally> = BTreeMap::new();
    let mut add = |metric: &Metric, of: fn(&mut PhaseTally) -> &mut u64| {
        for series in snapshot.series(metric) {
            let sum = of(phases.entry(Name::of(metric, &series.labels)).or_default());
            *sum = sum.saturating_add(whole(&series.value));
        }
    };
    add(&PHASE_RUNS, |tally| &mut tally.runs);
    add(&PHASE_ITEMS, |tally| &mut tally.items);
    add(&PHASE_BYTES, |tally| &mut tally.bytes);
    Tally { phases, cpu_seconds: snapshot.value(&PROCESS_CPU_SECONDS, &[]).map(Value::as_f64) }
}

impl History {
    /// The earlier counts to compare these with, where there are any of a useful age. These are kept in their turn.
    pub(crate) fn compare(&self, now: Instant, tally: Tally) -> Option<Earlier> {
        let mut views = lock(&self.0);
        let age = |at: &Instant| now.saturating_duration_since(*at);
        while views.front().is_some_and(|(at, _)| age(at) > OLDEST) {
            views.pop_front();
        }
        let useful = views.iter().filter(|(at, _)| age(at) >= NEWEST);
        let earlier = useful.min_by_key(|(at, _)| age(at).abs_diff(WANTED));
        let earlier = earlier.map(|(at, tally)| Earlier { ago: age(at), tally: tally.clone() });
        if views.back().is_none_or(|(at, _)| age(at) >= SPACING) {
            views.push_back((now, Arc::new(tally)));
        }
        earlier
    }
}

impl Earlier {
    /// How many a second since then; unknown where a count went back, as after a change of names.
    pub(crate) fn rate(&self, then: u64, now: u64) -> Option<f64> {
        now.checked_sub(then).map(|more| more as f64 / self.ago.as_secs_f64())
    }

    /// The counts of a phase. One that was not there yet had counted nothing.
    pub(crate) fn phase(&self, name: &Name) -> PhaseTally {
        self.tally.phases.get(name).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cpu_seconds: u64) -> Tally {
        Tally { cpu_seconds: Some(cpu_seconds as f64), ..Tally::default() }
    }

    /// Looks at these milliseconds; what is remembered at each look is its own time.
    #[track_caller]
    fn check(looks: &[u64], expected_ago: &[Option<u64>]) {
        let (history, start) = (History::default(), Instant::now());
        let seen: Vec<_> = looks
            .iter()
            .map(|at| {
                let earlier = history.compare(start + Duration::from_millis(*at), of(*at))?;
                let ago = earlier.ago.as_millis() as u64;
                assert_eq!(earlier.tally.cpu_seconds, Some((at - ago) as f64));
                Some(ago)
            })
            .collect();
        assert_eq!(seen, expected_ago);
    }

    #[test]
    fn the_first_view_has_nothing_to_compare_with() {
        check(&[0], &[None]);
    }

    #[test]
    fn a_viewer_that_reloads_compares_over_four_seconds() {
        check(&[0, 2_000, 4_000, 6_000, 8_000], &[None, Some(2_000), Some(4_000), Some(4_000), Some(4_000)]);
    }

    #[test]
    fn two_viewers_at_once_do_not_disturb_each_other() {
        let looks = [0, 100, 2_000, 2_100, 4_000, 4_100];
        check(&looks, &[None, None, Some(2_000), Some(2_100), Some(4_000), Some(4_100)]);
    }

    #[test]
    fn a_viewer_that_comes_back_begins_anew() {
        check(&[0, 60_000, 62_000], &[None, None, Some(2_000)]);
    }

    #[test]
    fn a_thousand_viewers_take_no_more_room_than_one() {
        let (history, start) = (History::default(), Instant::now());
        for millis in 0..30_000 {
            history.compare(start + Duration::from_millis(millis), of(0));
        }
        assert!(lock(&history.0).len() <= 11);
    }

    #[test]
    fn a_count_that_went_back_gives_no_rate() {
        let earlier = Earlier { ago: Duration::from_secs(4), tally: Arc::default() };
        assert_eq!(earlier.rate(10, 30), Some(5.0));
        assert_eq!(earlier.rate(30, 10), None);
    }
}
