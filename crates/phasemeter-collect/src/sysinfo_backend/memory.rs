//! The host's memory and swap space.

use phasemeter_core::catalogue::{
    SYSTEM_MEMORY_AVAILABLE, SYSTEM_MEMORY_LIMIT, SYSTEM_MEMORY_USAGE, SYSTEM_MEMORY_USED_MAX, SYSTEM_MEMORY_USED_MEAN,
    SYSTEM_PAGING_USAGE,
};
use phasemeter_core::{Moment, Samples};
use std::time::Duration;

use super::{OwnSystem, SOURCE, known};
use crate::memory::NAME;
use crate::peaks::Peaks;
use crate::{Collector, Error, labels, level};

/// Reads how memory is used.
pub(super) struct Memory {
    system: OwnSystem,
    used: Peaks,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self { system: OwnSystem::default(), used: Peaks::new(&SYSTEM_MEMORY_USED_MAX, &SYSTEM_MEMORY_USED_MEAN) }
    }
}

impl Collector for Memory {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, at: Moment, out: &mut Samples) -> Result<(), Error> {
        let system = self.system.get()?;
        system.refresh_memory();
        let total = known(system.total_memory()).ok_or_else(|| Error::failed(SOURCE, "it finds no memory"))?;
        let used = system.used_memory();
        for (state, bytes) in states(total, used, system.free_memory()).into_iter().flatten() {
            out.push(&SYSTEM_MEMORY_USAGE, labels([("system_memory_state", state)]), level(bytes));
        }
        out.push_plain(&SYSTEM_MEMORY_LIMIT, level(total));
        // Elsewhere it is no estimate of the kernel's.
        if cfg!(target_os = "linux") {
            out.push_plain(&SYSTEM_MEMORY_AVAILABLE, level(system.available_memory()));
        }
        self.used.add_level(at, used as f64);
        self.used.sample(at, &[], out);
        let free = system.free_swap();
        for (state, bytes) in [("used", system.total_swap().saturating_sub(free)), ("free", free)] {
            out.push(&SYSTEM_PAGING_USAGE, labels([("system_paging_state", state)]), level(bytes));
        }
        Ok(())
    }

    fn at_most_every(&self) -> Duration {
        Duration::from_millis(10)
    }
}

/// They add up to the whole: what is neither used nor free can be given back. Windows does not tell that from what is
/// free.
fn states(total: u64, used: u64, free: u64) -> [Option<(&'static str, u64)>; 3] {
    let used = used.min(total);
    let free = free.min(total - used);
    let cached = total - used - free;
    [Some(("used", used)), Some(("free", free)), (!cfg!(windows)).then_some(("cached", cached))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_add_up_to_the_whole_whatever_is_said_of_them() {
        for (used, free) in [(6, 3), (6, 4), (6, 9), (12, 3), (0, 0)] {
            let sum: u64 = states(10, used, free).into_iter().flatten().map(|(_, bytes)| bytes).sum();
            let unsaid = if cfg!(windows) { 10_u64.saturating_sub(used + free) } else { 0 };
            assert_eq!(sum + unsaid, 10, "{used} used, {free} free");
        }
    }
}
