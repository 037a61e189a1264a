//! How far a run is, how fast it goes and when it will be done. A function of the state, the past and the time.

mod estimate;
mod high_water;
mod overall;
mod past;
mod rate;
mod schedule;

use crate::state::{ItemInHand, PhaseState, RunState, Status};

pub use estimate::{Basis, Eta};
pub use high_water::HighWater;
pub(crate) use overall::{Share, is_counted, overall};
pub use past::{MAX_PAST_RUNS, PastPhase, PastRun, PastRuns};
pub(crate) use past::{median, workers_of};
pub(crate) use schedule::replay_ns;

/// Counts that are no older stand for now: three heartbeats.
pub const FRESH_NS: u64 = 15_000_000_000;

/// How far one worker's part of a run is.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Progress {
    /// The pipeline.
    pub pipeline: String,
    /// The run's id.
    pub run: String,
    /// Which attempt.
    pub attempt: u32,
    /// What it is up to.
    pub status: Status,
    /// How long it has lasted, without pauses.
    pub elapsed_ns: u64,
    /// How long it was paused.
    pub paused_ns: u64,
    /// How much of it is done, from 0 to 1, weighted by time. Unknown where no phase has a total, and below 1
    /// while one without a total is not over.
    pub overall: Option<f64>,
    /// Whether that is less than it was, because a total has grown.
    pub went_back: bool,
    /// How long it will still last. Unknown while a phase has neither begun nor a past.
    pub eta: Option<Eta>,
    /// When it will be done, since the Unix epoch.
    pub finish_unix_ns: Option<u64>,
    /// How that is to its limit.
    pub deadline: Option<Deadline>,
    /// Each phase.
    pub phases: Vec<PhaseProgress>,
    /// What is in hand, the oldest first.
    pub in_hand: Vec<ItemInHand>,
    /// How often a total has changed.
    pub total_changes: u64,
}

/// How far one phase is.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct PhaseProgress {
    /// Its name.
    pub name: String,
    /// What it is up to.
    pub status: Status,
    /// Items that are done with, however.
    pub processed: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Those that were left out.
    pub skipped: u64,
    /// How many there are to be.
    pub total: Option<u64>,
    /// How much of it is done, by weight where one is known, else by items.
    pub completion: Option<f64>,
    /// Items per second now.
    pub current_per_s: Option<f64>,
    /// Items per second since it began, earlier attempts aside.
    pub average_per_s: Option<f64>,
    /// How long it was at work.
    pub at_work_ns: u64,
    /// How long it will take from its begin to its end.
    pub expected_ns: Option<u64>,
    /// How long it will still take.
    pub eta: Option<Eta>,
}

/// How the estimate is to the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Deadline {
    /// The limit, since the Unix epoch.
    pub at_unix_ns: u64,
    /// What is left when the run is done; negative where it comes too late. Unknown as long as the estimate is.
    pub margin_ns: Option<i64>,
    /// The same at the late end of the range.
    pub margin_at_worst_ns: Option<i64>,
}

impl Progress {
    /// How far a run is at a time since the Unix epoch.
    #[must_use]
    pub fn of(state: &RunState, past: &PastRuns, now_unix_ns: u64) -> Self {
        Self::at(state, past, state.elapsed_ns(now_unix_ns), now_unix_ns)
    }

    /// How far a run is of which a journal tells. Its counts stand still between two heartbeats though its work does not:
    /// while the last counts are no older than [`FRESH_NS`], rates are those of that moment, and what has passed since
    /// then is taken off what is left. Older ones are a stall, as [`Progress::of`] has it.
    #[must_use]
    pub fn told(state: &RunState, past: &PastRuns, now_unix_ns: u64) -> Self {
        let (now_ns, told_ns) = (state.elapsed_ns(now_unix_ns), state.counted_ns());
        let age_ns = now_ns.saturating_sub(told_ns);
        if state.ended.is_some() || age_ns > FRESH_NS {
            return Self::of(state, past, now_unix_ns);
        }
        let mut progress = Self::at(state, past, told_ns, now_unix_ns);
        progress.elapsed_ns = now_ns;
        progress.in_hand = state.items_in_hand(now_ns);
        progress.eta = progress.eta.map(|eta| eta.after(age_ns));
        progress.finish_unix_ns = progress.eta.map(|eta| now_unix_ns.saturating_add(eta.median_ns));
        progress.deadline =
            state.deadline_unix_ns.map(|at_unix_ns| Deadline::of(at_unix_ns, progress.finish_unix_ns, progress.eta));
        for phase in progress.phases.iter_mut().filter(|phase| phase.status == Status::Running) {
            phase.eta = phase.eta.map(|eta| eta.after(age_ns));
        }
        progress
    }

    fn at(state: &RunState, past: &PastRuns, run_ns: u64, now_unix_ns: u64) -> Self {
        let estimates = estimate::phases(state, past, run_ns);
        let phases: Vec<_> = (0..state.phases.len())
            .filter_map(|place| phase_progress(state, past, place, run_ns, &estimates))
            .collect();
        let eta = match &state.ended {
            Some(_) => None,
            None => estimate::run(state, &estimates),
        };
        let finish_unix_ns = match &state.ended {
            Some(_) => Some(state.clock.last_unix_ns),
            None => eta.map(|eta| now_unix_ns.saturating_add(eta.median_ns)),
        };
        Self {
            pipeline: state.pipeline.clone(),
            run: state.run.clone(),
            attempt: state.attempt,
            status: state.status(),
            elapsed_ns: run_ns,
            paused_ns: state.clock.paused_ns,
            overall: overall_of(state, &phases),
            went_back: false,
            eta,
            finish_unix_ns,
            deadline: state.deadline_unix_ns.map(|at_unix_ns| Deadline::of(at_unix_ns, finish_unix_ns, eta)),
            phases,
            in_hand: state.items_in_hand(run_ns),
            total_changes: state.total_changes,
        }
    }
}

impl Deadline {
    pub(crate) fn of(at_unix_ns: u64, finish_unix_ns: Option<u64>, eta: Option<Eta>) -> Self {
        let late_ns = eta.map_or(0, |eta| eta.high_ns.saturating_sub(eta.median_ns));
        let margin_ns = |late_ns: u64| {
            let margin = i128::from(at_unix_ns) - i128::from(finish_unix_ns?.saturating_add(late_ns));
            Some(margin.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
        };
        Self { at_unix_ns, margin_ns: margin_ns(0), margin_at_worst_ns: margin_ns(late_ns) }
    }
}

fn phase_progress(
    state: &RunState,
    past: &PastRuns,
    place: usize,
    run_ns: u64,
    estimates: &[Option<Eta>],
) -> Option<PhaseProgress> {
    let phase = state.phases.get(place)?;
    let status = state.phase_status(place);
    let counts = phase.all_counts();
    let is_live = matches!(status, Status::Running | Status::Paused);
    let eta = estimates.get(place).copied().flatten().filter(|_| state.ended.is_none());
    let at_work_ns = phase.stretches_at(run_ns).total_ns();
    let expected_ns = match status {
        Status::Pending => eta.map(|eta| eta.median_ns),
        Status::Running | Status::Paused => {
            let passed_ns = phase.first_ns.map_or(0, |first_ns| run_ns.saturating_sub(first_ns));
            eta.map(|eta| passed_ns.saturating_add(eta.median_ns))
        }
        Status::Completed | Status::Failed | Status::Cancelled | Status::Skipped => Some(at_work_ns),
    };
    Some(PhaseProgress {
        name: phase.name.clone(),
        status,
        processed: phase.processed(),
        failed: counts.error,
        skipped: counts.skipped,
        total: phase.effective_total(),
        completion: completion(phase, status),
        current_per_s: is_live.then(|| estimate::current_per_ns(phase, past, run_ns)).flatten().map(|rate| rate * 1e9),
        average_per_s: average_per_s(phase, at_work_ns, is_live, run_ns),
        at_work_ns,
        expected_ns,
        eta,
    })
}

/// What was done in this journal's attempts, over the time that they took. While it works, a stall counts too.
fn average_per_s(phase: &PhaseState, at_work_ns: u64, is_live: bool, run_ns: u64) -> Option<f64> {
    let seen = phase.counted().amount;
    let passed_ns = match (is_live, phase.first_ns) {
        (true, Some(first_ns)) if !phase.has_all_runs() => run_ns.saturating_sub(first_ns),
        _ => at_work_ns,
    };
    (passed_ns > 0 && seen > 0).then(|| seen as f64 * 1e9 / passed_ns as f64)
}

/// What the counts say, however it ended; without a total, an end is all that is known.
fn completion(phase: &PhaseState, status: Status) -> Option<f64> {
    let total = phase.effective_total();
    if status == Status::Completed && total.is_none_or(|total| phase.processed() >= total) {
        return Some(1.0);
    }
    let share = |done: u64, total: u64| (total > 0).then(|| (done as f64 / total as f64).min(1.0));
    let by_weight = phase.total_weight.and_then(|total| share(phase.all_counts().weight, total));
    by_weight.filter(|_| phase.weight.amount > 0).or_else(|| total.and_then(|total| share(phase.processed(), total)))
}

fn overall_of(state: &RunState, phases: &[PhaseProgress]) -> Option<f64> {
    let counted = phases.iter().enumerate().filter(|(place, _)| is_counted(state, phases, *place));
    overall(&counted.map(|(_, phase)| Share::of(phase)).collect::<Vec<_>>())
}
