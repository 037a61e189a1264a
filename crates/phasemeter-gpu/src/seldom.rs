//! What is asked every ten seconds, since it costs the driver much or hardly changes: fans, processes, memory errors, the
//! power limit.

use std::collections::BTreeMap;

use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::struct_wrappers::device::ProcessInfo;
use nvml_wrapper::sys_exports::field_id as id;
use phasemeter_core::catalogue::{
    GPU_PCIE_REPLAYS, GPU_POWER_LIMIT, GPU_REMAPPED_ROWS, HW_ERRORS, HW_FAN_SPEED, PROCESS_GPU_MEMORY_USAGE,
};
use phasemeter_core::{Samples, Value};

use crate::asked::{Asked, Field, Question, Trouble};
use crate::marks::{Marks, level};
use crate::power::thousandths;
use crate::work::share;

/// So many processes are shown, those with the most memory.
pub(crate) const MAX_PROCESSES: usize = 64;

/// No GPU has more.
const MAX_FANS: u32 = 16;

/// Whose memory is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// That of the process with this number.
    Own(u32),
    /// That of all.
    All,
}

/// Whether memory is as it should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Rows {
    /// It is, or nothing is known of it.
    #[default]
    Sound,
    /// Rows wait to be replaced, or could not be.
    Broken,
}

pub(crate) fn read(asked: &mut Asked, marks: &Marks, whose: Whose, out: &mut Samples) -> Result<Rows, Trouble> {
    let limit = asked.ask(Question::PowerLimit, |device| device.enforced_power_limit())?;
    if let Some(milliwatts) = limit {
        out.push(&GPU_POWER_LIMIT, marks.alone(), Value::Real(thousandths(milliwatts.into())));
    }
    fans(asked, marks, out)?;
    if let Some(processes) = asked.ask(Question::Processes, |device| device.running_compute_processes())? {
        for (pid, bytes) in memory_by_process(&processes, whose) {
            let labels = marks.with(&[("process_pid", &pid.to_string())]);
            out.push(&PROCESS_GPU_MEMORY_USAGE, labels, level(bytes));
        }
    }
    errors(asked, marks, out)
}

fn fans(asked: &mut Asked, marks: &Marks, out: &mut Samples) -> Result<(), Trouble> {
    let fans = asked.ask(Question::Fans, |device| device.num_fans())?.unwrap_or(0);
    for fan in 0..fans.min(MAX_FANS) {
        if let Some(percent) = asked.ask(Question::Fan(fan), |device| device.fan_speed(fan))? {
            let labels = marks.hardware(&[("fan", &fan.to_string())]);
            out.push(&HW_FAN_SPEED, labels, Value::Real(share(percent)));
        }
    }
    Ok(())
}

fn errors(asked: &mut Asked, marks: &Marks, out: &mut Samples) -> Result<Rows, Trouble> {
    let [corrected, uncorrected, remapped_corrected, remapped_uncorrected, pending, failed, replays] =
        asked.fields([
            Field::new(id::NVML_FI_DEV_ECC_SBE_VOL_TOTAL),
            Field::new(id::NVML_FI_DEV_ECC_DBE_VOL_TOTAL),
            Field::new(id::NVML_FI_DEV_REMAPPED_COR),
            Field::new(id::NVML_FI_DEV_REMAPPED_UNC),
            Field::new(id::NVML_FI_DEV_REMAPPED_PENDING),
            Field::new(id::NVML_FI_DEV_REMAPPED_FAILURE),
            Field::new(id::NVML_FI_DEV_PCIE_REPLAY_COUNTER),
        ])?;
    for (kind, errors, rows) in
        [("corrected", corrected, remapped_corrected), ("uncorrected", uncorrected, remapped_uncorrected)]
    {
        if let Some(errors) = errors {
            out.push(&HW_ERRORS, marks.hardware(&[("error_type", kind)]), Value::Count(errors));
        }
        if let Some(rows) = rows {
            out.push(&GPU_REMAPPED_ROWS, marks.with(&[("error_type", kind)]), Value::Count(rows));
        }
    }
    if let Some(replays) = replays {
        out.push(&GPU_PCIE_REPLAYS, marks.alone(), Value::Count(replays));
    }
    let is_broken = [pending, failed].into_iter().flatten().any(|flag| flag > 0);
    Ok(if is_broken { Rows::Broken } else { Rows::Sound })
}

/// By number, most memory first; a process on several parts of one GPU once, with all that it has there.
fn memory_by_process(processes: &[ProcessInfo], whose: Whose) -> Vec<(u32, u64)> {
    let mut by_process = BTreeMap::<u32, u64>::new();
    for process in processes {
        let is_wanted = match whose {
            Whose::All => true,
            Whose::Own(own) => process.pid == own,
        };
        match process.used_gpu_memory {
            UsedGpuMemory::Used(bytes) if is_wanted => {
                let sum = by_process.entry(process.pid).or_default();
                *sum = sum.saturating_add(bytes);
            }
            UsedGpuMemory::Used(_) | UsedGpuMemory::Unavailable => {}
        }
    }
    let mut most: Vec<_> = by_process.into_iter().collect();
    most.sort_by_key(|(pid, bytes)| (std::cmp::Reverse(*bytes), *pid));
    most.truncate(MAX_PROCESSES);
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, used_gpu_memory: UsedGpuMemory) -> ProcessInfo {
        ProcessInfo { pid, used_gpu_memory, gpu_instance_id: None, compute_instance_id: None }
    }

    #[test]
    fn a_process_counts_once_and_unknown_memory_is_no_zero() {
        let used = UsedGpuMemory::Used;
        let all =
            [process(7, used(10)), process(8, UsedGpuMemory::Unavailable), process(9, used(40)), process(7, used(5))];
        assert_eq!(memory_by_process(&all, Whose::All), [(9, 40), (7, 15)]);
        assert_eq!(memory_by_process(&all, Whose::Own(7)), [(7, 15)]);
        assert_eq!(memory_by_process(&all, Whose::Own(8)), []);
    }

    #[test]
    fn of_very_many_processes_those_with_the_most_memory_are_shown() {
        let all: Vec<_> = (0..100).map(|pid| process(pid, UsedGpuMemory::Used(pid.into()))).collect();
        let shown = memory_by_process(&all, Whose::All);
        assert_eq!((shown.len(), shown.first(), shown.last()), (MAX_PROCESSES, Some(&(99, 99)), Some(&(36, 36))));
    }
}
