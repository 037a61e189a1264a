//! Energy from power, for GPUs that do not count it themselves. Pure: the time is an argument.

use phasemeter_core::Moment;

/// Power, added up.
#[derive(Debug, Default)]
pub(crate) struct Energy {
    joules: f64,
    created_unix_ns: Option<u64>,
    last: Option<(Moment, f64)>,
}

impl Energy {
    /// Power at this moment: between it and the one before, it is taken to have gone evenly from one to the other.
    pub(crate) fn add(&mut self, at: Moment, watts: f64) {
        if !watts.is_finite() || watts < 0.0 {
            return;
        }
        self.created_unix_ns.get_or_insert(at.unix_ns);
        if let Some((then, before)) = self.last.replace((at, watts)) {
            self.joules += f64::midpoint(before, watts) * at.now_ns.saturating_sub(then.now_ns) as f64 / 1e9;
        }
    }

    /// In joules, and since when it adds up; `None` before there was any power.
    pub(crate) fn total(&self) -> Option<(f64, u64)> {
        self.created_unix_ns.map(|created_unix_ns| (self.joules, created_unix_ns))
    }

    /// The device was away: what it drew meanwhile is not known.
    pub(crate) fn interrupt(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment { now_ns: seconds * 1_000_000_000, unix_ns: seconds }
    }

    #[test]
    fn power_adds_up_to_energy_between_two_readings() {
        let mut energy = Energy::default();
        assert_eq!(energy.total(), None);
        for (seconds, watts, joules) in [(1, 100.0, 0.0), (2, 100.0, 100.0), (4, 300.0, 500.0), (4, 300.0, 500.0)] {
            energy.add(at(seconds), watts);
            assert_eq!(energy.total(), Some((joules, 1)), "{seconds}");
        }
    }

    #[test]
    fn what_was_drawn_while_the_device_was_away_does_not_count() {
        let mut energy = Energy::default();
        energy.add(at(1), 100.0);
        energy.add(at(2), 100.0);
        energy.interrupt();
        energy.add(at(100), 100.0);
        energy.add(at(101), 100.0);
        assert_eq!(energy.total(), Some((200.0, 1)));
    }

    #[test]
    fn power_that_is_none_is_left_out() {
        let mut energy = Energy::default();
        energy.add(at(1), f64::NAN);
        energy.add(at(2), -1.0);
        assert_eq!(energy.total(), None);
    }
}
