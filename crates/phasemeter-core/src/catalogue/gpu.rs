//! GPUs, as their driver tells.

use super::Unit::{Bytes, Celsius, Count, Hertz, Joules, One, Seconds, Watts};
use super::{Metric, Origin, counter, gauge, info, up_down};

const DEVICE: &[&str] = &["hw_id", "hw_name"];
const HARDWARE: &[&str] = &["hw_id", "hw_name", "hw_type"];
const WINDOW: &[&str] = &["hw_id", "hw_name", "window"];

metrics! {
    origin: Origin::Ours("the conventions have little of GPUs");

    /// The share of the last sample period in which the GPU, or one of its engines, was at work.
    HW_GPU_UTILIZATION = gauge("hw.gpu.utilization", One, &["hw_gpu_task", "hw_id", "hw_name"]).semconv();
    /// Time in which the GPU was at work, from every sample that the driver kept.
    GPU_BUSY_TIME = counter("gpu.busy_time", Seconds, DEVICE);
    /// The greatest utilisation of the GPU over one sample period, within the window.
    GPU_UTILIZATION_MAX = gauge("gpu.utilization.max", One, WINDOW);
    /// The utilisation of the GPU, on average over the window.
    GPU_UTILIZATION_MEAN = gauge("gpu.utilization.mean", One, WINDOW);
    /// Memory of the GPU that is allocated.
    HW_GPU_MEMORY_USAGE = up_down("hw.gpu.memory.usage", Bytes, DEVICE).semconv();
    /// Memory of the GPU.
    HW_GPU_MEMORY_LIMIT = up_down("hw.gpu.memory.limit", Bytes, DEVICE).semconv();
    /// The share of the GPU's memory that is allocated.
    HW_GPU_MEMORY_UTILIZATION = gauge("hw.gpu.memory.utilization", One, DEVICE).semconv();
    /// Memory of the GPU that can be allocated.
    GPU_MEMORY_FREE = up_down("gpu.memory.free", Bytes, DEVICE);
    /// Memory of the GPU that driver and firmware keep for themselves; neither used nor free.
    GPU_MEMORY_RESERVED = up_down("gpu.memory.reserved", Bytes, DEVICE);
    /// The most memory of the GPU that was allocated within the window.
    GPU_MEMORY_MAX = gauge("gpu.memory.usage.max", Bytes, WINDOW);
    /// Memory of the GPU that was allocated, on average over the window.
    GPU_MEMORY_MEAN = gauge("gpu.memory.usage.mean", Bytes, WINDOW);
    /// Temperature at a place of the GPU.
    HW_TEMPERATURE =
        gauge("hw.temperature", Celsius, &["hw_id", "hw_name", "hw_sensor_location", "hw_type"]).semconv();
    /// Energy that the GPU has used since its driver was loaded, or since it was first read if it does not count itself.
    HW_ENERGY = counter("hw.energy", Joules, HARDWARE).semconv();
    /// Power that the GPU draws.
    HW_POWER = gauge("hw.power", Watts, HARDWARE).semconv();
    /// Power that the GPU may draw.
    GPU_POWER_LIMIT = gauge("gpu.power.limit", Watts, DEVICE);
    /// The most power that the GPU was seen to draw within the window.
    GPU_POWER_MAX = gauge("gpu.power.max", Watts, WINDOW);
    /// Power that the GPU drew, on average over the window.
    GPU_POWER_MEAN = gauge("gpu.power.mean", Watts, WINDOW);
    /// The speed of one of the GPU's clocks.
    GPU_CLOCK = gauge("gpu.clock", Hertz, &["clock", "hw_id", "hw_name"]);
    /// The speed of a fan, as a share of its greatest.
    HW_FAN_SPEED = gauge("hw.fan.speed_ratio", One, &["fan", "hw_id", "hw_name", "hw_type"]).semconv();
    /// Bytes between the GPU and its host.
    HW_GPU_IO = counter("hw.gpu.io", Bytes, &["hw_id", "hw_name", "network_io_direction"]).semconv();
    /// Memory errors of the GPU since its driver was loaded, by whether they could be corrected.
    HW_ERRORS = counter("hw.errors", Count("{error}"), &["error_type", "hw_id", "hw_name", "hw_type"]).semconv();
    /// Rows of the GPU's memory that were replaced for good, by what was wrong with them.
    GPU_REMAPPED_ROWS = counter("gpu.remapped_rows", Count("{row}"), &["error_type", "hw_id", "hw_name"]);
    /// Transfers over PCIe that had to be repeated.
    GPU_PCIE_REPLAYS = counter("gpu.pcie.replays", Count("{replay}"), DEVICE);
    /// 1 where the clocks are held down for this reason, 0 where not.
    GPU_THROTTLE_ACTIVE = gauge("gpu.throttle.active", Count("{flag}"), &["hw_id", "hw_name", "reason"]);
    /// Time in which the clocks were held down for this reason.
    GPU_THROTTLE_TIME = counter("gpu.throttle.time", Seconds, &["hw_id", "hw_name", "reason"]);
    /// Bytes over all NVLinks of the GPU.
    GPU_NVLINK_IO = counter("gpu.nvlink.io", Bytes, &["hw_id", "hw_name", "network_io_direction"]);
    /// The share of time in which a multiprocessor had work, on average over all of them.
    GPU_SM_ACTIVE = gauge("gpu.sm.active", One, DEVICE);
    /// Warps in flight over those that the multiprocessors have room for.
    GPU_SM_OCCUPANCY = gauge("gpu.sm.occupancy", One, DEVICE);
    /// The share of time in which tensor cores were at work.
    GPU_TENSOR_ACTIVE = gauge("gpu.tensor.active", One, DEVICE);
    /// The share of time in which the GPU's memory was read or written.
    GPU_DRAM_ACTIVE = gauge("gpu.dram.active", One, DEVICE);
    /// Memory of the GPU that a process has allocated.
    PROCESS_GPU_MEMORY_USAGE = up_down("process.gpu.memory.usage", Bytes, &["hw_id", "hw_name", "process_pid"]);
    /// Critical events of the GPU, by the driver's number.
    GPU_XID = counter("gpu.xid", Count("{event}"), &["hw_id", "hw_name", "xid"]);
    /// When the last critical event of the GPU was, in seconds since the Unix epoch.
    GPU_XID_LAST_TIMESTAMP = gauge("gpu.xid.last_timestamp", Seconds, DEVICE);
    /// 1 for the state that the GPU is in, 0 for the others: a lost one has failed.
    HW_STATUS = up_down("hw.status", Count("{flag}"), &["hw_id", "hw_name", "hw_state", "hw_type"]).semconv();
    /// What is known of the GPU and does not change.
    GPU_INFO = info(
        "gpu.info",
        Count("{gpu}"),
        &["driver_version", "hw_id", "hw_name", "mig_parent", "model", "pci_bus_id", "vbios_version"],
    );
}
