//! The latest readings as plain numbers, for a program that acts on them.

use phasemeter_collect::GpuReading;
use phasemeter_core::catalogue::{
    PROCESS_CPU_CORES, PROCESS_MEMORY_USAGE, SYSTEM_CPU_UTILIZATION, SYSTEM_MEMORY_AVAILABLE, SYSTEM_MEMORY_LIMIT,
};
use phasemeter_core::{Metric, Samples, Snapshot};

use crate::meter::Meter;

/// What was read last; each `None` where nobody reads it, or it is not there. It is as old as the interval at most.
///
/// ```
/// let meter = phasemeter::Meter::builder().isolated().build();
/// let readings = meter.readings();
/// let is_tight = readings.gpu(0).and_then(|gpu| gpu.memory_used_bytes).is_some_and(|bytes| bytes > 20 << 30);
/// let batch = if is_tight { 32 } else { 64 };
/// # assert_eq!(batch, 64);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    snapshot: Snapshot,
}

impl Meter {
    /// What the collectors read last. They begin with the first call.
    #[must_use]
    pub fn readings(&self) -> Readings {
        let mut samples = Samples::default();
        if self.is_enabled() {
            self.inner.sampler.sample(&self.inner, &mut samples);
        }
        Readings { snapshot: Snapshot::new(samples) }
    }
}

impl Readings {
    /// Resident memory of the process, in bytes.
    #[must_use]
    pub fn process_memory(&self) -> Option<u64> {
        self.bytes(&PROCESS_MEMORY_USAGE)
    }

    /// CPUs that the process keeps busy: 1 is one of them, wholly.
    #[must_use]
    pub fn process_cpu_cores(&self) -> Option<f64> {
        self.first(&PROCESS_CPU_CORES)
    }

    /// The share of the host's CPU time that is not idle, from 0 to 1.
    #[must_use]
    pub fn host_cpu_utilization(&self) -> Option<f64> {
        self.first(&SYSTEM_CPU_UTILIZATION)
    }

    /// Memory of the host, in bytes.
    #[must_use]
    pub fn host_memory(&self) -> Option<u64> {
        self.bytes(&SYSTEM_MEMORY_LIMIT)
    }

    /// Memory that new programs can have without swapping, in bytes.
    #[must_use]
    pub fn host_memory_available(&self) -> Option<u64> {
        self.bytes(&SYSTEM_MEMORY_AVAILABLE)
    }

    /// The GPUs that are visible to this process and answer, and their MIG devices, by their numbers.
    #[must_use]
    pub fn gpus(&self) -> Vec<GpuReading> {
        GpuReading::of_snapshot(&self.snapshot)
    }

    /// The visible GPU at this place, from 0: the order is the driver's, and what is not visible is not counted.
    #[must_use]
    pub fn gpu(&self, place: usize) -> Option<GpuReading> {
        self.gpus().into_iter().filter(|gpu| gpu.mig.is_none()).nth(place)
    }

    /// The visible GPU, or MIG device, of this UUID.
    #[must_use]
    pub fn gpu_by_uuid(&self, uuid: &str) -> Option<GpuReading> {
        self.gpus().into_iter().find(|gpu| gpu.uuid == uuid)
    }

    fn first(&self, metric: &Metric) -> Option<f64> {
        self.snapshot.series(metric).first().map(|series| series.value.as_f64())
    }

    fn bytes(&self, metric: &Metric) -> Option<u64> {
        self.snapshot.series(metric).first().and_then(|series| series.value.as_whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter_core::catalogue::{HW_GPU_MEMORY_LIMIT, HW_GPU_MEMORY_USAGE, HW_GPU_UTILIZATION};
    use phasemeter_core::{Labels, Value};

    fn readings() -> Readings {
        let mut samples = Samples::default();
        for (uuid, index, used) in [("GPU-b", "10", 7), ("GPU-a", "2", 5)] {
            let labels = || Labels::new([("hw_id", uuid), ("hw_name", index)]).expect("valid names");
            samples.push(&HW_GPU_MEMORY_LIMIT, labels(), Value::Level(100));
            samples.push(&HW_GPU_MEMORY_USAGE, labels(), Value::Level(used));
            let labels = [("hw_gpu_task", "general"), ("hw_id", uuid), ("hw_name", index)];
            samples.push(&HW_GPU_UTILIZATION, Labels::new(labels).expect("valid names"), Value::Real(0.5));
        }
        Readings { snapshot: Snapshot::new(samples) }
    }

    #[test]
    fn a_gpu_is_found_by_its_place_and_by_its_uuid() {
        let readings = readings();
        let used = |gpu: Option<GpuReading>| gpu.and_then(|gpu| gpu.memory_used_bytes);
        assert_eq!((used(readings.gpu(0)), used(readings.gpu(1)), used(readings.gpu(2))), (Some(5), Some(7), None));
        let found = readings.gpu_by_uuid("GPU-b").expect("it is there");
        assert_eq!((found.memory_used_bytes, found.utilization, found.power_watts), (Some(7), Some(0.5), None));
        assert_eq!(readings.gpu_by_uuid("GPU-c"), None);
    }

    #[test]
    fn what_nobody_reads_is_none_and_never_zero() {
        let nothing = Meter::builder().isolated().collectors(crate::Collectors::none()).build().readings();
        assert_eq!((nothing.process_memory(), nothing.host_cpu_utilization(), nothing.gpus().len()), (None, None, 0));
    }
}
