//! What earlier runs of the pipeline say of this one.

use crate::state::{PhaseState, RunState};

/// So many of the latest runs are looked at.
pub const MAX_PAST_RUNS: usize = 5;

/// What is kept of a run that is over.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct PastRun {
    /// Its phases.
    pub phases: Vec<PastPhase>,
    /// By how much its estimates were wrong, as the mean |ln(estimate ÷ truth)|, where somebody kept count.
    pub eta_error: Option<f64>,
}

/// What is kept of a phase.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct PastPhase {
    /// Its name.
    pub name: String,
    /// Items that it was done with.
    pub items: u64,
    /// Its workers.
    pub workers: u32,
    /// How long it was at work.
    pub at_work_ns: u64,
}

impl PastRun {
    /// What is kept of this one.
    #[must_use]
    pub fn of(state: &RunState) -> Self {
        let phase = |phase: &PhaseState| PastPhase {
            name: phase.name.clone(),
            items: phase.processed(),
            workers: workers_of(phase),
            at_work_ns: phase.stretches_at(state.clock.run_ns).total_ns(),
        };
        let has_begun = |phase: &&PhaseState| phase.has_begun();
        Self { phases: state.phases.iter().filter(has_begun).map(phase).collect(), eta_error: None }
    }
}

/// As declared, else as many as were seen to work at once.
pub(crate) fn workers_of(phase: &PhaseState) -> u32 {
    let seen = phase.peak_active.max(phase.lanes.len() as u64).max(1);
    phase.workers.unwrap_or_else(|| u32::try_from(seen).unwrap_or(u32::MAX)).max(1)
}

/// The latest runs, the latest last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PastRuns {
    /// They may be more than are looked at.
    pub runs: Vec<PastRun>,
}

impl PastRuns {
    fn latest(&self) -> impl Iterator<Item = &PastRun> {
        self.runs.iter().rev().take(MAX_PAST_RUNS)
    }

    /// How long a phase took: the median, scaled to these items and workers.
    pub(crate) fn expected_ns(&self, phase: &PhaseState) -> Option<f64> {
        let workers = f64::from(workers_of(phase));
        let scaled = |past: &PastPhase| {
            let by_items = match (phase.effective_total(), past.items) {
                (Some(total), items) if items > 0 => total as f64 / items as f64,
                _ => 1.0,
            };
            past.at_work_ns as f64 * by_items * f64::from(past.workers.max(1)) / workers
        };
        let own = |run: &PastRun| run.phases.iter().find(|past| past.name == phase.name).map(scaled);
        median(self.latest().filter_map(own).collect())
    }

    /// By which factor estimates were wrong, at least 1.
    pub(crate) fn error_factor(&self) -> f64 {
        median(self.latest().filter_map(|run| run.eta_error).collect()).map_or(1.0, |error| error.abs().exp())
    }

    /// The median rate of a phase, in items per second at work, and over how many runs.
    #[must_use]
    pub fn items_per_s(&self, name: &str) -> Option<(f64, usize)> {
        let rate = |run: &PastRun| {
            let past = run.phases.iter().find(|past| past.name == name)?;
            (past.at_work_ns > 0).then(|| past.items as f64 * 1e9 / past.at_work_ns as f64)
        };
        let rates: Vec<_> = self.latest().filter_map(rate).collect();
        let runs = rates.len();
        median(rates).map(|rate| (rate, runs))
    }
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    let lower = values.get(values.len().checked_sub(1)? / 2).copied()?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(at_work_s: &[u64]) -> PastRuns {
        let run = |seconds: &u64| {
            let phase =
                PastPhase { name: "embed".to_owned(), items: 100, workers: 2, at_work_ns: seconds * 1_000_000_000 };
            PastRun { phases: vec![phase], eta_error: Some(0.5) }
        };
        PastRuns { runs: at_work_s.iter().map(run).collect() }
    }

    #[test]
    fn the_median_of_the_last_five_is_scaled_by_items_and_workers() {
        let phase = PhaseState { total: Some(200), workers: Some(4), ..PhaseState::named("embed") };
        // The first one is too long ago.
        assert_eq!(runs(&[9_000, 10, 20, 30, 40, 50]).expected_ns(&phase), Some(30e9));
        assert_eq!(runs(&[10]).expected_ns(&PhaseState::named("store")), None);
        assert!((runs(&[10]).error_factor() - 0.5_f64.exp()).abs() < 1e-12);
    }

    #[test]
    fn the_median_of_two_is_between_them() {
        assert_eq!([median(vec![]), median(vec![3.0]), median(vec![4.0, 1.0])], [None, Some(3.0), Some(2.5)]);
    }
}
