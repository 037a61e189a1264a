//! The host.

use super::Unit::{Bytes, Count, One, Seconds};
use super::{Metric, Origin, counter, gauge, up_down};

const WINDOW: &str = "the conventions know no peaks between two scrapes";
const LOAD: &str = "the conventions have no load average";
const DISK_DIRECTION: &[&str] = &["disk_io_direction", "system_device"];
const FILESYSTEM: &[&str] = &["system_device", "system_filesystem_mountpoint", "system_filesystem_type"];
const NETWORK: &[&str] = &["network_interface_name", "network_io_direction"];

metrics! {
    origin: Origin::SemanticConventions;

    /// CPU time of the host, by mode.
    SYSTEM_CPU_TIME = counter("system.cpu.time", Seconds, &["cpu_mode"]);
    /// The share of the host's CPU time that was not idle, over the last interval.
    SYSTEM_CPU_UTILIZATION = gauge("system.cpu.utilization", One, &[]);
    /// The greatest share of the host's CPU time that was not idle over one interval, within the window.
    SYSTEM_CPU_UTILIZATION_MAX = gauge("system.cpu.utilization.max", One, &["window"]).ours(WINDOW);
    /// The share of the host's CPU time that was not idle, on average over the window.
    SYSTEM_CPU_UTILIZATION_MEAN = gauge("system.cpu.utilization.mean", One, &["window"]).ours(WINDOW);
    /// Logical CPUs of the host.
    SYSTEM_CPU_LOGICAL_COUNT = up_down("system.cpu.logical.count", Count("{cpu}"), &[]);
    /// Threads that run or wait to, on average over about one minute.
    SYSTEM_LOAD_1M = gauge("system.cpu.load_average.1m", Count("{thread}"), &[]).ours(LOAD);
    /// Threads that run or wait to, on average over about five minutes.
    SYSTEM_LOAD_5M = gauge("system.cpu.load_average.5m", Count("{thread}"), &[]).ours(LOAD);
    /// Threads that run or wait to, on average over about fifteen minutes.
    SYSTEM_LOAD_15M = gauge("system.cpu.load_average.15m", Count("{thread}"), &[]).ours(LOAD);
    /// Memory of the host by what it is used for; cached holds what can be reclaimed. The states add up to the whole.
    SYSTEM_MEMORY_USAGE = up_down("system.memory.usage", Bytes, &["system_memory_state"]);
    /// Memory of the host.
    SYSTEM_MEMORY_LIMIT = up_down("system.memory.limit", Bytes, &[]);
    /// Memory that new programs can have without swapping, by the kernel's estimate.
    SYSTEM_MEMORY_AVAILABLE = up_down("system.memory.linux.available", Bytes, &[]);
    /// The most used memory of the host within the window.
    SYSTEM_MEMORY_USED_MAX = gauge("system.memory.used.max", Bytes, &["window"]).ours(WINDOW);
    /// Used memory of the host, on average over the window.
    SYSTEM_MEMORY_USED_MEAN = gauge("system.memory.used.mean", Bytes, &["window"]).ours(WINDOW);
    /// Swap space of the host, by whether it is used.
    SYSTEM_PAGING_USAGE = up_down("system.paging.usage", Bytes, &["system_paging_state"]);
    /// Page faults of the host: major ones waited for storage.
    SYSTEM_PAGING_FAULTS = counter("system.paging.faults", Count("{fault}"), &["system_paging_fault_type"]);
    /// Pages that were swapped in and out.
    SYSTEM_PAGING_OPERATIONS =
        counter("system.paging.operations", Count("{operation}"), &["system_paging_direction"]);
    /// Bytes read from and written to the device.
    SYSTEM_DISK_IO = counter("system.disk.io", Bytes, DISK_DIRECTION);
    /// Reads and writes that the device has finished.
    SYSTEM_DISK_OPERATIONS = counter("system.disk.operations", Count("{operation}"), DISK_DIRECTION);
    /// Time in which the device was at work.
    SYSTEM_DISK_IO_TIME = counter("system.disk.io_time", Seconds, &["system_device"]);
    /// Time that reads and writes took, each from its request on; added up, and so more than the wall time where they overlap.
    SYSTEM_DISK_OPERATION_TIME = counter("system.disk.operation_time", Seconds, DISK_DIRECTION);
    /// Space of the file system, by state: reserved is what only root may fill.
    SYSTEM_FILESYSTEM_USAGE = up_down(
        "system.filesystem.usage",
        Bytes,
        &["system_device", "system_filesystem_mountpoint", "system_filesystem_state", "system_filesystem_type"],
    );
    /// Space of the file system in all.
    SYSTEM_FILESYSTEM_LIMIT = up_down("system.filesystem.limit", Bytes, FILESYSTEM);
    /// The share of the space that those who are not root can fill which is used.
    SYSTEM_FILESYSTEM_UTILIZATION = gauge("system.filesystem.utilization", One, FILESYSTEM);
    /// 1 where the file system does not answer, or with an error, and 0 where it told its space.
    HOST_FILESYSTEM_ERROR = gauge("host.filesystem.error", Count("{flag}"), FILESYSTEM)
        .ours("the conventions know no file system that does not answer");
    /// Bytes that the interface sent and received.
    SYSTEM_NETWORK_IO = counter("system.network.io", Bytes, NETWORK);
    /// Packets that the interface sent and received.
    SYSTEM_NETWORK_PACKETS = counter("system.network.packet.count", Count("{packet}"), NETWORK);
    /// Packets that were dropped although nothing was wrong with them.
    SYSTEM_NETWORK_DROPPED = counter("system.network.packet.dropped", Count("{packet}"), NETWORK);
    /// Packets that were lost to errors.
    SYSTEM_NETWORK_ERRORS = counter("system.network.errors", Count("{error}"), NETWORK);
    /// Time in which some, or all, of the tasks that were not idle waited for the resource.
    HOST_PRESSURE_STALL_TIME = counter("host.pressure.stall_time", Seconds, &["resource", "stall"])
        .ours("the conventions know no pressure");
}
