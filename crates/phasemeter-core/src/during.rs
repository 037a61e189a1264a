//! What a process spent in intervals in which a phase ran. It is read for the process as a whole, and so belongs to a phase
//! alone only where no other one ran: how many did is kept with it.

/// One interval between two readings of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interval {
    /// How long it was.
    pub elapsed_ns: u64,
    /// What was spent in it; each where it could be read.
    pub spent: Spent,
    /// Resident memory at its end.
    pub memory_bytes: Option<u64>,
    /// Memory in use on the GPU that had the most in use.
    pub gpu_memory_bytes: Option<u64>,
}

/// What adds up from one interval to the next; each `None` where it was never read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// CPU time.
    pub cpu_ns: Option<u64>,
    /// Bytes read from storage.
    pub read_bytes: Option<u64>,
    /// Bytes written to storage.
    pub written_bytes: Option<u64>,
    /// Energy of GPUs.
    pub gpu_millijoules: Option<u64>,
    /// Busy time of GPUs, added up.
    pub gpu_busy_ns: Option<u64>,
}

/// All intervals in which a phase ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct During {
    /// By how many phases ran: this one alone, two, three, more.
    pub by_overlap: [Span; OVERLAPS.len()],
    /// The most CPU time to a second of an interval, in nanoseconds: a billion is one CPU.
    pub cpu_ns_per_second_max: Option<u64>,
    /// The most resident memory.
    pub memory_max_bytes: Option<u64>,
    /// The most memory in use on one GPU.
    pub gpu_memory_max_bytes: Option<u64>,
}

/// Intervals that were alike in how many phases ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// How long they were, together.
    pub elapsed_ns: u64,
    /// What was spent in them.
    pub spent: Spent,
}

/// Values of the label `overlap`.
pub(crate) const OVERLAPS: [&str; 4] = ["1", "2", "3", "4+"];

/// Intervals shorter than this say nothing of how many CPUs were busy: the kernel counts by ticks.
const SHORTEST_NS: u64 = 20_000_000;

impl During {
    /// Adds an interval in which so many phases ran, this one among them.
    pub(crate) fn add(&mut self, phases: usize, interval: &Interval) {
        let place = phases.clamp(1, OVERLAPS.len()) - 1;
        let span = &mut self.by_overlap[place];
        span.elapsed_ns = span.elapsed_ns.saturating_add(interval.elapsed_ns);
        span.spent.add(&interval.spent);
        let rate = |cpu_ns: u64| {
            let rate = u128::from(cpu_ns) * 1_000_000_000 / u128::from(interval.elapsed_ns);
            u64::try_from(rate).unwrap_or(u64::MAX)
        };
        let rate = interval.spent.cpu_ns.filter(|_| interval.elapsed_ns >= SHORTEST_NS).map(rate);
        self.cpu_ns_per_second_max = self.cpu_ns_per_second_max.max(rate);
        self.memory_max_bytes = self.memory_max_bytes.max(interval.memory_bytes);
        self.gpu_memory_max_bytes = self.gpu_memory_max_bytes.max(interval.gpu_memory_bytes);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (own, others) in self.by_overlap.iter_mut().zip(&other.by_overlap) {
            own.elapsed_ns = own.elapsed_ns.saturating_add(others.elapsed_ns);
            own.spent.add(&others.spent);
        }
        self.cpu_ns_per_second_max = self.cpu_ns_per_second_max.max(other.cpu_ns_per_second_max);
        self.memory_max_bytes = self.memory_max_bytes.max(other.memory_max_bytes);
        self.gpu_memory_max_bytes = self.gpu_memory_max_bytes.max(other.gpu_memory_max_bytes);
    }
}

impl Spent {
    fn add(&mut self, more: &Self) {
        let add = |own: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *own = Some(own.unwrap_or(0).saturating_add(more));
            }
        };
        add(&mut self.cpu_ns, more.cpu_ns);
        add(&mut self.read_bytes, more.read_bytes);
        add(&mut self.written_bytes, more.written_bytes);
        add(&mut self.gpu_millijoules, more.gpu_millijoules);
        add(&mut self.gpu_busy_ns, more.gpu_busy_ns);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn interval(elapsed_ns: u64, cpu_ns: u64) -> Interval {
        Interval { elapsed_ns, spent: Spent { cpu_ns: Some(cpu_ns), ..Spent::default() }, ..Interval::default() }
    }

    #[test]
    fn what_was_spent_alone_is_told_from_what_was_spent_beside_others() {
        let mut during = During::default();
        during.add(1, &interval(SECOND_NS, SECOND_NS / 2));
        during.add(2, &interval(SECOND_NS, SECOND_NS));
        during.add(9, &interval(SECOND_NS, 3 * SECOND_NS));
        let cpu = during.by_overlap.map(|span| span.spent.cpu_ns);
        assert_eq!(cpu, [Some(SECOND_NS / 2), Some(SECOND_NS), None, Some(3 * SECOND_NS)]);
        assert_eq!(during.cpu_ns_per_second_max, Some(3 * SECOND_NS));
    }

    #[test]
    fn what_was_never_read_stays_unknown() {
        let mut during = During::default();
        during.add(1, &Interval { elapsed_ns: SECOND_NS, memory_bytes: Some(7), ..Interval::default() });
        during.add(1, &Interval { elapsed_ns: SECOND_NS, memory_bytes: Some(5), ..Interval::default() });
        assert_eq!(during.by_overlap[0], Span { elapsed_ns: 2 * SECOND_NS, spent: Spent::default() });
        assert_eq!((during.memory_max_bytes, during.cpu_ns_per_second_max), (Some(7), None));
    }

    #[test]
    fn a_short_interval_is_no_peak_of_cpus() {
        let mut during = During::default();
        during.add(1, &interval(1_000_000, 10_000_000));
        assert_eq!(during.cpu_ns_per_second_max, None);
        assert_eq!(during.by_overlap[0].spent.cpu_ns, Some(10_000_000));
    }
}
