//! Where the time of a run went, and what would help.

mod advice;
mod limits;
mod path;
mod usage;
mod verdict;
mod what_if;

use crate::event::Flow;
use crate::progress::PastRuns;
use crate::state::{Problem, RunState, Status};

pub use advice::{Advice, Rule, Severity};
pub use limits::Limits;
pub use usage::{Little, PhaseUsage};
pub use what_if::{Answer, WhatIf};

/// What can be said of a run.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Analysis {
    /// The pipeline.
    pub pipeline: String,
    /// The run's id.
    pub run: String,
    /// What it is up to.
    pub status: Status,
    /// Whether its process is gone, though the run has not ended.
    pub is_lost: bool,
    /// How long it has lasted, without pauses; where it is lost, until it was heard of last.
    pub wall_ns: u64,
    /// How its phases follow each other.
    pub flow: Flow,
    /// Items that the run has put out: those of the last phase that is one of its own and has any.
    pub items: u64,
    /// The same per second of the run.
    pub items_per_s: Option<f64>,
    /// Each phase.
    pub phases: Vec<PhaseUsage>,
    /// How long the run waited for no phase at all.
    pub outside_ns: u64,
    /// The longest phase as a share of the run: 1 where all others hide behind it.
    pub overlap_efficiency: Option<f64>,
    /// What of the busy time went into getting ready, where a phase is known to be there for it.
    pub initialisation_share: Option<f64>,
    /// What limits the run, were its phases to overlap.
    pub bound: Option<Bound>,
    /// What would help, the largest gain first.
    pub advice: Vec<Advice>,
    /// All of it in one sentence.
    pub verdict: String,
    /// The limits that were used.
    pub limits: Limits,
    /// What is wrong with the run's events.
    pub problems: Vec<Problem>,
}

/// Throughput cannot exceed the smallest capacity.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Bound {
    /// The phase that has it.
    pub phase: String,
    /// In its own items.
    pub capacity_per_s: Option<f64>,
    /// The run cannot be shorter while that phase stays as it is.
    pub shortest_ns: u64,
}

impl Analysis {
    /// Analyses a run at a time since the Unix epoch, beside earlier ones.
    #[must_use]
    pub fn of(state: &RunState, past: &PastRuns, limits: &Limits, now_unix_ns: u64) -> Self {
        let is_lost = state.is_lost(now_unix_ns, (limits.lost_after_s.max(0.0) * 1e9) as u64);
        let wall_ns = state.elapsed_ns(if is_lost { state.clock.last_unix_ns } else { now_unix_ns });
        let path = path::critical(state, wall_ns);
        let phases: Vec<_> =
            (0..state.phases.len()).filter_map(|place| usage::usage(state, place, wall_ns, &path, limits)).collect();
        let outer = || phases.iter().filter(|phase| phase.parent.is_none() && !phase.is_initialisation);
        let items = outer().rev().map(|phase| phase.items).find(|items| *items > 0).unwrap_or(0);
        let seconds = wall_ns as f64 / 1e9;
        let longest_ns = outer().map(|phase| phase.at_work_ns).max();
        let mut analysis = Self {
            pipeline: state.pipeline.clone(),
            run: state.run.clone(),
            status: state.status(),
            is_lost,
            wall_ns,
            flow: state.flow(),
            items,
            items_per_s: (items > 0 && seconds > 0.0).then(|| items as f64 / seconds),
            outside_ns: path.outside_ns,
            overlap_efficiency: longest_ns.filter(|_| wall_ns > 0).map(|longest_ns| longest_ns as f64 / wall_ns as f64),
            initialisation_share: initialisation_share(&phases),
            bound: bound(&phases),
            phases,
            advice: Vec::new(),
            verdict: String::new(),
            limits: limits.clone(),
            problems: state.problems.as_slice().to_vec(),
        };
        analysis.advice = advice::advice(&analysis, state, past);
        analysis.verdict = verdict::verdict(&analysis);
        analysis
    }

    /// The phase of this name.
    #[must_use]
    pub fn phase(&self, name: &str) -> Option<&PhaseUsage> {
        self.phases.iter().find(|phase| phase.name == name)
    }

    /// Whether the run has seen so little that its rates mean nothing yet.
    #[must_use]
    pub fn has_too_little(&self) -> bool {
        let most = self.phases.iter().map(|phase| phase.items).max().unwrap_or(0);
        matches!(self.status, Status::Pending | Status::Running | Status::Paused) && most < self.limits.min_items
    }
}

fn initialisation_share(phases: &[PhaseUsage]) -> Option<f64> {
    let busy_ns =
        |phases: &mut dyn Iterator<Item = &PhaseUsage>| phases.map(|phase| phase.busy_ns).fold(0, u64::saturating_add);
    let own_ns = busy_ns(&mut phases.iter().filter(|phase| phase.is_initialisation));
    let all_ns = busy_ns(&mut phases.iter().filter(|phase| phase.parent.is_none()));
    (own_ns > 0 && all_ns > 0).then(|| (own_ns as f64 / all_ns as f64).min(1.0))
}

fn bound(phases: &[PhaseUsage]) -> Option<Bound> {
    let outer = phases.iter().filter(|phase| phase.parent.is_none() && phase.at_work_ns > 0);
    let slowest = outer.max_by(|one, two| one.demand_ns().total_cmp(&two.demand_ns()))?;
    Some(Bound {
        phase: slowest.name.clone(),
        capacity_per_s: slowest.capacity_per_s,
        shortest_ns: slowest.demand_ns() as u64,
    })
}
