//! The files of version 2, the unified hierarchy.

use std::path::PathBuf;

use super::{Reading, cpus, least, named, number};
use crate::Error;
use crate::error::optional;
use crate::kept::Kept;

pub(super) struct V2 {
    cpu_stat: Kept,
    memory_current: Kept,
    memory_peak: Kept,
    memory_stat: Kept,
    memory_events: Kept,
    /// The group's own and those of the groups above it: the narrowest one holds.
    memory_max: Vec<Kept>,
    cpu_max: Vec<Kept>,
}

impl V2 {
    /// The group's own folder comes first; there is at least that one.
    pub(super) fn new(folders: &[PathBuf]) -> Self {
        let own = |name: &str| Kept::new(folders.first().map_or_else(|| name.into(), |folder| folder.join(name)));
        let each = |name: &str| folders.iter().map(|folder| Kept::new(folder.join(name))).collect();
        Self {
            cpu_stat: own("cpu.stat"),
            memory_current: own("memory.current"),
            memory_peak: own("memory.peak"),
            memory_stat: own("memory.stat"),
            memory_events: own("memory.events"),
            memory_max: each("memory.max"),
            cpu_max: each("cpu.max"),
        }
    }

    pub(super) fn read(&mut self) -> Result<Reading, Error> {
        let mut reading = Reading::default();
        let names = ["user_usec", "system_usec", "nr_periods", "nr_throttled", "throttled_usec"];
        if let Some(counts) = optional(self.cpu_stat.parsed("counters of CPU time", |text| named(text, names)))? {
            let [user, system, periods, throttled, throttled_time] = counts;
            let nanos = |micros: Option<u64>| micros.map(|micros| micros.saturating_mul(1_000));
            (reading.user_ns, reading.system_ns) = (nanos(user), nanos(system));
            (reading.periods, reading.throttled_periods) = (periods, throttled);
            reading.throttled_ns = nanos(throttled_time);
        }
        reading.memory_bytes = optional(self.memory_current.parsed("a number of bytes", number))?;
        reading.peak_bytes = optional(self.memory_peak.parsed("a number of bytes", number))?;
        if let Some([inactive]) =
            optional(self.memory_stat.parsed("inactive_file", |text| named(text, ["inactive_file"])))?
        {
            reading.inactive_file_bytes = inactive;
        }
        if let Some(counts) = optional(self.memory_events.parsed("events of memory", |text| named(text, EVENTS)))? {
            let counted = EVENTS.into_iter().zip(counts);
            reading.events = counted.filter_map(|(event, count)| Some((event, count?))).collect();
        }
        for file in &mut self.memory_max {
            let limit = optional(file.parsed("a number of bytes, or max", limit))?.flatten();
            reading.limit_bytes = least(reading.limit_bytes, limit);
        }
        for file in &mut self.cpu_max {
            let limit = optional(file.parsed("a quota and a period", cpu_limit))?.flatten();
            reading.cpu_limit = least(reading.cpu_limit, limit);
        }
        Ok(reading)
    }
}

const EVENTS: [&str; 6] = ["low", "high", "max", "oom", "oom_kill", "oom_group_kill"];

/// `Some(None)` where there is no limit.
fn limit(text: &str) -> Option<Option<u64>> {
    match text.trim() {
        "max" => Some(None),
        bytes => bytes.parse().ok().map(Some),
    }
}

/// CPUs; `Some(None)` where there is no limit.
fn cpu_limit(text: &str) -> Option<Option<f64>> {
    let (quota, period) = text.trim().split_once(' ')?;
    match quota {
        "max" => Some(None),
        quota => cpus(quota.parse().ok()?, period.parse().ok()?).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_none_and_not_a_great_number() {
        assert_eq!((limit("max\n"), limit("1048576\n"), limit("-1\n")), (Some(None), Some(Some(1_048_576)), None));
        assert_eq!(cpu_limit("max 100000\n"), Some(None));
        assert_eq!(cpu_limit("150000 100000\n"), Some(Some(1.5)));
        for broken in ["", "150000", "150000 0", "x 100000"] {
            assert_eq!(cpu_limit(broken), None, "{broken:?}");
        }
    }
}
