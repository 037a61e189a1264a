//! When something is read, by both clocks of the caller. The core has none of its own.

/// One moment on two clocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// On the clock that runs are timed by, in nanoseconds; it never goes back.
    pub now_ns: u64,
    /// Since the Unix epoch, in nanoseconds.
    pub unix_ns: u64,
}

impl Moment {
    /// When something was that the other clock timed, since the Unix epoch. What is still to come is now.
    #[must_use]
    pub fn unix_ns_of(&self, then_ns: u64) -> u64 {
        self.unix_ns.saturating_sub(self.now_ns.saturating_sub(then_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_is_as_long_ago_on_either_clock() {
        let moment = Moment { now_ns: 50, unix_ns: 1_000 };
        assert_eq!([20, 50, 70].map(|then| moment.unix_ns_of(then)), [970, 1_000, 1_000]);
        assert_eq!(Moment { now_ns: 50, unix_ns: 10 }.unix_ns_of(0), 0);
    }
}
