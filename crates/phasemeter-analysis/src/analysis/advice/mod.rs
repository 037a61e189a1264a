//! What would help: rules, each with what was seen, what it would gain and the limit that it used.

mod flow;
mod machine;
mod windows;
mod workers;

use crate::analysis::{Analysis, PhaseUsage};
use crate::progress::PastRuns;
use crate::state::RunState;

use windows::Windows;

/// One piece of advice.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Advice {
    /// The rule.
    pub rule: Rule,
    /// How much it matters.
    pub severity: Severity,
    /// Of which phase, if of one.
    pub phase: Option<String>,
    /// What was seen.
    pub evidence: String,
    /// What to do.
    pub action: &'static str,
    /// By how much the run would be shorter at most, as a share, where that can be said.
    pub gain: Option<f64>,
    /// The limits that were used.
    pub threshold: String,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "json", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Rule {
    /// A GPU waits for input, and the processors have room.
    FeedTheGpu,
    /// A GPU waits for input, and the processors have none.
    CheapenCpuWork,
    /// A GPU waits for input, and the input waits for a disk.
    FasterStorage,
    /// One worker at the end holds up the others.
    ScaleTheSink,
    /// Nothing is full.
    BiggerBatch,
    /// The GPU's memory nearly is.
    SmallerBatch,
    /// There are fewer pieces than workers.
    SplitTheBatches,
    /// The same is loaded again and again.
    LoadOncePerWorker,
    /// One worker has more to do than the others.
    Rebalance,
    /// Long items come last.
    LongestFirst,
    /// Phases that could work at the same time do not.
    OverlapPhases,
    /// It is slower than it was.
    Regression,
    /// Memory is read back from swap.
    LessMemory,
    /// The file system for intermediate files is nearly full.
    StagingSpace,
    /// Measuring costs too much.
    LowerTheLevel,
}

/// How much a piece of advice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "json", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Severity {
    /// Worth a look.
    Normal,
    /// Much is lost.
    High,
    /// The run is about to fail.
    Critical,
}

/// What rules look at.
struct Case<'a> {
    analysis: &'a Analysis,
    state: &'a RunState,
    past: &'a PastRuns,
}

/// One phase, as rules look at it.
struct OfPhase<'a> {
    case: &'a Case<'a>,
    place: usize,
    usage: &'a PhaseUsage,
    windows: Windows<'a>,
}

/// All that the rules say: what is urgent first, then by gain.
pub(super) fn advice(analysis: &Analysis, state: &RunState, past: &PastRuns) -> Vec<Advice> {
    let case = Case { analysis, state, past };
    let mut all: Vec<_> = case.of_run().into_iter().flatten().collect();
    for (place, usage) in analysis.phases.iter().enumerate() {
        let windows = Windows::of(state, place, &analysis.limits);
        let of_phase = OfPhase { case: &case, place, usage, windows };
        all.extend(of_phase.all().into_iter().flatten());
    }
    all.sort_by(|one, two| {
        let gain = |advice: &Advice| advice.gain.unwrap_or(0.0);
        two.severity
            .cmp(&one.severity)
            .then(gain(two).total_cmp(&gain(one)))
            .then_with(|| (one.rule, &one.phase).cmp(&(two.rule, &two.phase)))
    });
    all
}

impl Case<'_> {
    fn of_run(&self) -> [Option<Advice>; 4] {
        [self.overlap_phases(), self.less_memory(), self.staging_space(), self.lower_the_level()]
    }
}

impl OfPhase<'_> {
    fn all(&self) -> [Option<Advice>; 9] {
        [
            self.feed_the_gpu(),
            self.scale_the_sink(),
            self.bigger_batch(),
            self.smaller_batch(),
            self.split_the_batches(),
            self.load_once_per_worker(),
            self.rebalance(),
            self.longest_first(),
            self.regression(),
        ]
    }

    fn advise(&self, rule: Rule, action: &'static str, evidence: String, threshold: String) -> Advice {
        let phase = Some(self.usage.name.clone());
        Advice { rule, severity: Severity::Normal, phase, evidence, action, gain: None, threshold }
    }

    /// The gain where this phase would take so much less of the time that it is on the critical path.
    fn gain(&self, share_of_phase: f64) -> Option<f64> {
        let wall_ns = self.case.analysis.wall_ns as f64;
        let on_path_ns = self.usage.on_path_ns as f64;
        (wall_ns > 0.0 && on_path_ns > 0.0).then(|| (on_path_ns * share_of_phase.clamp(0.0, 1.0)) / wall_ns)
    }
}
