//! When a phase will be done, and when the run: by weights, by items in flight, by counts, or by earlier runs.

use crate::event::{Flow, Role};
use crate::progress::past::{PastRuns, workers_of};
use crate::progress::rate::{Prior, Rated, rated};
use crate::progress::schedule::courses;
use crate::state::{PhaseState, RunState, Status};

/// Items are placed one by one where there are at most so many per worker: then the last ones matter.
const PLACED_PER_WORKER: u64 = 100;
/// A past run counts as if a tenth of this one had been seen already, but at most so long.
const MAX_PRIOR_NS: f64 = 600e9;
/// Eight in ten of a normal distribution lie within so many standard deviations.
const EIGHT_IN_TEN: f64 = 1.28;

/// How long something will still last: eight times in ten it is in the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Eta {
    /// As likely longer as shorter.
    pub median_ns: u64,
    /// One time in ten it is shorter.
    pub low_ns: u64,
    /// One time in ten it is longer.
    pub high_ns: u64,
    /// What it rests on.
    pub basis: Basis,
}

impl Eta {
    /// The same, seen so much later.
    pub(crate) fn after(self, passed_ns: u64) -> Self {
        let [median_ns, low_ns, high_ns] =
            [self.median_ns, self.low_ns, self.high_ns].map(|ns| ns.saturating_sub(passed_ns));
        Self { median_ns, low_ns, high_ns, ..self }
    }
}

/// What an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Basis {
    /// Nothing is left to do.
    Done,
    /// How much weight was processed.
    Weight,
    /// How long items took, and how old those in flight are.
    Items,
    /// How many items were counted.
    Counts,
    /// Earlier runs.
    PastRuns,
    /// Several phases.
    Phases,
}

/// Each phase, where something is known.
pub(super) fn phases(state: &RunState, past: &PastRuns, run_ns: u64) -> Vec<Option<Eta>> {
    (0..state.phases.len()).map(|place| phase(state, past, place, run_ns)).collect()
}

fn phase(state: &RunState, past: &PastRuns, place: usize, run_ns: u64) -> Option<Eta> {
    let phase = state.phases.get(place)?;
    if !matches!(state.phase_status(place), Status::Pending | Status::Running | Status::Paused) {
        return Some(Eta { median_ns: 0, low_ns: 0, high_ns: 0, basis: Basis::Done });
    }
    let factor = past.error_factor();
    let eta = match phase.has_begun() {
        true => by_weight(phase, past, run_ns)
            .or_else(|| by_items(state, place, run_ns))
            .or_else(|| by_counts(phase, past, run_ns))
            .or_else(|| by_past(phase, past, run_ns)),
        false => by_past(phase, past, run_ns),
    }?;
    let low_ns = (eta.low_ns as f64 / factor) as u64;
    Some(Eta { low_ns, high_ns: (eta.high_ns as f64 * factor) as u64, ..eta })
}

fn by_weight(phase: &PhaseState, past: &PastRuns, run_ns: u64) -> Option<Eta> {
    let total = phase.total_weight.filter(|_| phase.weight.amount > 0)?;
    let remaining = total.saturating_sub(phase.all_counts().weight) as f64;
    let prior = prior(phase, past, total as f64);
    rated(&phase.weight, phase.first_ns?, run_ns, remaining, prior).map(|rated| ranged(&rated, Basis::Weight))
}

/// Where each run of the phase is one item.
fn by_items(state: &RunState, place: usize, run_ns: u64) -> Option<Eta> {
    let phase = state.phases.get(place)?;
    let remaining = phase.effective_total()?.saturating_sub(phase.processed());
    let (runs, items) = (phase.service.count(), phase.items.amount);
    let is_item_by_run = items == 0 || runs.abs_diff(items) <= runs.max(items) / 10;
    let ages_ns = state.ages_ns(place, run_ns);
    let waiting = remaining.saturating_sub(ages_ns.len() as u64);
    let workers = u64::from(workers_of(phase)).max(ages_ns.len() as u64);
    if !is_item_by_run || remaining > workers.saturating_mul(PLACED_PER_WORKER) {
        return None;
    }
    let courses = courses(&phase.service, &ages_ns, waiting, usize::try_from(workers).ok()?)?;
    let whole = |ns: f64| ns as u64;
    let [low_ns, median_ns, high_ns] = [courses.low_ns, courses.median_ns, courses.high_ns].map(whole);
    Some(Eta { median_ns, low_ns, high_ns, basis: Basis::Items })
}

fn by_counts(phase: &PhaseState, past: &PastRuns, run_ns: u64) -> Option<Eta> {
    rate_of(phase, past, run_ns).map(|rated| ranged(&rated, Basis::Counts))
}

fn by_past(phase: &PhaseState, past: &PastRuns, run_ns: u64) -> Option<Eta> {
    let expected_ns = past.expected_ns(phase)?;
    let passed_ns = phase.first_ns.map_or(0, |first_ns| run_ns.saturating_sub(first_ns)) as f64;
    let left_ns = (expected_ns - passed_ns).max(0.0);
    let [low_ns, median_ns, high_ns] = [left_ns * 0.8, left_ns, left_ns * 1.25].map(|ns| ns as u64);
    Some(Eta { median_ns, low_ns, high_ns, basis: Basis::PastRuns })
}

/// The range of a rate: the fewer counts it rests on, the wider.
fn ranged(rated: &Rated, basis: Basis) -> Eta {
    let factor = (EIGHT_IN_TEN / rated.events.max(1.0).sqrt() + 0.05).exp();
    let [low_ns, median_ns, high_ns] = [rated.eta_ns / factor, rated.eta_ns, rated.eta_ns * factor].map(|ns| ns as u64);
    Eta { median_ns, low_ns, high_ns, basis }
}

fn prior(phase: &PhaseState, past: &PastRuns, amount: f64) -> Option<Prior> {
    let expected_ns = past.expected_ns(phase).filter(|expected_ns| *expected_ns > 0.0)?;
    Some(Prior { per_ns: amount / expected_ns, seen_ns: (expected_ns / 10.0).min(MAX_PRIOR_NS) })
}

fn rate_of(phase: &PhaseState, past: &PastRuns, run_ns: u64) -> Option<Rated> {
    let total = phase.effective_total()?;
    let remaining = total.saturating_sub(phase.processed()) as f64;
    rated(phase.counted(), phase.first_ns?, run_ns, remaining, prior(phase, past, total as f64))
}

/// Items per nanosecond now; without a total, as if all that is counted were still to come once more.
pub(super) fn current_per_ns(phase: &PhaseState, past: &PastRuns, run_ns: u64) -> Option<f64> {
    let counted = phase.counted();
    if counted.amount == 0 {
        return None;
    }
    let rated =
        rate_of(phase, past, run_ns).or_else(|| rated(counted, phase.first_ns?, run_ns, counted.amount as f64, None));
    rated.map(|rated| rated.per_ns)
}

/// All phases together: one after the other, or the slowest and what drains behind it. One after the other, nothing is
/// known while nothing is of one; where they stream, the same items go through all of them.
pub(super) fn run(state: &RunState, estimates: &[Option<Eta>]) -> Option<Eta> {
    let is_open = |place| matches!(state.phase_status(place), Status::Pending | Status::Running | Status::Paused);
    let is_work = |place: &usize| state.phases.get(*place).is_some_and(|phase| phase.role == Role::Work);
    // Nothing is left of the phases that are known, but one of which nothing is known is at work, or past its time.
    let is_over = !(0..state.phases.len()).filter(is_work).any(is_open);
    within(state, estimates, None).filter(|eta| eta.median_ns > 0 || is_over)
}

/// The phases that lie directly within this one.
fn within(state: &RunState, estimates: &[Option<Eta>], parent: Option<usize>) -> Option<Eta> {
    let own = |place: &usize| {
        state.phases.get(*place).is_some_and(|phase| phase.parent == parent && phase.role == Role::Work)
    };
    let estimate = |place: usize| {
        let known = estimates.get(place).copied().flatten();
        (place, known.or_else(|| within(state, estimates, Some(place))))
    };
    let all: Vec<_> = (0..state.phases.len()).filter(own).map(estimate).collect();
    if all.is_empty() {
        return None;
    }
    let known: Vec<_> = all.iter().filter_map(|(place, eta)| Some((*place, (*eta)?))).collect();
    match state.flow() {
        Flow::Sequential => (known.len() == all.len()).then(|| in_sequence(&known)),
        Flow::Streaming => streaming(state, &known),
    }
}

/// Errors of one phase are not those of another: widths add as their squares do.
fn in_sequence(known: &[(usize, Eta)]) -> Eta {
    let sum = |of: fn(&Eta) -> u64| known.iter().map(|(_, eta)| of(eta)).fold(0, u64::saturating_add);
    let width = |of: fn(&Eta) -> u64| known.iter().map(|(_, eta)| (of(eta) as f64).powi(2)).sum::<f64>().sqrt() as u64;
    let median_ns = sum(|eta| eta.median_ns);
    let below_ns = width(|eta| eta.median_ns.saturating_sub(eta.low_ns));
    let above_ns = width(|eta| eta.high_ns.saturating_sub(eta.median_ns));
    Eta {
        median_ns,
        low_ns: median_ns.saturating_sub(below_ns),
        high_ns: median_ns.saturating_add(above_ns),
        basis: basis_of(known),
    }
}

fn streaming(state: &RunState, known: &[(usize, Eta)]) -> Option<Eta> {
    let (slowest, eta) = known.iter().max_by_key(|(_, eta)| eta.median_ns)?;
    let behind = known.iter().filter(|(place, other)| place > slowest && other.median_ns > 0);
    let drain_ns = behind.filter_map(|(place, _)| state.phases.get(*place)?.service.mean_ns()).sum::<f64>() as u64;
    let later = |of: fn(&Eta) -> u64| known.iter().map(|(_, eta)| of(eta)).max().unwrap_or(0).saturating_add(drain_ns);
    Some(Eta {
        median_ns: eta.median_ns.saturating_add(drain_ns),
        low_ns: later(|eta| eta.low_ns),
        high_ns: later(|eta| eta.high_ns),
        basis: basis_of(known),
    })
}

fn basis_of(known: &[(usize, Eta)]) -> Basis {
    let mut open = known.iter().map(|(_, eta)| eta.basis).filter(|basis| *basis != Basis::Done);
    match (open.next(), open.next()) {
        (None, _) => Basis::Done,
        (Some(only), None) => only,
        (Some(_), Some(_)) => Basis::Phases,
    }
}
