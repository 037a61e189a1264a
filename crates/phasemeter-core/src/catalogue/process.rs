//! The process.

use super::Unit::{Bytes, Count, One, Seconds};
use super::{Metric, Origin, counter, gauge, up_down};

const CORES: &str = "the conventions have it as a share of all CPUs only";
const WINDOW: &str = "the conventions know no peaks between two scrapes";

metrics! {
    origin: Origin::SemanticConventions;

    /// CPU time of the process, by mode.
    PROCESS_CPU_TIME = counter("process.cpu.time", Seconds, &["cpu_mode"]);
    /// User and system CPU time of the process.
    PROCESS_CPU_SECONDS = counter("process.cpu.time.all_modes", Seconds, &[])
        .ours("the sum of both modes, which Prometheus's own clients have")
        .classic("process_cpu_seconds_total");
    /// CPUs that the process keeps busy, over those that it may use.
    PROCESS_CPU_UTILIZATION = gauge("process.cpu.utilization", One, &[]);
    /// CPUs that the process keeps busy: 1 is one of them, wholly.
    PROCESS_CPU_CORES = gauge("process.cpu.cores", Count("{cpu}"), &[]).ours(CORES);
    /// The most CPUs that the process kept busy over one interval, within the window.
    PROCESS_CPU_CORES_MAX = gauge("process.cpu.cores.max", Count("{cpu}"), &["window"]).ours(WINDOW);
    /// CPUs that the process kept busy, on average over the window.
    PROCESS_CPU_CORES_MEAN = gauge("process.cpu.cores.mean", Count("{cpu}"), &["window"]).ours(WINDOW);
    /// Resident memory of the process.
    PROCESS_MEMORY_USAGE = up_down("process.memory.usage", Bytes, &[]).classic("process_resident_memory_bytes");
    /// Virtual memory of the process.
    PROCESS_MEMORY_VIRTUAL = up_down("process.memory.virtual", Bytes, &[]).classic("process_virtual_memory_bytes");
    /// The most resident memory that the process has had since it began.
    PROCESS_MEMORY_PEAK = gauge("process.memory.peak", Bytes, &[]).ours("the conventions have no peak");
    /// The most resident memory of the process within the window.
    PROCESS_MEMORY_MAX = gauge("process.memory.usage.max", Bytes, &["window"]).ours(WINDOW);
    /// Resident memory of the process, on average over the window.
    PROCESS_MEMORY_MEAN = gauge("process.memory.usage.mean", Bytes, &["window"]).ours(WINDOW);
    /// Bytes that the process had storage read and write. A write counts once its page is dirty.
    PROCESS_DISK_IO = counter("process.disk.io", Bytes, &["disk_io_direction"]);
    /// Calls that read and wrote, of files and of everything else that is read and written.
    PROCESS_IO_OPERATIONS = counter("process.io.operations", Count("{operation}"), &["disk_io_direction"])
        .ours("the kernel counts calls, whatever they reach");
    /// Bytes asked for by calls that read and write: from storage, from the cache, through pipes and sockets.
    PROCESS_IO = counter("process.io", Bytes, &["disk_io_direction"])
        .ours("reads that the cache answers show only here");
    /// Threads of the process.
    PROCESS_THREADS = up_down("process.thread.count", Count("{thread}"), &[]).classic("process_threads");
    /// Open file descriptors of the process.
    PROCESS_OPEN_FILE_DESCRIPTORS =
        up_down("process.unix.file_descriptor.count", Count("{file_descriptor}"), &[]).classic("process_open_fds");
    /// File descriptors the process may open (the soft limit).
    PROCESS_MAX_FILE_DESCRIPTORS = gauge("process.unix.file_descriptor.limit", Count("{file_descriptor}"), &[])
        .ours("the conventions have the count but not its limit")
        .classic("process_max_fds");
    /// How long the process has been running.
    PROCESS_UPTIME = gauge("process.uptime", Seconds, &[]);
    /// When the process started, in seconds since the Unix epoch.
    PROCESS_START_TIMESTAMP = gauge("process.start_timestamp", Seconds, &[])
        .ours("the conventions have it as a resource attribute only")
        .classic("process_start_time_seconds");
    /// How often threads of the process left a CPU: of themselves, or because others were to have it.
    PROCESS_CONTEXT_SWITCHES =
        counter("process.context_switches", Count("{context_switch}"), &["process_context_switch_type"]);
    /// Page faults of the process: major ones waited for storage.
    PROCESS_PAGING_FAULTS = counter("process.paging.faults", Count("{fault}"), &["system_paging_fault_type"]);
}
