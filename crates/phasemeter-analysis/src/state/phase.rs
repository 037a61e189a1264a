//! What one run knows of one phase.

use std::collections::BTreeMap;

use phasemeter_core::Outcome;

use crate::distribution::Distribution;
use crate::event::{Counts, PhaseDeclared, Role};
use crate::state::stretches::Stretches;
use crate::state::tally::Tally;

/// So many workers of one process are told apart.
pub const MAX_LANES: usize = 1_024;

/// One phase of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PhaseState {
    /// Its name.
    pub name: String,
    /// How many items it has to process.
    pub total: Option<u64>,
    /// What they weigh together.
    pub total_weight: Option<u64>,
    /// How many workers it has, as declared.
    pub workers: Option<u32>,
    /// What it works on.
    pub device: Option<String>,
    /// What it is for.
    pub role: Role,
    /// The phase, by its place, within whose runs its own began.
    pub parent: Option<usize>,
    /// Items that were done before this attempt.
    pub carried: Counts,
    /// What was counted in earlier attempts, items aside.
    pub earlier: Effort,
    /// Runs of earlier attempts that do not stand for items: how many items stay done was declared.
    pub(crate) replaced_runs: u64,
    /// Items of this attempt.
    pub counts: Counts,
    /// What was counted in this attempt.
    pub effort: Effort,
    /// Runs that were seen to end, by outcome: ok, error, cancelled.
    pub ended: [u64; 3],
    /// How long they took together.
    pub ended_ns: u64,
    /// How long those took that were not cancelled.
    pub service: Distribution,
    /// Each worker of the process.
    pub lanes: BTreeMap<u32, Lane>,
    /// Whether the time of lanes is what they worked only; else it is that of their runs, which may wait as well.
    pub lanes_are_net: bool,
    /// What lanes are called, where that is more than their number: those of several workers together.
    pub lane_names: BTreeMap<u32, String>,
    /// When it was at work, up to the latest event that says so.
    pub stretches: Stretches,
    /// When items were counted.
    pub items: Tally,
    /// When weight was counted.
    pub weight: Tally,
    /// When runs ended.
    pub run_ends: Tally,
    /// When anything of it happened first, in the run's time.
    pub first_ns: Option<u64>,
    /// When anything of it happened last.
    pub last_ns: Option<u64>,
    /// Runs in flight: those seen to begin, or as the last heartbeat said.
    pub active: u64,
    /// The most that were in flight at once.
    pub peak_active: u64,
    /// What stands in its queue, as the last heartbeat said.
    pub queue_depth: Option<u64>,
    /// Since when runs that were seen to begin are in flight.
    pub(crate) at_work_since_ns: Option<u64>,
    pub(crate) open: u64,
    pub(crate) at_last_beat: (Counts, Effort),
}

/// What a phase has spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Runs that have ended.
    pub runs: u64,
    /// Worked, summed over workers.
    pub busy_ns: u64,
    /// Waited for input.
    pub waiting_in_ns: u64,
    /// Waited for its output to be taken.
    pub waiting_out_ns: u64,
}

impl Effort {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            runs: self.runs.saturating_add(other.runs),
            busy_ns: self.busy_ns.saturating_add(other.busy_ns),
            waiting_in_ns: self.waiting_in_ns.saturating_add(other.waiting_in_ns),
            waiting_out_ns: self.waiting_out_ns.saturating_add(other.waiting_out_ns),
        }
    }

    /// The larger of each, which is the later of two cumulative counts.
    pub(crate) fn later_of(self, other: Self) -> Self {
        Self {
            runs: self.runs.max(other.runs),
            busy_ns: self.busy_ns.max(other.busy_ns),
            waiting_in_ns: self.waiting_in_ns.max(other.waiting_in_ns),
            waiting_out_ns: self.waiting_out_ns.max(other.waiting_out_ns),
        }
    }
}

/// One worker of a process, at one phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lane {
    /// Worked.
    pub busy_ns: u64,
    /// Runs that have ended.
    pub runs: u64,
    /// When it began first, in the run's time.
    pub first_ns: u64,
    /// When it ended last.
    pub last_ns: u64,
}

impl PhaseState {
    /// A phase of which only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Takes what is declared; what is not said leaves what was.
    pub(crate) fn declare(&mut self, declared: &PhaseDeclared) {
        self.total_weight = declared.total_weight.or(self.total_weight);
        self.workers = declared.workers.or(self.workers);
        self.device = declared.device.clone().or_else(|| self.device.take());
        self.role = declared.role;
    }

    /// All items that are known of, those of earlier attempts too.
    #[must_use]
    pub fn all_counts(&self) -> Counts {
        self.carried.plus(self.counts)
    }

    /// Items that are done with; where none are counted, each run is one.
    #[must_use]
    pub fn processed(&self) -> u64 {
        match self.all_counts().processed() {
            0 => self.runs().saturating_sub(self.replaced_runs),
            items => items,
        }
    }

    /// Runs that have ended, in all attempts.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.earlier.runs.saturating_add(self.effort.runs).max(self.ended.iter().sum())
    }

    /// The declared total, or what was processed where that is more.
    #[must_use]
    pub fn effective_total(&self) -> Option<u64> {
        self.total.map(|total| total.max(self.all_counts().processed()))
    }

    /// Busy, waiting for input and for output, in all attempts. Where no heartbeat tells, runs that ended were busy.
    #[must_use]
    pub fn all_effort(&self) -> Effort {
        let told = self.earlier.plus(self.effort);
        let waited_ns = told.waiting_in_ns.saturating_add(told.waiting_out_ns);
        let seen_ns = self.ended_ns.saturating_sub(waited_ns);
        Effort { busy_ns: if told.busy_ns > 0 { told.busy_ns } else { seen_ns }, ..told }
    }

    /// Of the time of its workers that is accounted for, what was work; all of it, where nothing is.
    #[must_use]
    pub fn busy_share(&self) -> f64 {
        let effort = self.all_effort();
        let all_ns = effort.busy_ns.saturating_add(effort.waiting_in_ns).saturating_add(effort.waiting_out_ns);
        if all_ns > 0 { effort.busy_ns as f64 / all_ns as f64 } else { 1.0 }
    }

    /// When it was at work, until a moment of the run's time.
    #[must_use]
    pub fn stretches_at(&self, run_ns: u64) -> Stretches {
        let mut stretches = self.stretches.clone();
        if let Some(since_ns) = self.at_work_since_ns {
            stretches.add(since_ns, run_ns);
        }
        stretches
    }

    /// Whether anything of it has happened.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.first_ns.is_some()
    }

    pub(crate) fn touch(&mut self, run_ns: u64) {
        self.first_ns.get_or_insert(run_ns);
        self.last_ns = Some(run_ns);
    }

    pub(crate) fn begin_run(&mut self, run_ns: u64) {
        self.touch(run_ns);
        self.open += 1;
        self.active = self.open;
        self.peak_active = self.peak_active.max(self.open);
        self.at_work_since_ns.get_or_insert(run_ns);
    }

    pub(crate) fn end_run(&mut self, began_ns: u64, run_ns: u64, lane: Option<u32>, outcome: Outcome) {
        let runs_before = self.runs();
        self.touch(run_ns);
        let took_ns = run_ns.saturating_sub(began_ns);
        self.open = self.open.saturating_sub(1);
        self.active = self.open;
        if let Some(ended) = self.ended.get_mut(outcome as usize) {
            *ended += 1;
        }
        self.run_ends.add(run_ns, self.runs() - runs_before);
        self.ended_ns = self.ended_ns.saturating_add(took_ns);
        if outcome != Outcome::Cancelled {
            self.service.record(took_ns);
        }
        if self.open == 0 {
            let since_ns = self.at_work_since_ns.take().unwrap_or(began_ns);
            self.stretches.add(since_ns, run_ns);
        }
        if let Some(lane) = lane.filter(|lane| self.lanes.len() < MAX_LANES || self.lanes.contains_key(lane)) {
            let lane = self.lanes.entry(lane).or_insert(Lane { first_ns: began_ns, ..Lane::default() });
            lane.busy_ns = lane.busy_ns.saturating_add(took_ns);
            lane.runs += 1;
            lane.last_ns = lane.last_ns.max(run_ns);
        }
    }

    /// Takes what was spent; whether any of it is work.
    pub(crate) fn spend(&mut self, told: Effort, run_ns: u64) -> bool {
        let runs_before = self.runs();
        let later = self.effort.later_of(told);
        let has_worked = later.runs > self.effort.runs || later.busy_ns > self.effort.busy_ns;
        self.effort = later;
        self.run_ends.add(run_ns, self.runs() - runs_before);
        has_worked
    }

    /// Whether most runs are seen to begin and end. On long runs, a journal holds a sample of them only.
    pub(crate) fn has_all_runs(&self) -> bool {
        let seen: u64 = self.ended.iter().sum();
        seen > 0 && seen + seen / 10 + 10 >= self.earlier.runs.saturating_add(self.effort.runs)
    }

    /// What its rate is told by: items, or runs where none are counted.
    pub(crate) fn counted(&self) -> &Tally {
        if self.items.amount > 0 { &self.items } else { &self.run_ends }
    }

    /// Takes cumulative counts; whether they have changed.
    pub(crate) fn count(&mut self, counts: Counts, run_ns: u64) -> bool {
        let later = self.counts.later_of(counts);
        if later == self.counts {
            return false;
        }
        self.items.add(run_ns, later.processed() - self.counts.processed());
        self.weight.add(run_ns, later.weight - self.counts.weight);
        self.counts = later;
        true
    }

    /// What was done in this attempt becomes what was done before. Failed items are tried again, so they do not stay.
    pub(crate) fn begin_attempt(&mut self, resumed: Option<u64>) {
        let all = self.all_counts();
        self.carried = match resumed {
            Some(ok) => Counts { ok, weight: if ok == 0 { 0 } else { all.weight }, ..Counts::default() },
            None => Counts { error: 0, ..all },
        };
        self.earlier = self.earlier.plus(self.effort);
        if resumed.is_some() {
            self.replaced_runs = self.runs();
        }
        self.counts = Counts::default();
        self.effort = Effort::default();
        self.at_last_beat = Default::default();
        (self.active, self.queue_depth) = (0, None);
    }
}
