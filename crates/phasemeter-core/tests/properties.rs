//! What holds for every input:
//!
//! - a duration falls into the first slot whose bound is not below it;
//! - recorded in any order, by any threads, and merged in any order, events read the same, and nothing is lost;
//! - errors are counted whole, whatever types they have and however many;
//! - a registry gives the same bytes, whatever phase came first and whenever the base pipeline was named;
//! - a histogram's count is its last bucket is the sum of its slots;
//! - what an exposition was written from can be read back from it, to the last digit and character;
//! - the same series give the same bytes in whatever order they came;
//! - different label sets never have the same text;
//! - any labels are either taken as they are or refused;
//! - a bounded value fits, is whole where it can be, and stays apart from others.

mod events;
mod exposition;
mod series;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Barrier};

use events::{Event, MAX_EVENTS, counted, elapsed_ns, event, held, tell};
use exposition::{Pairs, Reading, parse, parse_labels};
use phasemeter_core::buckets::{BOUNDS_NS, SLOTS, slot};
use phasemeter_core::{
    Histogram, ItemOutcome, Kind, Labels, Limits, MAX_ERROR_TYPES, MAX_VALUE_BYTES, Metric, Outcome, PhaseCell,
    Registry, Samples, Snapshot, Value, bounded_value, encode,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use series::{AnySeries, any_name, any_text, histogram, series};

/// Makes new cells, which only a registry can.
fn cell() -> Arc<PhaseCell> {
    Registry::new(Limits::default()).phase(None, "embed")
}

/// Splits the work among this many threads.
fn each_thread<T: Sync>(work: &[T], threads: usize, act: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for share in work.chunks(work.len().div_ceil(threads).max(1)) {
            scope.spawn(|| share.iter().for_each(&act));
        }
    });
}

/// A list, and the same in another order.
fn two_orders<T: std::fmt::Debug + Clone>(list: impl Strategy<Value = Vec<T>>) -> impl Strategy<Value = [Vec<T>; 2]> {
    list.prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()).prop_map(|(one, two)| [one, two]))
}

fn encoded(series: &[AnySeries]) -> String {
    let mut samples = Samples::default();
    for (metric, labels, value) in series {
        samples.push(metric, Labels::new(labels).expect("the strategy makes valid names"), value.clone());
    }
    text(samples)
}

fn text(samples: Samples) -> String {
    let mut out = String::new();
    encode::text(&Snapshot::new(samples), &mut out);
    out
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

fn check_slot(elapsed_ns: u64) -> Result<(), TestCaseError> {
    let mut expected = 0;
    for bound in BOUNDS_NS {
        if bound >= elapsed_ns {
            break;
        }
        expected += 1;
    }
    prop_assert_eq!(slot(elapsed_ns), expected);
    let cell = cell();
    cell.record(Outcome::Ok, elapsed_ns);
    let mut slots = [0; SLOTS];
    slots[expected] = 1;
    let reading = cell.read();
    prop_assert_eq!(reading.durations(Outcome::Ok), &Histogram { slots, sum_ns: elapsed_ns });
    Ok(())
}

/// What Prometheus takes as the name of a label, less what is reserved.
fn may_be_label(name: &str) -> bool {
    let first_fits = name.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic());
    let all_fit = name.chars().all(|character| character == '_' || character.is_ascii_alphanumeric());
    first_fits && all_fit && !name.starts_with("__") && name != "le"
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

/// Nothing is kept between runs: a case that failed becomes a test of its own.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_duration_falls_into_the_first_slot_whose_bound_is_not_below_it(elapsed_ns in elapsed_ns()) {
        check_slot(elapsed_ns)?;
    }

    #[test]
    fn events_read_the_same_in_any_order_by_any_threads_and_merged_in_any_order(
        [events, shuffled] in two_orders(vec(event(), 0..MAX_EVENTS)),
        threads in 1..5_usize,
    ) {
        let wanted = counted(&events);
        let (one, other, shared) = (cell(), cell(), cell());
        events.iter().for_each(|event| tell(&one, event));
        prop_assert_eq!(held(&one.read()), wanted.clone());
        shuffled.iter().for_each(|event| tell(&other, event));
        prop_assert_eq!(held(&other.read()), wanted.clone());
        each_thread(&shuffled, threads, |event| tell(&shared, event));
        prop_assert_eq!(held(&shared.read()), wanted.clone());

        let cells: Vec<_> = (0..threads).map(|_| cell()).collect();
        shuffled.iter().zip(cells.iter().cycle()).for_each(|(event, cell)| tell(cell, event));
        let (mut forwards, mut backwards) = (cell().read(), cell().read());
        cells.iter().for_each(|cell| forwards.merge(&cell.read()));
        cells.iter().rev().for_each(|cell| backwards.merge(&cell.read()));
        prop_assert_eq!(held(&forwards), wanted.clone());
        prop_assert_eq!(held(&backwards), wanted);
    }

    #[test]
    fn errors_are_counted_whole_whatever_types_they_have(
        errors in vec((0..3 * MAX_ERROR_TYPES, 0..1_000_u64), 0..200),
        threads in 1..5_usize,
    ) {
        let cell = cell();
        each_thread(&errors, threads, |(number, errors)| cell.add_errors(&format!("type {number}"), *errors));
        let reading = cell.read();
        let named: BTreeMap<_, _> = reading.errors.iter().map(|(name, errors)| (&**name, *errors)).collect();
        prop_assert_eq!(named.len(), reading.errors.len(), "no type stands twice");
        prop_assert_eq!(named.values().sum::<u64>(), errors.iter().map(|(_, errors)| errors).sum::<u64>());
        prop_assert_eq!(named.get("other").copied().unwrap_or(0), reading.errors_overflowed);
        let types: BTreeSet<_> = errors.iter().map(|(number, _)| number).collect();
        prop_assert_eq!(named.keys().filter(|name| **name != "other").count(), types.len().min(MAX_ERROR_TYPES));
    }

    #[test]
    fn a_registry_gives_the_same_bytes_whatever_came_first(
        [told, shuffled] in two_orders(vec(
            (select(&[None, Some("base"), Some("else")][..]), select(&["a", "b"][..]), event()),
            0..MAX_EVENTS,
        )),
        threads in 1..5_usize,
    ) {
        let [early, late, named] = [(); 3].map(|()| Registry::new(Limits::default()));
        prop_assert!(early.name_base_pipeline("base"));
        told.iter().for_each(|(pipeline, phase, event)| tell(&early.phase(*pipeline, phase), event));
        each_thread(&shuffled, threads, |(pipeline, phase, event)| tell(&late.phase(*pipeline, phase), event));
        prop_assert!(late.name_base_pipeline("base"));
        told.iter().for_each(|(pipeline, phase, event)| tell(&named.phase(pipeline.or(Some("base")), phase), event));
        let [early, late, named] = [early, late, named].map(|registry| {
            let mut samples = Samples::default();
            registry.sample(&mut samples);
            text(samples)
        });
        prop_assert_eq!(&early, &late);
        prop_assert_eq!(&early, &named);
        prop_assert!(parse(&early).is_ok(), "{:?}", parse(&early));
    }

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

/// Each of them, for chance may miss the one that matters.
#[test]
fn durations_at_every_bound_fall_into_the_slot_that_they_should() {
    for elapsed_ns in BOUNDS_NS.into_iter().flat_map(|bound| [bound - 1, bound, bound + 1]).chain([0, u64::MAX]) {
        check_slot(elapsed_ns).expect("the slot that a search from below finds");
    }
}

/// Threads that live as shortly as those of the properties hardly meet; these do.
#[test]
fn threads_that_record_at_once_lose_nothing() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 20_000;
    let shared = cell();
    let events = [
        Event::Begin,
        Event::End(Outcome::Ok, 3),
        Event::Record(Outcome::Error, 10_001),
        Event::Items(ItemOutcome::Ok, 2),
        Event::Bytes(ItemOutcome::Skipped, 5),
        Event::Errors("io", 1),
        Event::Expect { before: 1, after: 2 },
    ];
    let start = Barrier::new(THREADS);
    each_thread(&[(); THREADS], THREADS, |()| {
        start.wait();
        (0..ROUNDS).for_each(|_| events.iter().for_each(|event| tell(&shared, event)));
    });
    let mut wanted = counted(&events);
    wanted.values_mut().for_each(|count| *count *= (THREADS * ROUNDS) as i128);
    assert_eq!(held(&shared.read()), wanted);
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
