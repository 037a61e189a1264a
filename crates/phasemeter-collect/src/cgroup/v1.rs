//! The files of version 1, a hierarchy for each controller.

use std::path::{Path, PathBuf};

use super::place::V1Folders;
use super::{Reading, cpus, named, number};
use crate::Error;
use crate::error::optional;
use crate::kept::Kept;
use crate::units::Units;

pub(super) struct V1 {
    units: Units,
    cpuacct_stat: Option<Kept>,
    cpu_stat: Option<Kept>,
    quota: Option<Kept>,
    period: Option<Kept>,
    usage: Option<Kept>,
    peak: Option<Kept>,
    limit: Option<Kept>,
    stat: Option<Kept>,
    failures: Option<Kept>,
    oom: Option<Kept>,
}

/// The kernel's "no limit" is the greatest number of whole pages.
const NO_LIMIT_BYTES: u64 = 1 << 62;

impl V1 {
    pub(super) fn new(folders: &V1Folders, units: Units) -> Self {
        let file =
            |folder: &Option<PathBuf>, name: &str| folder.as_deref().map(|folder: &Path| Kept::new(folder.join(name)));
        Self {
            units,
            cpuacct_stat: file(&folders.cpuacct, "cpuacct.stat"),
            cpu_stat: file(&folders.cpu, "cpu.stat"),
            quota: file(&folders.cpu, "cpu.cfs_quota_us"),
            period: file(&folders.cpu, "cpu.cfs_period_us"),
            usage: file(&folders.memory, "memory.usage_in_bytes"),
            peak: file(&folders.memory, "memory.max_usage_in_bytes"),
            limit: file(&folders.memory, "memory.limit_in_bytes"),
            stat: file(&folders.memory, "memory.stat"),
            failures: file(&folders.memory, "memory.failcnt"),
            oom: file(&folders.memory, "memory.oom_control"),
        }
    }

    pub(super) fn read(&mut self) -> Result<Reading, Error> {
        let mut reading = Reading::default();
        self.cpu(&mut reading)?;
        self.memory(&mut reading)?;
        Ok(reading)
    }

    fn cpu(&mut self, reading: &mut Reading) -> Result<(), Error> {
        let ticks = read(&mut self.cpuacct_stat, "user and system time", |text| named(text, ["user", "system"]))?;
        if let Some(ticks) = ticks {
            [reading.user_ns, reading.system_ns] = ticks.map(|ticks| ticks.map(|ticks| self.units.nanos(ticks)));
        }
        let names = ["nr_periods", "nr_throttled", "throttled_time"];
        if let Some(counts) = read(&mut self.cpu_stat, "counters of throttling", |text| named(text, names))? {
            [reading.periods, reading.throttled_periods, reading.throttled_ns] = counts;
        }
        let quota = read(&mut self.quota, "a quota, or -1", quota)?.flatten();
        let period = read(&mut self.period, "a period", number)?;
        reading.cpu_limit = quota.zip(period).and_then(|(quota, period)| cpus(quota, period));
        Ok(())
    }

    fn memory(&mut self, reading: &mut Reading) -> Result<(), Error> {
        const BYTES: &str = "a number of bytes";
        reading.memory_bytes = read(&mut self.usage, BYTES, number)?;
        reading.peak_bytes = read(&mut self.peak, BYTES, number)?;
        let own = read(&mut self.limit, BYTES, number)?;
        let names = ["total_inactive_file", "hierarchical_memory_limit"];
        let stat = read(&mut self.stat, "inactive file pages", |text| named(text, names))?;
        let [inactive, narrowest] = stat.unwrap_or_default();
        reading.inactive_file_bytes = inactive;
        reading.limit_bytes = super::least(own, narrowest).filter(|bytes| *bytes < NO_LIMIT_BYTES);
        if let Some(count) = read(&mut self.failures, "a count", number)? {
            reading.events.push(("max", count));
        }
        let kills = read(&mut self.oom, "oom_kill", |text| named(text, ["oom_kill"]))?;
        if let Some([Some(count)]) = kills {
            reading.events.push(("oom_kill", count));
        }
        Ok(())
    }
}

fn read<T>(
    file: &mut Option<Kept>,
    what: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    file.as_mut().map_or(Ok(None), |file| optional(file.parsed(what, parse)))
}

/// `Some(None)` where there is no limit.
fn quota(text: &str) -> Option<Option<u64>> {
    match text.trim() {
        "-1" => Some(None),
        micros => micros.parse().ok().map(Some),
    }
}
