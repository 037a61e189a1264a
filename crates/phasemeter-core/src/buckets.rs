//! Classic histogram bounds and the slot of a duration. Pure: no clock, no atomics, no allocation.

const MICROSECOND: u64 = 1_000;
const SECOND: u64 = 1_000_000_000;

/// Upper bounds in nanoseconds, inclusive: 1, 2 and 5 of every decade from 10 µs, and 24 h at the end.
pub const BOUNDS_NS: [u64; 31] = bounds();

/// How many slots a histogram has: one for each bound, and one for what is longer than 24 h.
pub const SLOTS: usize = BOUNDS_NS.len() + 1;

const fn bounds() -> [u64; 31] {
    let mut bounds = [0; 31];
    let mut decade = 10 * MICROSECOND;
    let mut slot = 0;
    while slot < 30 {
        bounds[slot] = decade;
        bounds[slot + 1] = 2 * decade;
        bounds[slot + 2] = 5 * decade;
        decade *= 10;
        slot += 3;
    }
    bounds[30] = 24 * 3600 * SECOND;
    bounds
}

/// The slot of a duration: the first whose bound is not below it.
#[must_use]
pub fn slot(elapsed_ns: u64) -> usize {
    BOUNDS_NS.partition_point(|bound| *bound < elapsed_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise_from_ten_microseconds_to_a_day() {
        assert!(BOUNDS_NS.is_sorted_by(|a, b| a < b));
        assert_eq!(BOUNDS_NS.first(), Some(&10_000));
        assert_eq!(BOUNDS_NS.last(), Some(&86_400_000_000_000));
    }

    #[test]
    fn a_bound_belongs_to_its_own_slot_and_the_next_nanosecond_does_not() {
        for (index, bound) in BOUNDS_NS.into_iter().enumerate() {
            assert_eq!(slot(bound), index);
            assert_eq!(slot(bound + 1), index + 1);
        }
        assert_eq!(slot(0), 0);
        assert_eq!(slot(u64::MAX), SLOTS - 1);
    }
}
