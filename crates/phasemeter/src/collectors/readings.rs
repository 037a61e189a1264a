//! The latest readings as plain numbers, for a program that acts on them.

use phasemeter_core::catalogue::{
    HW_ENERGY, HW_GPU_MEMORY_LIMIT, HW_GPU_MEMORY_USAGE, HW_GPU_UTILIZATION, HW_POWER, HW_TEMPERATURE,
    PROCESS_CPU_CORES, PROCESS_MEMORY_USAGE, SYSTEM_CPU_UTILIZATION, SYSTEM_MEMORY_AVAILABLE, SYSTEM_MEMORY_LIMIT,
};
use phasemeter_core::{Metric, Samples, Series, Snapshot, Value};

use crate::meter::Meter;

/// What was read last; each `None` where nobody reads it, or it is not there. It is as old as the interval at most.
///
/// ```
/// let meter = phasemeter::Meter::builder().isolated().build();
/// let readings = meter.readings();
/// let is_tight = readings.gpu(0).and_then(|gpu| gpu.memory_used()).is_some_and(|bytes| bytes > 20 << 30);
/// let batch = if is_tight { 32 } else { 64 };
/// # assert_eq!(batch, 64);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Readings {
    snapshot: Snapshot,
}

/// What was read last of one GPU; each `None` where the device does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuReading<'a> {
    readings: &'a Readings,
    uuid: &'a str,
    index: &'a str,
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

    /// The GPUs that are visible to this process and answer, by their indices.
    pub fn gpus(&self) -> impl Iterator<Item = GpuReading<'_>> {
        self.snapshot.series(&HW_GPU_MEMORY_LIMIT).iter().filter_map(|series| {
            let (uuid, index) = (series.labels.value("hw_id")?, series.labels.value("hw_name")?);
            Some(GpuReading { readings: self, uuid, index })
        })
    }

    /// The visible GPU at this place, from 0: the order is the driver's, and what is not visible is not counted.
    #[must_use]
    pub fn gpu(&self, place: usize) -> Option<GpuReading<'_>> {
        let mut gpus: Vec<_> = self.gpus().collect();
        gpus.sort_by_key(|gpu| gpu.index.parse().unwrap_or(u64::MAX));
        gpus.into_iter().nth(place)
    }

    /// The visible GPU of this UUID.
    #[must_use]
    pub fn gpu_by_uuid(&self, uuid: &str) -> Option<GpuReading<'_>> {
        self.gpus().find(|gpu| gpu.uuid == uuid)
    }

    fn first(&self, metric: &Metric) -> Option<f64> {
        self.snapshot.series(metric).first().map(|series| series.value.as_f64())
    }

    fn bytes(&self, metric: &Metric) -> Option<u64> {
        self.snapshot.series(metric).first().and_then(|series| whole(&series.value))
    }
}

impl GpuReading<'_> {
    /// Its UUID, as `GPU-…`.
    #[must_use]
    pub fn uuid(&self) -> &str {
        self.uuid
    }

    /// Memory in use, in bytes.
    #[must_use]
    pub fn memory_used(&self) -> Option<u64> {
        self.series(&HW_GPU_MEMORY_USAGE, &[]).and_then(|series| whole(&series.value))
    }

    /// Memory that there is, in bytes.
    #[must_use]
    pub fn memory_total(&self) -> Option<u64> {
        self.series(&HW_GPU_MEMORY_LIMIT, &[]).and_then(|series| whole(&series.value))
    }

    /// The share of the last sample period in which it was at work, from 0 to 1.
    #[must_use]
    pub fn utilization(&self) -> Option<f64> {
        self.series(&HW_GPU_UTILIZATION, &[("hw_gpu_task", "general")]).map(|series| series.value.as_f64())
    }

    /// Power that it draws, in watts.
    #[must_use]
    pub fn power(&self) -> Option<f64> {
        self.series(&HW_POWER, &[]).map(|series| series.value.as_f64())
    }

    /// Energy that it has used, in joules, since some moment in the past.
    #[must_use]
    pub fn energy(&self) -> Option<f64> {
        self.series(&HW_ENERGY, &[]).map(|series| series.value.as_f64())
    }

    /// Temperature of the chip, in degrees Celsius.
    #[must_use]
    pub fn temperature(&self) -> Option<f64> {
        self.series(&HW_TEMPERATURE, &[("hw_sensor_location", "gpu")]).map(|series| series.value.as_f64())
    }

    fn series(&self, metric: &Metric, further: &[(&str, &str)]) -> Option<&Series> {
        let is_this = |series: &&Series| {
            let has = |(name, value): &(&str, &str)| series.labels.value(name) == Some(value);
            has(&("hw_id", self.uuid)) && further.iter().all(has)
        };
        self.readings.snapshot.series(metric).iter().find(is_this)
    }
}

/// A value that is a number of bytes.
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Count(count) => Some(*count),
        Value::Level(level) => u64::try_from(*level).ok(),
        Value::Real(_) | Value::Nanos(_) | Value::Histogram(_) | Value::Buckets(_) | Value::Quantiles(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter_core::Labels;

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
        let used = |gpu: Option<GpuReading<'_>>| gpu.and_then(|gpu| gpu.memory_used());
        assert_eq!((used(readings.gpu(0)), used(readings.gpu(1)), used(readings.gpu(2))), (Some(5), Some(7), None));
        let found = readings.gpu_by_uuid("GPU-b").expect("it is there");
        assert_eq!((found.memory_used(), found.utilization(), found.power()), (Some(7), Some(0.5), None));
        assert_eq!(readings.gpu_by_uuid("GPU-c"), None);
    }

    #[test]
    fn what_nobody_reads_is_none_and_never_zero() {
        let nothing = Meter::builder().isolated().collectors(crate::Collectors::none()).build().readings();
        assert_eq!((nothing.process_memory(), nothing.host_cpu_utilization(), nothing.gpus().count()), (None, None, 0));
    }
}
