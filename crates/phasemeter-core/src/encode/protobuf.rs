//! The Prometheus protobuf format: `io.prometheus.client.MetricFamily` messages, each with its length in front. The one
//! format that carries native histograms; classic buckets stand beside them.

use super::names::{Names, named, unit};
use super::wire::{Message, delimited};
use crate::{Buckets, Exemplar, Histogram, Kind, Labels, Quantiles, Series, Snapshot, Style, Value};

pub(super) fn write(snapshot: &Snapshot, names: Names, style: &Style, out: &mut Vec<u8>) {
    for (name, family) in named(snapshot, names, style) {
        delimited(out, |message| {
            message.string(1, &name);
            message.string(2, family.metric.help);
            message.uint(3, kind_number(family.metric.kind));
            let constant = style.constant_of(family);
            for series in &family.series {
                message.message(4, |metric| write_metric(metric, family.metric.kind, series, &constant, style));
            }
            let whole = if family.metric.kind == Kind::Counter { name.strip_suffix("_total") } else { None };
            if let Some(unit) = unit(whole.unwrap_or(&name), family.metric.unit) {
                message.string(5, unit);
            }
        });
    }
}

/// `MetricType`.
const fn kind_number(kind: Kind) -> u64 {
    match kind {
        Kind::Counter => 0,
        Kind::UpDownCounter | Kind::Gauge | Kind::Info => 1,
        Kind::Summary => 2,
        Kind::Unknown => 3,
        Kind::Histogram => 4,
    }
}

fn write_metric(metric: &mut Message<'_>, kind: Kind, series: &Series, constant: &Labels, style: &Style) {
    for (name, value) in series.labels.iter().chain(constant.iter()) {
        write_label(metric, name, value);
    }
    let created = series.created_unix_ns;
    match &series.value {
        Value::Histogram(histogram) => {
            metric.message(7, |out| write_histogram(out, histogram, created, style.native_schema));
        }
        Value::Buckets(buckets) => metric.message(7, |out| write_buckets(out, buckets, created)),
        Value::Quantiles(quantiles) => metric.message(4, |out| write_quantiles(out, quantiles, created)),
        value @ (Value::Count(_) | Value::Level(_) | Value::Real(_) | Value::Nanos(_)) => {
            let field = match kind {
                Kind::Counter => 3,
                Kind::UpDownCounter | Kind::Gauge | Kind::Info | Kind::Histogram | Kind::Summary => 2,
                Kind::Unknown => 5,
            };
            metric.message(field, |out| {
                out.double(1, value.as_f64());
                if let Some(created) = created.filter(|_| field == 3) {
                    out.message(3, |out| write_timestamp(out, created));
                }
            });
        }
    }
}

fn write_label(out: &mut Message<'_>, name: &str, value: &str) {
    out.message(1, |label| {
        label.string(1, name);
        label.string(2, value);
    });
}

fn write_histogram(out: &mut Message<'_>, histogram: &Histogram, created: Option<u64>, schema: i32) {
    out.uint(1, histogram.count());
    out.double(2, histogram.sum_ns as f64 / 1e9);
    let mut exemplars = histogram.exemplars.iter().peekable();
    for (bound, cumulated) in histogram.buckets() {
        out.message(3, |bucket| {
            bucket.uint(1, cumulated);
            bucket.double(2, bound.map_or(f64::INFINITY, |bound| bound as f64 / 1e9));
            let is_within = |exemplar: &&Exemplar| bound.is_none_or(|bound| exemplar.value_ns <= bound);
            if let Some(exemplar) = exemplars.next_if(is_within) {
                bucket.message(3, |out| write_exemplar(out, exemplar));
            }
        });
    }
    write_native(out, histogram, schema);
    if let Some(created) = created {
        out.message(15, |out| write_timestamp(out, created));
    }
    for exemplar in &histogram.exemplars {
        out.message(16, |out| write_exemplar(out, exemplar));
    }
}

/// What lies within counts as 0: Prometheus' own default, far below a nanosecond.
const ZERO_THRESHOLD: f64 = 2.938_735_877_055_719e-39;

fn write_native(out: &mut Message<'_>, histogram: &Histogram, schema: i32) {
    let native = histogram.native(schema);
    out.sint(5, native.schema.into());
    out.double(6, ZERO_THRESHOLD);
    out.uint(7, native.zero_count);
    // An empty one is native all the same: a span of no length says so.
    let none = [(0, 0)];
    let spans = if native.spans.is_empty() { &none[..] } else { &native.spans };
    for (offset, length) in spans {
        out.message(12, |span| {
            span.sint(1, (*offset).into());
            span.uint(2, (*length).into());
        });
    }
    let mut before = 0;
    let deltas = native.counts.iter().map(|count| {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        count - std::mem::replace(&mut before, count)
    });
    if !native.counts.is_empty() {
        out.packed_sint(13, deltas);
    }
}

fn write_buckets(out: &mut Message<'_>, buckets: &Buckets, created: Option<u64>) {
    out.uint(1, buckets.count);
    out.double(2, buckets.sum);
    let bounds = buckets.bounds.iter().copied().filter(|(bound, _)| bound.is_finite());
    for (bound, cumulated) in bounds.chain([(f64::INFINITY, buckets.count)]) {
        out.message(3, |bucket| {
            bucket.uint(1, cumulated);
            bucket.double(2, bound);
        });
    }
    if let Some(created) = created {
        out.message(15, |out| write_timestamp(out, created));
    }
}

fn write_quantiles(out: &mut Message<'_>, quantiles: &Quantiles, created: Option<u64>) {
    out.uint(1, quantiles.count);
    out.double(2, quantiles.sum);
    for (quantile, value) in &quantiles.values {
        out.message(3, |out| {
            out.double(1, *quantile);
            out.double(2, *value);
        });
    }
    if let Some(created) = created {
        out.message(4, |out| write_timestamp(out, created));
    }
}

fn write_exemplar(out: &mut Message<'_>, exemplar: &Exemplar) {
    write_label(out, "span_id", &exemplar.ids.span_id_hex());
    write_label(out, "trace_id", &exemplar.ids.trace_id_hex());
    out.double(2, exemplar.value_ns as f64 / 1e9);
    out.message(3, |out| write_timestamp(out, exemplar.unix_ns));
}

/// `google.protobuf.Timestamp`.
fn write_timestamp(out: &mut Message<'_>, unix_ns: u64) {
    out.uint(1, unix_ns / 1_000_000_000);
    out.uint(2, unix_ns % 1_000_000_000);
}
