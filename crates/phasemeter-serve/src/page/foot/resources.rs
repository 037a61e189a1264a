//! What the program runs on: its control group, the host, GPUs. A line stands where there is something to tell.

use phasemeter_core::catalogue::{
    CGROUP_CPU_LIMIT, CGROUP_CPU_THROTTLED_TIME, CGROUP_MEMORY_EVENTS, CGROUP_MEMORY_LIMIT,
    CONTAINER_MEMORY_WORKING_SET, HW_GPU_MEMORY_LIMIT, HW_GPU_MEMORY_USAGE, HW_GPU_UTILIZATION, HW_POWER, HW_STATUS,
    HW_TEMPERATURE, SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_CPU_UTILIZATION, SYSTEM_LOAD_1M, SYSTEM_MEMORY_LIMIT,
    SYSTEM_MEMORY_USAGE,
};
use phasemeter_core::{Metric, Series, Snapshot, Value};
use std::time::Duration;

use super::Facts;
use crate::page::format;
use crate::page::html::Html;
use crate::page::model::whole;

pub(super) fn write(html: &mut Html, snapshot: &Snapshot) {
    control_group(html, snapshot);
    host(html, snapshot);
    gpus(html, snapshot);
}

fn control_group(html: &mut Html, snapshot: &Snapshot) {
    let number = |metric: &Metric| snapshot.value(metric, &[]).map(Value::as_f64);
    let (memory, limit) = (number(&CONTAINER_MEMORY_WORKING_SET), number(&CGROUP_MEMORY_LIMIT));
    let mut facts = Facts::new(html, "control group");
    // Without limits it is the host that matters.
    if let Some((memory, limit)) = memory.zip(limit) {
        let text = format!("{} of {}", format::bytes(memory), format::bytes(limit));
        let what = "the working set, of what the group may have before the kernel kills";
        if memory > 0.9 * limit { facts.warn("memory", what, &text) } else { facts.add("memory", what, &text) }
    }
    if let Some(cpus) = number(&CGROUP_CPU_LIMIT) {
        facts.add("CPU limit", CGROUP_CPU_LIMIT.help, &format!("{cpus:.1}"));
    }
    if let Some(seconds) = number(&CGROUP_CPU_THROTTLED_TIME).filter(|seconds| *seconds > 0.0) {
        let waited = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        facts.warn("throttled", CGROUP_CPU_THROTTLED_TIME.help, &format::duration(waited));
    }
    let kills = snapshot.value(&CGROUP_MEMORY_EVENTS, &[("event", "oom_kill")]).map_or(0, whole);
    if kills > 0 {
        facts.warn("killed for memory", CGROUP_MEMORY_EVENTS.help, &format::count(kills));
    }
    facts.finish();
}

fn host(html: &mut Html, snapshot: &Snapshot) {
    let number = |metric: &Metric| snapshot.value(metric, &[]).map(Value::as_f64);
    let mut facts = Facts::new(html, "host");
    if let Some(share) = number(&SYSTEM_CPU_UTILIZATION) {
        let of = snapshot.value(&SYSTEM_CPU_LOGICAL_COUNT, &[]).map(|cpus| format!(" of {} CPUs", whole(cpus)));
        facts.add("CPU", SYSTEM_CPU_UTILIZATION.help, &(format::percent(share) + &of.unwrap_or_default()));
    }
    let used = snapshot.value(&SYSTEM_MEMORY_USAGE, &[("system_memory_state", "used")]).map(Value::as_f64);
    if let Some((used, limit)) = used.zip(number(&SYSTEM_MEMORY_LIMIT)) {
        let text = format!("{} of {}", format::bytes(used), format::bytes(limit));
        facts.add("memory", "used, without what the kernel can give back", &text);
    }
    if let Some(load) = number(&SYSTEM_LOAD_1M) {
        facts.add("load", SYSTEM_LOAD_1M.help, &format!("{load:.2}"));
    }
    facts.finish();
}

/// One fact a GPU.
fn gpus(html: &mut Html, snapshot: &Snapshot) {
    let mut facts = Facts::new(html, "GPU");
    for status in snapshot.series(&HW_STATUS).iter().filter(|status| whole(&status.value) == 1) {
        let [uuid, name, state] =
            ["hw_id", "hw_name", "hw_state"].map(|name| status.labels.value(name).unwrap_or_default());
        if state != "ok" {
            facts.warn(name, uuid, state);
            continue;
        }
        let of_this = |metric: &Metric, further: Option<(&str, &str)>| {
            let is_this = |series: &&Series| {
                let has = |(name, value): (&str, &str)| series.labels.value(name) == Some(value);
                has(("hw_id", uuid)) && further.is_none_or(has)
            };
            snapshot.series(metric).iter().find(is_this).map(|series| series.value.as_f64())
        };
        let memory = of_this(&HW_GPU_MEMORY_USAGE, None).zip(of_this(&HW_GPU_MEMORY_LIMIT, None));
        let told = [
            of_this(&HW_GPU_UTILIZATION, Some(("hw_gpu_task", "general"))).map(format::percent),
            memory.map(|(used, total)| format!("{} of {}", format::bytes(used), format::bytes(total))),
            of_this(&HW_POWER, None).map(|watts| format!("{watts:.0} W")),
            of_this(&HW_TEMPERATURE, Some(("hw_sensor_location", "gpu"))).map(|celsius| format!("{celsius:.0} °C")),
        ];
        facts.add(name, uuid, &told.into_iter().flatten().collect::<Vec<_>>().join(", "));
    }
    facts.finish();
}
