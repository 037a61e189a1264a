//! What the machine did between two looks, from the collectors' latest readings.

use phasemeter_analysis::event::Resources;
use phasemeter_core::catalogue::{
    HW_GPU_MEMORY_UTILIZATION, HW_GPU_UTILIZATION, SYSTEM_CPU_TIME, SYSTEM_CPU_UTILIZATION, SYSTEM_DISK_IO_TIME,
};
use phasemeter_core::{Metric, Series, Snapshot};

/// What was read at the look before.
#[derive(Default)]
pub(super) struct Machine {
    before: Option<Before>,
}

struct Before {
    now_ns: u64,
    io_wait_seconds: f64,
    cpu_seconds: f64,
    disk_seconds: Vec<(String, f64)>,
}

impl Machine {
    /// The shares since the look before; what nobody reads is absent.
    pub(super) fn look(&mut self, snapshot: &Snapshot, now_ns: u64) -> Resources {
        let seconds = |metric: &Metric, is_wanted: &dyn Fn(&Series) -> bool| {
            let wanted = snapshot.series(metric).iter().filter(|series| is_wanted(series));
            wanted.map(|series| series.value.as_f64()).sum::<f64>()
        };
        let of_mode = |mode: &'static str| move |series: &Series| series.labels.value("cpu_mode") == Some(mode);
        let disks = snapshot
            .series(&SYSTEM_DISK_IO_TIME)
            .iter()
            .filter_map(|series| Some((series.labels.value("system_device")?.to_owned(), series.value.as_f64())));
        let now = Before {
            now_ns,
            io_wait_seconds: seconds(&SYSTEM_CPU_TIME, &of_mode("iowait")),
            cpu_seconds: seconds(&SYSTEM_CPU_TIME, &|_| true),
            disk_seconds: disks.collect(),
        };
        let gpus = |metric: &Metric, is_wanted: fn(&Series) -> bool| {
            let shares = snapshot.series(metric).iter().filter(|series| is_wanted(series));
            shares.map(|series| series.value.as_f64()).collect::<Vec<_>>()
        };
        let busy = gpus(&HW_GPU_UTILIZATION, |series| series.labels.value("hw_gpu_task") == Some("general"));
        let memory = gpus(&HW_GPU_MEMORY_UTILIZATION, |_| true);
        let mut resources = Resources {
            cpu: snapshot.series(&SYSTEM_CPU_UTILIZATION).first().map(|series| series.value.as_f64()),
            gpu: (!busy.is_empty()).then(|| busy.iter().sum::<f64>() / busy.len() as f64),
            gpu_memory: memory.into_iter().reduce(f64::max),
            ..Resources::default()
        };
        if let Some(before) = self.before.replace(now) {
            let now = self.before.as_ref();
            (resources.io_wait, resources.disk_busy) = now.map_or((None, None), |now| now.since(&before));
        }
        resources
    }
}

impl Before {
    fn since(&self, before: &Self) -> (Option<f64>, Option<f64>) {
        let cpu = self.cpu_seconds - before.cpu_seconds;
        let io_wait = (cpu > 0.0).then(|| ((self.io_wait_seconds - before.io_wait_seconds) / cpu).clamp(0.0, 1.0));
        let elapsed = self.now_ns.saturating_sub(before.now_ns) as f64 / 1e9;
        let busy = self.disk_seconds.iter().filter_map(|(device, now)| {
            let (_, then) = before.disk_seconds.iter().find(|(own, _)| own == device)?;
            (elapsed > 0.0).then(|| ((now - then) / elapsed).clamp(0.0, 1.0))
        });
        (io_wait, busy.reduce(f64::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter_core::{Labels, Samples, Value};

    fn snapshot(iowait: f64, idle: f64, disk: f64) -> Snapshot {
        let mut samples = Samples::default();
        let mut push = |metric, labels: &[(&str, &str)], value| {
            samples.push(metric, Labels::new(labels.iter().copied()).expect("valid names"), Value::Real(value));
        };
        push(&SYSTEM_CPU_TIME, &[("cpu_mode", "iowait")], iowait);
        push(&SYSTEM_CPU_TIME, &[("cpu_mode", "idle")], idle);
        push(&SYSTEM_DISK_IO_TIME, &[("system_device", "sda")], disk);
        push(&SYSTEM_CPU_UTILIZATION, &[], 0.25);
        push(&HW_GPU_UTILIZATION, &[("hw_gpu_task", "general"), ("hw_id", "a")], 0.5);
        push(&HW_GPU_UTILIZATION, &[("hw_gpu_task", "encoder"), ("hw_id", "a")], 1.0);
        push(&HW_GPU_UTILIZATION, &[("hw_gpu_task", "general"), ("hw_id", "b")], 1.0);
        Snapshot::new(samples)
    }

    #[test]
    fn shares_are_of_the_time_between_two_looks() {
        let mut machine = Machine::default();
        let first = machine.look(&snapshot(10.0, 90.0, 5.0), 1_000_000_000);
        assert_eq!((first.io_wait, first.disk_busy, first.cpu, first.gpu), (None, None, Some(0.25), Some(0.75)));
        let second = machine.look(&snapshot(11.0, 93.0, 5.5), 2_000_000_000);
        assert_eq!((second.io_wait, second.disk_busy), (Some(0.25), Some(0.5)));
    }

    #[test]
    fn what_nobody_reads_is_absent() {
        let nothing = Snapshot::default();
        let mut machine = Machine::default();
        let _first = machine.look(&nothing, 0);
        assert_eq!(machine.look(&nothing, 1_000_000_000), Resources::default());
    }
}
