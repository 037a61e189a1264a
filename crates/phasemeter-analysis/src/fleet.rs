//! Many workers of one run, each with a journal of its own, seen together. Who lives is told by heartbeats.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::progress::{Deadline, Eta, PastRuns, PhaseProgress, Progress, Share, is_counted, overall};
use crate::state::{ItemInHand, Problem, ProblemKind, RunState, Status};

/// From which age of the last event on a worker is silent, and lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetLimits {
    /// Older: it is silent.
    pub silent_after_ns: u64,
    /// Older: it is lost.
    pub lost_after_ns: u64,
}

impl Default for FleetLimits {
    /// One minute and two, with heartbeats every five seconds.
    fn default() -> Self {
        Self { silent_after_ns: 60_000_000_000, lost_after_ns: 120_000_000_000 }
    }
}

/// Whether a worker lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Liveness {
    /// It was heard of lately.
    Active,
    /// It was not, but that may be the file system.
    Silent,
    /// It was killed, or its machine is gone.
    Lost,
    /// It has done its part.
    Finished,
    /// It has ended otherwise.
    Failed,
}

/// One worker.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct WorkerView {
    /// Its name.
    pub worker: String,
    /// Where it works.
    pub host: String,
    /// The part of the work that it does.
    pub shard: String,
    /// Which attempt.
    pub attempt: u32,
    /// Whether it lives.
    pub liveness: Liveness,
    /// What its run is up to, as far as its journal says.
    pub status: Status,
    /// When it was heard of last, since the Unix epoch.
    pub last_seen_unix_ns: u64,
    /// How much of its part is done.
    pub overall: Option<f64>,
    /// Items per second of the last of its phases that counts any, while it lives.
    pub items_per_s: Option<f64>,
    /// How long it will still take, while it lives.
    pub eta: Option<Eta>,
    /// What it has, or had, in hand.
    pub in_flight: Vec<ItemInHand>,
    /// Why it ended, in its own words.
    pub reason: Option<String>,
}

/// One phase, over all workers.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct FleetPhase {
    /// Its name.
    pub name: String,
    /// Items that are done with.
    pub processed: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// How many there are to be, each part once.
    pub total: Option<u64>,
    /// How much of it is done.
    pub completion: Option<f64>,
    /// Items per second, of those that live.
    pub items_per_s: Option<f64>,
    /// What it takes, summed over all parts.
    pub expected_ns: u64,
}

/// One run, over all its workers.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Fleet {
    /// The pipeline.
    pub pipeline: String,
    /// The run's id.
    pub run: String,
    /// How much of it is done, weighted by time.
    pub overall: Option<f64>,
    /// How many live.
    pub active: usize,
    /// How many are silent.
    pub silent: usize,
    /// How many are lost.
    pub lost: usize,
    /// How many have done their part.
    pub finished: usize,
    /// How many have ended otherwise.
    pub failed: usize,
    /// Items per second of the last phase that counts any.
    pub items_per_s: Option<f64>,
    /// Who of those that live will be done last.
    pub slowest: Option<String>,
    /// When those that live will be done.
    pub eta: Option<Eta>,
    /// When that is, since the Unix epoch.
    pub finish_unix_ns: Option<u64>,
    /// How that is to the earliest limit.
    pub deadline: Option<Deadline>,
    /// Items in parts that nobody works on any longer.
    pub orphaned: u64,
    /// Each phase.
    pub phases: Vec<FleetPhase>,
    /// Each worker, by its name.
    pub workers: Vec<WorkerView>,
    /// What is wrong, and with whose events.
    pub problems: Vec<(String, Problem)>,
}

/// A worker's state and how far it is.
struct Member<'a> {
    state: &'a RunState,
    progress: Progress,
    liveness: Liveness,
}

impl Fleet {
    /// How many workers there are of each kind, in words: `1 active, 1 lost`.
    #[must_use]
    pub fn counts(&self) -> String {
        let counts = [
            (self.active, "active"),
            (self.silent, "silent"),
            (self.lost, "lost"),
            (self.finished, "finished"),
            (self.failed, "failed"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// Sees workers together at a time since the Unix epoch. Where several have worked on one part, the last attempt at it
    /// counts.
    ///
    /// # Errors
    ///
    /// There are none, or they are not of one run.
    pub fn of(states: &[RunState], past: &PastRuns, limits: &FleetLimits, now_unix_ns: u64) -> Result<Self, Error> {
        let counted = Self::latest(states)?;
        let first = states.first().ok_or_else(no_journal)?;
        let members: Vec<_> = counted
            .into_iter()
            .map(|state| {
                let liveness = liveness(state, limits, now_unix_ns);
                // A lost worker's time stands still where it was heard of last.
                let at_unix_ns = if liveness == Liveness::Lost { state.clock.last_unix_ns } else { now_unix_ns };
                Member { state, progress: Progress::told(state, past, at_unix_ns), liveness }
            })
            .collect();
        let mut fleet = together(first, &members, now_unix_ns);
        fleet.problems.extend(rivals(states, limits, now_unix_ns));
        Ok(fleet)
    }

    /// The workers that count: the last attempt at each part, by the worker's name.
    ///
    /// # Errors
    ///
    /// There are none, or they are not of one run.
    pub fn latest(states: &[RunState]) -> Result<Vec<&RunState>, Error> {
        let first = states.first().ok_or_else(no_journal)?;
        if let Some(other) = states.iter().find(|other| other.run != first.run || other.pipeline != first.pipeline) {
            return Err(Error::fleet(format!(
                "it holds run {:?} of {:?} and run {:?} of {:?}; name one of them",
                first.run, first.pipeline, other.run, other.pipeline
            )));
        }
        let mut shards: BTreeMap<&str, &RunState> = BTreeMap::new();
        for state in states {
            let age = |state: &RunState| (state.attempt, state.clock.started_unix_ns);
            let known = shards.entry(&state.shard).or_insert(state);
            if age(state) > age(known) {
                *known = state;
            }
        }
        let mut latest: Vec<_> = shards.into_values().collect();
        latest.sort_by(|one, two| (&one.worker, &one.shard).cmp(&(&two.worker, &two.shard)));
        Ok(latest)
    }
}

fn no_journal() -> Error {
    Error::fleet("there is no journal in it yet".to_owned())
}

/// Workers that live and do the same part in the same attempt: one of them does it in vain.
fn rivals(states: &[RunState], limits: &FleetLimits, now_unix_ns: u64) -> Vec<(String, Problem)> {
    let mut seen: BTreeMap<(&str, u32), &RunState> = BTreeMap::new();
    let mut rivals = Vec::new();
    let lives = |state: &&RunState| matches!(liveness(state, limits, now_unix_ns), Liveness::Active | Liveness::Silent);
    for state in states.iter().filter(lives) {
        let Some(other) = seen.insert((&state.shard, state.attempt), state) else { continue };
        let message = format!(
            "works on {:?} in attempt {} as {:?} does: only one of them counts; give each worker a part, or an attempt, \
             of its own",
            state.shard, state.attempt, other.worker
        );
        let problem = Problem { kind: ProblemKind::TwoWriters, phase: None, message, count: 1 };
        rivals.push((state.worker.clone(), problem));
    }
    rivals
}

fn liveness(state: &RunState, limits: &FleetLimits, now_unix_ns: u64) -> Liveness {
    match state.status() {
        Status::Completed => Liveness::Finished,
        Status::Failed | Status::Cancelled => Liveness::Failed,
        Status::Pending | Status::Running | Status::Paused | Status::Skipped => {
            if state.is_lost(now_unix_ns, limits.lost_after_ns) {
                Liveness::Lost
            } else if state.is_lost(now_unix_ns, limits.silent_after_ns) {
                Liveness::Silent
            } else {
                Liveness::Active
            }
        }
    }
}

impl Member<'_> {
    fn lives(&self) -> bool {
        matches!(self.liveness, Liveness::Active | Liveness::Silent)
    }

    fn items_per_s(&self) -> Option<f64> {
        self.progress.phases.iter().rev().find_map(|phase| phase.current_per_s).filter(|_| self.lives())
    }

    fn view(&self) -> WorkerView {
        WorkerView {
            worker: self.state.worker.clone(),
            host: self.state.host.clone(),
            shard: self.state.shard.clone(),
            attempt: self.state.attempt,
            liveness: self.liveness,
            status: self.progress.status,
            last_seen_unix_ns: self.state.clock.last_unix_ns,
            overall: self.progress.overall,
            items_per_s: self.items_per_s(),
            eta: self.progress.eta.filter(|_| self.lives()),
            in_flight: self.progress.in_hand.clone(),
            reason: self.state.ended.as_ref().and_then(|ended| ended.reason.clone()),
        }
    }
}

fn together(first: &RunState, members: &[Member<'_>], now_unix_ns: u64) -> Fleet {
    let count = |liveness: Liveness| members.iter().filter(|member| member.liveness == liveness).count();
    let sums = sums(members);
    let shares: Vec<_> = sums.iter().filter(|sum| sum.is_counted).map(Sum::share).collect();
    let phases: Vec<_> = sums.into_iter().map(|sum| sum.phase).collect();
    let living = || members.iter().filter(|member| member.lives());
    let last = living().max_by_key(|member| member.progress.eta.map_or(0, |eta| eta.median_ns));
    let eta = living().map(|member| member.progress.eta).collect::<Option<Vec<_>>>();
    let eta = eta.and_then(|etas| etas.into_iter().reduce(later));
    let finish_unix_ns = match eta {
        Some(eta) => Some(now_unix_ns.saturating_add(eta.median_ns)),
        None if living().next().is_none() => members.iter().map(|member| member.state.clock.last_unix_ns).max(),
        None => None,
    };
    let limit = members.iter().filter_map(|member| member.state.deadline_unix_ns).min();
    let orphans = members.iter().filter(|member| matches!(member.liveness, Liveness::Lost | Liveness::Failed));
    Fleet {
        pipeline: first.pipeline.clone(),
        run: first.run.clone(),
        overall: overall(&shares),
        active: count(Liveness::Active),
        silent: count(Liveness::Silent),
        lost: count(Liveness::Lost),
        finished: count(Liveness::Finished),
        failed: count(Liveness::Failed),
        items_per_s: phases.iter().rev().find_map(|phase| phase.items_per_s),
        slowest: last.filter(|_| members.len() > 1).map(|member| member.state.worker.clone()),
        eta,
        finish_unix_ns,
        deadline: limit.map(|limit| Deadline::of(limit, finish_unix_ns, eta)),
        orphaned: orphans.map(|member| left(&member.progress)).fold(0, u64::saturating_add),
        phases,
        workers: members.iter().map(Member::view).collect(),
        problems: members
            .iter()
            .flat_map(|member| {
                let problems = member.state.problems.as_slice().iter();
                problems.map(|problem| (member.state.worker.clone(), problem.clone()))
            })
            .collect(),
    }
}

fn later(one: Eta, two: Eta) -> Eta {
    let latest = if two.median_ns > one.median_ns { two } else { one };
    Eta { low_ns: one.low_ns.max(two.low_ns), high_ns: one.high_ns.max(two.high_ns), ..latest }
}

/// Items that are left, of the phase that has most of them left.
fn left(progress: &Progress) -> u64 {
    let left = progress.phases.iter().filter_map(|phase| Some(phase.total?.saturating_sub(phase.processed)));
    left.max().unwrap_or(0)
}

/// A phase over all workers, and what it adds to the whole.
struct Sum {
    phase: FleetPhase,
    is_counted: bool,
    is_open: bool,
    /// It is over wherever it has no total.
    is_over: bool,
}

impl Sum {
    fn named(name: &str) -> Self {
        let phase = FleetPhase {
            name: name.to_owned(),
            processed: 0,
            failed: 0,
            total: None,
            completion: None,
            items_per_s: None,
            expected_ns: 0,
        };
        Self { phase, is_counted: false, is_open: false, is_over: true }
    }

    fn take(&mut self, phase: &PhaseProgress, lives: bool) {
        let sum = &mut self.phase;
        sum.processed = sum.processed.saturating_add(phase.processed);
        sum.failed = sum.failed.saturating_add(phase.failed);
        if let Some(total) = phase.total {
            let done = phase.completion.unwrap_or(0.0) * total as f64;
            let before = sum.total.unwrap_or(0);
            let all = before.saturating_add(total);
            let done = done + sum.completion.unwrap_or(0.0) * before as f64;
            sum.completion = Some(if all > 0 { done / all as f64 } else { 1.0 });
            sum.total = Some(all);
        }
        if let Some(rate) = phase.current_per_s.filter(|_| lives) {
            sum.items_per_s = Some(sum.items_per_s.unwrap_or(0.0) + rate);
        }
        sum.expected_ns = sum.expected_ns.saturating_add(phase.expected_ns.unwrap_or(0));
        self.is_open |= Share::of(phase).is_open;
        self.is_over &= phase.total.is_some() || phase.completion == Some(1.0);
    }

    /// Nobody has a total of it, but all are done with it.
    fn settled(mut self) -> Self {
        if self.phase.total.is_none() && self.is_over {
            self.phase.completion = Some(1.0);
        }
        self
    }

    fn share(&self) -> Share {
        Share {
            completion: self.phase.completion,
            has_total: self.phase.total.is_some(),
            is_open: self.is_open,
            expected_ns: self.phase.expected_ns,
        }
    }
}

/// In the order in which phases are met.
fn sums(members: &[Member<'_>]) -> Vec<Sum> {
    let mut sums: Vec<Sum> = Vec::new();
    for member in members {
        let phases = &member.progress.phases;
        for (own, phase) in phases.iter().enumerate() {
            let place = sums.iter().position(|known| known.phase.name == phase.name).unwrap_or_else(|| {
                sums.push(Sum::named(&phase.name));
                sums.len() - 1
            });
            let Some(sum) = sums.get_mut(place) else { continue };
            sum.take(phase, member.lives());
            sum.is_counted |= is_counted(member.state, phases, own);
        }
    }
    sums.into_iter().map(Sum::settled).collect()
}
