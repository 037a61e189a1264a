//! What was written in OpenMetrics can be read back from it: names, labels and values to the last digit, when counting
//! began, and exemplars.

mod cases;
mod open_metrics_text;
mod series;

use std::collections::BTreeMap;

use cases::config;
use open_metrics_text::{Exemplar, Family, Labels, Sample, parse};
use phasemeter_core::encode::{Format, encode, negotiate};
use phasemeter_core::slots::BOUNDS_NS;
use phasemeter_core::{Histogram, Kind, Style, Value};
use proptest::prelude::*;
use series::{AnySeries, Wanted, bucket, is_same, series, snapshot, style, wanted};

fn written(series: &[AnySeries], style: &Style, is_classic: bool) -> String {
    let escaping = if is_classic { "underscores" } else { "allow-utf-8" };
    let negotiated = negotiate(&format!("application/openmetrics-text;version=1.0.0;escaping={escaping}"));
    assert_eq!(negotiated.format, Format::OpenMetrics);
    let mut out = Vec::new();
    encode(&snapshot(series), negotiated, style, &mut out);
    String::from_utf8(out).expect("it is text")
}

/// A number that is to be written.
#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i128),
    Real(f64),
    /// In seconds, of these nanoseconds.
    Seconds(u64),
}

impl Number {
    fn is_written_as(self, text: &str) -> bool {
        match self {
            Self::Whole(number) => text.parse() == Ok(number),
            Self::Real(number) => text.parse().is_ok_and(|read| is_same(read, number)),
            Self::Seconds(nanos) => {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                let digits = format!("{whole}{fraction:0<9}");
                fraction.len() <= 9 && digits.parse() == Ok(nanos)
            }
        }
    }
}

/// A sample that is to be written: its suffix, its bound and its value.
type Expected = (&'static str, Option<f64>, Number);

fn expected(one: &AnySeries, kind: &str) -> Vec<Expected> {
    let whole = |count: u64| Number::Whole(count.into());
    let created = one.created_unix_ns.map(|unix_ns| ("_created", None, Number::Seconds(unix_ns)));
    // Nothing that only grows has a sum below 0.
    let ending = |count, sum: Option<Number>| {
        let sum = sum.map(|sum| ("_sum", None, sum));
        [("_count", None, whole(count))].into_iter().chain(sum).chain(created)
    };
    match &one.value {
        Value::Histogram(histogram) => {
            let bounds =
                histogram.buckets().map(|(bound, count)| (bound.map_or(f64::INFINITY, |ns| ns as f64 / 1e9), count));
            let buckets = bounds.map(|(bound, count)| ("_bucket", Some(bound), whole(count)));
            buckets.chain(ending(histogram.count(), Some(Number::Seconds(histogram.sum_ns)))).collect()
        }
        Value::Buckets(buckets) => {
            let bounds = buckets.bounds.iter().copied().chain([(f64::INFINITY, buckets.count)]);
            let all = bounds.map(|(bound, count)| ("_bucket", Some(bound), whole(count)));
            let is_sum = buckets.sum >= 0.0 && buckets.bounds.iter().all(|(bound, _)| *bound >= 0.0);
            all.chain(ending(buckets.count, is_sum.then_some(Number::Real(buckets.sum)))).collect()
        }
        Value::Quantiles(quantiles) => {
            let values = quantiles.values.iter().map(|(quantile, value)| ("", Some(*quantile), Number::Real(*value)));
            let sum = Some(Number::Real(quantiles.sum)).filter(|_| quantiles.sum >= 0.0);
            values.chain(ending(quantiles.count, sum)).collect()
        }
        plain @ (Value::Count(_) | Value::Level(_) | Value::Real(_) | Value::Nanos(_)) => {
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let number = match plain {
                Value::Level(level) => Number::Whole((*level).into()),
                Value::Real(real) => Number::Real(*real),
                Value::Nanos(nanos) => Number::Seconds(*nanos),
                Value::Count(count) => whole(*count),
                Value::Histogram(_) | Value::Buckets(_) | Value::Quantiles(_) => unreachable!("they are dealt with"),
            };
            [(suffix, None, number)].into_iter().chain(created.filter(|_| kind == "counter")).collect()
        }
    }
}

/// What a family is called, and its type: a counter or an info only where its name says so, and no other's is like it.
fn shape<'a>(name: &'a str, kind: Kind, all: &Wanted<'_>) -> (&'a str, &'static str) {
    let free = |suffix, others: &[&str]| {
        let family = name.strip_suffix(suffix)?;
        others.iter().all(|other| !all.contains_key(&format!("{family}{other}"))).then_some(family)
    };
    match kind {
        Kind::Counter => free("_total", &["", "_info"]).map_or((name, "unknown"), |family| (family, "counter")),
        Kind::Info => free("_info", &[""]).map_or((name, "unknown"), |family| (family, "info")),
        Kind::UpDownCounter | Kind::Gauge => (name, "gauge"),
        Kind::Histogram => (name, "histogram"),
        Kind::Summary => (name, "summary"),
        Kind::Unknown => (name, "unknown"),
    }
}

/// Each exemplar stands at the bucket into which its value falls.
fn check_exemplars(read: &[&Sample], histogram: &Histogram) -> Result<(), TestCaseError> {
    let buckets: Vec<_> = read.iter().filter(|sample| sample.suffix == "_bucket").collect();
    prop_assert_eq!(buckets.len(), BOUNDS_NS.len() + 1);
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for wanted in &histogram.exemplars {
        let found = buckets[bucket(wanted.value_ns)].exemplar.as_ref();
        let Exemplar { labels, value, timestamp } = found.expect("an exemplar at its bucket");
        let ids = [("trace_id", digits(&wanted.ids.trace_id)), ("span_id", digits(&wanted.ids.span_id))];
        prop_assert_eq!(labels, &ids.map(|(name, id)| (name.to_owned(), id)).into_iter().collect::<Labels>());
        prop_assert!(Number::Seconds(wanted.value_ns).is_written_as(value), "{value}");
        prop_assert!(Number::Seconds(wanted.unix_ns).is_written_as(timestamp), "{timestamp}");
    }
    let exemplars = buckets.iter().filter(|bucket| bucket.exemplar.is_some()).count();
    prop_assert_eq!(exemplars, histogram.exemplars.len());
    Ok(())
}

fn check_series(read: &[&Sample], wanted: &AnySeries, kind: &str) -> Result<(), TestCaseError> {
    let expected = expected(wanted, kind);
    prop_assert_eq!(read.len(), expected.len(), "{:?} for {:?}", read, expected);
    for (read, (suffix, bound, number)) in read.iter().zip(expected) {
        prop_assert_eq!((&*read.suffix, read.bound), (suffix, bound));
        prop_assert!(number.is_written_as(&read.value), "{number:?} was written as {}", read.value);
    }
    if let Value::Histogram(histogram) = &wanted.value {
        check_exemplars(read, histogram)?;
    }
    Ok(())
}

fn check_read_back(series: &[AnySeries], style: &Style, is_classic: bool) -> Result<(), TestCaseError> {
    let text = written(series, style, is_classic);
    let families = parse(&text).map_err(|error| TestCaseError::fail(format!("{error} in\n{text}")))?;
    let wanted = wanted(series, style, is_classic);
    prop_assert_eq!(families.len(), wanted.len());
    let by_name: BTreeMap<_, _> = families.iter().map(|family| (&*family.name, family)).collect();
    for (name, (metric, wanted_series)) in &wanted {
        let (name, kind) = shape(name, metric.kind, &wanted);
        let Family { kind: read_kind, help, samples, .. } = by_name.get(name).expect("the family is there");
        prop_assert_eq!((&**read_kind, &**help), (kind, metric.help));
        let mut read: BTreeMap<&Labels, Vec<&Sample>> = BTreeMap::new();
        samples.iter().for_each(|sample| read.entry(&sample.labels).or_default().push(sample));
        prop_assert_eq!(read.keys().copied().collect::<Vec<_>>(), wanted_series.keys().collect::<Vec<_>>());
        for (read, wanted) in read.values().zip(wanted_series.values()) {
            check_series(read, wanted, kind)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_was_written_can_be_read_back(series in series(), style in style(), is_classic in any::<bool>()) {
        check_read_back(&series, &style, is_classic)?;
    }
}

#[test]
fn nothing_has_an_end_too() {
    assert_eq!(written(&[], &Style::default(), true), "# EOF\n");
}

#[test]
fn what_is_cut_off_is_not_read() {
    for text in ["", "# EOF", "# HELP a A.\n# TYPE a gauge\na 1\n", "# HELP a A.\n# TYPE a gauge\na 1# EOF\n"] {
        assert!(parse(text).is_err(), "{text:?}");
    }
}
