//! The host's CPUs: time by mode, utilisation, how many there are. From `/proc/stat`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use phasemeter_core::catalogue::{
    SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_CPU_TIME, SYSTEM_CPU_UTILIZATION, SYSTEM_CPU_UTILIZATION_MAX,
    SYSTEM_CPU_UTILIZATION_MEAN,
};
use phasemeter_core::{Moment, Samples, Value};

use crate::kept::Kept;
use crate::peaks::Peaks;
use crate::units::Units;
use crate::{Collector, Error, Options, Roots, labels, level};

pub(crate) const NAME: &str = "cpu";

/// Reads `/proc/stat`.
pub(crate) struct Cpu {
    stat: Kept,
    proc: PathBuf,
    units: Option<Units>,
    per_cpu: bool,
    /// What was shown last: of all CPUs, and of each by its number.
    shown: Option<Ticks>,
    each_shown: BTreeMap<u64, Ticks>,
    before: Option<(Moment, Ticks)>,
    utilization: Peaks,
}

/// What the modes are called, in the order of [`Ticks`].
const MODES: [&str; 7] = ["user", "nice", "system", "idle", "iowait", "interrupt", "steal"];
const IDLE: usize = 3;
const IOWAIT: usize = 4;

/// Time by mode. Guests are part of user and nice already.
type Ticks = [u64; MODES.len()];

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    all: Ticks,
    /// By the CPU's number.
    each: Vec<(u64, Ticks)>,
}

impl Cpu {
    pub(crate) fn new(roots: &Roots, options: &Options) -> Self {
        Self {
            stat: Kept::new(roots.proc.join("stat")),
            proc: roots.proc.clone(),
            units: None,
            per_cpu: options.per_cpu,
            shown: None,
            each_shown: BTreeMap::new(),
            before: None,
            utilization: Peaks::new(&SYSTEM_CPU_UTILIZATION_MAX, &SYSTEM_CPU_UTILIZATION_MEAN),
        }
    }

    /// Over the time since the sample before; not where that is less than a few ticks.
    fn utilization(&mut self, at: Moment, now: Ticks, cpus: usize, out: &mut Samples) {
        match self.before.and_then(|(then, before)| Some((then, passed(before, now)?))) {
            None => self.before = Some((at, now)),
            Some((then, passed)) => {
                // Each may be as great as it can be.
                let all: u128 = passed.into_iter().map(u128::from).sum();
                if all >= TICKS_PER_CPU * cpus.max(1) as u128 {
                    let idle = u128::from(passed[IDLE]) + u128::from(passed[IOWAIT]);
                    let share = all.saturating_sub(idle) as f64 / all as f64;
                    self.utilization.add(at, share, at.now_ns.saturating_sub(then.now_ns));
                    self.before = Some((at, now));
                }
            }
        }
        if let Some(share) = self.utilization.last() {
            out.push_plain(&SYSTEM_CPU_UTILIZATION, Value::Real(share));
        }
        self.utilization.sample(at, &[], out);
    }
}

impl Collector for Cpu {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, at: Moment, out: &mut Samples) -> Result<(), Error> {
        let stat = self.stat.parsed("the line cpu", stat)?;
        let units = *self.units.get_or_insert_with(|| Units::of(&self.proc));
        out.push_plain(&SYSTEM_CPU_LOGICAL_COUNT, level(stat.each.len() as u64));
        let all = settled(self.shown, stat.all, units);
        self.shown = Some(all);
        if self.per_cpu {
            let shown = &self.each_shown;
            let settle = |(number, read): &(u64, Ticks)| (*number, settled(shown.get(number).copied(), *read, units));
            self.each_shown = stat.each.iter().map(settle).collect();
            for (number, ticks) in &self.each_shown {
                let number = number.to_string();
                for (mode, ticks) in MODES.into_iter().zip(ticks) {
                    let labels = labels([("cpu_logical_number", &*number), ("cpu_mode", mode)]);
                    out.push(&SYSTEM_CPU_TIME, labels, Value::Nanos(units.nanos(*ticks)));
                }
            }
        } else {
            for (mode, ticks) in MODES.into_iter().zip(all) {
                out.push(&SYSTEM_CPU_TIME, labels([("cpu_mode", mode)]), Value::Nanos(units.nanos(ticks)));
            }
        }
        self.utilization(at, all, stat.each.len(), out);
        Ok(())
    }
}

/// Over fewer of them the share of one that is busy is mostly chance.
const TICKS_PER_CPU: u128 = 5;

/// Idle time can turn out to have been none, and time is moved from one mode to another: a counter that falls by less
/// than this has not begun anew.
const CORRECTION_NS: u64 = 5_000_000_000;

/// What to show where this is read: a counter does not go back unless it began anew.
fn settled(shown: Option<Ticks>, read: Ticks, units: Units) -> Ticks {
    let Some(mut settled) = shown else { return read };
    for (shown, read) in settled.iter_mut().zip(read) {
        let is_correction = read < *shown && units.nanos(*shown - read) < CORRECTION_NS;
        if !is_correction {
            *shown = read;
        }
    }
    settled
}

/// `None` where a counter began anew.
fn passed(before: Ticks, now: Ticks) -> Option<Ticks> {
    let mut passed = now;
    for (now, before) in passed.iter_mut().zip(before) {
        *now = now.checked_sub(before)?;
    }
    Some(passed)
}

fn stat(text: &str) -> Option<Stat> {
    let mut all = None;
    let mut each = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cpu") else { break };
        let (number, counts) = rest.split_once(' ')?;
        match number {
            "" => all = Some(ticks(counts)?),
            number => each.push((number.parse().ok()?, ticks(counts)?)),
        }
    }
    Some(Stat { all: all?, each })
}

/// user nice system idle iowait irq softirq steal: old kernels have only the first of them.
fn ticks(text: &str) -> Option<Ticks> {
    let mut counts = [0_u64; 8];
    let mut known = 0;
    for (place, word) in counts.iter_mut().zip(text.split_ascii_whitespace()) {
        *place = word.parse().ok()?;
        known += 1;
    }
    let [user, nice, system, idle, iowait, irq, softirq, steal] = counts;
    (known >= 4).then_some([user, nice, system, idle, iowait, irq.checked_add(softirq)?, steal])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_told_apart_and_interrupts_are_one() {
        let read = stat("cpu  10 1 5 80 2 3 4 6 9 9\ncpu0 1 2 3 4 5 6 7 8 0 0\nintr 5\ncpufreq 1\n");
        let each = vec![(0, [1, 2, 3, 4, 5, 13, 8])];
        assert_eq!(read, Some(Stat { all: [10, 1, 5, 80, 2, 7, 6], each }));
    }

    #[test]
    fn an_old_kernel_has_fewer_modes_and_a_broken_line_has_none() {
        assert_eq!(stat("cpu 1 2 3 4\n").map(|stat| stat.all), Some([1, 2, 3, 4, 0, 0, 0]));
        for broken in ["", "cpu 1 2\n", "cpu 1 2 3 x\n", "cpu 1 2 3 99999999999999999999\n", "cpux 1 2 3 4\n"] {
            assert_eq!(stat(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_counter_that_is_corrected_stands_still_and_one_that_begins_anew_falls() {
        let units = Units::of(std::path::Path::new("/there is no such folder"));
        let shown = [10, 0, 0, 1_000, 1_500, 0, 0];
        let read = [11, 0, 0, 501, 1_499, 0, 0];
        assert_eq!(settled(Some(shown), read, units), [11, 0, 0, 1_000, 1_500, 0, 0]);
        assert_eq!(settled(Some(shown), [10, 0, 0, 500, 0, 0, 0], units), [10, 0, 0, 500, 0, 0, 0]);
        assert_eq!(settled(None, read, units), read);
        assert_eq!(settled(Some([u64::MAX; 7]), [0; 7], units), [0; 7]);
    }
}
