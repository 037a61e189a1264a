//! When the next push is due. Pure: time and chance come in.

use std::time::{Duration, Instant};

use crate::counts::Outcome;

/// The wait after a first failure; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait of our own, unless pushes are due more rarely.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest that a receiver is obeyed: one that says a year has lost its clock.
const LONGEST_OBEYED: Duration = Duration::from_secs(3600);

/// Pushes at an interval and, while the receiver is away, at growing distances.
#[derive(Debug)]
pub(crate) struct Schedule {
    interval: Duration,
    next: Instant,
    /// How many pushes in a row failed so that they are worth another try.
    failures: u32,
}

impl Schedule {
    pub(crate) fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, next: later(now, interval), failures: 0 }
    }

    /// When the next push is due.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// What came of the push that began then. `wait` is what the receiver asked for, `chance` any number.
    pub(crate) fn pushed(&mut self, began: Instant, now: Instant, came: Came) {
        let Came { outcome, wait, chance } = came;
        self.next = match outcome {
            Outcome::Unavailable => {
                let own = self.wait(chance);
                self.failures = self.failures.saturating_add(1);
                later(now, own.max(wait.unwrap_or_default().min(LONGEST_OBEYED)))
            }
            Outcome::Ok | Outcome::Partial | Outcome::Refused | Outcome::Failed => {
                self.failures = 0;
                // What takes longer than the interval is not followed by two at once.
                later(began, self.interval).max(now)
            }
        };
    }

    /// Between the half and the whole of what it would be, so that many programs do not come back at once.
    fn wait(&self, chance: u64) -> Duration {
        let longest = LONGEST_WAIT.max(self.interval);
        let whole = FIRST_WAIT.saturating_mul(1 << self.failures.min(20)).min(longest);
        let share = (chance % 1_000) as u32;
        whole / 2 + whole / 2 * share / 1_000
    }
}

/// How a push went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Came {
    pub(crate) outcome: Outcome,
    /// How long the receiver asked to be left alone.
    pub(crate) wait: Option<Duration>,
    /// Any number.
    pub(crate) chance: u64,
}

/// An interval beyond what an Instant holds is as good as a year.
fn later(now: Instant, wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    now.checked_add(wait).unwrap_or_else(|| now + YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// The waits, in milliseconds, after pushes of which each took no time and ended so.
    fn waits(interval: Duration, chance: u64, outcomes: &[(Outcome, Option<u64>)]) -> Vec<u128> {
        let start = Instant::now();
        let mut schedule = Schedule::new(interval, start);
        let pushes = outcomes.iter().map(|(outcome, wait)| {
            let now = schedule.next();
            schedule.pushed(now, now, Came { outcome: *outcome, wait: wait.map(Duration::from_secs), chance });
            (schedule.next() - now).as_millis()
        });
        pushes.collect()
    }

    const AWAY: (Outcome, Option<u64>) = (Outcome::Unavailable, None);

    #[test]
    fn a_receiver_that_is_away_is_asked_ever_more_rarely() {
        assert_eq!(waits(MINUTE, 0, &[AWAY; 8]), [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(waits(MINUTE, 500, &[AWAY; 3]), [750, 1_500, 3_000]);
        assert_eq!(waits(Duration::from_secs(5), 0, &[AWAY; 7])[6], 15_000);
    }

    #[test]
    fn an_hour_away_is_no_more_than_some_pushes() {
        let mut hour = 0;
        let waits = waits(MINUTE, 999, &[AWAY; 200]);
        let within = waits.iter().take_while(|wait| {
            hour += **wait;
            hour < 3_600_000
        });
        assert!(within.count() < 70);
    }

    #[test]
    fn a_receiver_that_says_how_long_is_not_asked_before() {
        let asks = |seconds| waits(MINUTE, 0, &[(Outcome::Unavailable, Some(seconds))])[0];
        assert_eq!(asks(120), 120_000);
        assert_eq!(asks(0), 500);
        assert_eq!(asks(u64::MAX), 3_600_000);
    }

    #[test]
    fn what_came_through_or_never_will_waits_for_the_interval() {
        let outcomes = [AWAY, AWAY, (Outcome::Ok, None), AWAY, (Outcome::Refused, None), (Outcome::Failed, None)];
        assert_eq!(waits(MINUTE, 0, &outcomes), [500, 1_000, 60_000, 500, 60_000, 60_000]);
    }

    #[test]
    fn pushes_keep_their_distance_whatever_they_take() {
        let start = Instant::now();
        let mut schedule = Schedule::new(MINUTE, start);
        let ok = Came { outcome: Outcome::Ok, wait: None, chance: 0 };
        schedule.pushed(start + MINUTE, start + MINUTE * 3 / 2, ok);
        assert_eq!(schedule.next(), start + MINUTE * 2);
        schedule.pushed(start + MINUTE * 2, start + MINUTE * 5, ok);
        assert_eq!(schedule.next(), start + MINUTE * 5);
        let _never = Schedule::new(Duration::MAX, start);
    }
}
