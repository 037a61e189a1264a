//! When items were counted: coarser the longer ago, so that a run of any length fits in a few kilobytes.

use std::cmp::Reverse;
use std::collections::VecDeque;

/// So many bins have one width before two of them become one of the next.
const BINS_PER_WIDTH: usize = 48;

/// Amounts by time: items, or their weight.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    bins: VecDeque<Bin>,
    /// All amounts together.
    pub amount: u64,
    /// How often something was added.
    pub events: u64,
}

/// What was added at about one time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bin {
    /// The mean time, by amount.
    at_ns: f64,
    amount: f64,
    /// How many additions of one time it is made of, as a power of two.
    width: u32,
}

impl Tally {
    /// Adds an amount at a moment of the run's time, which is not before the last one.
    pub fn add(&mut self, at_ns: u64, amount: u64) {
        if amount == 0 {
            return;
        }
        self.amount = self.amount.saturating_add(amount);
        self.events += 1;
        self.bins.push_back(Bin { at_ns: at_ns as f64, amount: amount as f64, width: 0 });
        let mut width = 0;
        while self.thin(width) {
            width += 1;
        }
    }

    /// When something was added last, in the run's time.
    #[must_use]
    pub fn last_ns(&self) -> u64 {
        self.bins.back().map_or(0, |bin| bin.at_ns as u64)
    }

    /// Adds what another has, so much later.
    pub(crate) fn merge(&mut self, other: &Self, shift_ns: u64) {
        self.amount = self.amount.saturating_add(other.amount);
        self.events += other.events;
        let shifted = other.bins.iter().map(|bin| Bin { at_ns: bin.at_ns + shift_ns as f64, ..*bin });
        self.bins.extend(shifted);
        // Wide ones are the oldest by then, so that they stand first; among those of one width, time decides.
        let key = |bin: &Bin| (Reverse(bin.width), bin.at_ns);
        self.bins.make_contiguous().sort_by(|one, two| {
            let (one, two) = (key(one), key(two));
            one.0.cmp(&two.0).then(one.1.total_cmp(&two.1))
        });
        (0..u64::BITS).for_each(|width| {
            self.thin(width);
        });
    }

    /// Where there are too many bins of one width, the oldest of them become wider ones. Whether there were.
    fn thin(&mut self, width: u32) -> bool {
        let mut first = self.bins.partition_point(|bin| bin.width > width);
        let mut end = self.bins.partition_point(|bin| bin.width >= width);
        let is_full = end - first > BINS_PER_WIDTH;
        while end - first > BINS_PER_WIDTH {
            let Some(second) = self.bins.remove(first + 1) else { break };
            if let Some(bin) = self.bins.get_mut(first) {
                let amount = bin.amount + second.amount;
                bin.at_ns = (bin.at_ns * bin.amount + second.at_ns * second.amount) / amount;
                (bin.amount, bin.width) = (amount, width + 1);
            }
            // The wider one belongs to those before, and there is one less.
            (first, end) = (first + 1, end - 1);
        }
        is_full
    }

    /// Σ amount · 2^(−age/half-life), seen from `now_ns`.
    #[must_use]
    pub fn decayed(&self, now_ns: u64, half_life_ns: f64) -> f64 {
        let now_ns = now_ns as f64;
        self.bins.iter().map(|bin| bin.amount * (-(now_ns - bin.at_ns).max(0.0) / half_life_ns).exp2()).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_million_additions_take_few_bins() {
        let mut tally = Tally::default();
        (0..1_000_000).for_each(|number| tally.add(number * 1_000, 3));
        assert!(tally.bins.len() <= 21 * BINS_PER_WIDTH, "{}", tally.bins.len());
        assert_eq!((tally.amount, tally.events), (3_000_000, 1_000_000));
    }

    #[test]
    fn a_thousand_merged_take_few_bins() {
        let mut merged = Tally::default();
        for number in 0..1_000 {
            let mut one = Tally::default();
            (0..100).for_each(|place| one.add(place * 1_000, 1));
            merged.merge(&one, number * 10);
        }
        assert!(merged.bins.len() <= 12 * BINS_PER_WIDTH, "{}", merged.bins.len());
        assert_eq!((merged.amount, merged.events), (100_000, 100_000));
        assert!((merged.decayed(100_000, 1e12) - 100_000.0).abs() < 1.0);
    }

    #[test]
    fn nothing_added_is_no_event() {
        let mut tally = Tally::default();
        tally.add(5, 0);
        assert_eq!((tally.events, tally.decayed(10, 1.0)), (0, 0.0));
    }

    proptest! {
        #[test]
        fn the_decayed_sum_is_that_of_the_list_within_two_percent(
            steps in prop::collection::vec((0..1_000_u64, 1..50_u64), 1..2_000), half_life in 2_000.0..1e6_f64,
        ) {
            let mut tally = Tally::default();
            let mut exact = Vec::new();
            let mut now = 0;
            for (passed, amount) in steps {
                now += passed;
                tally.add(now, amount);
                exact.push((now, amount));
            }
            let sum: f64 = exact
                .iter()
                .map(|(at, amount)| *amount as f64 * (-((now - at) as f64) / half_life).exp2())
                .sum();
            let found = tally.decayed(now, half_life);
            prop_assert!((found / sum - 1.0).abs() < 0.02, "{found} for {sum}");
        }
    }
}
