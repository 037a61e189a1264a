//! Where a duration is counted. One array of slots serves both kinds of histograms: its bounds are the union of the
//! classic decimal ones and of the native ones, so that each classic and each native bucket is a run of slots.
//!
//! Pure integers: a native bound, 2^(k/8) seconds, is kept as the largest whole nanosecond that lies within it, which
//! decides every duration exactly. The slot is found by the position of the highest bit and the four bits behind it,
//! one look into a table, and two comparisons at most.

const MICROSECOND: u64 = 1_000;
const SECOND: u64 = 1_000_000_000;

/// Classic upper bounds in nanoseconds, inclusive: 1, 2 and 5 of every decade from 10 µs, and 24 h at the end.
pub const BOUNDS_NS: [u64; 31] = bounds();

/// The last slot of each classic bucket: its bound is where that ends.
pub(crate) const LAST_SLOT: [u16; BOUNDS_NS.len()] = last_slots();

/// The resolution of native buckets: 2^3 to a doubling, the next bound 9 % above.
pub const NATIVE_SCHEMA: i32 = 3;

/// How many slots there are. The first is for 0 alone, the last ends at the largest duration there is.
pub const SLOTS: usize = count_slots();

/// The largest duration of each slot in nanoseconds.
pub const UPPER_NS: [u64; SLOTS] = uppers();

/// The native bucket of each slot but the first, whose durations are 0: bucket k ends at 2^(k/8) seconds.
pub const NATIVE_BUCKET: [i16; SLOTS] = native_buckets();

/// The slot of a duration: the first whose end is not below it.
#[must_use]
pub const fn slot(elapsed_ns: u64) -> usize {
    if elapsed_ns == 0 {
        return 0;
    }
    let zeros = elapsed_ns.leading_zeros();
    // The highest bit, and the four behind it, choose the entry.
    let behind = ((elapsed_ns << zeros) >> 59) & 15;
    let mut slot = FIRST_SLOT[((63 - zeros) * 16) as usize + behind as usize] as usize;
    while UPPER_NS[slot] < elapsed_ns {
        slot += 1;
    }
    slot
}

/// The slot of the smallest number that begins with these bits.
static FIRST_SLOT: [u16; 64 * 16] = first_slots();

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

const fn last_slots() -> [u16; BOUNDS_NS.len()] {
    let mut last = [0; BOUNDS_NS.len()];
    let mut place = 0;
    while place < last.len() {
        last[place] = slot(BOUNDS_NS[place]) as u16;
        place += 1;
    }
    last
}

/// 2^(j/8), times 2^96: enough of its digits for every bound to be the right nanosecond.
const EIGHTHS: [u128; 8] = [
    0x1_0000_0000_0000_0000_0000_0000,
    0x1_172b_83c7_d517_adcd_f7c8_c50e,
    0x1_306f_e0a3_1b71_52de_8d5a_4630,
    0x1_4bfd_ad53_62a2_71d4_397a_fec4,
    0x1_6a09_e667_f3bc_c908_b2fb_1366,
    0x1_8ace_5422_aa0d_b5ba_7c55_a192,
    0x1_ae89_f995_ad3a_d5e8_734d_1773,
    0x1_d581_8dcf_ba48_725d_a05a_eb66,
];

/// The first native bucket that holds a whole nanosecond, and the one that holds the largest duration.
const FIRST_NATIVE: i32 = -239;
const LAST_NATIVE: i32 = 273;

/// The largest whole nanosecond within native bucket k.
const fn native_upper_ns(bucket: i32) -> u64 {
    let doublings = bucket.div_euclid(8);
    let upper = (SECOND as u128 * EIGHTHS[bucket.rem_euclid(8) as usize]) >> (96 - doublings);
    if upper > u64::MAX as u128 { u64::MAX } else { upper as u64 }
}

/// The next bound, of either kind, above a duration.
const fn next_upper_ns(above: u64, first_native: i32, first_classic: usize) -> (u64, i32, usize) {
    let (mut native, mut classic) = (first_native, first_classic);
    // For a few nanoseconds several native buckets end at the same one.
    while native < LAST_NATIVE && native_upper_ns(native) <= above {
        native += 1;
    }
    while classic < BOUNDS_NS.len() && BOUNDS_NS[classic] <= above {
        classic += 1;
    }
    let upper = native_upper_ns(native);
    let upper = if classic < BOUNDS_NS.len() && BOUNDS_NS[classic] < upper { BOUNDS_NS[classic] } else { upper };
    (upper, native, classic)
}

const fn count_slots() -> usize {
    let (mut slots, mut upper, mut native, mut classic) = (1, 0, FIRST_NATIVE, 0);
    while upper < u64::MAX {
        (upper, native, classic) = next_upper_ns(upper, native, classic);
        slots += 1;
    }
    slots
}

const fn uppers() -> [u64; SLOTS] {
    let mut uppers = [0; SLOTS];
    let (mut slot, mut native, mut classic) = (1, FIRST_NATIVE, 0);
    while slot < SLOTS {
        (uppers[slot], native, classic) = next_upper_ns(uppers[slot - 1], native, classic);
        slot += 1;
    }
    uppers
}

const fn native_buckets() -> [i16; SLOTS] {
    let mut buckets = [i16::MIN; SLOTS];
    let (mut slot, mut bucket) = (1, FIRST_NATIVE);
    while slot < SLOTS {
        while native_upper_ns(bucket) < UPPER_NS[slot] {
            bucket += 1;
        }
        buckets[slot] = bucket as i16;
        slot += 1;
    }
    buckets
}

const fn first_slots() -> [u16; 64 * 16] {
    let mut first = [0; 64 * 16];
    let (mut entry, mut slot) = (0, 0);
    while entry < first.len() {
        let smallest = ((16 + entry as u128 % 16) << (entry / 16)) >> 4;
        while (UPPER_NS[slot] as u128) < smallest {
            slot += 1;
        }
        first[entry] = slot as u16;
        entry += 1;
    }
    first
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn bounds_rise_from_ten_microseconds_to_a_day() {
        assert!(BOUNDS_NS.is_sorted_by(|a, b| a < b));
        assert_eq!(BOUNDS_NS.first(), Some(&10_000));
        assert_eq!(BOUNDS_NS.last(), Some(&86_400_000_000_000));
    }

    #[test]
    fn slots_rise_from_nothing_to_everything() {
        assert!(UPPER_NS.is_sorted_by(|a, b| a < b));
        assert_eq!((UPPER_NS[0], UPPER_NS[1], UPPER_NS[SLOTS - 1]), (0, 1, u64::MAX));
        assert!(BOUNDS_NS.iter().all(|bound| UPPER_NS.contains(bound)));
        assert_eq!(SLOTS, 524);
    }

    #[test]
    fn the_slot_is_the_first_that_does_not_end_before() {
        let naive = |elapsed_ns: u64| UPPER_NS.partition_point(|upper| *upper < elapsed_ns);
        for upper in UPPER_NS {
            for elapsed_ns in [upper.saturating_sub(1), upper, upper.saturating_add(1)] {
                assert_eq!(slot(elapsed_ns), naive(elapsed_ns), "{elapsed_ns}");
            }
        }
        let mut state = 1_u64;
        for shift in (0..64).cycle().take(100_000) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            assert_eq!(slot(state >> shift), naive(state >> shift), "{}", state >> shift);
        }
    }

    #[test]
    fn at_most_one_comparison_goes_on() {
        let steps = |elapsed_ns: u64| {
            let zeros = elapsed_ns.leading_zeros();
            let behind = ((elapsed_ns << zeros) >> 59) & 15;
            slot(elapsed_ns) - FIRST_SLOT[((63 - zeros) * 16) as usize + behind as usize] as usize
        };
        assert_eq!(UPPER_NS.iter().skip(1).map(|upper| steps(*upper)).max(), Some(1));
    }

    /// Within what floats can tell; a bound that is off by one nanosecond shows up to some milliseconds.
    #[test]
    fn native_bounds_are_powers_of_two_of_seconds() {
        for (slot, upper) in UPPER_NS.into_iter().enumerate().skip(1) {
            let bucket = f64::from(NATIVE_BUCKET[slot]);
            let seconds = upper as f64 / 1e9;
            let (below, above) = (((bucket - 1.0) / 8.0).exp2(), (bucket / 8.0).exp2());
            let slack = 1.0 + 1e-15;
            assert!(below < seconds * slack && seconds <= above * slack, "slot {slot}: {below} {seconds} {above}");
        }
        assert_eq!(NATIVE_BUCKET[slot(SECOND)], 0);
        assert_eq!((NATIVE_BUCKET[slot(SECOND + 1)], NATIVE_BUCKET[slot(2 * SECOND)]), (1, 8));
        assert_eq!(UPPER_NS[slot(1_090_507_732)], 1_090_507_732, "2^(1/8) s is 1.0905077326… s");
    }
}
