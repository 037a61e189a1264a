//! A histogram as it was read: how many durations fell into which slot, and what both kinds of buckets make of it.

use crate::Exemplar;
use crate::slots::{BOUNDS_NS, LAST_SLOT, NATIVE_BUCKET, NATIVE_SCHEMA, UPPER_NS};

/// Durations by slot. Its count is the sum of its slots, so it always equals the last bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Slot and count of those slots that hold any, in order.
    pub slots: Vec<(u16, u64)>,
    /// The sum of all durations.
    pub sum_ns: u64,
    /// Samples of single durations, at most one a classic bucket, in order.
    pub exemplars: Vec<Exemplar>,
}

/// The native buckets of a histogram, as Prometheus writes them: runs of buckets, and the counts' differences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NativeBuckets {
    /// How many buckets there are to a doubling, as a power of two.
    pub schema: i32,
    /// How many durations were 0.
    pub zero_count: u64,
    /// How far each run of buckets is from the one before, the first from 0, and how long it is.
    pub spans: Vec<(i32, u32)>,
    /// What each bucket counts, in order.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// How many durations it holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.slots.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Inclusive upper bound in nanoseconds and cumulated count of each classic bucket; `None` is +Inf.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let mut slots = self.slots.iter().peekable();
        let mut below = 0_u64;
        (0..=BOUNDS_NS.len()).map(move |place| {
            let last = LAST_SLOT.get(place).copied().unwrap_or(u16::MAX);
            while let Some((_, count)) = slots.next_if(|(slot, _)| *slot <= last) {
                below = below.saturating_add(*count);
            }
            (BOUNDS_NS.get(place).copied(), below)
        })
    }

    /// Its native buckets, at this resolution or, above ours, at ours.
    #[must_use]
    pub fn native(&self, schema: i32) -> NativeBuckets {
        let schema = schema.clamp(-4, NATIVE_SCHEMA);
        let coarser = NATIVE_SCHEMA - schema;
        let mut native = NativeBuckets { schema, ..NativeBuckets::default() };
        let mut next = None::<i32>;
        for (slot, count) in &self.slots {
            if *slot == 0 {
                native.zero_count = *count;
                continue;
            }
            // A bucket's end stays its end: k ends at 2^(k/8), and of two that become one the later.
            let bucket = ((i32::from(NATIVE_BUCKET[usize::from(*slot)]) - 1) >> coarser) + 1;
            match (next, native.counts.last_mut(), native.spans.last_mut()) {
                (Some(next), Some(last), _) if bucket == next - 1 => {
                    *last = last.saturating_add(*count);
                    continue;
                }
                (Some(next), _, Some((_, length))) if bucket == next => *length += 1,
                (next, _, _) => native.spans.push((bucket - next.unwrap_or(0), 1)),
            }
            native.counts.push(*count);
            next = Some(bucket + 1);
        }
        native
    }

    /// Both together.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.merge(&other);
        self
    }

    /// Adds what another one holds. Totals near their end stay there.
    pub fn merge(&mut self, other: &Self) {
        let mut merged = Vec::with_capacity(self.slots.len() + other.slots.len());
        let (mut own, mut others) = (self.slots.iter().peekable(), other.slots.iter().peekable());
        loop {
            let next = match (own.peek(), others.peek()) {
                (Some((slot, _)), Some((other_slot, _))) => *slot.min(other_slot),
                (Some((slot, _)), None) | (None, Some((slot, _))) => *slot,
                (None, None) => break,
            };
            let mut count = 0_u64;
            for side in [&mut own, &mut others] {
                count = count.saturating_add(side.next_if(|(slot, _)| *slot == next).map_or(0, |(_, count)| *count));
            }
            merged.push((next, count));
        }
        self.slots = merged;
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
        self.exemplars.extend(other.exemplars.iter().cloned());
        self.exemplars.sort_by_key(|one| (one.value_ns, one.unix_ns, one.ids.trace_id, one.ids.span_id));
        // Of two in one bucket the earlier goes, whatever was merged with what first.
        let bucket = |exemplar: &Exemplar| BOUNDS_NS.partition_point(|bound| *bound < exemplar.value_ns);
        self.exemplars.dedup_by(|later, earlier| {
            let is_same = bucket(later) == bucket(earlier);
            if is_same && later.unix_ns >= earlier.unix_ns {
                std::mem::swap(later, earlier);
            }
            is_same
        });
    }

    /// The smallest and the largest that the q-quantile can be, in nanoseconds; nothing where it holds nothing.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> Option<(u64, u64)> {
        let count = self.count();
        let rank = ((quantile.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut below = 0_u64;
        let slot = self.slots.iter().find(|(_, own)| {
            below = below.saturating_add(*own);
            below >= rank
        })?;
        let slot = usize::from(slot.0);
        let lower = slot.checked_sub(1).map_or(0, |before| UPPER_NS[before].saturating_add(1));
        Some((lower, UPPER_NS[slot]))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::slots::slot;

    fn of(durations_ns: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for elapsed_ns in durations_ns {
            let slots = vec![(slot(*elapsed_ns) as u16, 1)];
            histogram.merge(&Histogram { slots, sum_ns: *elapsed_ns, exemplars: Vec::new() });
        }
        histogram
    }

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn classic_buckets_cumulate_and_end_at_the_count() {
        let histogram = of(&[0, 10_000, 10_001, SECOND, u64::MAX]);
        let buckets: Vec<_> = histogram.buckets().collect();
        assert_eq!(buckets.len(), 32);
        assert_eq!(&buckets[..2], [(Some(10_000), 2), (Some(20_000), 3)]);
        assert_eq!(buckets.iter().find(|(bound, _)| *bound == Some(SECOND)), Some(&(Some(SECOND), 4)));
        assert_eq!(buckets.last(), Some(&(None, 5)));
    }

    #[test]
    fn native_buckets_are_runs_of_what_is_there() {
        let native = of(&[0, SECOND, SECOND, 2 * SECOND, 2 * SECOND + 1]).native(3);
        let expected = NativeBuckets { schema: 3, zero_count: 1, spans: vec![(0, 1), (7, 2)], counts: vec![2, 1, 1] };
        assert_eq!(native, expected);
    }

    #[test]
    fn what_a_classic_bound_divides_is_one_native_bucket() {
        // 10 µs lies inside of a native bucket.
        let native = of(&[9_999, 10_000, 10_001]).native(3);
        assert_eq!((native.spans.len(), native.counts), (1, vec![3]));
    }

    #[test]
    fn a_coarser_schema_keeps_every_count_and_ends_where_the_finer_did() {
        let durations: Vec<_> = (0..60).map(|shift| 3 << shift).collect();
        let histogram = of(&durations);
        for schema in -4..=3 {
            let native = histogram.native(schema);
            assert_eq!(native.counts.iter().sum::<u64>(), 60);
            let mut bucket = 0;
            let buckets = native.spans.iter().flat_map(|(offset, length)| {
                bucket += offset;
                let first = bucket;
                bucket += *length as i32;
                (first..bucket).collect::<Vec<_>>()
            });
            let ends: Vec<_> = buckets.map(|bucket| (f64::from(bucket) * f64::from(-schema).exp2()).exp2()).collect();
            let mut sorted = durations.iter().map(|elapsed| *elapsed as f64 / 1e9);
            for (end, count) in ends.iter().zip(&native.counts) {
                assert!((0..*count).all(|_| sorted.next().is_some_and(|seconds| seconds <= end * (1.0 + 1e-12))));
            }
        }
        assert_eq!(of(&[SECOND]).native(9).schema, 3);
    }

    #[test]
    fn a_quantile_lies_within_a_slot() {
        let histogram = of(&(1..=1_000).map(|number| number * 1_000_000).collect::<Vec<_>>());
        for (quantile, exact) in [(0.0, 1_000_000), (0.5, 500_000_000), (0.95, 950_000_000), (1.0, SECOND)] {
            let (lower, upper) = histogram.quantile_ns(quantile).expect("it holds durations");
            assert!((lower..=upper).contains(&exact), "{quantile}: {lower} {upper}");
        }
        assert_eq!(Histogram::default().quantile_ns(0.5), None);
    }
}
