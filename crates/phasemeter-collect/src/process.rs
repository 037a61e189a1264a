//! The process itself: CPU time, memory, reads and writes, threads, descriptors, start. From `/proc/self`; how often its
//! threads left a CPU only the system call `getrusage` tells, which comes with the feature `host`.

use std::path::{Path, PathBuf};

use phasemeter_core::catalogue::{
    PROCESS_CONTEXT_SWITCHES, PROCESS_CPU_CORES, PROCESS_CPU_CORES_MAX, PROCESS_CPU_CORES_MEAN, PROCESS_CPU_SECONDS,
    PROCESS_CPU_TIME, PROCESS_CPU_UTILIZATION, PROCESS_DISK_IO, PROCESS_IO, PROCESS_IO_OPERATIONS,
    PROCESS_MAX_FILE_DESCRIPTORS, PROCESS_MEMORY_MAX, PROCESS_MEMORY_MEAN, PROCESS_MEMORY_PEAK, PROCESS_MEMORY_USAGE,
    PROCESS_MEMORY_VIRTUAL, PROCESS_OPEN_FILE_DESCRIPTORS, PROCESS_PAGING_FAULTS, PROCESS_START_TIMESTAMP,
    PROCESS_THREADS, PROCESS_UPTIME,
};
use phasemeter_core::{Metric, Moment, Samples, Value};

use crate::error::optional;
use crate::kept::Kept;
use crate::peaks::Peaks;
use crate::roots::is_of_kernel;
use crate::units::Units;
use crate::usage::context_switches;
use crate::{Collector, Error, Roots, labels, level};

pub(crate) const NAME: &str = "process";

/// Reads the process that it is part of.
#[derive(Debug)]
pub struct Process {
    roots: Roots,
    /// Chosen with the first sample, and again after one that failed.
    files: Option<Files>,
    /// What does not change while the process lives: read with the first sample.
    constants: Option<Constants>,
    /// CPU time at the sample before.
    before: Option<(Moment, u64)>,
    cores: Peaks,
    memory: Peaks,
}

/// What is read each time.
#[derive(Debug)]
struct Files {
    proc: PathBuf,
    stat: Kept,
    statm: Kept,
    status: Kept,
    io: Kept,
}

/// Who answers below the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Kernel,
    Fixtures,
}

/// What does not change while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Constants {
    source: Source,
    units: Units,
    start_unix_ns: u64,
    /// CPUs of the host.
    cpus: u64,
    /// `None` where there is no limit, or none that can be read.
    max_file_descriptors: Option<u64>,
}

/// The fields of `stat` that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    minor_faults: u64,
    major_faults: u64,
    user_ticks: u64,
    system_ticks: u64,
    threads: u64,
    start_ticks: u64,
}

/// What `io` tells, reading first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Io {
    requested_bytes: [u64; 2],
    calls: [u64; 2],
    storage_bytes: [u64; 2],
}

impl Files {
    fn of(roots: &Roots) -> Self {
        let proc = roots.of_own_process().proc;
        let kept = |name: &str| Kept::new(proc.join("self").join(name));
        Self { stat: kept("stat"), statm: kept("statm"), status: kept("status"), io: kept("io"), proc }
    }

    fn io(&mut self, out: &mut Samples) -> Result<(), Error> {
        // Not for us to read in some containers, and not there in some kernels.
        let Some(io) = optional(self.io.parsed("six counters", io))? else { return Ok(()) };
        let mut push = |metric: &'static Metric, counts: [u64; 2]| {
            for (direction, count) in ["read", "write"].into_iter().zip(counts) {
                out.push(metric, labels([("disk_io_direction", direction)]), Value::Count(count));
            }
        };
        push(&PROCESS_DISK_IO, io.storage_bytes);
        push(&PROCESS_IO_OPERATIONS, io.calls);
        push(&PROCESS_IO, io.requested_bytes);
        Ok(())
    }
}

impl Process {
    /// The process below this root.
    #[must_use]
    pub fn new(roots: &Roots) -> Self {
        Self {
            roots: roots.clone(),
            files: None,
            constants: None,
            before: None,
            cores: Peaks::new(&PROCESS_CPU_CORES_MAX, &PROCESS_CPU_CORES_MEAN),
            memory: Peaks::new(&PROCESS_MEMORY_MAX, &PROCESS_MEMORY_MEAN),
        }
    }

    fn constants(&mut self, stat: &Stat, proc: &Path) -> Result<Constants, Error> {
        if let Some(constants) = self.constants {
            return Ok(constants);
        }
        let units = Units::of(proc);
        let (boot_seconds, cpus) = Kept::new(proc.join("stat")).parsed("the line btime", boot_and_cpus)?;
        let limits = optional(Kept::new(proc.join("self/limits")).parsed("Max open files", max_open_files))?;
        Ok(*self.constants.insert(Constants {
            source: if is_of_kernel(proc) { Source::Kernel } else { Source::Fixtures },
            units,
            start_unix_ns: boot_seconds.saturating_mul(NANOS).saturating_add(units.nanos(stat.start_ticks)),
            cpus,
            max_file_descriptors: limits.flatten(),
        }))
    }

    fn cpu(&mut self, at: Moment, stat: &Stat, constants: Constants, out: &mut Samples) {
        let [user_ns, system_ns] = [stat.user_ticks, stat.system_ticks].map(|ticks| constants.units.nanos(ticks));
        let cpu_ns = user_ns.saturating_add(system_ns);
        out.push(&PROCESS_CPU_TIME, labels([("cpu_mode", "user")]), Value::Nanos(user_ns));
        out.push(&PROCESS_CPU_TIME, labels([("cpu_mode", "system")]), Value::Nanos(system_ns));
        out.push_plain(&PROCESS_CPU_SECONDS, Value::Nanos(cpu_ns));
        let ticks_ns = constants.units.nanos(2);
        match self.before {
            // CPU time moves by ticks: over less than a few of them its difference says nothing.
            Some((then, _)) if at.now_ns.saturating_sub(then.now_ns) < ticks_ns => {}
            Some((then, before_ns)) => {
                let elapsed_ns = at.now_ns - then.now_ns;
                let cores = cpu_ns.saturating_sub(before_ns) as f64 / elapsed_ns as f64;
                self.cores.add(at, cores, elapsed_ns);
                self.before = Some((at, cpu_ns));
            }
            None => self.before = Some((at, cpu_ns)),
        }
        if let Some(cores) = self.cores.last() {
            out.push_plain(&PROCESS_CPU_CORES, Value::Real(cores));
            out.push_plain(&PROCESS_CPU_UTILIZATION, Value::Real(cores / constants.cpus as f64));
        }
        self.cores.sample(at, &[], out);
    }

    fn memory(&mut self, at: Moment, files: &mut Files, units: Units, out: &mut Samples) -> Result<(), Error> {
        let (virtual_pages, resident_pages) = files.statm.parsed("two page counts", statm)?;
        let resident_bytes = units.bytes(resident_pages);
        out.push_plain(&PROCESS_MEMORY_USAGE, level(resident_bytes));
        out.push_plain(&PROCESS_MEMORY_VIRTUAL, level(units.bytes(virtual_pages)));
        self.memory.add_level(at, resident_bytes as f64);
        self.memory.sample(at, &[], out);
        if let Some(peak_bytes) = optional(files.status.parsed("VmHWM", peak_bytes))?.flatten() {
            out.push_plain(&PROCESS_MEMORY_PEAK, level(peak_bytes));
        }
        Ok(())
    }

    fn read(&mut self, at: Moment, files: &mut Files, out: &mut Samples) -> Result<(), Error> {
        let stat = files.stat.parsed("the process's counters", stat)?;
        let constants = self.constants(&stat, &files.proc)?;
        self.cpu(at, &stat, constants, out);
        self.memory(at, files, constants.units, out)?;
        files.io(out)?;
        for (fault, count) in [("major", stat.major_faults), ("minor", stat.minor_faults)] {
            out.push(&PROCESS_PAGING_FAULTS, labels([("system_paging_fault_type", fault)]), Value::Count(count));
        }
        for (switch, count) in context_switches().into_iter().flatten() {
            let labels = labels([("process_context_switch_type", switch)]);
            out.push(&PROCESS_CONTEXT_SWITCHES, labels, Value::Count(count));
        }
        out.push_plain(&PROCESS_THREADS, level(stat.threads));
        out.push_plain(&PROCESS_START_TIMESTAMP, Value::Nanos(constants.start_unix_ns));
        out.push_plain(&PROCESS_UPTIME, Value::Nanos(at.unix_ns.saturating_sub(constants.start_unix_ns)));
        // A process that gave up its privileges may not look into its own folder.
        if let Some(open) = optional(open_file_descriptors(&files.proc.join("self/fd"), constants.source))? {
            out.push_plain(&PROCESS_OPEN_FILE_DESCRIPTORS, level(open));
        }
        if let Some(most) = constants.max_file_descriptors {
            out.push_plain(&PROCESS_MAX_FILE_DESCRIPTORS, level(most));
        }
        Ok(())
    }
}

impl Collector for Process {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, at: Moment, out: &mut Samples) -> Result<(), Error> {
        let mut files = self.files.take().unwrap_or_else(|| Files::of(&self.roots));
        self.read(at, &mut files, out)?;
        self.files = Some(files);
        Ok(())
    }
}

const NANOS: u64 = 1_000_000_000;

/// Since Linux 6.2 the size of the folder is the number of its entries; before, it is 0 and they are counted, without
/// the one that the counting itself opens. A folder of fixtures is just counted.
fn open_file_descriptors(path: &Path, source: Source) -> Result<u64, Error> {
    let count = || Ok(std::fs::read_dir(path)?.count() as u64);
    let open = match source {
        Source::Fixtures => count(),
        Source::Kernel => std::fs::metadata(path).and_then(|folder| match folder.len() {
            0 => count().map(|entries| entries.saturating_sub(1)),
            entries => Ok(entries),
        }),
    };
    open.map_err(|cause| Error::read(path, cause))
}

/// The name stands in parentheses and may hold any of them, so counting begins after the last one.
fn stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().enumerate();
    // proc(5) counts from 1, and the first one after the name is its third.
    let mut field = |number: usize| fields.find(|(place, _)| place + 3 == number)?.1.parse().ok();
    Some(Stat {
        minor_faults: field(10)?,
        major_faults: field(12)?,
        user_ticks: field(14)?,
        system_ticks: field(15)?,
        threads: field(20)?,
        start_ticks: field(22)?,
    })
}

fn statm(text: &str) -> Option<(u64, u64)> {
    let mut pages = text.split_ascii_whitespace().map(str::parse);
    Some((pages.next()?.ok()?, pages.next()?.ok()?))
}

/// `Some(None)` where the kernel does not say: a thread of its own has no memory.
fn peak_bytes(text: &str) -> Option<Option<u64>> {
    let Some(rest) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else {
        return text.starts_with("Name:").then_some(None);
    };
    let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024).map(Some)
}

fn io(text: &str) -> Option<Io> {
    let mut read = Io::default();
    let mut known = 0;
    for line in text.lines() {
        let (name, value) = line.split_once(':')?;
        let place = match name {
            "rchar" => &mut read.requested_bytes[0],
            "wchar" => &mut read.requested_bytes[1],
            "syscr" => &mut read.calls[0],
            "syscw" => &mut read.calls[1],
            "read_bytes" => &mut read.storage_bytes[0],
            "write_bytes" => &mut read.storage_bytes[1],
            _ => continue,
        };
        *place = value.trim().parse().ok()?;
        known += 1;
    }
    (known == 6).then_some(read)
}

/// When the host booted, and how many CPUs it has.
fn boot_and_cpus(text: &str) -> Option<(u64, u64)> {
    let boot = text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    let is_cpu =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    Some((boot, (text.lines().filter(is_cpu).count() as u64).max(1)))
}

/// The soft limit; `Some(None)` where there is none.
fn max_open_files(text: &str) -> Option<Option<u64>> {
    let rest = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match rest.split_ascii_whitespace().next()? {
        "unlimited" => Some(None),
        soft => soft.parse().ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 3 0 150 50 0 0 20 0 7 0 12345 1 2 3";

    #[test]
    fn a_name_with_parentheses_does_not_move_the_fields() {
        let expected = Stat {
            minor_faults: 100,
            major_faults: 3,
            user_ticks: 150,
            system_ticks: 50,
            threads: 7,
            start_ticks: 12_345,
        };
        assert_eq!(stat(STAT), Some(expected));
        assert_eq!(stat("42 (truncated) S 1 42"), None);
        assert_eq!(stat(""), None);
    }

    #[test]
    fn limits_and_boot_time_are_found_by_their_names() {
        assert_eq!(max_open_files("Limit  Soft  Hard\nMax open files   1024   4096   files"), Some(Some(1024)));
        assert_eq!(max_open_files("Max open files   unlimited   unlimited   files"), Some(None));
        assert_eq!(max_open_files("Max locked memory 1 2"), None);
        let stat = "cpu 1 2 3\ncpu0 1 2 3\ncpu17 1 2\nbtime 1700000000\nprocesses 9";
        assert_eq!(boot_and_cpus(stat), Some((1_700_000_000, 2)));
        assert_eq!(boot_and_cpus("cpu 1 2 3"), None);
    }

    #[test]
    fn io_has_six_counters_whatever_else_stands_there() {
        let text = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n";
        let expected = Io { requested_bytes: [1, 2], calls: [3, 4], storage_bytes: [5, 6] };
        assert_eq!(io(text), Some(expected));
        assert_eq!(io("rchar: 1\nwchar: 2\n"), None);
        assert_eq!(io("rchar: -1\n"), None);
    }

    #[test]
    fn the_peak_is_in_kibibytes_and_may_be_missing_but_not_broken() {
        assert_eq!(peak_bytes("Name:\ta\nVmHWM:\t    2000 kB\n"), Some(Some(2_048_000)));
        assert_eq!(peak_bytes("Name:\tkthreadd\n"), Some(None));
        assert_eq!(peak_bytes("VmHWM:\t 99999999999999999999 kB\n"), None);
        assert_eq!(peak_bytes(""), None);
    }
}
