//! A count of the driver's that begins again after 32 bits, as those of PCIe do, made one that only grows. Pure.

/// What it has grown to.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    total: u64,
    last: Option<u64>,
}

impl Growing {
    /// The total with what the driver counts now. More than 32 bits between two readings cannot be known.
    pub(crate) fn add(&mut self, count: u64) -> u64 {
        const ROUND: u64 = 1 << 32;
        self.total = match self.last.replace(count) {
            Some(last) if count >= last => self.total.saturating_add(count - last),
            Some(last) if last < ROUND => self.total.saturating_add(ROUND - last + count),
            // A wider one does not come to its end: the driver has begun anew.
            Some(_) => self.total.saturating_add(count),
            None if self.total == 0 => count,
            None => self.total,
        };
        self.total
    }

    /// The device was away: what it counted meanwhile, and from where on, is not known.
    pub(crate) fn interrupt(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(counts_and_totals: &[(u64, u64)]) {
        let mut growing = Growing::default();
        for (count, total) in counts_and_totals {
            assert_eq!(growing.add(*count), *total, "{count}");
        }
    }

    #[test]
    fn a_count_of_32_bits_goes_on_where_it_begins_again() {
        check(&[(4_294_967_000, 4_294_967_000), (704, 4_294_968_000), (704, 4_294_968_000), (703, 8_589_935_295)]);
    }

    #[test]
    fn a_wider_count_only_begins_again_where_the_driver_does() {
        check(&[(1 << 40, 1 << 40), ((1 << 40) + 5, (1 << 40) + 5), (7, (1 << 40) + 12), (u64::MAX, u64::MAX)]);
    }

    #[test]
    fn what_was_counted_while_the_device_was_away_is_not_known() {
        let mut growing = Growing::default();
        assert_eq!(growing.add(100), 100);
        growing.interrupt();
        assert_eq!((growing.add(5), growing.add(8)), (100, 103));
    }
}
