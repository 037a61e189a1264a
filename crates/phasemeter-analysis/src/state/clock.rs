//! The run's own time: nanoseconds since it was declared, without its pauses and without the time between attempts.
//!
//! A clock that was set back does not take the run back: time goes on from where it was.

/// Events that are out of order by less than this come from threads that overtook each other, not from a clock.
pub const DISORDER_NS: u64 = 1_000_000_000;

/// What maps the clock of events to the run's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunClock {
    /// The first event, since the Unix epoch.
    pub started_unix_ns: Option<u64>,
    /// The latest event, since the Unix epoch.
    pub last_unix_ns: u64,
    /// The run's time at the latest event.
    pub run_ns: u64,
    /// Whether the run is paused.
    pub is_paused: bool,
    /// How long it was, over all.
    pub paused_ns: u64,
    /// What passed between the last event of an attempt and the first of the next.
    pub down_ns: u64,
    /// How far the clock was set back, over all.
    pub set_back_ns: u64,
}

impl RunClock {
    /// Takes an event's time; by how much the clock was set back, if it was.
    pub(crate) fn advance(&mut self, unix_ns: u64) -> Option<u64> {
        if self.started_unix_ns.is_none() {
            self.started_unix_ns = Some(unix_ns);
            self.last_unix_ns = unix_ns;
            return None;
        }
        let Some(passed_ns) = unix_ns.checked_sub(self.last_unix_ns) else {
            let back_ns = self.last_unix_ns - unix_ns;
            if back_ns < DISORDER_NS {
                return None;
            }
            self.last_unix_ns = unix_ns;
            self.set_back_ns = self.set_back_ns.saturating_add(back_ns);
            return Some(back_ns);
        };
        self.last_unix_ns = unix_ns;
        let spent = if self.is_paused { &mut self.paused_ns } else { &mut self.run_ns };
        *spent = spent.saturating_add(passed_ns);
        None
    }

    /// Takes the first event of a further attempt: what has passed since the last one's is nobody's time.
    pub(crate) fn begin_attempt(&mut self, unix_ns: u64) {
        self.down_ns = self.down_ns.saturating_add(unix_ns.saturating_sub(self.last_unix_ns));
        self.last_unix_ns = unix_ns;
        self.started_unix_ns.get_or_insert(unix_ns);
        self.is_paused = false;
    }

    /// The run's time at a moment that is not before the latest event.
    #[must_use]
    pub fn run_ns_at(&self, unix_ns: u64) -> u64 {
        let passed_ns = if self.is_paused { 0 } else { unix_ns.saturating_sub(self.last_unix_ns) };
        self.run_ns.saturating_add(passed_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn clock_after(seconds: &[u64]) -> RunClock {
        let mut clock = RunClock::default();
        seconds.iter().for_each(|second| {
            clock.advance(second * S);
        });
        clock
    }

    #[test]
    fn time_passes_with_events_and_until_now() {
        let clock = clock_after(&[100, 130]);
        assert_eq!([clock.run_ns, clock.run_ns_at(140 * S), clock.run_ns_at(0)], [30 * S, 40 * S, 30 * S]);
    }

    #[test]
    fn a_clock_that_was_set_back_takes_nothing_back() {
        let mut clock = clock_after(&[100, 130]);
        assert_eq!(clock.advance(70 * S), Some(60 * S));
        assert_eq!(clock.advance(75 * S), None);
        assert_eq!((clock.run_ns, clock.set_back_ns), (35 * S, 60 * S));
    }

    #[test]
    fn threads_that_overtake_each_other_are_no_clock() {
        let mut clock = clock_after(&[100, 130]);
        assert_eq!(clock.advance(130 * S - 5), None);
        assert_eq!((clock.run_ns, clock.last_unix_ns), (30 * S, 130 * S));
    }

    #[test]
    fn no_time_passes_in_a_pause_or_between_attempts() {
        let mut clock = clock_after(&[100, 130]);
        clock.is_paused = true;
        clock.advance(190 * S);
        assert_eq!((clock.run_ns_at(500 * S), clock.paused_ns), (30 * S, 60 * S));
        clock.begin_attempt(1_000 * S);
        clock.advance(1_005 * S);
        assert_eq!((clock.run_ns, clock.down_ns), (35 * S, 810 * S));
    }
}
