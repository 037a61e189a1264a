//! The host's CPUs: utilisation, how many there are. sysinfo has no times.

use std::time::{Duration, Instant};

use phasemeter_core::catalogue::{
    SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_CPU_UTILIZATION, SYSTEM_CPU_UTILIZATION_MAX, SYSTEM_CPU_UTILIZATION_MEAN,
};
use phasemeter_core::{Moment, Samples, Value};
use sysinfo::MINIMUM_CPU_UPDATE_INTERVAL;

use super::{OwnSystem, SOURCE};
use crate::cpu::NAME;
use crate::peaks::Peaks;
use crate::{Collector, Error, level};

/// Reads how busy the CPUs were since the reading before.
pub(super) struct Cpu {
    system: OwnSystem,
    /// When sysinfo last read. It goes by the real clock, whatever clock we are told.
    read: Option<(Moment, Instant)>,
    utilization: Peaks,
}

impl Cpu {
    pub(super) fn new() -> Self {
        let utilization = Peaks::new(&SYSTEM_CPU_UTILIZATION_MAX, &SYSTEM_CPU_UTILIZATION_MEAN);
        Self { system: OwnSystem::default(), read: None, utilization }
    }
}

impl Collector for Cpu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, at: Moment, out: &mut Samples) -> Result<(), Error> {
        let system = self.system.get()?;
        // Sooner, sysinfo skips the reading and repeats its last answer, which would count twice within the window.
        if self.read.is_none_or(|(_, read)| read.elapsed() >= MINIMUM_CPU_UPDATE_INTERVAL) {
            system.refresh_cpu_usage();
            let share = f64::from(system.global_cpu_usage()) / 100.0;
            // Windows says 0 where it could not count; really idle it never is while this runs.
            let is_known = share.is_finite() && (share > 0.0 || !cfg!(windows));
            // The first answer is none: on Linux it is of the time since boot.
            if let Some((then, _)) = self.read.replace((at, Instant::now()))
                && is_known
            {
                self.utilization.add(at, share.clamp(0.0, 1.0), at.now_ns.saturating_sub(then.now_ns));
            }
        }
        let cpus = system.cpus().len() as u64;
        if cpus == 0 {
            return Err(Error::failed(SOURCE, "it finds no CPU"));
        }
        out.push_plain(&SYSTEM_CPU_LOGICAL_COUNT, level(cpus));
        if let Some(share) = self.utilization.last() {
            out.push_plain(&SYSTEM_CPU_UTILIZATION, Value::Real(share));
        }
        self.utilization.sample(at, &[], out);
        Ok(())
    }

    /// A little more than sysinfo's own, so that a reading is not just too soon.
    fn at_most_every(&self) -> Duration {
        MINIMUM_CPU_UPDATE_INTERVAL + MINIMUM_CPU_UPDATE_INTERVAL / 4
    }
}
