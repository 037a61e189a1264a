//! Durations in log-linear buckets of at most 1/16, each with its sum, so that means are exact. Bounded.

/// Buckets per power of two.
const STEPS: u32 = 16;

/// Durations, how many of each size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    buckets: Vec<Bucket>,
    count: u64,
    sum_ns: u64,
    max_ns: u64,
}

/// Durations of about one size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bucket {
    count: u64,
    sum_ns: u64,
}

impl Distribution {
    /// Adds one.
    pub fn record(&mut self, duration_ns: u64) {
        let index = index_of(duration_ns);
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, Bucket::default());
        }
        if let Some(bucket) = self.buckets.get_mut(index) {
            bucket.count += 1;
            bucket.sum_ns = bucket.sum_ns.saturating_add(duration_ns);
        }
        self.count += 1;
        self.sum_ns = self.sum_ns.saturating_add(duration_ns);
        self.max_ns = self.max_ns.max(duration_ns);
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), Bucket::default());
        }
        for (own, other) in self.buckets.iter_mut().zip(&other.buckets) {
            own.count += other.count;
            own.sum_ns = own.sum_ns.saturating_add(other.sum_ns);
        }
        self.count += other.count;
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All together.
    #[must_use]
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// The longest.
    #[must_use]
    pub fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// Their mean.
    #[must_use]
    pub fn mean_ns(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum_ns as f64 / self.count as f64)
    }

    /// The duration that the share `q` of them does not exceed, within 1/16.
    #[must_use]
    pub fn quantile_ns(&self, q: f64) -> Option<u64> {
        let rank = ((q.clamp(0.0, 1.0) * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        self.means().find_map(|(mean_ns, count)| {
            seen += count;
            (seen >= rank).then_some(mean_ns)
        })
    }

    /// The mean of each bucket that is not empty, and how many it holds, in rising order.
    pub(crate) fn means(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets.iter().filter(|bucket| bucket.count > 0).map(|bucket| (bucket.sum_ns / bucket.count, bucket.count))
    }
}

fn index_of(duration_ns: u64) -> usize {
    let exponent = duration_ns.max(1).ilog2();
    let shift = exponent.saturating_sub(STEPS.ilog2());
    let octave = shift * STEPS;
    (u64::from(octave) + (duration_ns >> shift)) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn distribution(durations: &[u64]) -> Distribution {
        let mut distribution = Distribution::default();
        durations.iter().for_each(|duration| distribution.record(*duration));
        distribution
    }

    #[test]
    fn nothing_has_no_mean_and_no_quantile() {
        let empty = Distribution::default();
        assert_eq!((empty.mean_ns(), empty.quantile_ns(0.5)), (None, None));
    }

    #[test]
    fn a_single_one_is_every_quantile() {
        let one = distribution(&[3_141_592_653]);
        assert_eq!([0.0, 0.5, 1.0].map(|q| one.quantile_ns(q)), [Some(3_141_592_653); 3]);
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_the_sorted_list_within_a_bucket(
            mut durations in prop::collection::vec(0..u64::MAX >> 20, 1..200), q in 0.0..=1.0_f64,
        ) {
            let found = distribution(&durations).quantile_ns(q).expect("there is one");
            durations.sort_unstable();
            let rank = ((q * durations.len() as f64).ceil() as usize).max(1);
            let exact = durations[rank - 1];
            prop_assert!(found.abs_diff(exact) <= exact / 16 + 1, "{found} for {exact}");
        }

        #[test]
        fn merged_is_as_recorded_in_one(
            one in prop::collection::vec(0..u64::MAX >> 20, 0..50), two in prop::collection::vec(0..u64::MAX >> 20, 0..50),
        ) {
            let mut merged = distribution(&one);
            merged.merge(&distribution(&two));
            prop_assert_eq!(merged, distribution(&[one, two].concat()));
        }

        #[test]
        fn buckets_follow_each_other(a: u64, b: u64) {
            prop_assert!(index_of(a.min(b)) <= index_of(a.max(b)));
        }
    }
}
