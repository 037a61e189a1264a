//! The host's memory, swap space and paging, from `/proc/meminfo` and `/proc/vmstat`.

use phasemeter_core::catalogue::{
    SYSTEM_MEMORY_AVAILABLE, SYSTEM_MEMORY_LIMIT, SYSTEM_MEMORY_USAGE, SYSTEM_MEMORY_USED_MAX, SYSTEM_MEMORY_USED_MEAN,
    SYSTEM_PAGING_FAULTS, SYSTEM_PAGING_OPERATIONS, SYSTEM_PAGING_USAGE,
};
use phasemeter_core::{Moment, Samples, Value};

use crate::error::optional;
use crate::kept::Kept;
use crate::peaks::Peaks;
use crate::{Collector, Error, Roots, labels, level};

pub(crate) const NAME: &str = "memory";

/// Reads `/proc/meminfo` and `/proc/vmstat`.
pub(crate) struct Memory {
    meminfo: Kept,
    vmstat: Kept,
    used: Peaks,
}

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Meminfo {
    total: u64,
    free: u64,
    /// `None` before Linux 3.14.
    available: Option<u64>,
    buffers: u64,
    /// With what the kernel keeps in its own caches and can give back.
    cached: u64,
    swap_total: u64,
    swap_free: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Vmstat {
    faults: u64,
    major_faults: u64,
    swapped_in: u64,
    swapped_out: u64,
}

impl Memory {
    pub(crate) fn new(roots: &Roots) -> Self {
        Self {
            meminfo: Kept::new(roots.proc.join("meminfo")),
            vmstat: Kept::new(roots.proc.join("vmstat")),
            used: Peaks::new(&SYSTEM_MEMORY_USED_MAX, &SYSTEM_MEMORY_USED_MEAN),
        }
    }
}

impl Collector for Memory {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, at: Moment, out: &mut Samples) -> Result<(), Error> {
        let memory = self.meminfo.parsed("MemTotal, MemFree, Buffers and Cached", meminfo)?;
        let used = memory.total.saturating_sub(memory.free + memory.buffers + memory.cached);
        let states = [("used", used), ("free", memory.free), ("buffers", memory.buffers), ("cached", memory.cached)];
        for (state, bytes) in states {
            out.push(&SYSTEM_MEMORY_USAGE, labels([("system_memory_state", state)]), level(bytes));
        }
        out.push_plain(&SYSTEM_MEMORY_LIMIT, level(memory.total));
        if let Some(available) = memory.available {
            out.push_plain(&SYSTEM_MEMORY_AVAILABLE, level(available));
        }
        self.used.add_level(at, used as f64);
        self.used.sample(at, &[], out);
        let swapped = memory.swap_total.saturating_sub(memory.swap_free);
        for (state, bytes) in [("used", swapped), ("free", memory.swap_free)] {
            out.push(&SYSTEM_PAGING_USAGE, labels([("system_paging_state", state)]), level(bytes));
        }
        let Some(paging) = optional(self.vmstat.parsed("pgfault, pgmajfault, pswpin and pswpout", vmstat))? else {
            return Ok(());
        };
        let minor = paging.faults.saturating_sub(paging.major_faults);
        for (fault, count) in [("major", paging.major_faults), ("minor", minor)] {
            out.push(&SYSTEM_PAGING_FAULTS, labels([("system_paging_fault_type", fault)]), Value::Count(count));
        }
        for (direction, count) in [("in", paging.swapped_in), ("out", paging.swapped_out)] {
            out.push(&SYSTEM_PAGING_OPERATIONS, labels([("system_paging_direction", direction)]), Value::Count(count));
        }
        Ok(())
    }
}

fn meminfo(text: &str) -> Option<Meminfo> {
    const NAMES: [&str; 8] =
        ["MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SReclaimable", "SwapTotal", "SwapFree"];
    let mut found = [None; NAMES.len()];
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if let Some(place) = NAMES.iter().position(|wanted| *wanted == name) {
            let kibibytes: u64 = value.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
            found[place] = Some(kibibytes.checked_mul(1024)?);
        }
    }
    let [total, free, available, buffers, cached, reclaimable, swap_total, swap_free] = found;
    let cached = cached?.checked_add(reclaimable.unwrap_or(0))?;
    let (free, buffers) = (free?, buffers?);
    // So that the states can be added up below.
    free.checked_add(buffers)?.checked_add(cached)?;
    Some(Meminfo {
        total: total?,
        free,
        available,
        buffers,
        cached,
        swap_total: swap_total.unwrap_or(0),
        swap_free: swap_free.unwrap_or(0),
    })
}

fn vmstat(text: &str) -> Option<Vmstat> {
    const NAMES: [&str; 4] = ["pgfault", "pgmajfault", "pswpin", "pswpout"];
    let mut found = [None; NAMES.len()];
    for line in text.lines() {
        // Most of its two hundred lines begin otherwise.
        if !line.starts_with('p') {
            continue;
        }
        let (name, value) = line.split_once(' ')?;
        if let Some(place) = NAMES.iter().position(|wanted| *wanted == name) {
            found[place] = Some(value.trim().parse().ok()?);
        }
    }
    let [faults, major_faults, swapped_in, swapped_out] = found;
    // A kernel without swap does not count it.
    let [swapped_in, swapped_out] = [swapped_in, swapped_out].map(|pages: Option<u64>| pages.unwrap_or(0));
    Some(Vmstat { faults: faults?, major_faults: major_faults?, swapped_in, swapped_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable:  600 kB\nBuffers: 50 kB\nCached: 400 kB\n\
                           HugePages_Total: 0\nSReclaimable: 50 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\n";

    #[test]
    fn what_the_kernel_can_give_back_is_cached() {
        let read = meminfo(MEMINFO).expect("it is whole");
        assert_eq!((read.total, read.cached, read.available), (1_024_000, 460_800, Some(614_400)));
        assert_eq!((read.swap_total, read.swap_free), (10_240, 4_096));
    }

    #[test]
    fn an_old_kernel_has_no_estimate_and_a_truncated_file_no_memory() {
        let old = MEMINFO.replace("MemAvailable:  600 kB\n", "");
        assert_eq!(meminfo(&old).expect("it is whole").available, None);
        for broken in ["", "MemTotal: 1000 kB\n", &MEMINFO.replace("100 kB", "99999999999999999999 kB")] {
            assert_eq!(meminfo(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn paging_is_found_among_the_rest() {
        let text = "nr_free_pages 5\npswpin 1\npswpout 2\npgpgin 9\npgfault 30\npgmajfault 4\n";
        let expected = Vmstat { faults: 30, major_faults: 4, swapped_in: 1, swapped_out: 2 };
        assert_eq!(vmstat(text), Some(expected));
        assert_eq!(vmstat("pgfault 30\n"), None);
        assert_eq!(vmstat("pgfault many\npgmajfault 4\n"), None);
    }
}
