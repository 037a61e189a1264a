//! What was counted between two snapshots, for receivers that want differences. Pure.

use std::cmp::Ordering;

use phasemeter_core::{Buckets, Family, Histogram, Kind, Series, Snapshot, Value};

/// The later snapshot with what the earlier one had counted taken off its counters and histograms, which then count from
/// the moment of the earlier one. Levels, gauges and summaries stay as they are, and so does what is new, or began anew.
#[must_use]
pub fn since(before: &Snapshot, before_unix_ns: u64, mut now: Snapshot) -> Snapshot {
    for family in now.families.iter_mut().filter(|family| counts(family)) {
        let mut earlier = before.series(family.metric).iter().peekable();
        for series in &mut family.series {
            // Both are sorted by labels.
            while earlier.next_if(|one| one.labels.cmp(&series.labels) == Ordering::Less).is_some() {}
            let same = earlier.next_if(|one| one.labels == series.labels);
            let Some(one) = same.filter(|one| one.created_unix_ns == series.created_unix_ns) else { continue };
            if let Some(value) = difference(&one.value, &series.value) {
                *series = Series { labels: series.labels.clone(), value, created_unix_ns: Some(before_unix_ns) };
            }
        }
    }
    now
}

fn counts(family: &Family) -> bool {
    match family.metric.kind {
        Kind::Counter | Kind::Histogram => true,
        Kind::UpDownCounter | Kind::Gauge | Kind::Info | Kind::Summary | Kind::Unknown => false,
    }
}

/// Nothing where a count went back, or became another kind of number: then it began anew.
fn difference(before: &Value, now: &Value) -> Option<Value> {
    match (before, now) {
        (Value::Count(before), Value::Count(now)) => now.checked_sub(*before).map(Value::Count),
        (Value::Nanos(before), Value::Nanos(now)) => now.checked_sub(*before).map(Value::Nanos),
        (Value::Real(before), Value::Real(now)) => (now >= before).then(|| Value::Real(now - before)),
        (Value::Histogram(before), Value::Histogram(now)) => {
            slots_between(before, now).map(|histogram| Value::Histogram(Box::new(histogram)))
        }
        (Value::Buckets(before), Value::Buckets(now)) => {
            buckets_between(before, now).map(|buckets| Value::Buckets(Box::new(buckets)))
        }
        (
            Value::Count(_)
            | Value::Level(_)
            | Value::Real(_)
            | Value::Nanos(_)
            | Value::Histogram(_)
            | Value::Buckets(_)
            | Value::Quantiles(_),
            _,
        ) => None,
    }
}

fn slots_between(before: &Histogram, now: &Histogram) -> Option<Histogram> {
    let mut earlier = before.slots.iter().peekable();
    let mut slots = Vec::with_capacity(now.slots.len());
    for (slot, count) in &now.slots {
        let counted = earlier.next_if(|(one, _)| one == slot).map_or(0, |(_, count)| *count);
        let own = count.checked_sub(counted)?;
        if own > 0 {
            slots.push((*slot, own));
        }
    }
    // A slot that held some and holds none any more: it began anew.
    if earlier.peek().is_some() {
        return None;
    }
    let new = now.exemplars.iter().filter(|exemplar| !before.exemplars.contains(exemplar)).cloned().collect();
    Some(Histogram { slots, sum_ns: now.sum_ns.wrapping_sub(before.sum_ns), exemplars: new })
}

fn buckets_between(before: &Buckets, now: &Buckets) -> Option<Buckets> {
    let count = now.count.checked_sub(before.count)?;
    if before.bounds.len() != now.bounds.len() {
        return None;
    }
    let both = now.bounds.iter().zip(&before.bounds);
    let bounds = both.map(|((bound, cumulated), (earlier_bound, earlier))| {
        (bound == earlier_bound).then_some(())?;
        Some((*bound, cumulated.checked_sub(*earlier)?))
    });
    Some(Buckets { bounds: bounds.collect::<Option<_>>()?, count, sum: now.sum - before.sum })
}

#[cfg(test)]
mod tests {
    use phasemeter_core::catalogue::{PHASE_ACTIVE, PHASE_BUSY_TIME, PHASE_DURATION, PHASE_RUNS};
    use phasemeter_core::{Labels, Metric, Samples};

    use super::*;

    /// The one series of a metric, counted since the moment 1.
    fn snapshot(metric: &'static Metric, value: Value) -> Snapshot {
        let mut samples = Samples::default();
        samples.push_counted(metric, Labels::none(), value, 1);
        Snapshot::new(samples)
    }

    #[track_caller]
    fn check(metric: &'static Metric, before: Value, now: Value, expected: (Value, u64)) {
        let delta = since(&snapshot(metric, before), 9, snapshot(metric, now));
        let series = &delta.series(metric)[0];
        assert_eq!((series.value.clone(), series.created_unix_ns), (expected.0, Some(expected.1)));
    }

    fn histogram(slots: &[(u16, u64)], sum_ns: u64) -> Value {
        Value::Histogram(Box::new(Histogram { slots: slots.to_vec(), sum_ns, exemplars: Vec::new() }))
    }

    fn buckets(cumulated: [u64; 2], count: u64) -> Value {
        let bounds = vec![(1.0, cumulated[0]), (2.0, cumulated[1])];
        Value::Buckets(Box::new(Buckets { bounds, count, sum: count as f64 }))
    }

    #[test]
    fn counts_are_those_since_the_snapshot_before() {
        check(&PHASE_RUNS, Value::Count(5), Value::Count(7), (Value::Count(2), 9));
        check(&PHASE_BUSY_TIME, Value::Nanos(5), Value::Nanos(5), (Value::Nanos(0), 9));
        let (before, now) = (histogram(&[(3, 1), (5, 2)], 30), histogram(&[(3, 1), (4, 1), (5, 6)], 90));
        check(&PHASE_DURATION, before, now, (histogram(&[(4, 1), (5, 4)], 60), 9));
        check(&PHASE_DURATION, buckets([1, 2], 3), buckets([2, 4], 6), (buckets([1, 2], 3), 9));
    }

    #[test]
    fn levels_stay_as_they_are() {
        check(&PHASE_ACTIVE, Value::Level(3), Value::Level(5), (Value::Level(5), 1));
    }

    #[test]
    fn what_went_back_began_anew() {
        check(&PHASE_RUNS, Value::Count(5), Value::Count(4), (Value::Count(4), 1));
        let now = histogram(&[(3, 2)], 6);
        check(&PHASE_DURATION, histogram(&[(5, 2)], 30), now.clone(), (now, 1));
        check(&PHASE_DURATION, buckets([1, 2], 3), buckets([0, 2], 3), (buckets([0, 2], 3), 1));
    }

    #[test]
    fn what_was_not_there_counts_from_its_own_begin() {
        let now = snapshot(&PHASE_RUNS, Value::Count(4));
        assert_eq!(since(&Snapshot::default(), 9, now.clone()), now);
        let mut later = now.clone();
        later.families[0].series[0].created_unix_ns = Some(5);
        assert_eq!(since(&now, 9, later.clone()), later);
    }
}
