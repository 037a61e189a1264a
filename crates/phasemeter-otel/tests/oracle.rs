//! What we write, read back by OpenTelemetry's own types: every value, name, unit and attribute of any snapshot.

#[path = "../../phasemeter-core/tests/cases/mod.rs"]
mod cases;
#[path = "../../phasemeter-core/tests/series/mod.rs"]
mod series;

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar as ReadExemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric as ReadMetric, NumberDataPoint,
    ResourceMetrics, exemplar, number_data_point,
};
use phasemeter_core::catalogue::{PHASE_DURATION, PHASE_ERRORS, PHASE_RUNS, TARGET_INFO};
use phasemeter_core::slots::{BOUNDS_NS, NATIVE_BUCKET, UPPER_NS, slot};
use phasemeter_core::{Exemplar, Histogram, Kind, Labels, Samples, Snapshot, Style, TraceIds, Value};
use phasemeter_otel::encode::{Form, request};
use phasemeter_otel::{Histograms, Temporality};
use proptest::prelude::*;
use prost::Message as _;

use cases::config;
use series::{AnySeries, is_same, series, snapshot};

const NOW: u64 = 1_700_000_000_000_000_000;

fn form(histograms: Histograms) -> Form {
    Form { histograms, ..Form::default() }
}

/// What a snapshot becomes.
fn read(snapshot: &Snapshot, form: &Form) -> (ResourceMetrics, u64) {
    let mut bytes = Vec::new();
    let points = request(snapshot, form, NOW, &mut bytes);
    let request = ExportMetricsServiceRequest::decode(&*bytes).expect("OTLP");
    let [resource_metrics] = <[_; 1]>::try_from(request.resource_metrics).expect("one resource");
    (resource_metrics, points)
}

fn metrics(resource_metrics: &ResourceMetrics) -> &[ReadMetric] {
    let [scope_metrics] = &*resource_metrics.scope_metrics else { panic!("one scope") };
    let scope = scope_metrics.scope.as_ref().expect("a scope");
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("phasemeter", env!("CARGO_PKG_VERSION")));
    &scope_metrics.metrics
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let pair = |pair: &KeyValue| match pair.value.as_ref().and_then(|any| any.value.as_ref()) {
        Some(any_value::Value::StringValue(value)) => (pair.key.clone(), value.clone()),
        other => panic!("{other:?} is no text"),
    };
    let read: BTreeMap<_, _> = pairs.iter().map(pair).collect();
    assert_eq!(read.len(), pairs.len(), "no attribute stands twice");
    read
}

fn start(created_unix_ns: Option<u64>) -> u64 {
    created_unix_ns.unwrap_or(0)
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[track_caller]
fn check_number(point: &NumberDataPoint, one: &AnySeries, is_gauge: bool) {
    assert_eq!(point.time_unix_nano, NOW);
    assert_eq!(point.start_time_unix_nano, if is_gauge { 0 } else { start(one.created_unix_ns) });
    match (point.value.as_ref().expect("a value"), &one.value) {
        (number_data_point::Value::AsInt(read), Value::Count(count)) => assert_eq!(Ok(*count), u64::try_from(*read)),
        (number_data_point::Value::AsInt(read), Value::Level(level)) => assert_eq!(read, level),
        (number_data_point::Value::AsDouble(read), Value::Count(count)) => {
            assert!(i64::try_from(*count).is_err() && *read == *count as f64);
        }
        (number_data_point::Value::AsDouble(read), value @ (Value::Real(_) | Value::Nanos(_))) => {
            assert!(is_same(*read, value.as_f64()), "{read} {value:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_exemplars(read: &[ReadExemplar], exemplars: &[Exemplar]) {
    assert_eq!(read.len(), exemplars.len());
    for (read, one) in read.iter().zip(exemplars) {
        assert_eq!((&*read.trace_id, &*read.span_id), (&one.ids.trace_id[..], &one.ids.span_id[..]));
        assert_eq!(read.value, Some(exemplar::Value::AsDouble(seconds(one.value_ns))));
        assert_eq!(read.time_unix_nano, one.unix_ns);
    }
}

#[track_caller]
fn check_explicit(point: &HistogramDataPoint, histogram: &Histogram, created: Option<u64>) {
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (start(created), NOW));
    assert_eq!((point.count, point.sum), (histogram.count(), Some(seconds(histogram.sum_ns))));
    assert_eq!(point.explicit_bounds, BOUNDS_NS.map(seconds));
    let bucket = |slot: u16| BOUNDS_NS.iter().filter(|bound| **bound < UPPER_NS[usize::from(slot)]).count();
    let mut expected = [0; BOUNDS_NS.len() + 1];
    histogram.slots.iter().for_each(|(slot, count)| expected[bucket(*slot)] += count);
    assert_eq!(point.bucket_counts, expected);
    check_exemplars(&point.exemplars, &histogram.exemplars);
}

#[track_caller]
fn check_exponential(point: &ExponentialHistogramDataPoint, histogram: &Histogram, created: Option<u64>, schema: i32) {
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (start(created), NOW));
    assert_eq!((point.count, point.sum, point.scale), (histogram.count(), Some(seconds(histogram.sum_ns)), schema));
    let zeros = histogram.slots.iter().find(|(slot, _)| *slot == 0).map_or(0, |(_, count)| *count);
    assert_eq!((point.zero_count, point.zero_threshold, &point.negative), (zeros, 0.0, &None));
    let mut expected = BTreeMap::<i32, u64>::new();
    for (slot, count) in histogram.slots.iter().filter(|(slot, _)| *slot > 0) {
        // Index i holds what is above 2^(i/8) s, up to 2^((i+1)/8) s; of a coarser scale, indexes halve.
        let index = (i32::from(NATIVE_BUCKET[usize::from(*slot)]) - 1) >> (3 - schema);
        *expected.entry(index).or_default() += count;
    }
    let positive = point.positive.clone().unwrap_or_default();
    let indexes = (positive.offset..).zip(&positive.bucket_counts);
    let read: BTreeMap<_, _> = indexes.filter(|(_, count)| **count > 0).map(|(index, count)| (index, *count)).collect();
    assert_eq!(read, expected);
    check_exemplars(&point.exemplars, &histogram.exemplars);
}

/// Attributes of the points of a metric, each compared with the series of the same attributes.
fn check_metric(read: &ReadMetric, expected: &BTreeMap<BTreeMap<String, String>, &AnySeries>, schema: i32) {
    let one = |pairs: &[KeyValue]| expected[&attributes(pairs)];
    let kind = expected.values().next().expect("a family has series").metric.kind;
    let count = match read.data.as_ref().expect("data") {
        Data::Gauge(gauge) => {
            assert!(matches!(kind, Kind::Gauge | Kind::Info | Kind::Unknown), "{kind:?}");
            gauge.data_points.iter().for_each(|point| check_number(point, one(&point.attributes), true));
            gauge.data_points.len()
        }
        Data::Sum(sum) => {
            assert_eq!((kind == Kind::Counter, sum.aggregation_temporality), (sum.is_monotonic, 2));
            assert!(matches!(kind, Kind::Counter | Kind::UpDownCounter), "{kind:?}");
            sum.data_points.iter().for_each(|point| check_number(point, one(&point.attributes), false));
            sum.data_points.len()
        }
        Data::Histogram(histogram) => {
            assert_eq!(histogram.aggregation_temporality, 2);
            for point in &histogram.data_points {
                let AnySeries { value, created_unix_ns, .. } = one(&point.attributes);
                match value {
                    Value::Histogram(histogram) => check_explicit(point, histogram, *created_unix_ns),
                    Value::Buckets(buckets) => {
                        assert!(is_same(point.sum.expect("a sum"), buckets.sum));
                        assert_eq!(point.count, buckets.count);
                        let mut cumulated = 0;
                        let read = point.explicit_bounds.iter().zip(&point.bucket_counts).map(|(bound, count)| {
                            cumulated += count;
                            (*bound, cumulated)
                        });
                        assert_eq!(read.collect::<Vec<_>>(), buckets.bounds);
                        assert_eq!(point.bucket_counts.iter().sum::<u64>(), buckets.count);
                        assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
                    }
                    other => panic!("{other:?}"),
                }
            }
            histogram.data_points.len()
        }
        Data::ExponentialHistogram(histogram) => {
            assert_eq!(histogram.aggregation_temporality, 2);
            for point in &histogram.data_points {
                let AnySeries { value, created_unix_ns, .. } = one(&point.attributes);
                let Value::Histogram(histogram) = value else { panic!("{value:?}") };
                check_exponential(point, histogram, *created_unix_ns, schema);
            }
            histogram.data_points.len()
        }
        Data::Summary(summary) => {
            for point in &summary.data_points {
                let Value::Quantiles(quantiles) = &one(&point.attributes).value else { panic!("no summary") };
                assert!(point.count == quantiles.count && is_same(point.sum, quantiles.sum));
                let read = point.quantile_values.iter().map(|value| (value.quantile, value.value));
                assert!(
                    read.eq(quantiles.values.iter().copied()) || quantiles.values.iter().any(|value| value.1.is_nan())
                );
                assert_eq!(point.quantile_values.len(), quantiles.values.len());
            }
            summary.data_points.len()
        }
    };
    assert_eq!(count, expected.len());
}

/// Every series, by the name of its metric and by its attributes.
fn check(all: &[AnySeries], form: &Form) {
    let (resource_metrics, points) = read(&snapshot(all), form);
    let mut expected = BTreeMap::<String, BTreeMap<_, _>>::new();
    for one in all.iter().filter(|one| one.metric.otel != TARGET_INFO.otel) {
        let attributes = one.labels_in(&form.style, all).into_iter();
        let dotted = |label: String| if one.metric.labels.contains(&&*label) { label.replace('_', ".") } else { label };
        let attributes = attributes.map(|(label, value)| (dotted(label), value)).collect();
        expected.entry(form.style.otel_name(one.metric).into_owned()).or_default().insert(attributes, one);
    }
    let read = metrics(&resource_metrics);
    assert_eq!(read.len(), expected.len());
    assert_eq!(points, expected.values().map(|series| series.len() as u64).sum::<u64>());
    for metric in read {
        let series = &expected[&metric.name];
        let declared = series.values().next().expect("a family has series").metric;
        assert_eq!((&*metric.description, &*metric.unit), (declared.help, declared.unit.otel()));
        check_metric(metric, series, form.style.native_schema);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_snapshot_is_read_back_as_it_is(all in series(), style in series::style(), is_exponential in any::<bool>()) {
        let histograms = if is_exponential { Histograms::Exponential } else { Histograms::Explicit };
        check(&all, &Form { style, ..form(histograms) });
    }
}

fn one(metric: &'static phasemeter_core::Metric, labels: &[(&str, &str)], value: Value) -> Snapshot {
    let mut samples = Samples::default();
    samples.push_counted(metric, Labels::new(labels.iter().copied()).expect("valid names"), value, 5);
    Snapshot::new(samples)
}

#[test]
fn target_info_is_the_resource_and_no_metric() {
    let labels = [("service_name", "acid"), ("service_instance_id", "7"), ("team_name", "red"), ("colour", "blue")];
    let mut form = Form::default();
    form.names.know("team.name");
    let (resource_metrics, points) = read(&one(&TARGET_INFO, &labels, Value::Level(1)), &form);
    let resource = resource_metrics.resource.as_ref().expect("a resource");
    let expected = [("service.name", "acid"), ("service.instance.id", "7"), ("team.name", "red"), ("colour", "blue")];
    assert_eq!(attributes(&resource.attributes), expected.map(|(key, value)| (key.into(), value.into())).into());
    assert_eq!((points, metrics(&resource_metrics).len()), (0, 0));
}

#[test]
fn labels_of_the_conventions_get_their_dots_back() {
    let snapshot = one(&PHASE_ERRORS, &[("error_type", "Timeout"), ("phase", "embed")], Value::Count(3));
    let (resource_metrics, _) = read(&snapshot, &Form::default());
    let Some(Data::Sum(sum)) = &metrics(&resource_metrics)[0].data else { panic!("a sum") };
    let expected = [("error.type", "Timeout"), ("phase", "embed")].map(|(key, value)| (key.into(), value.into()));
    assert_eq!(attributes(&sum.data_points[0].attributes), expected.into());
}

#[test]
fn differences_say_that_they_are_but_levels_do_not() {
    let form = Form { temporality: Temporality::Delta, ..Form::default() };
    let temporality = |snapshot: &Snapshot| match &metrics(&read(snapshot, &form).0)[0].data {
        Some(Data::Sum(sum)) => sum.aggregation_temporality,
        Some(Data::Histogram(histogram)) => histogram.aggregation_temporality,
        other => panic!("{other:?}"),
    };
    assert_eq!(temporality(&one(&PHASE_RUNS, &[], Value::Count(3))), 1);
    assert_eq!(temporality(&one(&PHASE_DURATION, &[], Value::Histogram(Box::default()))), 1);
    assert_eq!(temporality(&one(&phasemeter_core::catalogue::PHASE_ACTIVE, &[], Value::Level(3))), 2);
}

/// As OpenTelemetry's data model places it: above 2^(i/8) and up to 2^((i+1)/8).
#[test]
fn a_duration_of_a_second_is_in_the_bucket_that_ends_there() {
    let of = |elapsed_ns: u64| {
        let exemplar =
            Exemplar { ids: TraceIds { trace_id: [1; 16], span_id: [2; 8] }, value_ns: elapsed_ns, unix_ns: 9 };
        let slots = vec![(slot(elapsed_ns) as u16, 1)];
        let histogram = Histogram { slots, sum_ns: elapsed_ns, exemplars: vec![exemplar] };
        let snapshot = one(&PHASE_DURATION, &[], Value::Histogram(Box::new(histogram)));
        match &metrics(&read(&snapshot, &form(Histograms::Exponential)).0)[0].data {
            Some(Data::ExponentialHistogram(histogram)) => {
                let point = &histogram.data_points[0];
                let positive = point.positive.as_ref().expect("a bucket");
                assert_eq!((point.exemplars.len(), &*positive.bucket_counts), (1, &[1][..]));
                positive.offset
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((of(1_000_000_000), of(1_000_000_001), of(2_000_000_000)), (-1, 0, 7));
}

#[test]
fn families_whose_series_are_not_alike_stay_readable() {
    let mut samples = Samples::default();
    samples.push(&PHASE_RUNS, Labels::new([("phase", "a")]).expect("valid"), Value::Count(1));
    samples.push(&PHASE_RUNS, Labels::new([("phase", "b")]).expect("valid"), Value::Histogram(Box::default()));
    let (resource_metrics, points) = read(&Snapshot::new(samples), &Form::default());
    let Some(Data::Sum(sum)) = &metrics(&resource_metrics)[0].data else { panic!("a sum") };
    assert_eq!((sum.data_points.len(), points), (1, 1));
}

#[test]
fn the_same_snapshot_gives_the_same_bytes() {
    let snapshot = one(&PHASE_ERRORS, &[("error_type", "Timeout"), ("phase", "embed")], Value::Count(3));
    let bytes = || {
        let mut bytes = Vec::new();
        request(&snapshot, &Form { style: Style::default(), ..Form::default() }, NOW, &mut bytes);
        bytes
    };
    assert_eq!(bytes(), bytes());
}
