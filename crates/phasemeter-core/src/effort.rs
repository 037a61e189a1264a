//! What runs of a phase spent beyond wall time: measured from level detailed on, and so made when first needed.

use crate::counts::Writer;
use crate::sync::{AtomicU64, COUNT};

/// What a run waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WaitingFor {
    /// Something to do: an empty queue before it.
    Input,
    /// Room for what it made: a full queue behind it.
    Output,
    /// What nobody named: a future that was pending.
    Other,
}

impl WaitingFor {
    /// Everything that is told apart.
    pub const ALL: [Self; 3] = [Self::Input, Self::Output, Self::Other];

    /// The value of the label `direction`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Other => "other",
        }
    }
}

/// What runs spent. Two of them add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Wall time spent working: all but the waiting.
    pub busy_ns: u64,
    /// Wall time spent waiting, in the order of [`WaitingFor::ALL`].
    pub waiting_ns: [u64; WaitingFor::ALL.len()],
    /// What only level profiling measures.
    pub profile: Option<Profile>,
}

/// What only level profiling measures: each where it can be, which is on the threads that the run was polled on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Profile {
    /// CPU time of the threads while they worked for the run; `None` where it cannot be read.
    pub cpu_ns: Option<u64>,
    /// Allocations and allocated bytes; `None` without the counting allocator.
    pub allocated: Option<Allocated>,
}

/// What was allocated, whether or not it was freed again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allocated {
    /// How often.
    pub allocations: u64,
    /// How much.
    pub bytes: u64,
}

#[derive(Default)]
pub(crate) struct EffortCell {
    busy_ns: AtomicU64,
    waiting_ns: [AtomicU64; WaitingFor::ALL.len()],
    /// Each is shown once it was measured.
    has_cpu: AtomicU64,
    cpu_ns: AtomicU64,
    has_allocated: AtomicU64,
    allocations: AtomicU64,
    allocated_bytes: AtomicU64,
}

impl EffortCell {
    pub(crate) fn add(&self, writer: Writer, effort: &Effort) {
        writer.add(&self.busy_ns, effort.busy_ns);
        for (total, waited_ns) in self.waiting_ns.iter().zip(effort.waiting_ns).filter(|(_, waited_ns)| *waited_ns > 0)
        {
            writer.add(total, waited_ns);
        }
        let profile = effort.profile.unwrap_or_default();
        if let Some(cpu_ns) = profile.cpu_ns {
            writer.add(&self.cpu_ns, cpu_ns);
            self.has_cpu.store(1, COUNT);
        }
        if let Some(Allocated { allocations, bytes }) = profile.allocated {
            writer.add(&self.allocations, allocations);
            writer.add(&self.allocated_bytes, bytes);
            self.has_allocated.store(1, COUNT);
        }
    }

    pub(crate) fn read(&self) -> Effort {
        let measured = |flag: &AtomicU64| flag.load(COUNT) == 1;
        let cpu_ns = measured(&self.has_cpu).then(|| self.cpu_ns.load(COUNT));
        let allocated = measured(&self.has_allocated)
            .then(|| Allocated { allocations: self.allocations.load(COUNT), bytes: self.allocated_bytes.load(COUNT) });
        let is_profiled = cpu_ns.is_some() || allocated.is_some();
        Effort {
            busy_ns: self.busy_ns.load(COUNT),
            waiting_ns: self.waiting_ns.each_ref().map(|waited| waited.load(COUNT)),
            profile: is_profiled.then_some(Profile { cpu_ns, allocated }),
        }
    }
}

impl Effort {
    /// Adds what others spent.
    pub fn merge(&mut self, other: &Self) {
        self.busy_ns = self.busy_ns.wrapping_add(other.busy_ns);
        self.waiting_ns.iter_mut().zip(other.waiting_ns).for_each(|(own, others)| *own = own.wrapping_add(others));
        let sum = |own: Option<u64>, others: Option<u64>| match (own, others) {
            (None, None) => None,
            (own, others) => Some(own.unwrap_or(0).wrapping_add(others.unwrap_or(0))),
        };
        if let Some(others) = other.profile {
            let own = self.profile.get_or_insert_default();
            own.cpu_ns = sum(own.cpu_ns, others.cpu_ns);
            if let Some(others) = others.allocated {
                let own = own.allocated.get_or_insert_default();
                own.allocations = own.allocations.wrapping_add(others.allocations);
                own.bytes = own.bytes.wrapping_add(others.bytes);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_measured_is_not_zero() {
        let cell = EffortCell::default();
        cell.add(Writer::Anyone, &Effort { busy_ns: 5, waiting_ns: [1, 0, 2], profile: None });
        assert_eq!(cell.read(), Effort { busy_ns: 5, waiting_ns: [1, 0, 2], profile: None });
        let profile = Some(Profile { cpu_ns: Some(3), allocated: None });
        cell.add(Writer::Anyone, &Effort { busy_ns: 1, waiting_ns: [0; 3], profile });
        assert_eq!(cell.read(), Effort { busy_ns: 6, waiting_ns: [1, 0, 2], profile });
    }

    #[test]
    fn efforts_add_up() {
        let allocated = Some(Allocated { allocations: 2, bytes: 64 });
        let mut one = Effort { busy_ns: 1, waiting_ns: [1, 2, 3], profile: None };
        one.merge(&Effort { busy_ns: 2, waiting_ns: [1; 3], profile: Some(Profile { cpu_ns: Some(4), allocated }) });
        one.merge(&Effort {
            busy_ns: 0,
            waiting_ns: [0; 3],
            profile: Some(Profile { cpu_ns: Some(1), allocated: None }),
        });
        let profile = Some(Profile { cpu_ns: Some(5), allocated });
        assert_eq!(one, Effort { busy_ns: 3, waiting_ns: [2, 3, 4], profile });
    }
}
