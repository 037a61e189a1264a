//! What our protobuf says, read by another implementation of the encoding: prost, with messages declared here after the
//! published definition of `io.prometheus.client`.
//!
//! - Everything that was written can be read back: names, labels, values, when counting began, exemplars.
//! - Native buckets hold what exact arithmetic puts into them, at every resolution.
//! - Whichever buckets are added up, native, classic or those of the count, the sum is the same.

mod cases;
mod series;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use cases::{config, elapsed_ns, registry};
use phasemeter_core::catalogue::PHASE_DURATION;
use phasemeter_core::encode::{Format, Names, encode, negotiate};
use phasemeter_core::{Exemplar, Histogram, Kind, Limits, Moment, Outcome, Samples, Snapshot, Style, TraceIds, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use series::{AnySeries, is_same, series, snapshot, style, wanted};

const ACCEPT: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// The messages, by the names and numbers of their definition.
mod proto {
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct MetricFamily {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) help: String,
        #[prost(int32, tag = "3")]
        pub(super) kind: i32,
        #[prost(message, repeated, tag = "4")]
        pub(super) metric: Vec<Metric>,
        #[prost(string, tag = "5")]
        pub(super) unit: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub(super) label: Vec<LabelPair>,
        #[prost(message, optional, tag = "2")]
        pub(super) gauge: Option<Number>,
        #[prost(message, optional, tag = "3")]
        pub(super) counter: Option<Counter>,
        #[prost(message, optional, tag = "4")]
        pub(super) summary: Option<Summary>,
        #[prost(message, optional, tag = "5")]
        pub(super) untyped: Option<Number>,
        #[prost(int64, tag = "6")]
        pub(super) timestamp_ms: i64,
        #[prost(message, optional, tag = "7")]
        pub(super) histogram: Option<Histogram>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct LabelPair {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    /// Both a gauge and what has no type.
    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Number {
        #[prost(double, tag = "1")]
        pub(super) value: f64,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Counter {
        #[prost(double, tag = "1")]
        pub(super) value: f64,
        #[prost(message, optional, tag = "2")]
        pub(super) exemplar: Option<Exemplar>,
        #[prost(message, optional, tag = "3")]
        pub(super) created_timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Summary {
        #[prost(uint64, tag = "1")]
        pub(super) sample_count: u64,
        #[prost(double, tag = "2")]
        pub(super) sample_sum: f64,
        #[prost(message, repeated, tag = "3")]
        pub(super) quantile: Vec<Quantile>,
        #[prost(message, optional, tag = "4")]
        pub(super) created_timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Quantile {
        #[prost(double, tag = "1")]
        pub(super) quantile: f64,
        #[prost(double, tag = "2")]
        pub(super) value: f64,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Histogram {
        #[prost(uint64, tag = "1")]
        pub(super) sample_count: u64,
        #[prost(double, tag = "2")]
        pub(super) sample_sum: f64,
        #[prost(message, repeated, tag = "3")]
        pub(super) bucket: Vec<Bucket>,
        #[prost(sint32, tag = "5")]
        pub(super) schema: i32,
        #[prost(double, tag = "6")]
        pub(super) zero_threshold: f64,
        #[prost(uint64, tag = "7")]
        pub(super) zero_count: u64,
        #[prost(message, repeated, tag = "12")]
        pub(super) positive_span: Vec<BucketSpan>,
        #[prost(sint64, repeated, tag = "13")]
        pub(super) positive_delta: Vec<i64>,
        #[prost(message, optional, tag = "15")]
        pub(super) created_timestamp: Option<Timestamp>,
        #[prost(message, repeated, tag = "16")]
        pub(super) exemplars: Vec<Exemplar>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Bucket {
        #[prost(uint64, tag = "1")]
        pub(super) cumulative_count: u64,
        #[prost(double, tag = "2")]
        pub(super) upper_bound: f64,
        #[prost(message, optional, tag = "3")]
        pub(super) exemplar: Option<Exemplar>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct BucketSpan {
        #[prost(sint32, tag = "1")]
        pub(super) offset: i32,
        #[prost(uint32, tag = "2")]
        pub(super) length: u32,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Exemplar {
        #[prost(message, repeated, tag = "1")]
        pub(super) label: Vec<LabelPair>,
        #[prost(double, tag = "2")]
        pub(super) value: f64,
        #[prost(message, optional, tag = "3")]
        pub(super) timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Timestamp {
        #[prost(int64, tag = "1")]
        pub(super) seconds: i64,
        #[prost(int32, tag = "2")]
        pub(super) nanos: i32,
    }
}

/// Reads all messages.
fn decode(bytes: &[u8]) -> Vec<proto::MetricFamily> {
    let mut rest = bytes;
    let mut families = Vec::new();
    while !rest.is_empty() {
        families.push(proto::MetricFamily::decode_length_delimited(&mut rest).expect("prost reads it"));
    }
    families
}

fn written(snapshot: &Snapshot, accept: &str, style: &Style) -> Vec<proto::MetricFamily> {
    let negotiated = negotiate(accept);
    assert_eq!(negotiated.format, Format::Protobuf);
    let mut out = Vec::new();
    encode(snapshot, negotiated, style, &mut out);
    decode(&out)
}

fn unix_ns(timestamp: &proto::Timestamp) -> u64 {
    u64::try_from(timestamp.seconds).expect("after 1970") * 1_000_000_000
        + u64::try_from(timestamp.nanos).expect("a part of a second")
}

fn labels(pairs: &[proto::LabelPair]) -> BTreeMap<String, String> {
    let labels: BTreeMap<_, _> = pairs.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect();
    assert_eq!(labels.len(), pairs.len(), "no label stands twice");
    labels
}

fn is_exemplar(read: &proto::Exemplar, wanted: &Exemplar) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let TraceIds { trace_id, span_id } = wanted.ids;
    let ids = [("trace_id".to_owned(), digits(&trace_id)), ("span_id".to_owned(), digits(&span_id))];
    labels(&read.label) == BTreeMap::from(ids)
        && read.value == wanted.value_ns as f64 / 1e9
        && read.timestamp.as_ref().map(unix_ns) == Some(wanted.unix_ns)
}

/// The native buckets by number, none of which is empty.
fn native(read: &proto::Histogram) -> BTreeMap<i32, u64> {
    let mut deltas = read.positive_delta.iter();
    let (mut next, mut count) = (0, 0);
    let mut buckets = BTreeMap::new();
    for span in &read.positive_span {
        next += span.offset;
        for _ in 0..span.length {
            count += deltas.next().expect("a count for each bucket of a span");
            buckets.insert(next, u64::try_from(count).expect("no count is negative"));
            next += 1;
        }
    }
    assert_eq!(deltas.next(), None, "a bucket for each count");
    assert!(buckets.values().all(|count| *count > 0));
    buckets
}

fn check_histogram(read: &proto::Histogram, wanted: &Histogram, style: &Style) -> Result<(), TestCaseError> {
    let count = wanted.slots.iter().map(|(_, count)| count).sum::<u64>();
    prop_assert_eq!(read.sample_count, count);
    prop_assert_eq!(read.sample_sum, wanted.sum_ns as f64 / 1e9);
    prop_assert_eq!(native(read).values().sum::<u64>() + read.zero_count, count);
    prop_assert_eq!((read.schema, read.zero_threshold > 0.0), (style.native_schema, true));
    prop_assert!(!read.positive_span.is_empty(), "without a span it is not a native one");

    let bounds: Vec<_> = read.bucket.iter().map(|bucket| bucket.upper_bound).collect();
    prop_assert!(bounds.is_sorted_by(|one, next| one < next) && bounds.last() == Some(&f64::INFINITY));
    prop_assert_eq!(read.bucket.last().map(|bucket| bucket.cumulative_count), Some(count));

    prop_assert_eq!(read.exemplars.len(), wanted.exemplars.len());
    prop_assert!(read.exemplars.iter().zip(&wanted.exemplars).all(|(read, wanted)| is_exemplar(read, wanted)));
    let mut below = f64::NEG_INFINITY;
    let mut found = 0;
    for bucket in &read.bucket {
        if let Some(exemplar) = &bucket.exemplar {
            prop_assert!(below < exemplar.value && exemplar.value <= bucket.upper_bound);
            prop_assert!(read.exemplars.contains(exemplar));
            found += 1;
        }
        below = bucket.upper_bound;
    }
    prop_assert_eq!(found, wanted.exemplars.len());
    Ok(())
}

/// The number of the message's type, by its definition.
const fn type_number(kind: Kind) -> i32 {
    match kind {
        Kind::Counter => 0,
        Kind::UpDownCounter | Kind::Gauge | Kind::Info => 1,
        Kind::Summary => 2,
        Kind::Unknown => 3,
        Kind::Histogram => 4,
    }
}

/// The one value that a metric of this kind has, and when counting began.
fn number(read: &proto::Metric, kind: Kind) -> Option<(f64, Option<u64>)> {
    let proto::Metric { gauge, counter, summary: None, untyped, histogram: None, timestamp_ms: 0, .. } = read else {
        return None;
    };
    match (kind, gauge, counter, untyped) {
        (Kind::Counter, None, Some(counter), None) => {
            Some((counter.value, counter.created_timestamp.as_ref().map(unix_ns)))
        }
        (Kind::UpDownCounter | Kind::Gauge | Kind::Info, Some(number), None, None)
        | (Kind::Unknown, None, None, Some(number)) => Some((number.value, None)),
        _ => None,
    }
}

fn check_metric(read: &proto::Metric, wanted: &AnySeries, style: &Style) -> Result<(), TestCaseError> {
    let created = wanted.created_unix_ns;
    let of_created = |timestamp: &Option<proto::Timestamp>| timestamp.as_ref().map(unix_ns) == created;
    match (&wanted.value, &read.histogram, &read.summary) {
        (Value::Histogram(histogram), Some(read), None) => {
            prop_assert!(of_created(&read.created_timestamp));
            check_histogram(read, histogram, style)
        }
        (Value::Buckets(buckets), Some(read), None) => {
            prop_assert!(of_created(&read.created_timestamp) && read.positive_span.is_empty());
            prop_assert!(read.sample_count == buckets.count && is_same(read.sample_sum, buckets.sum));
            let bounds = buckets.bounds.iter().copied().chain([(f64::INFINITY, buckets.count)]);
            let read = read.bucket.iter().map(|bucket| (bucket.upper_bound, bucket.cumulative_count));
            prop_assert_eq!(read.collect::<Vec<_>>(), bounds.collect::<Vec<_>>());
            Ok(())
        }
        (Value::Quantiles(quantiles), None, Some(read)) => {
            prop_assert!(of_created(&read.created_timestamp));
            prop_assert!(read.sample_count == quantiles.count && is_same(read.sample_sum, quantiles.sum));
            prop_assert_eq!(read.quantile.len(), quantiles.values.len());
            let mut both = read.quantile.iter().zip(&quantiles.values);
            let is_one = |(read, (quantile, value)): (&proto::Quantile, &(f64, f64))| {
                is_same(read.quantile, *quantile) && is_same(read.value, *value)
            };
            prop_assert!(both.all(is_one));
            Ok(())
        }
        (value, None, None) => {
            let (number, read_created) = number(read, wanted.metric.kind).expect("one number");
            let seconds = |nanos: u64| nanos as f64 / 1e9;
            let is_it = match value {
                Value::Count(count) => number == *count as f64,
                Value::Level(level) => number == *level as f64,
                Value::Real(real) => is_same(number, *real),
                Value::Nanos(nanos) => number == seconds(*nanos),
                Value::Histogram(_) | Value::Buckets(_) | Value::Quantiles(_) => false,
            };
            prop_assert!(is_it, "{value:?} was written as {number}");
            prop_assert_eq!(read_created, created.filter(|_| wanted.metric.kind == Kind::Counter));
            Ok(())
        }
        (value, ..) => Err(TestCaseError::fail(format!("{value:?} was written as {read:?}"))),
    }
}

fn check_read_back(series: &[AnySeries], style: &Style, is_classic: bool) -> Result<(), TestCaseError> {
    let accept = if is_classic { ACCEPT.to_owned() } else { format!("{ACCEPT};escaping=allow-utf-8") };
    prop_assert_eq!(negotiate(&accept).names == Names::Legacy, is_classic);
    let families = written(&snapshot(series), &accept, style);
    let wanted = wanted(series, style, is_classic);
    let names: Vec<_> = families.iter().map(|family| &family.name).collect();
    prop_assert_eq!(names, wanted.keys().collect::<Vec<_>>());
    for (family, (metric, wanted)) in families.iter().zip(wanted.values()) {
        prop_assert_eq!((&*family.help, family.kind), (metric.help, type_number(metric.kind)));
        // Prometheus refuses a unit in which the name does not end.
        let whole = family.name.strip_suffix("_total").unwrap_or(&family.name);
        prop_assert!(family.unit.is_empty() || whole.ends_with(&format!("_{}", family.unit)), "{}", family.unit);
        let read: BTreeMap<_, _> = family.metric.iter().map(|metric| (labels(&metric.label), metric)).collect();
        prop_assert_eq!(read.len(), family.metric.len(), "no label set stands twice");
        prop_assert_eq!(read.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
        for (read, wanted) in read.values().zip(wanted.values()) {
            check_metric(read, wanted, style)?;
        }
    }
    Ok(())
}

/// A whole number of any size, its lowest digit first, to the base of 2^32, and no 0 in front.
type Whole = Vec<u32>;

fn times(number: &[u32], factor: u64) -> Whole {
    let mut product = vec![0; number.len() + 2];
    for (index, digit) in number.iter().enumerate() {
        let mut carry = u128::from(*digit) * u128::from(factor);
        for place in &mut product[index..] {
            carry += u128::from(*place);
            *place = carry as u32;
            carry >>= 32;
        }
    }
    let digits = product.iter().rposition(|digit| *digit > 0).map_or(0, |highest| highest + 1);
    product.truncate(digits);
    product
}

/// base^8 · 2^doublings
fn eighth_power(base: u64, doublings: u32) -> Whole {
    let power = (0..8).fold(vec![1], |power, _| times(&power, base));
    let power = times(&power, 1 << (doublings % 32));
    [vec![0; (doublings / 32) as usize], power].concat()
}

fn compare(one: &[u32], other: &[u32]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.iter().rev().cmp(other.iter().rev()))
}

/// Whether a duration is at most 2^(eighths/8) seconds, in whole numbers: both sides to the power of 8.
fn is_within(elapsed_ns: u64, eighths: i32) -> bool {
    let (of_duration, of_bound) = ((-eighths).max(0).unsigned_abs(), eighths.max(0).unsigned_abs());
    compare(&eighth_power(elapsed_ns, of_duration), &eighth_power(1_000_000_000, of_bound)).is_le()
}

/// The native bucket of a duration: the first that does not end below it.
fn bucket_of(elapsed_ns: u64, schema: i32) -> i32 {
    let eighths = 1 << (3 - schema);
    // Floats come near to it.
    let near = ((elapsed_ns as f64 / 1e9).log2() * 8.0 / f64::from(eighths)).ceil() as i32;
    (near - 1..=near + 1).find(|bucket| is_within(elapsed_ns, bucket * eighths)).expect("floats are not so far off")
}

/// The one histogram of these durations, recorded as programs record them.
fn recorded(durations_ns: &[u64], style: &Style) -> proto::Histogram {
    let registry = registry(Limits::default());
    let cell = registry.phase(Some("p"), "embed");
    durations_ns.iter().for_each(|elapsed_ns| cell.record(Outcome::Ok, *elapsed_ns));
    let mut samples = Samples::default();
    registry.sample(Moment::default(), &mut samples);
    let families = written(&Snapshot::new(samples), ACCEPT, style);
    let family = families.into_iter().find(|family| family.name == PHASE_DURATION.prometheus_name());
    let is_ok = |metric: &proto::Metric| labels(&metric.label).get("outcome").is_some_and(|outcome| outcome == "ok");
    let metric = family.expect("it is there").metric.into_iter().find(is_ok);
    metric.and_then(|metric| metric.histogram).expect("a histogram")
}

fn check_native(durations_ns: &[u64], schema: i32) -> Result<(), TestCaseError> {
    let read = recorded(durations_ns, &Style { native_schema: schema, ..Style::default() });
    let mut buckets = BTreeMap::new();
    for elapsed_ns in durations_ns.iter().filter(|elapsed_ns| **elapsed_ns > 0) {
        *buckets.entry(bucket_of(*elapsed_ns, schema)).or_default() += 1;
    }
    prop_assert_eq!(native(&read), buckets);
    let count = durations_ns.len() as u64;
    let zeros = durations_ns.iter().filter(|elapsed_ns| **elapsed_ns == 0).count() as u64;
    prop_assert_eq!((read.sample_count, read.zero_count), (count, zeros));
    prop_assert_eq!(read.bucket.last().map(|bucket| bucket.cumulative_count), Some(count));
    for bucket in &read.bucket {
        let within = durations_ns.iter().filter(|elapsed_ns| **elapsed_ns as f64 / 1e9 <= bucket.upper_bound);
        prop_assert_eq!(bucket.cumulative_count, within.count() as u64, "up to {}", bucket.upper_bound);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_was_written_is_read_by_another_implementation(
        series in series(),
        style in style(),
        is_classic in any::<bool>(),
    ) {
        check_read_back(&series, &style, is_classic)?;
    }

    #[test]
    fn native_buckets_hold_what_exact_arithmetic_puts_into_them(
        durations_ns in vec(prop_oneof![9 => elapsed_ns(), 1 => Just(0)], 0..20),
        schema in -4..=3_i32,
    ) {
        check_native(&durations_ns, schema)?;
    }
}

/// Each bound of ours: a mistake of a nanosecond is too rare to be met by chance.
#[test]
fn native_bounds_are_exact_to_the_nanosecond() {
    let near = |upper: u64| [upper.saturating_sub(1), upper, upper.saturating_add(1)];
    let durations: Vec<_> = phasemeter_core::slots::UPPER_NS.into_iter().flat_map(near).collect();
    check_native(&durations, 3).expect("the bucket that exact arithmetic finds");
}
