//! Power that a GPU draws, and the energy that comes to.

use phasemeter_core::catalogue::{GPU_POWER_MAX, GPU_POWER_MEAN, HW_ENERGY, HW_POWER};
use phasemeter_core::{Moment, Samples, Value};

use crate::asked::{Asked, Question, Trouble};
use crate::energy::Energy;
use crate::marks::Marks;
use crate::windowed::Windowed;

pub(crate) struct Power {
    energy: Energy,
    peaks: Windowed,
}

impl Power {
    pub(crate) fn new() -> Self {
        Self { energy: Energy::default(), peaks: Windowed::new(&GPU_POWER_MAX, &GPU_POWER_MEAN) }
    }

    /// With each sample: no call.
    pub(crate) fn often(&self, at: Moment, marks: &Marks, out: &mut Samples) {
        self.peaks.sample(at, marks, out);
    }

    /// Each second. Where the GPU does not tell what it draws at this instant, it tells an average over a second.
    pub(crate) fn each_second(
        &mut self,
        at: Moment,
        instant_milliwatts: Option<u64>,
        asked: &mut Asked,
        (marks, out): (&Marks, &mut Samples),
    ) -> Result<(), Trouble> {
        let milliwatts = match instant_milliwatts {
            Some(instant) => Some(instant),
            None => asked.ask(Question::Power, |device| device.power_usage())?.map(u64::from),
        };
        let watts = milliwatts.map(thousandths);
        if let Some(watts) = watts {
            out.push(&HW_POWER, marks.hardware(&[]), Value::Real(watts));
            self.peaks.add_level(at, watts);
        }
        let millijoules = asked.ask(Question::Energy, |device| device.total_energy_consumption())?;
        if let Some(millijoules) = millijoules {
            out.push(&HW_ENERGY, marks.hardware(&[]), Value::Real(thousandths(millijoules)));
        } else if asked.is_unsupported(Question::Energy) {
            watts.into_iter().for_each(|watts| self.energy.add(at, watts));
            if let Some((joules, created_unix_ns)) = self.energy.total() {
                out.push_counted(&HW_ENERGY, marks.hardware(&[]), Value::Real(joules), created_unix_ns);
            }
        }
        Ok(())
    }

    pub(crate) fn interrupt(&mut self) {
        self.energy.interrupt();
        self.peaks.interrupt();
    }
}

/// From what the driver counts in thousandths.
pub(crate) fn thousandths(count: u64) -> f64 {
    count as f64 / 1e3
}
