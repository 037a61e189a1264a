//! The rate of counts, looking back about as far as there is to look ahead. It decays in a stall.

use crate::state::Tally;

/// It never looks back less far than this.
const MIN_HALF_LIFE_NS: f64 = 30e9;
/// It looks back over so many counts at least.
const MIN_EVENTS: f64 = 8.0;
/// The half-life depends on the estimate, and the estimate on the half-life: their balance is found in so many steps.
const STEPS: usize = 20;

/// What past runs say, as if it had been seen for so long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Prior {
    pub(crate) per_ns: f64,
    pub(crate) seen_ns: f64,
}

/// What the counts say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rated {
    pub(crate) per_ns: f64,
    pub(crate) eta_ns: f64,
    /// How many counts it rests on, about.
    pub(crate) events: f64,
}

/// The rate of what was tallied since the first item began, and when what remains is done by it.
pub(crate) fn rated(tally: &Tally, since_ns: u64, run_ns: u64, remaining: f64, prior: Option<Prior>) -> Option<Rated> {
    let prior = prior.unwrap_or(Prior { per_ns: 0.0, seen_ns: 0.0 });
    let passed_ns = run_ns.saturating_sub(since_ns) as f64;
    let looking = Looking { tally, run_ns, passed_ns, remaining, prior };
    let over_events_ns = MIN_EVENTS * passed_ns / (tally.events as f64).max(1.0);
    let shortest_ns = MIN_HALF_LIFE_NS.max(over_events_ns);
    let rated = looking.back(looking.balance_ns(shortest_ns));
    (rated.per_ns > 0.0 && rated.eta_ns.is_finite()).then_some(rated)
}

struct Looking<'a> {
    tally: &'a Tally,
    run_ns: u64,
    passed_ns: f64,
    remaining: f64,
    prior: Prior,
}

impl Looking<'_> {
    /// What is seen with this half-life.
    fn back(&self, half_life_ns: f64) -> Rated {
        let window_ns = half_life_ns / std::f64::consts::LN_2 * (1.0 - (-self.passed_ns / half_life_ns).exp2());
        let seen = self.prior.per_ns * self.prior.seen_ns + self.tally.decayed(self.run_ns, half_life_ns);
        let per_ns = seen / (self.prior.seen_ns + window_ns);
        let events = self.tally.events as f64 * (window_ns / self.passed_ns.max(1.0)).min(1.0);
        Rated { per_ns, eta_ns: self.remaining / per_ns, events }
    }

    /// The half-life that is half of its own estimate, or the shortest one. In a stall, a short one sees a long way to
    /// go and a long one a short way, so that one cannot just follow the other: their balance lies between them.
    fn balance_ns(&self, shortest_ns: f64) -> f64 {
        let is_too_short = |half_life_ns: f64| self.back(half_life_ns).eta_ns / 2.0 > half_life_ns;
        let (mut short_ns, mut long_ns) = (shortest_ns, shortest_ns);
        while is_too_short(long_ns) {
            (short_ns, long_ns) = (long_ns, long_ns * 2.0);
            // Nothing was counted, so no half-life is long enough.
            if long_ns > 1e21 {
                return long_ns;
            }
        }
        for _ in 0..STEPS {
            let middle_ns = (short_ns * long_ns).sqrt();
            if is_too_short(middle_ns) {
                short_ns = middle_ns;
            } else {
                long_ns = middle_ns;
            }
        }
        long_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn steady(seconds: u64) -> Tally {
        let mut tally = Tally::default();
        (1..=seconds).for_each(|second| tally.add(second * S, 2));
        tally
    }

    #[track_caller]
    fn check(rated: Option<Rated>, per_s: f64, tolerance: f64) {
        let found = rated.expect("there is a rate").per_ns * 1e9;
        assert!((found / per_s - 1.0).abs() <= tolerance, "{found} for {per_s}");
    }

    #[test]
    fn a_steady_rate_is_that_rate() {
        check(rated(&steady(600), 0, 600 * S, 500.0, None), 2.0, 0.02);
        check(rated(&steady(10), 0, 10 * S, 5_000.0, None), 2.0, 0.02);
    }

    #[test]
    fn a_stall_lets_it_decay_without_any_event() {
        let at = |second| rated(&steady(600), 0, second * S, 100.0, None).expect("there is one");
        let etas = [600, 630, 700, 900].map(|second| at(second).eta_ns);
        assert!(etas.windows(2).all(|pair| pair[1] > pair[0] * 1.1), "{etas:?}");
    }

    #[test]
    fn nothing_counted_is_no_rate_unless_the_past_tells() {
        let nothing = Tally::default();
        assert_eq!(rated(&nothing, 0, 60 * S, 10.0, None), None);
        assert_eq!(rated(&nothing, 0, 0, 10.0, None), None);
        let prior = Prior { per_ns: 2e-9, seen_ns: 60e9 };
        check(rated(&nothing, 0, 0, 10.0, Some(prior)), 2.0, 0.01);
        // Nothing came for as long as the prior is worth.
        check(rated(&nothing, 0, 60 * S, 10.0, Some(prior)), 1.0, 0.05);
    }

    #[test]
    fn a_change_of_rate_is_believed_when_the_end_is_near() {
        let mut tally = steady(600);
        (601..=700).for_each(|second| tally.add(second * S, 1));
        let near = rated(&tally, 0, 700 * S, 20.0, None).expect("there is one").per_ns * 1e9;
        let far = rated(&tally, 0, 700 * S, 20_000.0, None).expect("there is one").per_ns * 1e9;
        assert!(near < 1.15 && far > 1.7, "{near} {far}");
    }
}
