//! What each phase did with its time: busy or waiting, how full its workers were, how much it could do.

use crate::analysis::limits::Limits;
use crate::analysis::path::Path;
use crate::distribution::Distribution;
use crate::event::{Resources, Role};
use crate::progress::{median, workers_of};
use crate::state::{PhaseState, PhaseWindow, RunState, Status, Stretches, Window, join_resources, larger_resources};

/// One phase.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct PhaseUsage {
    /// Its name.
    pub name: String,
    /// The phase that it lies within.
    pub parent: Option<String>,
    /// What it was up to.
    pub status: Status,
    /// What it works on.
    pub device: Option<String>,
    /// Whether it is there to get ready.
    pub is_initialisation: bool,
    /// How many worked at once, as declared or seen.
    pub workers: u32,
    /// Items that it was done with in what was seen.
    pub items: u64,
    /// Runs that ended.
    pub runs: u64,
    /// How long it was at work.
    pub at_work_ns: u64,
    /// How long the run waited for it and for nothing within it. These sum to the run's length, with what is outside.
    pub on_path_ns: u64,
    /// The same as a share of the run.
    pub time_share: f64,
    /// How long it was at work when no phase within it was.
    pub self_ns: u64,
    /// Worked, summed over its workers.
    pub busy_ns: u64,
    /// Waited for input, likewise.
    pub waiting_in_ns: u64,
    /// Waited for its output to be taken.
    pub waiting_out_ns: u64,
    /// How full its fullest worker was while the phase was at work: a mean would hide a worker that all wait for.
    pub utilisation: Option<f64>,
    /// Items per second while it was at work.
    pub items_per_s: Option<f64>,
    /// Items per second if its workers were always full.
    pub capacity_per_s: Option<f64>,
    /// How much more that is, as a share.
    pub headroom: Option<f64>,
    /// The busiest worker's time as a multiple of the median one's.
    pub skew: Option<f64>,
    /// From when the first worker had nothing more to do, to the end.
    pub drain_ns: Option<u64>,
    /// What the drain cost, spread over all workers.
    pub drain_cost_ns: Option<u64>,
    /// The median of a run's time.
    pub p50_ns: Option<u64>,
    /// All but one in a hundred take less.
    pub p99_ns: Option<u64>,
    /// The longest.
    pub longest_ns: Option<u64>,
    /// What the machine did while it was at work, on the average.
    pub machine: Resources,
    /// What the machine did at most.
    pub machine_at_most: Resources,
    /// Little's law, as a check of what was measured.
    pub little: Option<Little>,
    /// The standard error of the time per item, as a share of it.
    pub noise: Option<f64>,
    /// How long items took, where runs say which worker they were on.
    #[cfg_attr(feature = "json", serde(skip))]
    pub(crate) service: Distribution,
}

/// As many are at work as come in per second, times how long each takes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Little {
    /// At work on the average, by the time that workers were busy.
    pub at_work: f64,
    /// The rate of runs times the mean of their duration.
    pub rate_times_latency: f64,
}

impl Little {
    /// By which factor they differ: far from 1, something was not measured.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.at_work / self.rate_times_latency
    }
}

impl PhaseUsage {
    /// Of the time of its workers that is accounted for, what was work.
    #[must_use]
    pub fn busy_share(&self) -> f64 {
        self.share_of(self.busy_ns).unwrap_or(1.0)
    }

    /// What was waiting for input.
    #[must_use]
    pub fn waiting_in_share(&self) -> f64 {
        self.share_of(self.waiting_in_ns).unwrap_or(0.0)
    }

    /// What was waiting for the output to be taken.
    #[must_use]
    pub fn waiting_out_share(&self) -> f64 {
        self.share_of(self.waiting_out_ns).unwrap_or(0.0)
    }

    fn share_of(&self, part_ns: u64) -> Option<f64> {
        let all_ns = self.busy_ns.saturating_add(self.waiting_in_ns).saturating_add(self.waiting_out_ns);
        (all_ns > 0).then(|| part_ns as f64 / all_ns as f64)
    }

    /// The time that it would take if its fullest worker never waited.
    pub(crate) fn demand_ns(&self) -> f64 {
        self.at_work_ns as f64 * self.utilisation.unwrap_or(1.0)
    }

    /// Workers, as a number to divide by.
    pub(crate) fn crew(&self) -> f64 {
        f64::from(self.workers.max(1))
    }

    /// Whether it works on a GPU.
    pub(crate) fn is_on_gpu(&self) -> bool {
        self.device.as_deref().is_some_and(|device| device.to_ascii_lowercase().starts_with("gpu"))
    }
}

pub(super) fn usage(state: &RunState, place: usize, run_ns: u64, path: &Path, limits: &Limits) -> Option<PhaseUsage> {
    let phase = state.phases.get(place)?;
    let at_work = phase.stretches_at(run_ns);
    let at_work_ns = at_work.total_ns();
    let within_ns = within(state, place, run_ns).common_ns(&at_work);
    let effort = phase.all_effort();
    let items = seen_items(phase);
    let utilisation = utilisation(phase, at_work_ns);
    let items_per_s = (at_work_ns > 0 && items > 0).then(|| items as f64 * 1e9 / at_work_ns as f64);
    let capacity_per_s = items_per_s.zip(utilisation).map(|(rate, utilisation)| rate / utilisation);
    let on_path_ns = path.phases_ns.get(place).copied().unwrap_or(0);
    let drain = drain(phase);
    let (machine, machine_at_most) = machine(state, place);
    Some(PhaseUsage {
        name: phase.name.clone(),
        parent: phase.parent.and_then(|parent| state.phases.get(parent)).map(|parent| parent.name.clone()),
        status: state.phase_status(place),
        device: phase.device.clone(),
        is_initialisation: is_initialisation(phase, limits),
        workers: workers_of(phase),
        items,
        runs: phase.runs(),
        at_work_ns,
        on_path_ns,
        time_share: if run_ns > 0 { on_path_ns as f64 / run_ns as f64 } else { 0.0 },
        self_ns: at_work_ns.saturating_sub(within_ns),
        busy_ns: effort.busy_ns,
        waiting_in_ns: effort.waiting_in_ns,
        waiting_out_ns: effort.waiting_out_ns,
        utilisation,
        items_per_s,
        capacity_per_s,
        headroom: utilisation.map(|utilisation| 1.0 / utilisation - 1.0),
        skew: skew(phase),
        drain_ns: drain.map(|(drain_ns, _)| drain_ns),
        drain_cost_ns: drain.map(|(_, cost_ns)| cost_ns),
        p50_ns: phase.service.quantile_ns(0.5),
        p99_ns: phase.service.quantile_ns(0.99),
        // A run that no worker stands behind is the whole phase, not an item.
        longest_ns: (!phase.lanes.is_empty()).then(|| phase.service.max_ns()),
        machine,
        machine_at_most,
        little: little(phase, at_work_ns),
        noise: noise(state, place),
        service: if phase.lanes.is_empty() { Distribution::default() } else { phase.service.clone() },
    })
}

/// When any phase within this one was at work.
fn within(state: &RunState, place: usize, run_ns: u64) -> Stretches {
    let mut union = Stretches::default();
    for inner in state.phases.iter().filter(|other| other.parent == Some(place)) {
        let stretches = inner.stretches_at(run_ns);
        stretches.as_slice().iter().for_each(|one| union.add(one.from_ns, one.to_ns));
    }
    union
}

/// Items of this journal's attempts: what was resumed took no time here.
fn seen_items(phase: &PhaseState) -> u64 {
    phase.counted().amount
}

fn is_initialisation(phase: &PhaseState, limits: &Limits) -> bool {
    let name = phase.name.to_lowercase();
    phase.role == Role::Initialisation || limits.initialisation_words.iter().any(|word| name.contains(&**word))
}

/// The fullest lane, where lanes were seen; else all workers together, because no more is known.
fn utilisation(phase: &PhaseState, at_work_ns: u64) -> Option<f64> {
    if at_work_ns == 0 {
        return None;
    }
    let effort = phase.all_effort();
    let busy_share = if phase.lanes_are_net { 1.0 } else { phase.busy_share() };
    let workers = u64::from(workers_of(phase));
    let together = effort.busy_ns as f64 / workers as f64 / at_work_ns as f64;
    let fullest = phase.lanes.values().map(|lane| lane.busy_ns).max().unwrap_or(0) as f64 * busy_share;
    let utilisation = together.max(fullest / at_work_ns as f64).min(1.0);
    (utilisation > 0.0).then_some(utilisation)
}

/// The time that a phase would take if its fullest worker never waited.
pub(super) fn demand_ns(phase: &PhaseState, at_work_ns: u64) -> u64 {
    (at_work_ns as f64 * utilisation(phase, at_work_ns).unwrap_or(1.0)) as u64
}

fn skew(phase: &PhaseState) -> Option<f64> {
    let busy: Vec<_> = phase.lanes.values().map(|lane| lane.busy_ns as f64).collect();
    let slowest = busy.iter().copied().fold(0.0, f64::max);
    median(busy).filter(|median| *median > 0.0 && phase.lanes.len() > 1).map(|median| slowest / median)
}

/// How long the drain was, and what it cost.
fn drain(phase: &PhaseState) -> Option<(u64, u64)> {
    let end_ns = phase.lanes.values().map(|lane| lane.last_ns).max()?;
    let idle = phase.lanes.values().map(|lane| end_ns - lane.last_ns);
    let lanes = phase.lanes.len() as u64;
    (lanes > 1).then(|| (idle.clone().max().unwrap_or(0), idle.fold(0, u64::saturating_add) / lanes))
}

fn little(phase: &PhaseState, at_work_ns: u64) -> Option<Little> {
    // Where runs do not say which worker they are on, they may be the whole phase.
    let mean_ns = phase.service.mean_ns().filter(|_| !phase.lanes.is_empty())?;
    let effort = phase.all_effort();
    let accounted_ns = effort.busy_ns.saturating_add(effort.waiting_in_ns).saturating_add(effort.waiting_out_ns);
    let passed_ns = at_work_ns as f64;
    (at_work_ns > 0 && accounted_ns > 0).then(|| Little {
        at_work: accounted_ns as f64 / passed_ns,
        rate_times_latency: phase.runs() as f64 / passed_ns * mean_ns,
    })
}

/// What the machine did while a phase was at work: the mean, and the most.
fn machine(state: &RunState, place: usize) -> (Resources, Resources) {
    let is_active = |window: &&Window| window.phases.get(place).is_some_and(PhaseWindow::is_active);
    let (mut mean, mut most, mut seen_ns) = (Resources::default(), Resources::default(), 0.0);
    for window in state.timeline.as_slice().iter().filter(is_active) {
        let length_ns = (window.to_ns - window.from_ns) as f64;
        mean = join_resources(&mean, seen_ns, &window.resources, length_ns);
        most = larger_resources(&most, &window.resources);
        seen_ns += length_ns;
    }
    (mean, most)
}

/// From how the rate differs between windows, or, where there are few, from how the time of runs does.
fn noise(state: &RunState, place: usize) -> Option<f64> {
    let windows = state.timeline.as_slice().iter();
    let rates: Vec<_> = windows
        .filter_map(|window| {
            let phase = window.phases.get(place).filter(|phase| phase.is_active())?;
            Some(phase.processed as f64 / (window.to_ns - window.from_ns).max(1) as f64)
        })
        .collect();
    let phase = state.phases.get(place)?;
    if rates.len() >= 8 {
        return relative_error(rates.iter().map(|rate| (*rate, 1.0)));
    }
    relative_error(phase.service.means().map(|(mean_ns, count)| (mean_ns as f64, count as f64)))
}

/// The standard error of a weighted mean, as a share of it.
fn relative_error(values: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (value, weight) in values {
        count += weight;
        sum += value * weight;
        squares += value * value * weight;
    }
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(0.0);
    (count >= 2.0 && mean > 0.0).then(|| (variance / (count - 1.0)).sqrt() / mean)
}
