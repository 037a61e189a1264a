//! The process itself: CPU time, memory, bytes read and written, descriptors, start.

use std::thread::available_parallelism;
use std::time::Duration;

use phasemeter_core::catalogue::{
    PROCESS_CPU_CORES, PROCESS_CPU_CORES_MAX, PROCESS_CPU_CORES_MEAN, PROCESS_CPU_SECONDS, PROCESS_CPU_UTILIZATION,
    PROCESS_DISK_IO, PROCESS_IO, PROCESS_MAX_FILE_DESCRIPTORS, PROCESS_MEMORY_MAX, PROCESS_MEMORY_MEAN,
    PROCESS_MEMORY_USAGE, PROCESS_MEMORY_VIRTUAL, PROCESS_OPEN_FILE_DESCRIPTORS, PROCESS_START_TIMESTAMP,
    PROCESS_UPTIME,
};
use phasemeter_core::{Metric, Moment, Samples, Value};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate};

use super::{OwnSystem, SOURCE, known, known_pair};
use crate::peaks::Peaks;
use crate::process::NAME;
use crate::{Collector, Error, labels, level};

/// Reads the process that it is part of.
pub(super) struct Process {
    system: OwnSystem,
    /// What does not change, and is dear to ask: read with the first sample.
    constants: Option<Constants>,
    /// CPU time at the sample before.
    before: Option<(Moment, u64)>,
    cores: Peaks,
    memory: Peaks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Constants {
    /// CPUs that the process may use; `None` where the system does not say.
    cpus: Option<usize>,
    /// `None` where there is no limit, and on Windows, which has no descriptors.
    max_file_descriptors: Option<u64>,
}

/// `None` is what sysinfo does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    cpu_ns: u64,
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    read_and_written_bytes: Option<[u64; 2]>,
    start_unix_ns: Option<u64>,
    open_file_descriptors: Option<u64>,
}

/// CPU time moves by ticks, which are 16 ms on Windows: over less than a few of them its difference says nothing.
const SHORTEST_NS: u64 = 50_000_000;

/// Windows counts what the process asked for, wherever it came from; others what storage was asked for.
const BYTES: &Metric = if cfg!(windows) { &PROCESS_IO } else { &PROCESS_DISK_IO };

impl Process {
    pub(super) fn new() -> Self {
        Self {
            system: OwnSystem::default(),
            constants: None,
            before: None,
            cores: Peaks::new(&PROCESS_CPU_CORES_MAX, &PROCESS_CPU_CORES_MEAN),
            memory: Peaks::new(&PROCESS_MEMORY_MAX, &PROCESS_MEMORY_MEAN),
        }
    }

    fn read(&mut self) -> Result<(Reading, Constants), Error> {
        let pid = Pid::from_u32(std::process::id());
        // `nothing` would still read every thread.
        let wanted = ProcessRefreshKind::nothing().without_tasks().with_cpu().with_memory().with_disk_usage();
        let system = self.system.get()?;
        let updated = system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, wanted);
        // One that was not updated is as it was the last time.
        let process = system.process(pid).filter(|_| updated > 0);
        let process = process.ok_or_else(|| Error::failed(SOURCE, "it does not find this process"))?;
        let constants = *self.constants.get_or_insert_with(|| Constants::of(process));
        Ok((Reading::of(process), constants))
    }

    fn cpu(&mut self, at: Moment, cpu_ns: u64, cpus: Option<usize>, out: &mut Samples) {
        out.push_plain(&PROCESS_CPU_SECONDS, Value::Nanos(cpu_ns));
        match self.before {
            Some((then, _)) if at.now_ns.saturating_sub(then.now_ns) < SHORTEST_NS => {}
            Some((then, before_ns)) => {
                let elapsed_ns = at.now_ns - then.now_ns;
                self.cores.add(at, cpu_ns.saturating_sub(before_ns) as f64 / elapsed_ns as f64, elapsed_ns);
                self.before = Some((at, cpu_ns));
            }
            None => self.before = Some((at, cpu_ns)),
        }
        if let Some(cores) = self.cores.last() {
            out.push_plain(&PROCESS_CPU_CORES, Value::Real(cores));
            if let Some(cpus) = cpus {
                out.push_plain(&PROCESS_CPU_UTILIZATION, Value::Real(cores / cpus as f64));
            }
        }
        self.cores.sample(at, &[], out);
    }

    fn show(&mut self, at: Moment, reading: Reading, constants: Constants, out: &mut Samples) {
        self.cpu(at, reading.cpu_ns, constants.cpus, out);
        if let Some(bytes) = reading.resident_bytes {
            out.push_plain(&PROCESS_MEMORY_USAGE, level(bytes));
            self.memory.add_level(at, bytes as f64);
        }
        self.memory.sample(at, &[], out);
        for (direction, count) in
            ["read", "write"].into_iter().zip(reading.read_and_written_bytes.into_iter().flatten())
        {
            out.push(BYTES, labels([("disk_io_direction", direction)]), Value::Count(count));
        }
        if let Some(start_unix_ns) = reading.start_unix_ns {
            out.push_plain(&PROCESS_START_TIMESTAMP, Value::Nanos(start_unix_ns));
            out.push_plain(&PROCESS_UPTIME, Value::Nanos(at.unix_ns.saturating_sub(start_unix_ns)));
        }
        let levels = [
            (&PROCESS_MEMORY_VIRTUAL, reading.virtual_bytes),
            (&PROCESS_OPEN_FILE_DESCRIPTORS, reading.open_file_descriptors),
            (&PROCESS_MAX_FILE_DESCRIPTORS, constants.max_file_descriptors),
        ];
        for (metric, value) in levels {
            if let Some(value) = value {
                out.push_plain(metric, level(value));
            }
        }
    }
}

impl Collector for Process {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, at: Moment, out: &mut Samples) -> Result<(), Error> {
        let (reading, constants) = self.read()?;
        self.show(at, reading, constants, out);
        Ok(())
    }

    /// Windows and macOS list every process to find this one.
    fn at_most_every(&self) -> Duration {
        Duration::from_millis(100)
    }
}

impl Reading {
    fn of(process: &sysinfo::Process) -> Self {
        Self {
            cpu_ns: process.accumulated_cpu_time().saturating_mul(1_000_000),
            resident_bytes: known(process.memory()),
            virtual_bytes: known(process.virtual_memory()),
            read_and_written_bytes: known_pair(process.disk_usage()),
            start_unix_ns: known(process.start_time()).map(|seconds| seconds.saturating_mul(1_000_000_000)),
            open_file_descriptors: open_file_descriptors(process),
        }
    }
}

impl Constants {
    fn of(process: &sysinfo::Process) -> Self {
        let limit = process.open_files_limit().and_then(|limit| i64::try_from(limit).ok());
        // No limit is the greatest number there is.
        let limit = limit.filter(|limit| cfg!(unix) && *limit < i64::MAX).and_then(|limit| u64::try_from(limit).ok());
        Self { cpus: available_parallelism().ok().map(usize::from), max_file_descriptors: limit }
    }
}

/// On Linux it counts the one by which it counts; on Windows these are handles of every kind.
fn open_file_descriptors(process: &sysinfo::Process) -> Option<u64> {
    let open = process.open_files().filter(|_| cfg!(unix))? as u64;
    Some(open.saturating_sub(u64::from(cfg!(target_os = "linux"))))
}

#[cfg(test)]
mod tests {
    use phasemeter_core::Snapshot;

    use super::*;

    const UNKNOWN: Reading = Reading {
        cpu_ns: 0,
        resident_bytes: None,
        virtual_bytes: None,
        read_and_written_bytes: None,
        start_unix_ns: None,
        open_file_descriptors: None,
    };

    fn shown(process: &mut Process, now_ns: u64, reading: Reading) -> Snapshot {
        let constants = Constants { cpus: Some(4), max_file_descriptors: None };
        let mut out = Samples::default();
        process.show(Moment { now_ns, unix_ns: now_ns }, reading, constants, &mut out);
        Snapshot::new(out)
    }

    #[test]
    fn what_is_unknown_is_not_shown_as_zero() {
        let snapshot = shown(&mut Process::new(), 0, UNKNOWN);
        let metrics: Vec<_> = snapshot.families.iter().map(|family| family.metric).collect();
        assert_eq!(metrics, [&PROCESS_CPU_SECONDS]);
    }

    #[test]
    fn cpus_kept_busy_are_of_the_time_between_and_not_of_less_than_a_few_ticks() {
        let mut process = Process::new();
        let mut cores = |now_ms: u64, cpu_ms: u64| {
            let snapshot = shown(&mut process, now_ms * 1_000_000, Reading { cpu_ns: cpu_ms * 1_000_000, ..UNKNOWN });
            let value = |metric| snapshot.value(metric, &[]).map(Value::as_f64);
            (value(&PROCESS_CPU_CORES), value(&PROCESS_CPU_UTILIZATION))
        };
        assert_eq!(cores(0, 1_000), (None, None));
        assert_eq!(cores(10, 1_016), (None, None));
        assert_eq!(cores(100, 1_200), (Some(2.0), Some(0.5)));
        assert_eq!(cores(110, 1_900), (Some(2.0), Some(0.5)));
        assert_eq!(cores(1_100, 1_200), (Some(0.0), Some(0.0)));
    }
}
