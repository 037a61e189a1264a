//! How the collectors are, and waiting until they have read: for programs that show what was read and end.

use std::time::Duration;

pub use phasemeter_collect::State as CollectorState;

use crate::meter::Meter;

impl Meter {
    /// How each collector is, by name, with the reason where it is not well. They begin with the first call.
    #[must_use]
    pub fn collectors(&self) -> Vec<(&'static str, CollectorState, Option<String>)> {
        if !self.is_enabled() {
            return Vec::new();
        }
        self.inner.sampler.begin(&self.inner);
        self.inner.sampler.running(&self.inner).schedule.states()
    }

    /// Waits until every collector was read once, but no longer than this. True where they all were.
    ///
    /// ```
    /// use phasemeter::{Collectors, Meter};
    /// use std::time::Duration;
    ///
    /// let meter = Meter::builder().isolated().collectors(Collectors::only(["load"])).build();
    /// assert!(meter.wait_for_first_readings(Duration::from_secs(10)));
    /// assert_eq!(meter.collectors()[0].0, "load");
    /// ```
    #[must_use = "false says that a collector has not read yet"]
    pub fn wait_for_first_readings(&self, limit: Duration) -> bool {
        if !self.is_enabled() {
            return true;
        }
        self.inner.sampler.begin(&self.inner);
        self.inner.sampler.running(&self.inner).schedule.wait_for_first(limit)
    }

    /// Waits until every collector was read twice, which is when there are shares and peaks, but no longer than this.
    /// Those that are not read as often as once within the limit are not waited for. True where they all were.
    #[must_use = "false says that a collector has not read twice yet"]
    pub fn wait_for_second_readings(&self, limit: Duration) -> bool {
        if !self.is_enabled() {
            return true;
        }
        self.inner.sampler.begin(&self.inner);
        self.inner.sampler.running(&self.inner).schedule.wait_for_second(limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Collectors;

    const LONG: Duration = Duration::from_secs(60);

    fn meter(collectors: Collectors) -> Meter {
        Meter::builder().isolated().environment([]).collectors(collectors).build()
    }

    #[test]
    fn a_collector_that_has_read_is_told_with_its_state() {
        let collectors = Collectors::only(["load"]).host_root("/").interval(Duration::from_millis(10));
        let meter = meter(collectors);
        assert!(meter.wait_for_first_readings(LONG) && meter.wait_for_second_readings(LONG));
        let told = meter.collectors();
        assert_eq!(told.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), ["load"]);
        assert_ne!(told[0].1, CollectorState::Pending);
    }

    #[test]
    fn what_is_rarely_read_is_not_waited_for_a_second_time() {
        let meter = meter(Collectors::only(["load"]).interval(Duration::from_secs(3_600)));
        assert!(meter.wait_for_first_readings(LONG));
        assert!(meter.wait_for_second_readings(Duration::from_secs(59)));
    }

    #[test]
    fn a_disabled_meter_has_none_and_nothing_is_waited_for() {
        let meter = Meter::builder().isolated().disabled().build();
        assert!(meter.wait_for_first_readings(LONG) && meter.wait_for_second_readings(LONG));
        assert_eq!(meter.collectors(), []);
    }
}
