//! What a program reads back of its GPUs, to act on: a smaller batch where memory is short.

use phasemeter_core::catalogue::{
    HW_ENERGY, HW_GPU_MEMORY_LIMIT, HW_GPU_MEMORY_USAGE, HW_GPU_UTILIZATION, HW_POWER, HW_TEMPERATURE,
};
use phasemeter_core::{Metric, Samples, Series, Snapshot};

/// The latest of one GPU, or of one MIG device. What the driver does not tell is `None`, never 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GpuReading {
    /// Its UUID, as `GPU-…` or `MIG-…`.
    pub uuid: String,
    /// The driver's number of the GPU, which is not CUDA's.
    pub index: u32,
    /// The number of the MIG device in its GPU; `None` for a GPU.
    pub mig: Option<u32>,
    /// Memory that is allocated, by whomever.
    pub memory_used_bytes: Option<u64>,
    /// Memory in all.
    pub memory_total_bytes: Option<u64>,
    /// The share of the last sample period in which it was at work, from 0 to 1.
    pub utilization: Option<f64>,
    /// What it draws.
    pub power_watts: Option<f64>,
    /// What it has used since its driver was loaded, or since it was first read where it does not count itself.
    pub energy_joules: Option<f64>,
    /// Of the GPU itself, in degrees Celsius.
    pub temperature: Option<f64>,
}

impl GpuReading {
    /// Those in what a collector has read, in the order in which it read them.
    #[must_use]
    pub fn of_samples(samples: &Samples) -> Vec<Self> {
        gathered(samples.iter())
    }

    /// Those in a snapshot, by their numbers.
    #[must_use]
    pub fn of_snapshot(snapshot: &Snapshot) -> Vec<Self> {
        let families = snapshot.families.iter();
        let series = families.flat_map(|family| family.series.iter().map(|series| (family.metric, series)));
        let mut readings = gathered(series);
        readings.sort_by_key(|reading| (reading.index, reading.mig));
        readings
    }

    fn take(&mut self, metric: &'static Metric, series: &Series) {
        let label = |name| series.labels.value(name);
        let value = series.value.as_f64();
        if metric == &HW_GPU_MEMORY_USAGE {
            self.memory_used_bytes = series.value.as_whole();
        } else if metric == &HW_GPU_MEMORY_LIMIT {
            self.memory_total_bytes = series.value.as_whole();
        } else if metric == &HW_GPU_UTILIZATION && label("hw_gpu_task") == Some("general") {
            self.utilization = Some(value);
        } else if metric == &HW_POWER {
            self.power_watts = Some(value);
        } else if metric == &HW_ENERGY {
            self.energy_joules = Some(value);
        } else if metric == &HW_TEMPERATURE && label("hw_sensor_location") == Some("gpu") {
            self.temperature = Some(value);
        }
    }
}

const METRICS: [&Metric; 6] =
    [&HW_GPU_MEMORY_USAGE, &HW_GPU_MEMORY_LIMIT, &HW_GPU_UTILIZATION, &HW_POWER, &HW_ENERGY, &HW_TEMPERATURE];

fn gathered<'a>(series: impl Iterator<Item = (&'static Metric, &'a Series)>) -> Vec<GpuReading> {
    let mut readings: Vec<GpuReading> = Vec::new();
    for (metric, series) in series.filter(|(metric, _)| METRICS.contains(metric)) {
        let Some((uuid, (index, mig))) = device(series) else { continue };
        let known = readings.iter().position(|reading| reading.uuid == uuid);
        let place = known.unwrap_or_else(|| {
            readings.push(GpuReading { uuid: uuid.to_owned(), index, mig, ..GpuReading::default() });
            readings.len() - 1
        });
        readings[place].take(metric, series);
    }
    readings
}

/// Which device a series is of. Hardware of other kinds has the same metrics, and other names.
fn device(series: &Series) -> Option<(&str, (u32, Option<u32>))> {
    let is_gpu = series.labels.value("hw_type").is_none_or(|kind| kind == "gpu");
    let (uuid, name) = (series.labels.value("hw_id")?, series.labels.value("hw_name")?);
    let place = match name.split_once(':') {
        Some((gpu, part)) => (gpu.parse().ok()?, Some(part.parse().ok()?)),
        None => (name.parse().ok()?, None),
    };
    is_gpu.then_some((uuid, place))
}
