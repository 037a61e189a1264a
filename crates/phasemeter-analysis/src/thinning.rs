//! What of a run is written down, so that its journal stays small however long it lasts. Pure: time is the events' own.
//!
//! Heartbeats come every five seconds for a day, every ten on the second, and every twenty from then on: rarer ones would
//! let a worker that lives look silent. That is some 4 300 a day of a long run. Runs of phases are all written up to a number, then every second of them, every fourth, and so on: each with its begin and its
//! end, or not at all. What is left out is still counted, because heartbeats are cumulative.

use std::collections::HashSet;

use crate::event::{Event, EventKind};

/// However long the run lasts, heartbeats are not further apart: three fit into the minute after which a worker is silent.
pub const MAX_HEARTBEAT_NS: u64 = 20_000_000_000;

/// How much is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Heartbeats that follow closer than this are left out.
    pub heartbeat_ns: u64,
    /// For so long; then half as often each time that the run's length doubles, down to [`MAX_HEARTBEAT_NS`].
    pub full_for_ns: u64,
    /// So many runs of phases are written; then every second one up to as many again, and so on.
    pub spans: u64,
    /// So many other events are written: notes, counts, items in hand.
    pub others: u64,
}

impl Default for Policy {
    /// Five seconds for a day, 200 000 runs and 100 000 others: some 100 MB for a run that fills all of it, and what its
    /// heartbeats take, which lasts as long as the run does.
    fn default() -> Self {
        Self { heartbeat_ns: 5_000_000_000, full_for_ns: 86_400_000_000_000, spans: 200_000, others: 100_000 }
    }
}

/// Decides event by event.
#[derive(Debug, Clone)]
pub struct Thinning {
    policy: Policy,
    began_ns: Option<u64>,
    last_beat_ns: Option<u64>,
    started: u64,
    written: u64,
    others: u64,
    open: HashSet<u64>,
    /// How many events were left out.
    pub thinned: u64,
}

impl Thinning {
    /// Nothing is decided yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            began_ns: None,
            last_beat_ns: None,
            started: 0,
            written: 0,
            others: 0,
            open: HashSet::new(),
            thinned: 0,
        }
    }

    /// Whether an event is written.
    pub fn admits(&mut self, event: &Event) -> bool {
        let began_ns = *self.began_ns.get_or_insert(event.at_ns);
        let is_admitted = match &event.event {
            EventKind::Declared(_) | EventKind::TotalSet(_) | EventKind::RunEnded(_) => true,
            EventKind::Paused | EventKind::Resumed => true,
            EventKind::PhaseStarted(started) => self.admits_start(started.span),
            EventKind::PhaseEnded(ended) => self.open.remove(&ended.span),
            EventKind::Heartbeat(_) => self.admits_beat(event.at_ns, event.at_ns.saturating_sub(began_ns)),
            EventKind::Counted(_) | EventKind::InHand(_) | EventKind::Note(_) => {
                self.others += 1;
                self.others <= self.policy.others
            }
        };
        self.thinned += u64::from(!is_admitted);
        is_admitted
    }

    fn admits_start(&mut self, span: u64) -> bool {
        // The exponent grows with what was written, so each halving lasts for as many written runs.
        let halvings = self.written.checked_div(self.policy.spans).unwrap_or(63).min(63);
        let is_admitted = self.started % (1 << halvings) == 0;
        self.started += 1;
        if is_admitted {
            self.written += 1;
            self.open.insert(span);
        }
        is_admitted
    }

    fn admits_beat(&mut self, at_ns: u64, elapsed_ns: u64) -> bool {
        let doublings =
            elapsed_ns.checked_div(self.policy.full_for_ns).unwrap_or(1).checked_ilog2().map_or(0, |log| log + 1);
        let shortest_ns = self.policy.heartbeat_ns;
        let every_ns = shortest_ns.saturating_mul(1 << doublings.min(32)).min(shortest_ns.max(MAX_HEARTBEAT_NS));
        // A tenth of tolerance: a timer that is a little early is no reason to lose every second heartbeat. A clock that
        // was set back is no reason to wait for it.
        let is_due = self
            .last_beat_ns
            .is_none_or(|last_ns| at_ns < last_ns || (at_ns - last_ns).saturating_add(every_ns / 10) >= every_ns);
        if is_due {
            self.last_beat_ns = Some(at_ns);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use phasemeter_core::Outcome;

    use super::*;
    use crate::event::{Heartbeat, PhaseEnded, PhaseStarted, RunEnded};

    const S: u64 = 1_000_000_000;

    fn event(second: u64, event: EventKind) -> Event {
        Event { at_ns: second * S, event }
    }

    fn beats(thinning: &mut Thinning, seconds: impl Iterator<Item = u64>) -> usize {
        seconds.filter(|second| thinning.admits(&event(*second, EventKind::Heartbeat(Heartbeat::default())))).count()
    }

    #[test]
    fn heartbeats_come_every_five_seconds_for_a_day_and_rarer_then() {
        let mut thinning = Thinning::new(Policy::default());
        let day = 86_400;
        assert_eq!(beats(&mut thinning, (0..day).step_by(5)), 17_280);
        assert_eq!(beats(&mut thinning, (day..2 * day).step_by(5)), 8_640);
        assert_eq!(beats(&mut thinning, (2 * day..4 * day).step_by(5)), 8_640);
    }

    #[test]
    fn heartbeats_are_never_further_apart_than_twenty_seconds() {
        let mut thinning = Thinning::new(Policy::default());
        let (day, mut last) = (86_400, 0);
        let beat = || EventKind::Heartbeat(Heartbeat::default());
        for second in (0..60 * day).step_by(5) {
            if thinning.admits(&event(second, beat())) {
                assert!(second - last <= 20, "{last} to {second}");
                last = second;
            }
        }
        assert!(60 * day - last <= 20, "{last}");
    }

    #[test]
    fn a_timer_that_is_a_little_early_loses_no_heartbeat() {
        let mut thinning = Thinning::new(Policy::default());
        let early = |number: u64| Event {
            at_ns: number * (5 * S - 20_000_000),
            event: EventKind::Heartbeat(Heartbeat::default()),
        };
        assert!((0..100).all(|number| thinning.admits(&early(number))));
    }

    #[test]
    fn a_clock_that_was_set_back_silences_nobody() {
        let mut thinning = Thinning::new(Policy::default());
        assert_eq!(beats(&mut thinning, [1_000, 400, 405, 410].into_iter()), 4);
    }

    #[test]
    fn runs_thin_out_with_both_their_ends() {
        let mut thinning = Thinning::new(Policy { spans: 100, ..Policy::default() });
        let mut written = (0_u64, 0_u64);
        for span in 0..100_000 {
            let start = EventKind::PhaseStarted(PhaseStarted { span, ..PhaseStarted::default() });
            let end = EventKind::PhaseEnded(PhaseEnded { span, outcome: Outcome::Ok });
            written.0 += u64::from(thinning.admits(&event(span, start)));
            written.1 += u64::from(thinning.admits(&event(span, end)));
        }
        assert_eq!(written.0, written.1);
        assert!((900..1_100).contains(&written.0), "{written:?}");
        assert_eq!(thinning.thinned, 2 * (100_000 - written.0));
    }

    #[test]
    fn how_the_run_ended_is_always_written() {
        let mut thinning = Thinning::new(Policy { spans: 0, others: 0, ..Policy::default() });
        assert!(!thinning.admits(&event(1, EventKind::Note("a".to_owned()))));
        assert!(thinning.admits(&event(2, EventKind::RunEnded(RunEnded { outcome: Outcome::Ok, reason: None }))));
    }
}
