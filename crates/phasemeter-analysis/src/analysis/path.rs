//! The critical path: what the run waited for at each moment, found by walking back from its end.
//!
//! At each moment it is the phase that ended last before it. Of phases that end together it is, where they stream, the one
//! with the most to do, for the others wait for it; else the one that began first, for it explains most. Within a phase, those that lie within it are walked in the same way, and what they leave is its own.

use std::cmp::Reverse;

use crate::analysis::usage::demand_ns;
use crate::event::Flow;
use crate::state::{PhaseState, RunState, Stretch, Stretches};

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
    let flow = state.flow();
    let phase = |phase: &PhaseState| {
        let at_work = phase.stretches_at(run_ns);
        let demand_ns = match flow {
            Flow::Streaming => demand_ns(phase, at_work.total_ns()),
            Flow::Sequential => 0,
        };
        AtWork { parent: phase.parent, at_work, demand_ns }
    };
    let phases: Vec<_> = state.phases.iter().map(phase).collect();
    let mut path = Path { phases_ns: vec![0; phases.len()], outside_ns: 0 };
    walk(&phases, None, Stretch { from_ns: 0, to_ns: run_ns }, &mut path);
    path
}

/// When a phase was at work, and how much it had to do.
struct AtWork {
    parent: Option<usize>,
    at_work: Stretches,
    demand_ns: u64,
}

fn walk(phases: &[AtWork], parent: Option<usize>, within: Stretch, path: &mut Path) {
    let children: Vec<_> = phases.iter().enumerate().filter(|(_, phase)| phase.parent == parent).collect();
    let mut now_ns = within.to_ns;
    while now_ns > within.from_ns {
        let Some((place, stretch)) = last_before(&children, now_ns).filter(|(_, last)| last.to_ns > within.from_ns)
        else {
            break;
        };
        own(path, parent, now_ns - stretch.to_ns);
        let inner = Stretch { from_ns: stretch.from_ns.max(within.from_ns), to_ns: stretch.to_ns };
        walk(phases, Some(place), inner, path);
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
fn last_before(children: &[(usize, &AtWork)], now_ns: u64) -> Option<(usize, Stretch)> {
    let before = |(place, phase): &(usize, &AtWork)| {
        let list = phase.at_work.as_slice();
        let begun = list.partition_point(|stretch| stretch.from_ns < now_ns);
        let last = begun.checked_sub(1).and_then(|place| list.get(place))?;
        Some((*place, phase.demand_ns, Stretch { from_ns: last.from_ns, to_ns: last.to_ns.min(now_ns) }))
    };
    // Of those that are equal in all of it, the one that is declared first.
    let last = children
        .iter()
        .filter_map(before)
        .min_by_key(|(_, demand_ns, stretch)| (Reverse(stretch.to_ns), Reverse(*demand_ns), stretch.from_ns));
    last.map(|(place, _, stretch)| (place, stretch))
}
