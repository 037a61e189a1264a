//! What holds of series, labels and their text, for every input:
//!
//! - a histogram's count is its last bucket is the sum of its slots;
//! - a quantile lies where the exact one does, and what Prometheus makes of either kind of buckets within its bucket;
//! - histograms that are merged in any order are the same;
//! - what an exposition was written from can be read back from it, to the last digit and character;
//! - the same series give the same bytes in whatever order they came;
//! - different label sets never have the same text;
//! - any labels are either taken as they are or refused;
//! - a bounded value fits, is whole where it can be, and stays apart from others.

mod cases;
mod exposition;
mod series;

use std::collections::{BTreeMap, BTreeSet};

use cases::{any_name, any_text, config, elapsed_ns, may_be_label, two_orders};
use exposition::{Pairs, Reading, parse, parse_labels};
use phasemeter_core::slots::{BOUNDS_NS, NATIVE_SCHEMA, UPPER_NS};
use phasemeter_core::{
    Exemplar, Histogram, Kind, Labels, MAX_VALUE_BYTES, Style, TraceIds, Value, bounded_value, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;
use series::{AnySeries, bucket, histogram, is_same, series, snapshot, wanted};

fn encoded(series: &[AnySeries]) -> String {
    let mut text = String::new();
    encode::text(&snapshot(series), &mut text);
    text
}

const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::UpDownCounter | Kind::Gauge | Kind::Info => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::Unknown => "untyped",
    }
}

/// Whether what was read is this value, to the last digit.
fn is_value(reading: &Reading, value: &Value) -> bool {
    match (reading, value) {
        (Reading::Plain(text), Value::Count(count)) => text.parse() == Ok(*count),
        (Reading::Plain(text), Value::Level(level)) => text.parse() == Ok(*level),
        (Reading::Plain(text), Value::Real(real)) => is_real(text, *real),
        (Reading::Plain(text), Value::Nanos(nanos)) => nanoseconds(text) == Some(*nanos),
        (Reading::Histogram { slots, sum }, Value::Histogram(histogram)) => {
            let counts = slots.iter().map(|(_, count)| *count).eq(classic_counts(histogram));
            let bounds = BOUNDS_NS.into_iter().map(Some).chain([None]);
            let bounds = slots.iter().map(|(le, _)| nanoseconds(le)).eq(bounds);
            counts && bounds && nanoseconds(sum) == Some(histogram.sum_ns)
        }
        (Reading::Histogram { slots, sum }, Value::Buckets(buckets)) => {
            let mut below = 0;
            let cumulated: Vec<_> = slots
                .iter()
                .map(|(le, count)| {
                    below += count;
                    (le, below)
                })
                .collect();
            let wanted = buckets.bounds.iter().copied().chain([(f64::INFINITY, buckets.count)]);
            let is_bound = |((le, read), (bound, count)): (&(&String, u64), _)| is_real(le, bound) && *read == count;
            cumulated.len() == buckets.bounds.len() + 1
                && cumulated.iter().zip(wanted).all(is_bound)
                && is_real(sum, buckets.sum)
        }
        (Reading::Summary { quantiles, count, sum }, Value::Quantiles(wanted)) => {
            let is_quantile = |((quantile, value), wanted): (&(String, String), &(f64, f64))| {
                is_real(quantile, wanted.0) && is_real(value, wanted.1)
            };
            quantiles.len() == wanted.values.len()
                && quantiles.iter().zip(&wanted.values).all(is_quantile)
                && count.parse() == Ok(wanted.count)
                && is_real(sum, wanted.sum)
        }
        (Reading::Plain(_) | Reading::Histogram { .. } | Reading::Summary { .. }, _) => false,
    }
}

/// Whether it was written to the last digit. Which of the many NaNs it was is not told.
fn is_real(text: &str, real: f64) -> bool {
    text.parse().is_ok_and(|read| is_same(read, real))
}

/// What each classic bucket holds, found by the ends of the slots alone.
fn classic_counts(histogram: &Histogram) -> Vec<u64> {
    let mut counts = vec![0; BOUNDS_NS.len() + 1];
    for (slot, count) in &histogram.slots {
        counts[bucket(UPPER_NS[usize::from(*slot)])] += count;
    }
    counts
}

/// Seconds in decimal, read without a float.
fn nanoseconds(seconds: &str) -> Option<u64> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let nanos: u64 = format!("{fraction:0<9}").parse().ok().filter(|_| fraction.len() <= 9)?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// Reads the exposition of these series back and compares everything in it.
fn check_read_back(series: &[AnySeries]) -> Result<(), TestCaseError> {
    let wanted = wanted(series, &Style::default(), true);
    let text = encoded(series);
    let families = parse(&text).map_err(|error| TestCaseError::fail(format!("{error} in\n{text}")))?;
    let names: Vec<_> = families.iter().map(|family| &family.name).collect();
    prop_assert_eq!(names, wanted.keys().collect::<Vec<_>>());
    for (family, (metric, wanted)) in families.iter().zip(wanted.values()) {
        prop_assert_eq!((&*family.help, &*family.kind), (metric.help, type_name(metric.kind)));
        let labels = family.series.iter().map(|series| series.labels.to_vec());
        prop_assert_eq!(labels.collect::<Vec<Pairs>>(), wanted.keys().map(pairs).collect::<Vec<_>>());
        for (series, AnySeries { value, .. }) in family.series.iter().zip(wanted.values()) {
            prop_assert!(is_value(&series.reading, value), "{value:?} was written as {:?}", series.reading);
        }
    }
    Ok(())
}

fn pairs(labels: &BTreeMap<String, String>) -> Pairs {
    labels.clone().into_iter().collect()
}

/// Exemplars that meet: at few values and moments.
fn small_histogram() -> impl Strategy<Value = Histogram> {
    (histogram(), vec((0..4_u64, 0..4_u64, 1..4_u8), 0..3)).prop_map(|(mut histogram, exemplars)| {
        histogram.sum_ns >>= 4;
        for (value, unix_ns, id) in exemplars {
            let ids = TraceIds { trace_id: [id; 16], span_id: [1; 8] };
            histogram.exemplars.push(Exemplar { ids, value_ns: value * 8_000, unix_ns });
        }
        histogram
    })
}

/// Where Prometheus finds a quantile: in the first bucket that reaches it, by this way of going from its lower end to
/// its upper one. Also the upper end.
fn interpolated(buckets: &[(f64, f64, u64)], rank: f64, go: impl Fn(f64, f64, f64) -> f64) -> (f64, f64, f64) {
    let mut below = 0.0;
    for (lower, upper, count) in buckets {
        let count = *count as f64;
        if count > 0.0 && below + count >= rank {
            return (go(*lower, *upper, (rank - below) / count), *lower, *upper);
        }
        below += count;
    }
    panic!("the rank is at most the count");
}

fn check_quantile(mut durations_ns: Vec<u64>, quantile: f64) -> Result<(), TestCaseError> {
    let mut histogram = Histogram::default();
    for elapsed_ns in &durations_ns {
        let slots = vec![(UPPER_NS.partition_point(|upper| upper < elapsed_ns) as u16, 1)];
        histogram.merge(&Histogram { slots, ..Histogram::default() });
    }
    durations_ns.sort_unstable();
    let rank = (quantile * durations_ns.len() as f64).ceil().max(1.0);
    let exact_ns = durations_ns[rank as usize - 1];
    let (lower, upper) = histogram.quantile_ns(quantile).expect("it holds durations");
    prop_assert!((lower..=upper).contains(&exact_ns), "{exact_ns} is not within {lower} and {upper}");
    // 9 %, and some nanoseconds at the beginning, where there are no others between.
    prop_assert!(upper as f64 <= lower as f64 * 1.0906 + 1.0, "{lower} {upper}");

    let exact = exact_ns as f64 / 1e9;
    let classic = classic_counts(&histogram).into_iter().enumerate().map(|(index, count)| {
        let end = |index: usize| BOUNDS_NS.get(index).map_or(u64::MAX, |bound| *bound) as f64 / 1e9;
        (index.checked_sub(1).map_or(0.0, end), end(index), count)
    });
    let linear = |lower: f64, upper: f64, part: f64| lower + (upper - lower) * part;
    let (found, lower, upper) = interpolated(&classic.collect::<Vec<_>>(), rank, linear);
    prop_assert!(lower <= found && found <= upper && lower <= exact && exact <= upper, "{found} {exact}");

    let native = histogram.native(NATIVE_SCHEMA);
    let mut next = 0;
    let numbers = native.spans.iter().flat_map(|(offset, length)| {
        let first = next + offset;
        next = first + *length as i32;
        first..next
    });
    let end = |number: i32| (f64::from(number) / 8.0).exp2();
    let positive = numbers.zip(&native.counts).map(|(number, count)| (end(number - 1), end(number), *count));
    let buckets: Vec<_> = [(0.0, 0.0, native.zero_count)].into_iter().chain(positive).collect();
    let (found, ..) = interpolated(&buckets, rank, |lower, upper, part| {
        if upper > 0.0 { (lower.log2() + (upper.log2() - lower.log2()) * part).exp2() } else { 0.0 }
    });
    // Both are in one bucket: 2^(1/8) apart at most.
    prop_assert!(found <= exact * 1.0906 && exact <= found * 1.0906, "{found} for {exact}");
    Ok(())
}

fn check_bounded(value: &str) -> Result<(), TestCaseError> {
    let bounded = bounded_value(value);
    if value.len() <= MAX_VALUE_BYTES {
        prop_assert_eq!(bounded, value);
        return Ok(());
    }
    prop_assert!(bounded.len() <= MAX_VALUE_BYTES, "{} bytes", bounded.len());
    // Less than a character could still have been kept.
    prop_assert!(bounded.len() > MAX_VALUE_BYTES - 4, "only {} bytes", bounded.len());
    let (kept, hash) = bounded.rsplit_once('…').expect("a mark stands where it was cut");
    prop_assert!(value.starts_with(kept), "{kept:?} is not how it begins");
    prop_assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_count_is_the_last_bucket_is_the_sum_of_the_slots(histogram in histogram()) {
        let buckets: Vec<_> = histogram.buckets().collect();
        prop_assert_eq!(buckets.len(), BOUNDS_NS.len() + 1);
        let mut below = 0;
        for ((index, (bound, cumulated)), count) in buckets.iter().enumerate().zip(classic_counts(&histogram)) {
            below += count;
            prop_assert_eq!((*bound, *cumulated), (BOUNDS_NS.get(index).copied(), below));
        }
        prop_assert_eq!(histogram.slots.iter().map(|(_, count)| count).sum::<u64>(), below);
        prop_assert_eq!(histogram.count(), below);
    }

    #[test]
    fn a_quantile_lies_where_the_exact_one_does(
        durations_ns in vec(elapsed_ns(), 1..50),
        quantile in 0.0..=1.0_f64,
    ) {
        check_quantile(durations_ns, quantile)?;
    }

    #[test]
    fn histograms_merged_in_any_order_are_the_same(
        [histograms, shuffled] in two_orders(vec(small_histogram(), 0..6)),
    ) {
        let merged = |histograms: &[Histogram]| {
            let mut all = Histogram::default();
            histograms.iter().for_each(|histogram| all.merge(histogram));
            all
        };
        let all = merged(&histograms);
        prop_assert_eq!(&all, &merged(&shuffled));
        let halves = shuffled.split_at(shuffled.len() / 2);
        let mut later = merged(halves.1);
        later.merge(&merged(halves.0));
        prop_assert_eq!(&all, &later);
        prop_assert_eq!(all.count(), histograms.iter().map(Histogram::count).sum::<u64>());
        let buckets: Vec<_> = all.exemplars.iter().map(|exemplar| bucket(exemplar.value_ns)).collect();
        prop_assert!(buckets.is_sorted_by(|one, next| one < next), "one a bucket, in order");
    }

    #[test]
    fn what_was_written_can_be_read_back(series in series()) {
        check_read_back(&series)?;
    }

    #[test]
    fn the_same_series_give_the_same_bytes_in_any_order([series, shuffled] in two_orders(series())) {
        prop_assert_eq!(encoded(&series), encoded(&shuffled));
    }

    #[test]
    fn labels_are_taken_as_they_are_or_refused(
        pairs in vec((any_name(), any_text(0..300)), 0..5),
    ) {
        let names: BTreeSet<_> = pairs.iter().map(|(name, _)| name).collect();
        let valid = names.len() == pairs.len() && names.iter().all(|name| may_be_label(name));
        match Labels::new(pairs.iter().map(|(name, value)| (name, value))) {
            Ok(labels) => {
                prop_assert!(valid, "{labels:?} was taken");
                let sorted: BTreeMap<_, _> = pairs.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
                prop_assert_eq!(parse_labels(labels.text()), Ok(sorted.into_iter().collect()));
                for (name, value) in &pairs {
                    prop_assert_eq!(labels.value(name), Some(&**value).filter(|value| !value.is_empty()));
                }
            }
            Err(error) => {
                prop_assert!(!valid, "{error}, but it is valid");
                prop_assert!(error.is_label_name() != error.is_duplicate_label());
            }
        }
    }

    #[test]
    fn a_bounded_value_fits_and_is_whole_where_it_can_be(value in any_text(0..400)) {
        check_bounded(&value)?;
    }

    #[test]
    fn bounded_values_stay_apart(begins in any_text(0..400), ends in (any_text(0..10), any_text(0..10))) {
        let (one, two) = (begins.clone() + &ends.0, begins + &ends.1);
        prop_assert_eq!(bounded_value(&one) == bounded_value(&two), one == two);
    }
}

/// One after the other: two sets that could be mistaken for each other are too rare to be met by chance.
#[test]
fn different_label_sets_never_have_the_same_text() {
    let mut values = values_of(&["\\", "\"", "\n", "n", "\",b=\""], 3);
    // A label without a value is none.
    values.remove("");
    let mut written: BTreeMap<Box<str>, Labels> = BTreeMap::new();
    let mut check = |labels: &[(&str, &str)]| {
        let labels = Labels::new(labels.iter().copied()).expect("valid names");
        if let Some(other) = written.insert(labels.text().into(), labels.clone()) {
            let (labels, other): (Vec<_>, Vec<_>) = (labels.iter().collect(), other.iter().collect());
            panic!("{labels:?} have the text of {other:?}");
        }
    };
    for one in &values {
        check(&[("a", one)]);
        for two in &values {
            check(&[("a", one), ("b", two)]);
        }
    }
}

/// Every text of up to so many of these parts, each once.
fn values_of(parts: &[&str], most: usize) -> BTreeSet<String> {
    let mut all = BTreeSet::from([String::new()]);
    for _ in 0..most {
        let longer: Vec<_> =
            all.iter().flat_map(|text| parts.iter().map(move |part| format!("{text}{part}"))).collect();
        all.extend(longer);
    }
    all
}
