//! Phases, and the pipelines that they belong to.

use super::Unit::{Bytes, Count, Joules, One, Seconds};
use super::{Kind, Metric, Origin, counter, gauge, info, metric, up_down};

const PHASE: &[&str] = &["phase", "pipeline"];
const OUTCOME: &[&str] = &["outcome", "phase", "pipeline"];
const OVERLAP: &[&str] = &["overlap", "phase", "pipeline"];

metrics! {
    origin: Origin::Ours("the conventions know no phases of a pipeline");

    /// How long runs of the phase took, by how they ended.
    PHASE_DURATION = metric("phase.duration", Kind::Histogram, Seconds, OUTCOME);
    /// Runs of the phase that ended, by how they ended.
    PHASE_RUNS = counter("phase.runs", Count("{run}"), OUTCOME);
    /// Runs of the phase that have started and not ended.
    PHASE_ACTIVE = up_down("phase.active", Count("{run}"), PHASE);
    /// Plain spans of the phase that exited over a minute ago and are not closed: awaited, or held by something.
    PHASE_HELD = up_down("phase.held", Count("{run}"), PHASE);
    /// When the oldest run in flight started, in seconds since the Unix epoch; absent where none is.
    PHASE_OLDEST_START_TIMESTAMP = gauge("phase.oldest_start_timestamp", Seconds, PHASE);
    /// When a run last began or ended, or live counts were last seen to change, in seconds since the Unix epoch.
    PHASE_LAST_ACTIVITY_TIMESTAMP = gauge("phase.last_activity_timestamp", Seconds, PHASE);
    /// Items the phase has dealt with, by what became of them.
    PHASE_ITEMS = counter("phase.items", Count("{item}"), OUTCOME);
    /// Bytes the phase has dealt with, by what became of them.
    PHASE_BYTES = counter("phase.bytes", Bytes, OUTCOME);
    /// What the phase has dealt with in units of its own, as tokens or pages, by what became of them.
    PHASE_UNITS = counter("phase.units", Count("{unit}"), &["outcome", "phase", "pipeline", "unit"]);
    /// Failed runs and failed single items of the phase, by type of error.
    PHASE_ERRORS = counter("phase.errors", Count("{error}"), &["error_type", "phase", "pipeline"]);
    /// Items the phase expects in all, where that is known.
    PHASE_EXPECTED_ITEMS = gauge("phase.expected_items", Count("{item}"), PHASE);
    /// Items dealt with over items expected, in this process.
    PHASE_PROGRESS = gauge("phase.progress", One, PHASE);
    /// Wall time of ended runs without the waiting; from level detailed on.
    PHASE_BUSY_TIME = counter("phase.busy_time", Seconds, PHASE);
    /// Wall time that ended runs waited, for input, for output or, of futures, while pending; from level detailed on.
    PHASE_WAITING_TIME = counter("phase.waiting_time", Seconds, &["direction", "phase", "pipeline"]);
    /// CPU time of the threads that ended runs were worked on by; at level profiling.
    PHASE_CPU_TIME = counter("phase.cpu_time", Seconds, PHASE);
    /// Allocations within ended runs; at level profiling, with the counting allocator.
    PHASE_ALLOCATIONS = counter("phase.allocations", Count("{allocation}"), PHASE);
    /// Bytes allocated within ended runs, freed or not; at level profiling, with the counting allocator.
    PHASE_ALLOCATED = counter("phase.allocated", Bytes, PHASE);
    /// How long the phase will still take in the current run, by the latest estimate.
    PHASE_ETA = gauge("phase.eta", Seconds, PHASE);
    /// How much of the current run is done: by time where it is followed, by its items otherwise.
    PIPELINE_PROGRESS = gauge("pipeline.progress", One, &["pipeline"]);
    /// How long the current run will still take, by the latest estimate.
    PIPELINE_ETA = gauge("pipeline.eta", Seconds, &["pipeline"]);
    /// When the current run has to be over, in seconds since the Unix epoch.
    PIPELINE_DEADLINE_TIMESTAMP = gauge("pipeline.deadline_timestamp", Seconds, &["pipeline"]);
    /// When the current run was last looked at, in seconds since the Unix epoch: one that is not is hung, or gone.
    PIPELINE_HEARTBEAT_TIMESTAMP = gauge("pipeline.heartbeat_timestamp", Seconds, &["pipeline"]);
    /// When the latest run started, in seconds since the Unix epoch.
    PIPELINE_START_TIMESTAMP = gauge("pipeline.start_timestamp", Seconds, &["pipeline"]);
    /// 1 once the latest run came to its end, 0 while it runs.
    PIPELINE_FINISHED = gauge("pipeline.finished", Count("{flag}"), &["pipeline"]);
    /// The latest run of the pipeline; its id stands only here.
    PIPELINE_RUN_INFO = info("pipeline.run_info", Count("{run}"), &["pipeline", "run"]);
    /// Wall time of the intervals in which the phase ran, by how many phases did. What was read in them is the process's own
    /// and counts for each of these phases.
    PHASE_SAMPLED_TIME = counter("phase.sampled_time", Seconds, OVERLAP);
    /// CPU time of the whole process in intervals in which the phase ran, by how many phases did.
    PHASE_PROCESS_CPU_TIME = counter("phase.process.cpu_time", Seconds, OVERLAP);
    /// The most CPUs that the process kept busy over one interval in which the phase ran.
    PHASE_PROCESS_CPU_CORES_MAX = gauge("phase.process.cpu_cores.max", Count("{cpu}"), PHASE);
    /// The most resident memory that the process was seen to have while the phase ran.
    PHASE_PROCESS_MEMORY_MAX = gauge("phase.process.memory.max", Bytes, PHASE);
    /// Bytes that the process read from and wrote to storage in intervals in which the phase ran, by how many phases did.
    PHASE_PROCESS_DISK_IO =
        counter("phase.process.disk_io", Bytes, &["disk_io_direction", "overlap", "phase", "pipeline"]);
    /// Energy of the visible GPUs in intervals in which the phase ran, by how many phases did; of the whole devices.
    PHASE_GPU_ENERGY = counter("phase.gpu.energy", Joules, OVERLAP);
    /// Busy time of the visible GPUs, added up, in intervals in which the phase ran, by how many phases did.
    PHASE_GPU_BUSY_TIME = counter("phase.gpu.busy_time", Seconds, OVERLAP);
    /// The most memory in use on one visible GPU while the phase ran; of the whole device.
    PHASE_GPU_MEMORY_MAX = gauge("phase.gpu.memory.max", Bytes, PHASE);
}
