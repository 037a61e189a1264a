//! The critical path: what the run waited for at each moment, found by walking back from its end.
//!
//! At each moment it is the phase that ended last before it; of phases that end together, the one that began first, for it
//! explains most. Within a phase, those that lie within it are walked in the same way, and what they leave is its own.

use crate::state::{RunState, Stretch, Stretches};

/// How long each phase was on the critical path, itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    /// By the phase's place.
    pub(super) phases_ns: Vec<u64>,
    /// No phase was at work.
    pub(super) outside_ns: u64,
}

/// Walks back from a moment of the run's time to its begin.
pub(super) fn critical(state: &RunState, run_ns: u64) -> Path {
    let at_work: Vec<_> = state.phases.iter().map(|phase| phase.stretches_at(run_ns)).collect();
    let mut path = Path { phases_ns: vec![0; at_work.len()], outside_ns: 0 };
    walk(state, &at_work, None, Stretch { from_ns: 0, to_ns: run_ns }, &mut path);
    path
}

fn walk(state: &RunState, at_work: &[Stretches], parent: Option<usize>, within: Stretch, path: &mut Path) {
    let children: Vec<_> = (0..at_work.len())
        .filter(|place| state.phases.get(*place).is_some_and(|phase| phase.parent == parent))
        .filter_map(|place| Some((place, at_work.get(place)?)))
        .collect();
    let mut now_ns = within.to_ns;
    while now_ns > within.from_ns {
        let Some((place, stretch)) = last_before(&children, now_ns).filter(|(_, last)| last.to_ns > within.from_ns)
        else {
            break;
        };
        own(path, parent, now_ns - stretch.to_ns);
        let inner = Stretch { from_ns: stretch.from_ns.max(within.from_ns), to_ns: stretch.to_ns };
        walk(state, at_work, Some(place), inner, path);
        now_ns = inner.from_ns;
    }
    own(path, parent, now_ns.saturating_sub(within.from_ns));
}

fn own(path: &mut Path, place: Option<usize>, time_ns: u64) {
    match place.map(|place| path.phases_ns.get_mut(place)) {
        Some(Some(phase_ns)) => *phase_ns += time_ns,
        Some(None) => {}
        None => path.outside_ns += time_ns,
    }
}

/// The stretch that ends last before a moment, or goes on at it, cut off there.
fn last_before(children: &[(usize, &Stretches)], now_ns: u64) -> Option<(usize, Stretch)> {
    let before = |(place, stretches): &(usize, &Stretches)| {
        let list = stretches.as_slice();
        let begun = list.partition_point(|stretch| stretch.from_ns < now_ns);
        let last = begun.checked_sub(1).and_then(|place| list.get(place))?;
        Some((*place, Stretch { from_ns: last.from_ns, to_ns: last.to_ns.min(now_ns) }))
    };
    // Of equal ones, the one that began first; of those, the one that is declared first.
    children
        .iter()
        .filter_map(before)
        .min_by(|(_, one), (_, two)| two.to_ns.cmp(&one.to_ns).then(one.from_ns.cmp(&two.from_ns)))
}
