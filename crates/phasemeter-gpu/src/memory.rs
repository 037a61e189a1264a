//! Memory of a GPU, or of the part of it that is a MIG device.

use phasemeter_core::catalogue::{
    GPU_MEMORY_FREE, GPU_MEMORY_MAX, GPU_MEMORY_MEAN, GPU_MEMORY_RESERVED, HW_GPU_MEMORY_LIMIT, HW_GPU_MEMORY_USAGE,
    HW_GPU_MEMORY_UTILIZATION,
};
use phasemeter_core::{Moment, Samples, Value};

use crate::asked::{Asked, Question, Trouble};
use crate::marks::{Marks, level};
use crate::windowed::Windowed;

pub(crate) struct Memory {
    peaks: Windowed,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self { peaks: Windowed::new(&GPU_MEMORY_MAX, &GPU_MEMORY_MEAN) }
    }

    /// With each sample: one call. Used, free and reserved add up to the whole.
    pub(crate) fn often(
        &mut self,
        at: Moment,
        asked: &mut Asked,
        marks: &Marks,
        out: &mut Samples,
    ) -> Result<(), Trouble> {
        if let Some(memory) = asked.ask(Question::Memory, |device| device.memory_info())? {
            for (metric, bytes) in [
                (&HW_GPU_MEMORY_USAGE, memory.used),
                (&HW_GPU_MEMORY_LIMIT, memory.total),
                (&GPU_MEMORY_FREE, memory.free),
                (&GPU_MEMORY_RESERVED, memory.reserved),
            ] {
                out.push(metric, marks.alone(), level(bytes));
            }
            if memory.total > 0 {
                let share = memory.used as f64 / memory.total as f64;
                out.push(&HW_GPU_MEMORY_UTILIZATION, marks.alone(), Value::Real(share));
            }
            self.peaks.add_level(at, memory.used as f64);
        }
        self.peaks.sample(at, marks, out);
        Ok(())
    }

    pub(crate) fn interrupt(&mut self) {
        self.peaks.interrupt();
    }
}
