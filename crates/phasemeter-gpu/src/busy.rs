//! Time in which a GPU was at work, from samples that the driver took. Pure: the time is an argument.

use phasemeter_core::Moment;

/// A sample of the driver's: the share of time in which the GPU was at work, since the sample before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct UtilizationSample {
    /// When it was taken, in microseconds since the Unix epoch.
    pub(crate) unix_us: u64,
    /// From 0 to 1.
    pub(crate) share: f64,
}

/// What the samples add up to.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    busy_ns: f64,
    /// When it began to add up; `None` before that.
    created_unix_ns: Option<u64>,
    /// The latest sample that was added.
    last_seen_us: Option<u64>,
    /// When a share was last added that is no sample.
    last_share: Option<Moment>,
}

/// What a new sample says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Worked {
    /// From 0 to 1.
    pub(crate) share: f64,
    /// How long it was so.
    pub(crate) held_ns: u64,
}

/// The driver's clock and ours may differ by so much; beyond that, the clock was set back.
const SET_BACK_US: u64 = 2_000_000;

impl Busy {
    /// From when on the driver is to tell; 0 for all that it kept.
    pub(crate) fn last_seen_us(&self) -> u64 {
        self.last_seen_us.unwrap_or(0)
    }

    /// Adds those that are new, in the order of their time, and returns them. Of the first ones ever only the latest
    /// counts, as the moment to begin at: what was before was before us. Where samples were overwritten before
    /// anybody read them, the first one that is left stands for the gap.
    pub(crate) fn add(&mut self, at: Moment, mut samples: Vec<UtilizationSample>) -> Vec<Worked> {
        samples.sort_by_key(|sample| sample.unix_us);
        if self.last_seen_us.is_some_and(|last_us| last_us > at.unix_ns / 1_000 + SET_BACK_US) {
            self.last_seen_us = None;
        }
        let Some(mut before_us) = self.last_seen_us else {
            if let Some(latest) = samples.last() {
                self.last_seen_us = Some(latest.unix_us);
                self.created_unix_ns.get_or_insert(at.unix_ns);
            }
            return Vec::new();
        };
        let mut worked = Vec::new();
        for sample in samples.into_iter().filter(|sample| sample.share.is_finite()) {
            // Drivers repeat what was seen, at the edge.
            let Some(held_us) = sample.unix_us.checked_sub(before_us).filter(|held_us| *held_us > 0) else { continue };
            let share = sample.share.clamp(0.0, 1.0);
            let held_ns = held_us.saturating_mul(1_000);
            self.busy_ns += share * held_ns as f64;
            before_us = sample.unix_us;
            worked.push(Worked { share, held_ns });
        }
        self.last_seen_us = Some(before_us);
        worked
    }

    /// Where the driver keeps no samples: what it says now has been so since it was asked before.
    pub(crate) fn add_share(&mut self, at: Moment, share: f64) {
        self.created_unix_ns.get_or_insert(at.unix_ns);
        if let Some(then) = self.last_share.replace(at) {
            self.busy_ns += share.clamp(0.0, 1.0) * at.now_ns.saturating_sub(then.now_ns) as f64;
        }
    }

    /// The total in nanoseconds, and since when it adds up; `None` before anything was known.
    pub(crate) fn total(&self) -> Option<(u64, u64)> {
        self.created_unix_ns.map(|created_unix_ns| (self.busy_ns as u64, created_unix_ns))
    }

    /// The device was away: what was meanwhile is not known.
    pub(crate) fn interrupt(&mut self) {
        self.last_seen_us = None;
        self.last_share = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn at(seconds: u64) -> Moment {
        Moment { now_ns: seconds * SECOND_NS, unix_ns: (1_000 + seconds) * SECOND_NS }
    }

    /// Samples at these seconds, counted as the moments are, and their shares.
    fn samples(pairs: &[(f64, f64)]) -> Vec<UtilizationSample> {
        let sample = |(seconds, share): &(f64, f64)| UtilizationSample {
            unix_us: ((1_000.0 + seconds) * 1e6) as u64,
            share: *share,
        };
        pairs.iter().map(sample).collect()
    }

    fn total_s(busy: &Busy) -> f64 {
        busy.total().expect("it has begun").0 as f64 / 1e9
    }

    #[test]
    fn it_begins_at_nothing_whatever_the_driver_kept() {
        let mut busy = Busy::default();
        assert_eq!(busy.add(at(0), Vec::new()), []);
        assert_eq!(busy.total(), None);
        assert_eq!(busy.add(at(1), samples(&[(0.0, 1.0), (0.5, 1.0), (1.0, 1.0)])), []);
        assert_eq!(busy.total(), Some((0, at(1).unix_ns)));
    }

    #[test]
    fn each_sample_counts_once_for_its_own_time() {
        let mut busy = Busy::default();
        busy.add(at(1), samples(&[(1.0, 0.5)]));
        let worked = busy.add(at(2), samples(&[(1.5, 0.5), (2.0, 1.0)]));
        assert_eq!(worked, [0.5, 1.0].map(|share| Worked { share, held_ns: SECOND_NS / 2 }));
        assert!((total_s(&busy) - 0.75).abs() < 1e-9);
        // The same ones again, one that is older than all, and a new one before them in the list.
        let worked = busy.add(at(3), samples(&[(3.0, 0.25), (1.5, 0.5), (2.0, 1.0), (0.1, 1.0)]));
        assert_eq!(worked, [Worked { share: 0.25, held_ns: SECOND_NS }]);
        assert!((total_s(&busy) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_first_sample_after_a_gap_stands_for_it() {
        let mut busy = Busy::default();
        busy.add(at(1), samples(&[(1.0, 1.0)]));
        assert_eq!(busy.add(at(2), Vec::new()), []);
        busy.add(at(61), samples(&[(60.0, 0.5), (61.0, 1.0)]));
        assert!((total_s(&busy) - 30.5).abs() < 1e-9, "{}", total_s(&busy));
    }

    #[test]
    fn what_was_while_the_device_was_away_does_not_count() {
        let mut busy = Busy::default();
        busy.add(at(1), samples(&[(1.0, 1.0)]));
        busy.add(at(2), samples(&[(2.0, 1.0)]));
        busy.interrupt();
        busy.add(at(100), samples(&[(99.0, 1.0), (100.0, 1.0)]));
        busy.add(at(101), samples(&[(101.0, 1.0)]));
        assert_eq!(busy.total(), Some((2 * SECOND_NS, at(1).unix_ns)));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_it() {
        let mut busy = Busy::default();
        busy.add(at(500), samples(&[(500.0, 1.0)]));
        for second in 10..13 {
            busy.add(at(second), samples(&[(second as f64, 1.0)]));
        }
        assert_eq!(busy.total().map(|(busy_ns, _)| busy_ns), Some(2 * SECOND_NS));
    }

    #[test]
    fn absurd_shares_are_cut_and_those_that_are_no_number_left_out() {
        let mut busy = Busy::default();
        busy.add(at(0), samples(&[(0.0, 0.0)]));
        busy.add(at(3), samples(&[(1.0, 255.0), (2.0, f64::NAN), (3.0, -1.0)]));
        assert_eq!(busy.total().map(|(busy_ns, _)| busy_ns), Some(SECOND_NS));
    }

    #[test]
    fn without_samples_a_share_holds_since_the_one_before() {
        let mut busy = Busy::default();
        busy.add_share(at(1), 1.0);
        assert_eq!(busy.total(), Some((0, at(1).unix_ns)));
        busy.add_share(at(3), 0.5);
        busy.add_share(at(4), 1.0);
        assert_eq!(busy.total(), Some((2 * SECOND_NS, at(1).unix_ns)));
    }
}
