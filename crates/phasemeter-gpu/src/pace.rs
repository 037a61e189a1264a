//! What is read less often than the collector is asked: shown again until the next reading. Pure: the time is an
//! argument.

use phasemeter_core::{Moment, Samples};

/// The latest reading, and when the next one is due.
#[derive(Debug)]
pub(crate) struct Paced {
    every_ns: u64,
    due_ns: Option<u64>,
    latest: Samples,
}

/// How late one may be who asks at a steady pace.
const LATE_NS: u64 = 50_000_000;

impl Paced {
    pub(crate) fn new(every_ns: u64) -> Self {
        Self { every_ns, due_ns: None, latest: Samples::default() }
    }

    /// Where to put a new reading, if it is time for one.
    pub(crate) fn due(&mut self, at: Moment) -> Option<&mut Samples> {
        match self.due_ns {
            Some(due_ns) if at.now_ns < due_ns => return None,
            // At a steady pace, but without catching up on what was missed.
            Some(due_ns) if at.now_ns < due_ns.saturating_add(self.every_ns) => {
                self.due_ns = Some(due_ns.saturating_add(self.every_ns));
            }
            // Whoever asks at the same pace is a little late or early: the first time decides, and may have been late.
            Some(_) | None => self.due_ns = Some(at.now_ns.saturating_add(self.every_ns).saturating_sub(LATE_NS)),
        }
        self.latest = Samples::default();
        Some(&mut self.latest)
    }

    pub(crate) fn latest(&self) -> &Samples {
        &self.latest
    }

    /// It is time now, and nothing was read before.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.every_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    /// At which of these moments, in tenths of a second, a reading each second is due.
    #[track_caller]
    fn check(tenths: &[u64], expected: &[u64]) {
        let mut paced = Paced::new(SECOND_NS);
        let at = |tenth: &u64| Moment { now_ns: tenth * SECOND_NS / 10, unix_ns: 0 };
        let due: Vec<_> = tenths.iter().copied().filter(|tenth| paced.due(at(tenth)).is_some()).collect();
        assert_eq!(due, expected);
    }

    #[test]
    fn ten_askings_a_second_are_one_reading_a_second() {
        check(&(0..41).collect::<Vec<_>>(), &[0, 10, 20, 30, 40]);
    }

    #[test]
    fn who_asks_seldom_gets_a_reading_each_time() {
        check(&[0, 15, 25, 100, 109, 110, 121], &[0, 15, 25, 100, 110, 121]);
    }

    #[test]
    fn a_little_early_is_no_second_without_a_reading() {
        let mut paced = Paced::new(SECOND_NS);
        for second in 1..100 {
            let early_ns = (second % 2) * SECOND_NS / 50;
            let at = Moment { now_ns: second * SECOND_NS - early_ns, unix_ns: 0 };
            assert!(paced.due(at).is_some(), "{second}");
        }
    }
}
