//! Durations of the runs that ended in one way: counted by slot, memory taken by the octave when one is first needed.

use crate::counts::Writer;
use crate::histogram::Histogram;
use crate::slots::{SLOTS, slot};
use crate::sync::{AtomicU64, COUNT, OnceLock};

/// Slots that are made together: about four octaves, so that most phases need one group or two.
const GROUP: usize = 36;
const GROUPS: usize = SLOTS.div_ceil(GROUP);

/// The durations of one outcome.
#[derive(Default)]
pub(crate) struct Durations {
    groups: [OnceLock<Box<Group>>; GROUPS],
    sum_ns: AtomicU64,
}

struct Group([AtomicU64; GROUP]);

impl Durations {
    #[inline]
    pub(crate) fn record(&self, writer: Writer, elapsed_ns: u64) {
        let slot = slot(elapsed_ns);
        let new = || Box::new(Group(std::array::from_fn(|_| AtomicU64::new(0))));
        writer.add(&self.groups[slot / GROUP].get_or_init(new).0[slot % GROUP], 1);
        writer.add(&self.sum_ns, elapsed_ns);
    }

    pub(crate) fn read(&self) -> Histogram {
        let mut histogram = Histogram { sum_ns: self.sum_ns.load(COUNT), ..Histogram::default() };
        for (index, group) in self.groups.iter().enumerate() {
            let Some(group) = group.get() else { continue };
            let counts = group.0.iter().map(|count| count.load(COUNT));
            let slots = (index * GROUP..).zip(counts).filter(|(_, count)| *count > 0);
            histogram.slots.extend(slots.filter_map(|(slot, count)| Some((u16::try_from(slot).ok()?, count))));
        }
        histogram
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn memory_is_taken_where_durations_fall() {
        let durations = Durations::default();
        (1..=1_000).for_each(|elapsed| durations.record(Writer::Anyone, 1_000_000 + elapsed));
        assert_eq!(durations.groups.iter().filter(|group| group.get().is_some()).count(), 1);
        assert_eq!(durations.read().count(), 1_000);
    }
}
