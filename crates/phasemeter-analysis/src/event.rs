//! What can happen in a run. The live process and its journal are told by the same events.
//!
//! Counts are cumulative since the attempt began, so an event that is lost or told twice changes nothing for long.

use phasemeter_core::Outcome;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct Event {
    /// When, since the Unix epoch.
    pub at_ns: u64,
    /// What.
    pub event: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum EventKind {
    /// A worker began an attempt at a run.
    Declared(Declared),
    /// A run of a phase began.
    PhaseStarted(PhaseStarted),
    /// A run of a phase ended.
    PhaseEnded(PhaseEnded),
    /// What a phase has counted since the attempt began.
    Counted(Counted),
    /// How much a phase has to do, where that is known only now, or has changed.
    TotalSet(TotalSet),
    /// The item that a lane has in hand, or that it has none.
    InHand(InHand),
    /// Everything that is counted, every few seconds.
    Heartbeat(Heartbeat),
    /// A word of the program's own.
    Note(String),
    /// The run was paused: until it resumes, no time passes.
    Paused,
    /// The run goes on.
    Resumed,
    /// The run is over.
    RunEnded(RunEnded),
}

/// A worker's attempt at a run, as it begins.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Declared {
    /// The pipeline.
    pub pipeline: String,
    /// The run's id, the same for every worker and every attempt.
    pub run: String,
    /// Who works: unique among the workers of a run.
    pub worker: String,
    /// Where.
    pub host: String,
    /// The first attempt is 1.
    pub attempt: u32,
    /// The part of the work, where another worker may take it over; the worker's own name otherwise.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub shard: Option<String>,
    /// When the run has to be over, since the Unix epoch.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub deadline_unix_ns: Option<u64>,
    /// How phases follow each other; seen from what happens where it is not said.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub flow: Option<Flow>,
    /// The phases, in their order.
    pub phases: Vec<PhaseDeclared>,
}

/// How the phases of a run follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Flow {
    /// One begins when the one before it is done.
    Sequential,
    /// They work at the same time, on different items.
    Streaming,
}

/// A phase, as it is declared.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct PhaseDeclared {
    /// Its name.
    pub name: String,
    /// How many items it has to process.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub total: Option<u64>,
    /// The weight of all items together (bytes, pages, tokens), where the cost of an item varies with it.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub total_weight: Option<u64>,
    /// How many may work at once.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub workers: Option<u32>,
    /// What it works on, such as `cpu` or `gpu`.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub device: Option<String>,
    /// What it is for.
    pub role: Role,
    /// Items that were done before this attempt and are not counted by it. Where it is not said, what earlier attempts
    /// did stays done.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub resumed: Option<u64>,
}

/// What a phase is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Role {
    /// To work on items.
    #[default]
    Work,
    /// To get ready: load a model, open a connection. Once per worker would do.
    Initialisation,
}

/// A run of a phase, as it begins.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct PhaseStarted {
    /// Unique within the attempt.
    pub span: u64,
    /// The phase.
    pub phase: String,
    /// The run that this one is part of.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub parent: Option<u64>,
    /// Which of the process's workers it runs on.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub lane: Option<u32>,
    /// The item.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub item: Option<String>,
}

/// A run of a phase, as it ends. It counts no items: [`Counted`] and [`Heartbeat`] do.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct PhaseEnded {
    /// Which one.
    pub span: u64,
    /// How.
    #[cfg_attr(feature = "json", serde(with = "crate::json::outcome"))]
    pub outcome: Outcome,
}

/// Items of a phase, since the attempt began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Counts {
    /// Processed.
    pub ok: u64,
    /// Tried, and failed.
    pub error: u64,
    /// Left out on purpose.
    pub skipped: u64,
    /// What those items weigh, in the unit of the declared total weight.
    pub weight: u64,
}

impl Counts {
    /// Items that are done with, however: a failed one will not be tried again.
    #[must_use]
    pub fn processed(&self) -> u64 {
        self.ok.saturating_add(self.error).saturating_add(self.skipped)
    }

    /// The larger of each, which is the later of two cumulative counts.
    #[must_use]
    pub fn later_of(self, other: Self) -> Self {
        Self {
            ok: self.ok.max(other.ok),
            error: self.error.max(other.error),
            skipped: self.skipped.max(other.skipped),
            weight: self.weight.max(other.weight),
        }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            ok: self.ok.saturating_add(other.ok),
            error: self.error.saturating_add(other.error),
            skipped: self.skipped.saturating_add(other.skipped),
            weight: self.weight.saturating_add(other.weight),
        }
    }
}

/// What a phase has counted since the attempt began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Counted {
    /// The phase.
    pub phase: String,
    /// Its items.
    pub counts: Counts,
}

/// How much a phase has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct TotalSet {
    /// The phase.
    pub phase: String,
    /// Its items.
    pub total: u64,
}

/// What a lane has in hand, outside of the runs that say it themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct InHand {
    /// The phase.
    pub phase: String,
    /// Which of the process's workers.
    pub lane: u32,
    /// The item, or none any longer.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub item: Option<String>,
}

/// All that is counted, since the attempt began.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Heartbeat {
    /// Each phase.
    pub phases: Vec<PhaseBeat>,
    /// What the machine did since the last heartbeat, where somebody looks.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub resources: Option<Resources>,
}

/// One phase in a heartbeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct PhaseBeat {
    /// The phase.
    pub phase: String,
    /// Its items.
    pub counts: Counts,
    /// Runs that have ended.
    pub runs: u64,
    /// Worked, summed over its workers.
    pub busy_ns: u64,
    /// Waited for input, summed likewise.
    pub waiting_in_ns: u64,
    /// Waited for somebody to take the output.
    pub waiting_out_ns: u64,
    /// Runs that are in flight now.
    pub active: u64,
    /// What stands before it in its queue now.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub queue_depth: Option<u64>,
}

/// What the machine did, as shares from 0 to 1 where no unit is named. What nobody measured is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Resources {
    /// Processors of the host, all together.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub cpu: Option<f64>,
    /// Processors that wait for a disk.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub io_wait: Option<f64>,
    /// The busiest disk.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub disk_busy: Option<f64>,
    /// The GPUs of the pipeline, their mean.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub gpu: Option<f64>,
    /// The fullest GPU's memory.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub gpu_memory: Option<f64>,
    /// Read back from swap, in bytes per second.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub swap_in_bytes_per_s: Option<f64>,
    /// The file system for intermediate files.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub staging_used: Option<f64>,
    /// What measuring takes itself, of the process's time.
    #[cfg_attr(feature = "json", serde(skip_serializing_if = "Option::is_none"))]
    pub monitoring: Option<f64>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct RunEnded {
    /// Whether it did what it was to do.
    #[cfg_attr(feature = "json", serde(with = "crate::json::outcome"))]
    pub outcome: Outcome,
    /// Why not, in the program's own words.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    pub reason: Option<String>,
}
