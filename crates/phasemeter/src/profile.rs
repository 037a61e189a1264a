//! What a thread spent: its CPU time, and its allocations where the counting allocator is installed.

use phasemeter_alloc::thread_counts;
use phasemeter_core::{Allocated, Profile};
use rustix::time::{ClockId, clock_gettime};
use std::thread::{self, ThreadId};

/// What a thread had spent at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    thread: ThreadId,
    cpu_ns: Option<u64>,
    allocated: Option<Allocated>,
}

/// Whether anything can be read here.
pub(crate) const IS_AVAILABLE: bool = true;

impl Spent {
    /// By the calling thread, so far.
    pub(crate) fn so_far() -> Self {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
        let cpu_ns = seconds.ok().zip(nanos.ok()).map(|(seconds, nanos)| seconds * 1_000_000_000 + nanos);
        let allocated = thread_counts();
        Self {
            thread: thread::current().id(),
            cpu_ns,
            allocated: allocated.map(|counts| Allocated { allocations: counts.allocations, bytes: counts.bytes }),
        }
    }

    /// By the calling thread since then; nothing where that was another thread, whose time is none of this one's.
    pub(crate) fn since(self) -> Option<Profile> {
        let now = Self::so_far();
        let cpu_ns = now.cpu_ns.zip(self.cpu_ns).map(|(now, then)| now.saturating_sub(then));
        let allocated = now.allocated.zip(self.allocated).map(|(now, then)| Allocated {
            allocations: now.allocations.saturating_sub(then.allocations),
            bytes: now.bytes.saturating_sub(then.bytes),
        });
        (now.thread == self.thread).then_some(Profile { cpu_ns, allocated })
    }
}
