//! How long the rest takes, item by item: how long items took, how old those in flight are, and so many workers.
//!
//! Items that take long end late, so those that have ended are too short on the average; those in flight say by their age
//! that there are longer ones (Kaplan and Meier's estimate). Chance is seeded by what is known: same state, same answer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::distribution::Distribution;

/// So many courses are played through.
const COURSES: usize = 48;
/// Of those that wait, so many are placed one by one; the ones before them take their mean.
const PLACED: u64 = 1_000;
/// Beyond the longest that was seen, items are as Pareto has it, with this exponent: what has lasted, lasts.
const TAIL_EXPONENT: f64 = 2.0;
/// But not longer than this many times the longest.
const TAIL_LIMIT: f64 = 20.0;

/// When the rest is done: one course in ten is shorter, half are, nine in ten are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Courses {
    pub(crate) low_ns: f64,
    pub(crate) median_ns: f64,
    pub(crate) high_ns: f64,
}

/// Plays the rest through.
pub(crate) fn courses(service: &Distribution, ages_ns: &[u64], waiting: u64, workers: usize) -> Option<Courses> {
    let survival = Survival::of(service, ages_ns)?;
    let mut chance = Chance(service.sum_ns() ^ service.count() << 32 ^ waiting);
    let mut ends: Vec<_> =
        (0..COURSES).map(|_| course(&survival, ages_ns, waiting, workers.max(1), &mut chance)).collect();
    ends.sort_by(f64::total_cmp);
    let at = |share: f64| ends.get(((COURSES - 1) as f64 * share).round() as usize).copied();
    Some(Courses { low_ns: at(0.1)?, median_ns: at(0.5)?, high_ns: at(0.9)? })
}

/// One course: when the last worker is done.
fn course(survival: &Survival, ages_ns: &[u64], waiting: u64, workers: usize, chance: &mut Chance) -> f64 {
    let in_flight = ages_ns.iter().map(|age_ns| {
        let age_ns = *age_ns as f64;
        (survival.draw(age_ns, chance) - age_ns).max(0.0)
    });
    let mut free: BinaryHeap<_> = in_flight.map(|end_ns| Reverse(end_ns as u64)).collect();
    // More workers than there are items have nothing to do.
    let useful = workers.min(ages_ns.len() + waiting.min(PLACED) as usize);
    while free.len() < useful {
        free.push(Reverse(0));
    }
    let bulk = waiting.saturating_sub(PLACED) as f64;
    let bulk_ns = (survival.mean_ns * bulk / workers as f64) as u64;
    let mut last_ns = free.iter().map(|Reverse(end_ns)| *end_ns).max().unwrap_or(0);
    for _ in 0..waiting.min(PLACED) {
        let Some(Reverse(begin_ns)) = free.pop() else { break };
        let end_ns = begin_ns.saturating_add(survival.draw(0.0, chance) as u64);
        last_ns = last_ns.max(end_ns);
        free.push(Reverse(end_ns));
    }
    last_ns.saturating_add(bulk_ns) as f64
}

/// So many items are replayed at most; of more, the last ones do not matter.
const REPLAYED: u64 = 10_000;
/// In so many orders, for the true one is not kept.
const ORDERS: usize = 9;

/// How long the items that have ended would take so many workers, each going to whoever is free: the mean over a few
/// orders. Nothing, where there are none, or too many for it to differ from their sum over the workers.
pub(crate) fn replay_ns(service: &Distribution, workers: usize) -> Option<f64> {
    if service.count() == 0 || service.count() > REPLAYED {
        return None;
    }
    let mut items: Vec<u64> = Vec::new();
    for (duration_ns, count) in service.means() {
        items.extend((0..count).map(|_| duration_ns));
    }
    let mut chance = Chance(service.sum_ns());
    let mut sum_ns = 0.0;
    for _ in 0..ORDERS {
        for place in (1..items.len()).rev() {
            items.swap(place, (chance.next() * (place + 1) as f64) as usize);
        }
        let mut free: BinaryHeap<_> = (0..workers.clamp(1, items.len())).map(|_| Reverse(0_u64)).collect();
        let mut last_ns = 0;
        for duration_ns in &items {
            let Some(Reverse(begin_ns)) = free.pop() else { break };
            let end_ns = begin_ns.saturating_add(*duration_ns);
            last_ns = last_ns.max(end_ns);
            free.push(Reverse(end_ns));
        }
        sum_ns += last_ns as f64;
    }
    Some(sum_ns / ORDERS as f64)
}

/// How many last longer than so long.
struct Survival {
    /// Rising durations, and the share that lasts longer than each.
    steps: Vec<(f64, f64)>,
    longest_ns: f64,
    mean_ns: f64,
}

impl Survival {
    fn of(service: &Distribution, ages_ns: &[u64]) -> Option<Self> {
        let longest_ns = service.max_ns().max(ages_ns.last().copied().unwrap_or(0)) as f64;
        let mut at_risk = (service.count() + ages_ns.len() as u64) as f64;
        let mut ages = ages_ns.iter().peekable();
        let (mut share, mut steps, mut mean_ns) = (1.0, Vec::new(), 0.0);
        for (duration_ns, count) in service.means() {
            while ages.next_if(|age_ns| **age_ns < duration_ns).is_some() {
                at_risk -= 1.0;
            }
            let left = share * (1.0 - count as f64 / at_risk).max(0.0);
            mean_ns += (share - left) * duration_ns as f64;
            share = left;
            at_risk -= count as f64;
            steps.push((duration_ns as f64, share));
        }
        // The mean of what is beyond, as the tail has it.
        mean_ns += share * longest_ns * TAIL_EXPONENT / (TAIL_EXPONENT - 1.0);
        (service.count() > 0).then_some(Self { steps, longest_ns, mean_ns })
    }

    /// A duration of at least so long.
    fn draw(&self, age_ns: f64, chance: &mut Chance) -> f64 {
        let older = self.steps.partition_point(|(duration_ns, _)| *duration_ns <= age_ns);
        let share = older.checked_sub(1).and_then(|place| self.steps.get(place)).map_or(1.0, |(_, share)| *share);
        let drawn = chance.next() * share;
        let place = self.steps.partition_point(|(_, share)| *share > drawn);
        match self.steps.get(place) {
            Some((duration_ns, _)) if share > 0.0 => duration_ns.max(age_ns),
            _ => {
                let from_ns = self.longest_ns.max(age_ns);
                from_ns * (1.0 - chance.next()).max(1e-9).powf(-1.0 / TAIL_EXPONENT).min(TAIL_LIMIT)
            }
        }
    }
}

/// splitmix64, between 0 and 1.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn service(seconds: &[u64]) -> Distribution {
        let mut service = Distribution::default();
        seconds.iter().for_each(|second| service.record(second * S));
        service
    }

    #[track_caller]
    fn check(courses: Option<Courses>, seconds: f64, tolerance: f64) {
        let found = courses.expect("some have ended").median_ns / 1e9;
        assert!((found - seconds).abs() <= tolerance, "{found} for {seconds}");
    }

    #[test]
    fn equal_items_take_their_time_over_the_workers() {
        let five = service(&[5; 10]);
        check(courses(&five, &[3 * S], 9, 1), 47.0, 0.01);
        check(courses(&five, &[S, 2 * S], 4, 2), 14.0, 0.01);
        check(courses(&five, &[], 5, 2), 15.0, 0.01);
        check(courses(&five, &[], 1_000_000, 8), 625_000.0, 1_000.0);
    }

    #[test]
    fn items_are_replayed_with_other_workers() {
        let items = service(&[10, 10, 80]);
        let of = |workers| replay_ns(&items, workers).expect("three have ended") / 1e9;
        assert_eq!([of(1), of(3), of(100)], [100.0, 80.0, 80.0]);
        // Of two workers, one has the long item, before or after a short one.
        assert!((80.0..=90.0).contains(&of(2)), "{}", of(2));
        assert_eq!(replay_ns(&service(&[]), 2), None);
    }

    #[test]
    fn nothing_ended_tells_nothing() {
        assert_eq!(courses(&service(&[]), &[S], 5, 1), None);
    }

    #[test]
    fn one_that_is_in_flight_for_long_is_not_about_to_end() {
        let mut ages = [60 * S];
        let young = courses(&service(&[1, 1, 2, 90]), &ages, 0, 1).expect("some have ended");
        assert!((young.median_ns - 30e9).abs() < 5e9, "{young:?}");
        ages = [600 * S];
        let old = courses(&service(&[1, 1, 2, 90]), &ages, 0, 1).expect("some have ended");
        assert!((100e9..600e9).contains(&old.median_ns), "{old:?}");
        assert!(old.low_ns < old.median_ns && old.median_ns < old.high_ns, "{old:?}");
    }

    #[test]
    fn the_same_state_gives_the_same_answer() {
        let one = service(&[1, 3, 9, 27]);
        assert_eq!(courses(&one, &[5 * S], 100, 7), courses(&one, &[5 * S], 100, 7));
    }
}
