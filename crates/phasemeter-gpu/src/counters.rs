//! Performance counters (GPM), which Hopper and later GPUs have: what was between two readings of them.

use nvml_wrapper::enums::gpm::GpmMetricId::{AnyTensorUtil, DramBwUtil, SmOccupancy, SmUtil};
use phasemeter_core::catalogue::{GPU_DRAM_ACTIVE, GPU_SM_ACTIVE, GPU_SM_OCCUPANCY, GPU_TENSOR_ACTIVE};
use phasemeter_core::{Samples, Value};

use crate::asked::{Asked, Question, Trouble};
use crate::marks::Marks;
use crate::raw::CounterReading;

/// The reading before.
#[derive(Default)]
pub(crate) struct Counters(Option<CounterReading>);

impl Counters {
    pub(crate) fn read(&mut self, asked: &mut Asked, marks: &Marks, out: &mut Samples) -> Result<(), Trouble> {
        let Some(now) = asked.counters()? else { return Ok(()) };
        let Some(before) = self.0.replace(now) else { return Ok(()) };
        let Some(now) = &self.0 else { return Ok(()) };
        let shares = now.since(&before, [SmUtil, SmOccupancy, AnyTensorUtil, DramBwUtil]);
        let metrics = [&GPU_SM_ACTIVE, &GPU_SM_OCCUPANCY, &GPU_TENSOR_ACTIVE, &GPU_DRAM_ACTIVE];
        for (metric, percent) in metrics.into_iter().zip(asked.judge(Question::Counters, shares)?.into_iter().flatten())
        {
            if let Some(percent) = percent.filter(|percent| percent.is_finite()) {
                out.push(metric, marks.alone(), Value::Real(percent / 100.0));
            }
        }
        Ok(())
    }

    /// What was read belongs to a library that is left.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}
