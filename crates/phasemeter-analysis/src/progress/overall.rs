//! How much of all phases is done: the completion of each, weighted by the time that it takes.

use crate::event::Role;
use crate::progress::PhaseProgress;
use crate::state::{PhaseState, RunState, Status};

/// As much as can be done while a phase is at work of which nobody knows how much it has to do.
const MOST_OF_UNKNOWN: f64 = 0.99;

/// What one phase adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share {
    pub(crate) completion: Option<f64>,
    pub(crate) has_total: bool,
    /// It is neither known how much it has to do nor that it is done.
    pub(crate) is_open: bool,
    /// How long it takes; 0 where that is not known.
    pub(crate) expected_ns: u64,
}

impl Share {
    pub(crate) fn of(phase: &PhaseProgress) -> Self {
        Self {
            completion: phase.completion,
            has_total: phase.total.is_some(),
            is_open: phase.total.is_none() && !matches!(phase.status, Status::Completed | Status::Skipped),
            expected_ns: phase.expected_ns.unwrap_or(0),
        }
    }
}

/// All of them together. A phase of which the length is unknown weighs as the others do on the average.
pub(crate) fn overall(shares: &[Share]) -> Option<f64> {
    let known: Vec<_> = shares.iter().filter_map(|share| Some((share.completion?, share.expected_ns as f64))).collect();
    // Phases of unknown length that are over say nothing of those that are not.
    let is_any_open = shares.iter().any(|share| share.is_open);
    if known.is_empty() || (is_any_open && !shares.iter().any(|share| share.has_total)) {
        return None;
    }
    let told: Vec<_> = known.iter().map(|(_, expected_ns)| *expected_ns).filter(|ns| *ns > 0.0).collect();
    let usual = if told.is_empty() { 1.0 } else { told.iter().sum::<f64>() / told.len() as f64 };
    // One that is done and took no time had nothing to do.
    let weight = |completion: f64, expected_ns: f64| match expected_ns {
        unknown if unknown <= 0.0 => {
            if completion < 1.0 {
                usual
            } else {
                0.0
            }
        }
        expected_ns => expected_ns,
    };
    let all: f64 = known.iter().map(|(completion, ns)| weight(*completion, *ns)).sum();
    let done: f64 = known.iter().map(|(completion, ns)| completion * weight(*completion, *ns)).sum();
    let overall = if all > 0.0 { (done / all).clamp(0.0, 1.0) } else { 1.0 };
    Some(if is_any_open { overall.min(MOST_OF_UNKNOWN) } else { overall })
}

/// Whether a phase counts: it is work, and no part of a phase that counts itself.
pub(crate) fn is_counted(state: &RunState, phases: &[PhaseProgress], place: usize) -> bool {
    let phase = state.phases.get(place);
    phase.is_some_and(|phase| phase.role == Role::Work && !is_within_counted(state, phases, phase))
}

fn is_within_counted(state: &RunState, phases: &[PhaseProgress], phase: &PhaseState) -> bool {
    let mut above = phase.parent;
    while let Some(place) = above {
        if phases.get(place).is_some_and(|phase| phase.total.is_some()) {
            return true;
        }
        above = state.phases.get(place).and_then(|phase| phase.parent);
    }
    false
}
