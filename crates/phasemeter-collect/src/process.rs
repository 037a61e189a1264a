//! The process itself: CPU time, memory, threads, descriptors, start. From `/proc/self` alone, without a libc binding:
//! clock ticks and page size stand in the auxiliary vector.

use std::path::{Path, PathBuf};

use phasemeter_core::catalogue::{
    PROCESS_CPU_TIME, PROCESS_MAX_FILE_DESCRIPTORS, PROCESS_MEMORY_USAGE, PROCESS_MEMORY_VIRTUAL,
    PROCESS_OPEN_FILE_DESCRIPTORS, PROCESS_START_TIMESTAMP, PROCESS_THREADS,
};
use phasemeter_core::{Samples, Value};

use crate::{Collector, Error, Roots};

/// Reads the process that it is part of.
#[derive(Debug)]
pub struct Process {
    proc: PathBuf,
    /// What does not change while the process lives: read with the first sample.
    constants: Option<Constants>,
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
    /// `None` where there is no limit.
    max_file_descriptors: Option<u64>,
}

/// The machine's units, from the auxiliary vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Units {
    ticks_per_second: u64,
    page_bytes: u64,
}

/// The fields of `stat` that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
}

impl Process {
    /// The process below this root.
    #[must_use]
    pub fn new(roots: &Roots) -> Self {
        Self { proc: roots.proc.clone(), constants: None }
    }

    fn read_constants(&self, stat: &Stat) -> Result<Constants, Error> {
        let units = std::fs::read(self.proc.join("self/auxv")).map_or(Units::USUAL, |bytes| units(&bytes));
        let boot = parsed(&self.proc.join("stat"), "the line btime", boot_unix_seconds)?;
        let limits = parsed(&self.proc.join("self/limits"), "Max open files", max_open_files)?;
        // Only the kernel makes `self` a link, to the number of the process.
        let is_kernel = std::fs::read_link(self.proc.join("self")).is_ok();
        Ok(Constants {
            source: if is_kernel { Source::Kernel } else { Source::Fixtures },
            units,
            start_unix_ns: boot.saturating_mul(NANOS).saturating_add(units.nanos(stat.start_ticks)),
            max_file_descriptors: limits,
        })
    }
}

impl Collector for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn sample(&mut self, out: &mut Samples) -> Result<(), Error> {
        let stat = parsed(&self.proc.join("self/stat"), "the process's counters", stat)?;
        let constants = match self.constants {
            Some(constants) => constants,
            None => *self.constants.insert(self.read_constants(&stat)?),
        };
        let units = constants.units;
        let (virtual_pages, resident_pages) = parsed(&self.proc.join("self/statm"), "two page counts", statm)?;
        out.push_plain(&PROCESS_CPU_TIME, Value::Nanos(units.nanos(stat.cpu_ticks)));
        out.push_plain(&PROCESS_MEMORY_USAGE, units.bytes(resident_pages));
        out.push_plain(&PROCESS_MEMORY_VIRTUAL, units.bytes(virtual_pages));
        out.push_plain(&PROCESS_THREADS, level(stat.threads));
        out.push_plain(&PROCESS_START_TIMESTAMP, Value::Nanos(constants.start_unix_ns));
        let open = open_file_descriptors(&self.proc.join("self/fd"), constants.source)?;
        out.push_plain(&PROCESS_OPEN_FILE_DESCRIPTORS, level(open));
        if let Some(most) = constants.max_file_descriptors {
            out.push_plain(&PROCESS_MAX_FILE_DESCRIPTORS, level(most));
        }
        Ok(())
    }
}

const NANOS: u64 = 1_000_000_000;

fn level(count: u64) -> Value {
    Value::Level(i64::try_from(count).unwrap_or(i64::MAX))
}

fn parsed<T>(path: &Path, what: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
    let bytes = std::fs::read(path).map_err(|cause| Error::read(path, cause))?;
    // The name of a process need not be UTF-8, and is not what we look for.
    let text = String::from_utf8_lossy(&bytes);
    parse(&text).ok_or_else(|| Error::parse(path, what, &text))
}

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
    let field = |number: usize| fields.split_ascii_whitespace().nth(number - FIRST_FIELD_AFTER_NAME)?.parse().ok();
    let (user_ticks, system_ticks): (u64, u64) = (field(14)?, field(15)?);
    Some(Stat { cpu_ticks: user_ticks.checked_add(system_ticks)?, threads: field(20)?, start_ticks: field(22)? })
}

/// proc(5) counts from 1, and the name is the second.
const FIRST_FIELD_AFTER_NAME: usize = 3;

fn statm(text: &str) -> Option<(u64, u64)> {
    let mut pages = text.split_ascii_whitespace().map(str::parse);
    Some((pages.next()?.ok()?, pages.next()?.ok()?))
}

fn boot_unix_seconds(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// The soft limit; `Some(None)` where there is none.
fn max_open_files(text: &str) -> Option<Option<u64>> {
    let rest = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match rest.split_ascii_whitespace().next()? {
        "unlimited" => Some(None),
        soft => soft.parse().ok().map(Some),
    }
}

impl Units {
    /// What nearly every Linux has, for those whose vector cannot be read.
    const USUAL: Self = Self { ticks_per_second: 100, page_bytes: 4096 };

    fn nanos(self, ticks: u64) -> u64 {
        let nanos = u128::from(ticks) * u128::from(NANOS) / u128::from(self.ticks_per_second);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    fn bytes(self, pages: u64) -> Value {
        level(pages.saturating_mul(self.page_bytes))
    }
}

/// The auxiliary vector is pairs of native words: what it says, and the value.
fn units(auxv: &[u8]) -> Units {
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| Some(usize::from_ne_bytes(bytes.try_into().ok()?) as u64);
    let value = |wanted: u64| {
        let mut pairs = auxv.chunks_exact(2 * WORD).map(|pair| pair.split_at(WORD));
        let (_, value) = pairs.find(|(kind, _)| word(kind) == Some(wanted))?;
        word(value).filter(|value| *value > 0)
    };
    Units {
        ticks_per_second: value(AT_CLKTCK).unwrap_or(Units::USUAL.ticks_per_second),
        page_bytes: value(AT_PAGESZ).unwrap_or(Units::USUAL.page_bytes),
    }
}

const AT_PAGESZ: u64 = 6;
const AT_CLKTCK: u64 = 17;

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "42 (a) b (c)) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 7 0 12345 1 2 3";

    #[test]
    fn a_name_with_parentheses_does_not_move_the_fields() {
        assert_eq!(stat(STAT), Some(Stat { cpu_ticks: 200, threads: 7, start_ticks: 12_345 }));
        assert_eq!(stat("42 (truncated) S 1 42"), None);
        assert_eq!(stat(""), None);
    }

    #[test]
    fn limits_and_boot_time_are_found_by_their_names() {
        assert_eq!(max_open_files("Limit  Soft  Hard\nMax open files   1024   4096   files"), Some(Some(1024)));
        assert_eq!(max_open_files("Max open files   unlimited   unlimited   files"), Some(None));
        assert_eq!(max_open_files("Max locked memory 1 2"), None);
        assert_eq!(boot_unix_seconds("cpu 1 2 3\nbtime 1700000000\nprocesses 9"), Some(1_700_000_000));
        assert_eq!(boot_unix_seconds("cpu 1 2 3"), None);
    }

    #[test]
    fn units_come_from_the_vector_and_are_the_usual_without() {
        let pairs = [3_usize, 999, 6, 16_384, 17, 250, 0, 0];
        let bytes: Vec<u8> = pairs.iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(units(&bytes), Units { ticks_per_second: 250, page_bytes: 16_384 });
        assert_eq!(units(&bytes[..bytes.len() / 4 + 3]), Units::USUAL);
        assert_eq!(units(&[]), Units::USUAL);
        assert_eq!(Units::USUAL.nanos(150), 1_500_000_000);
        assert_eq!(Units::USUAL.nanos(u64::MAX), u64::MAX);
    }
}
