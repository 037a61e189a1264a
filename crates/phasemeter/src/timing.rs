//! What a run spends beyond wall time, from level detailed on: busy, waiting and, at level profiling, CPU time and
//! allocations.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use phasemeter_core::{Allocated, Effort, Profile, WaitingFor};

use crate::clock::Clock;
use crate::inner::lock;
use crate::level::Level;
use crate::profile::Spent;

/// The clocks of one run.
#[derive(Debug)]
pub(crate) struct Timing {
    /// What it waited for by name, in the order of [`WaitingFor::ALL`].
    waited_ns: [AtomicU64; WaitingFor::ALL.len()],
    /// The time of all polls; of a future only.
    polled_ns: AtomicU64,
    profiling: Option<Profiling>,
}

#[derive(Debug)]
struct Profiling {
    /// What the thread had spent when the run began; a run that is polled is measured poll by poll instead.
    begun: Spent,
    polled: Mutex<Option<Profile>>,
}

/// Not polled: no future.
const NEVER_POLLED: u64 = u64::MAX;

// Numbers of one run that each stand for themselves: relaxed is enough.
const RELAXED: Ordering = Ordering::Relaxed;

impl Timing {
    pub(crate) fn begin(level: Level) -> Self {
        let profiling =
            (level >= Level::Profiling).then(|| Profiling { begun: Spent::so_far(), polled: Mutex::default() });
        Self { waited_ns: Default::default(), polled_ns: AtomicU64::new(NEVER_POLLED), profiling }
    }

    pub(crate) fn wait<T>(&self, clock: &Clock, waiting_for: WaitingFor, wait: impl FnOnce() -> T) -> T {
        let _timed = Timed { clock, since_ns: clock.now_ns(), total_ns: &self.waited_ns[waiting_for as usize] };
        wait()
    }

    pub(crate) fn polled<T>(&self, clock: &Clock, poll: impl FnOnce() -> T) -> T {
        // The first poll makes it a future; one future is polled by one thread at a time.
        let _never = self.polled_ns.compare_exchange(NEVER_POLLED, 0, RELAXED, RELAXED);
        let spent = self.profiling.as_ref().map(|profiling| (profiling, Spent::so_far()));
        let polled = {
            let _timed = Timed { clock, since_ns: clock.now_ns(), total_ns: &self.polled_ns };
            poll()
        };
        if let Some((profiling, before)) = spent {
            profiling.add(before);
        }
        polled
    }

    /// What the run spent in all, now that it has taken so long.
    pub(crate) fn effort(&self, elapsed_ns: u64) -> Effort {
        let mut waiting_ns = self.waited_ns.each_ref().map(|waited| waited.load(RELAXED));
        let waited_ns = waiting_ns.iter().fold(0, |sum: u64, waited| sum.saturating_add(*waited));
        let polled_ns = Some(self.polled_ns.load(RELAXED)).filter(|polled| *polled != NEVER_POLLED);
        let working_ns = polled_ns.unwrap_or(elapsed_ns).min(elapsed_ns);
        waiting_ns[WaitingFor::Other as usize] += elapsed_ns - working_ns;
        let profile = self.profiling.as_ref().and_then(|profiling| match polled_ns {
            Some(_) => *lock(&profiling.polled),
            None => profiling.begun.since(),
        });
        Effort { busy_ns: working_ns.saturating_sub(waited_ns), waiting_ns, profile }
    }
}

impl Profiling {
    /// Adds what this thread spent since then.
    fn add(&self, before: Spent) {
        let Some(spent) = before.since() else { return };
        let mut polled = lock(&self.polled);
        let before = polled.unwrap_or_default();
        let add = |own: Option<u64>, more: Option<u64>| more.map(|more| own.unwrap_or(0).saturating_add(more));
        let allocated = spent.allocated.map(|more| {
            let own = before.allocated.unwrap_or_default();
            Allocated { allocations: own.allocations + more.allocations, bytes: own.bytes + more.bytes }
        });
        *polled = Some(Profile { cpu_ns: add(before.cpu_ns, spent.cpu_ns), allocated });
    }
}

/// Adds the time until it is dropped, also where that is by unwinding.
struct Timed<'a> {
    clock: &'a Clock,
    since_ns: u64,
    total_ns: &'a AtomicU64,
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        self.total_ns.fetch_add(self.clock.now_ns().saturating_sub(self.since_ns), RELAXED);
    }
}
