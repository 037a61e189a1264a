//! How much a GPU is at work: its share of the last sample period, time that adds up, and peaks.

use nvml_wrapper::enum_wrappers::device::Sampling;
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::struct_wrappers::device::Sample;
use phasemeter_core::catalogue::{GPU_BUSY_TIME, GPU_UTILIZATION_MAX, GPU_UTILIZATION_MEAN, HW_GPU_UTILIZATION};
use phasemeter_core::{Labels, Moment, Samples, Value};

use crate::asked::{Asked, Question, Trouble};
use crate::busy::{Busy, UtilizationSample};
use crate::marks::Marks;
use crate::windowed::Windowed;

pub(crate) struct Work {
    busy: Busy,
    peaks: Windowed,
    general: Labels,
    memory: Labels,
}

impl Work {
    pub(crate) fn new(marks: &Marks) -> Self {
        Self {
            busy: Busy::default(),
            peaks: Windowed::new(&GPU_UTILIZATION_MAX, &GPU_UTILIZATION_MEAN),
            general: task(marks, "general"),
            memory: task(marks, "memory"),
        }
    }

    /// With each sample: one call.
    pub(crate) fn often(
        &mut self,
        at: Moment,
        asked: &mut Asked,
        marks: &Marks,
        out: &mut Samples,
    ) -> Result<(), Trouble> {
        let rates = asked.ask(Question::Utilization, |device| device.utilization_rates())?;
        if let Some(rates) = rates {
            let share = share(rates.gpu);
            out.push(&HW_GPU_UTILIZATION, self.general.clone(), Value::Real(share));
            out.push(&HW_GPU_UTILIZATION, self.memory.clone(), Value::Real(self::share(rates.memory)));
            if asked.is_unsupported(Question::UtilizationSamples) {
                self.busy.add_share(at, share);
                self.peaks.add_level(at, share);
            }
        }
        if let Some((busy_ns, created_unix_ns)) = self.busy.total() {
            out.push_counted(&GPU_BUSY_TIME, marks.alone(), Value::Nanos(busy_ns), created_unix_ns);
        }
        self.peaks.sample(at, marks, out);
        Ok(())
    }

    /// Each second: the samples that the driver took since, which it keeps for several.
    pub(crate) fn each_second(&mut self, at: Moment, asked: &mut Asked) -> Result<(), Trouble> {
        let since_us = self.busy.last_seen_us();
        let samples = asked.ask(Question::UtilizationSamples, |device| {
            device.samples(Sampling::GpuUtilization, (since_us > 0).then_some(since_us))
        })?;
        for worked in self.busy.add(at, samples.into_iter().flatten().map(sample).collect()) {
            self.peaks.add(at, worked.share, worked.held_ns);
        }
        Ok(())
    }

    pub(crate) fn interrupt(&mut self) {
        self.busy.interrupt();
        self.peaks.interrupt();
    }
}

/// The labels of one of the GPU's engines.
pub(crate) fn task(marks: &Marks, task: &str) -> Labels {
    marks.with(&[("hw_gpu_task", task)])
}

/// Of percent.
pub(crate) fn share(percent: u32) -> f64 {
    f64::from(percent) / 100.0
}

fn sample(sample: Sample) -> UtilizationSample {
    let percent = match sample.value {
        SampleValue::F64(percent) => percent,
        SampleValue::U32(percent) => f64::from(percent),
        SampleValue::U64(percent) => percent as f64,
        SampleValue::I64(percent) => percent as f64,
    };
    UtilizationSample { unix_us: sample.timestamp, share: percent / 100.0 }
}
