//! What holds of series, labels and their text, for every input:
//!
//! - a histogram's count is its last bucket is the sum of its slots;
//! - what an exposition was written from can be read back from it, to the last digit and character;
//! - the same series give the same bytes in whatever order they came;
//! - different label sets never have the same text;
//! - any labels are either taken as they are or refused;
//! - a bounded value fits, is whole where it can be, and stays apart from others.

mod cases;
mod exposition;
mod series;

use std::collections::{BTreeMap, BTreeSet};

use cases::{any_name, any_text, config, may_be_label, text, two_orders};
use exposition::{Pairs, Reading, parse, parse_labels};
use phasemeter_core::buckets::{BOUNDS_NS, SLOTS};
use phasemeter_core::{Kind, Labels, MAX_VALUE_BYTES, Metric, Samples, Value, bounded_value};
use proptest::collection::vec;
use proptest::prelude::*;
use series::{AnySeries, histogram, series};

fn encoded(series: &[AnySeries]) -> String {
    let mut samples = Samples::default();
    for (metric, labels, value) in series {
        samples.push(metric, Labels::new(labels).expect("the strategy makes valid names"), value.clone());
    }
    text(samples)
}

const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::UpDownCounter | Kind::Gauge | Kind::Info => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// Whether what was read is this value, to the last digit.
fn is_value(reading: &Reading, value: &Value) -> bool {
    match (reading, value) {
        (Reading::Plain(text), Value::Count(count)) => text.parse() == Ok(*count),
        (Reading::Plain(text), Value::Level(level)) => text.parse() == Ok(*level),
        (Reading::Plain(text), Value::Real(real)) => match text.parse::<f64>() {
            // Which of the many NaNs it was is not told.
            Ok(read) => read.to_bits() == real.to_bits() || (read.is_nan() && real.is_nan()),
            Err(_) => false,
        },
        (Reading::Plain(text), Value::Nanos(nanos)) => nanoseconds(text) == Some(*nanos),
        (Reading::Histogram { slots, sum }, Value::Histogram(histogram)) => {
            let counts = slots.iter().map(|(_, count)| count).eq(&histogram.slots);
            let bounds = BOUNDS_NS.into_iter().map(Some).chain([None]);
            let bounds = slots.iter().map(|(le, _)| nanoseconds(le)).eq(bounds);
            counts && bounds && nanoseconds(sum) == Some(histogram.sum_ns)
        }
        (Reading::Plain(_), Value::Histogram(_)) | (Reading::Histogram { .. }, _) => false,
    }
}

/// Seconds in decimal, read without a float.
fn nanoseconds(seconds: &str) -> Option<u64> {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let nanos: u64 = format!("{fraction:0<9}").parse().ok().filter(|_| fraction.len() <= 9)?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// Reads the exposition of these series back and compares everything in it.
fn check_read_back(series: &[AnySeries]) -> Result<(), TestCaseError> {
    let mut wanted: BTreeMap<String, (&Metric, BTreeMap<Pairs, &Value>)> = BTreeMap::new();
    for (metric, labels, value) in series {
        let family = wanted.entry(metric.prometheus_name()).or_insert_with(|| (metric, BTreeMap::new()));
        family.1.insert(labels.clone().into_iter().collect(), value);
    }
    let text = encoded(series);
    let families = parse(&text).map_err(|error| TestCaseError::fail(format!("{error} in\n{text}")))?;
    let names: Vec<_> = families.iter().map(|family| &family.name).collect();
    prop_assert_eq!(names, wanted.keys().collect::<Vec<_>>());
    for (family, (metric, wanted)) in families.iter().zip(wanted.values()) {
        prop_assert_eq!((&*family.help, &*family.kind), (metric.help, type_name(metric.kind)));
        let labels: Vec<_> = family.series.iter().map(|series| &series.labels).collect();
        prop_assert_eq!(labels, wanted.keys().collect::<Vec<_>>());
        for (series, value) in family.series.iter().zip(wanted.values()) {
            prop_assert!(is_value(&series.reading, value), "{value:?} was written as {:?}", series.reading);
        }
    }
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
        prop_assert_eq!(buckets.len(), SLOTS);
        let mut below = 0;
        for ((index, (bound, cumulated)), count) in buckets.iter().enumerate().zip(histogram.slots) {
            below += count;
            prop_assert_eq!((*bound, *cumulated), (BOUNDS_NS.get(index).copied(), below));
        }
        prop_assert_eq!(histogram.count(), below);
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
                let sorted: BTreeMap<_, _> = pairs.iter().cloned().collect();
                prop_assert_eq!(parse_labels(labels.text()), Ok(sorted.into_iter().collect()));
                for (name, value) in &pairs {
                    prop_assert_eq!(labels.value(name), Some(&**value));
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
    let values = values_of(&["\\", "\"", "\n", "n", "\",b=\""], 3);
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
