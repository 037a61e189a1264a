//! The control group, or container, that the process is in.

use super::Unit::{Bytes, Count, Seconds};
use super::{Metric, Origin, counter, gauge, up_down};

metrics! {
    origin: Origin::Ours("the conventions know no limits, peaks and events of control groups");

    /// CPU time of the control group, by mode.
    CONTAINER_CPU_TIME = counter("container.cpu.time", Seconds, &["cpu_mode"]).semconv();
    /// Memory of the control group, with its part of the page cache.
    CONTAINER_MEMORY_USAGE = up_down("container.memory.usage", Bytes, &[]).semconv();
    /// Memory of the control group without file pages that were not used of late: what counts before the kernel kills.
    CONTAINER_MEMORY_WORKING_SET = up_down("container.memory.working_set", Bytes, &[]).semconv();
    /// What the working set may still grow by; absent where there is no limit.
    CONTAINER_MEMORY_AVAILABLE = up_down("container.memory.available", Bytes, &[]).semconv();
    /// CPUs that the control group may use at most; absent where there is no limit.
    CGROUP_CPU_LIMIT = up_down("cgroup.cpu.limit", Count("{cpu}"), &[]);
    /// Periods in which the control group wanted to run, under a limit.
    CGROUP_CPU_PERIODS = counter("cgroup.cpu.periods", Count("{period}"), &[]);
    /// Periods in which the control group used up its share and had to wait.
    CGROUP_CPU_THROTTLED_PERIODS = counter("cgroup.cpu.throttled_periods", Count("{period}"), &[]);
    /// Time that the control group had to wait because it had used up its share, added up over CPUs.
    CGROUP_CPU_THROTTLED_TIME = counter("cgroup.cpu.throttled_time", Seconds, &[]);
    /// Memory that the control group, or the narrowest of those above it, may have; absent where there is no limit.
    CGROUP_MEMORY_LIMIT = up_down("cgroup.memory.limit", Bytes, &[]);
    /// The most memory that the control group has had.
    CGROUP_MEMORY_PEAK = gauge("cgroup.memory.peak", Bytes, &[]);
    /// What happened to the control group's memory, as that the limit was hit, or a process killed.
    CGROUP_MEMORY_EVENTS = counter("cgroup.memory.events", Count("{event}"), &["event"]);
}
