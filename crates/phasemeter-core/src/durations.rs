//! Durations of the runs that ended in one way: counted by slot, memory taken by the octave when one is first needed.

use crate::exemplar::{Exemplar, TraceIds};
use crate::histogram::Histogram;
use crate::slots::{BOUNDS_NS, SLOTS, slot};
use crate::sync::{AtomicU64, COUNT, Mutex, OnceLock, lock};

/// Slots that are made together: about four octaves, so that most phases need one group or two.
const GROUP: usize = 36;
const GROUPS: usize = SLOTS.div_ceil(GROUP);

/// Classic buckets, +Inf among them: each may have an exemplar.
const BUCKETS: usize = BOUNDS_NS.len() + 1;

/// The durations of one outcome.
pub(crate) struct Durations {
    groups: [OnceLock<Box<Group>>; GROUPS],
    sum_ns: AtomicU64,
    /// One bit a classic bucket, set while it has an exemplar that nobody has read: it needs no other one.
    fresh: AtomicU64,
    exemplars: OnceLock<Box<Mutex<[Option<Exemplar>; BUCKETS]>>>,
}

struct Group([AtomicU64; GROUP]);

impl Durations {
    pub(crate) fn new() -> Self {
        Self {
            groups: std::array::from_fn(|_| OnceLock::new()),
            sum_ns: AtomicU64::new(0),
            fresh: AtomicU64::new(0),
            exemplars: OnceLock::new(),
        }
    }

    pub(crate) fn record(&self, elapsed_ns: u64) {
        let slot = slot(elapsed_ns);
        let new = || Box::new(Group(std::array::from_fn(|_| AtomicU64::new(0))));
        self.groups[slot / GROUP].get_or_init(new).0[slot % GROUP].fetch_add(1, COUNT);
        self.sum_ns.fetch_add(elapsed_ns, COUNT);
    }

    /// Keeps an exemplar, where its bucket has none that is still to be read. `ids` is asked only then.
    pub(crate) fn offer(&self, elapsed_ns: u64, unix_ns: u64, ids: impl FnOnce() -> Option<TraceIds>) {
        let bucket = bucket(elapsed_ns);
        if self.fresh.load(COUNT) >> bucket & 1 == 1 {
            return;
        }
        let Some(ids) = ids().filter(TraceIds::are_valid) else { return };
        if self.fresh.fetch_or(1 << bucket, COUNT) >> bucket & 1 == 1 {
            return;
        }
        let exemplars = self.exemplars.get_or_init(|| Box::new(Mutex::new(std::array::from_fn(|_| None))));
        // Held by a reader for a copy of some numbers, and by one writer a bucket and scrape.
        lock(exemplars)[bucket] = Some(Exemplar { ids, value_ns: elapsed_ns, unix_ns });
    }

    pub(crate) fn read(&self) -> Histogram {
        let mut histogram = Histogram { sum_ns: self.sum_ns.load(COUNT), ..Histogram::default() };
        for (index, group) in self.groups.iter().enumerate() {
            let Some(group) = group.get() else { continue };
            let counts = group.0.iter().map(|count| count.load(COUNT));
            let slots = (index * GROUP..).zip(counts).filter(|(_, count)| *count > 0);
            histogram.slots.extend(slots.filter_map(|(slot, count)| Some((u16::try_from(slot).ok()?, count))));
        }
        if let Some(exemplars) = self.exemplars.get() {
            histogram.exemplars = lock(exemplars).iter().flatten().cloned().collect();
            self.fresh.store(0, COUNT);
        }
        histogram
    }
}

/// The classic bucket of a duration; the last is +Inf.
fn bucket(elapsed_ns: u64) -> usize {
    BOUNDS_NS.partition_point(|bound| *bound < elapsed_ns)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn ids(number: u8) -> Option<TraceIds> {
        Some(TraceIds { trace_id: [number; 16], span_id: [number; 8] })
    }

    #[test]
    fn memory_is_taken_where_durations_fall() {
        let durations = Durations::new();
        (1..=1_000).for_each(|elapsed| durations.record(1_000_000 + elapsed));
        assert_eq!(durations.groups.iter().filter(|group| group.get().is_some()).count(), 1);
        assert_eq!(durations.read().count(), 1_000);
    }

    #[test]
    fn a_bucket_keeps_one_exemplar_until_it_is_read() {
        let durations = Durations::new();
        durations.offer(15_000, 1, || ids(1));
        durations.offer(16_000, 2, || panic!("nobody has read the first one yet"));
        durations.offer(30_000, 3, || ids(3));
        let values = |histogram: &Histogram| histogram.exemplars.iter().map(|one| one.value_ns).collect::<Vec<_>>();
        assert_eq!(values(&durations.read()), [15_000, 30_000]);
        durations.offer(16_000, 4, || ids(4));
        assert_eq!(values(&durations.read()), [16_000, 30_000]);
        durations.offer(17_000, 5, || None);
        durations.offer(17_000, 6, || ids(0));
        assert_eq!(values(&durations.read()), [16_000, 30_000]);
    }
}
