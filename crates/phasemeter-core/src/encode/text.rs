//! The Prometheus text format 0.0.4, and 1.0.0, which takes names of every kind.

use std::sync::LazyLock;

use super::lines::{Lines, bounds_text, escaped_help};
use super::names::{Names, named, text_type};
use super::number::{push_f64, push_seconds, push_u64};
use crate::{Buckets, Family, Histogram, Labels, Quantiles, Snapshot, Style, Value};

pub(super) fn write(snapshot: &Snapshot, names: Names, style: &Style, out: &mut Vec<u8>) {
    for (name, family) in named(snapshot, names, style) {
        let mut lines = Lines::new(&name, family, style, out);
        write_family(&mut lines, family);
    }
}

fn write_family(lines: &mut Lines<'_>, family: &Family) {
    lines.comment("HELP", &escaped_help(family.metric.help, false));
    lines.comment("TYPE", text_type(family.metric.kind));
    for series in &family.series {
        match &series.value {
            Value::Histogram(histogram) => write_histogram(lines, &series.labels, histogram),
            Value::Buckets(buckets) => write_buckets(lines, &series.labels, buckets),
            Value::Quantiles(quantiles) => write_quantiles(lines, &series.labels, quantiles),
            value @ (Value::Count(_) | Value::Level(_) | Value::Real(_) | Value::Nanos(_)) => {
                lines.sample("", &series.labels, None);
                lines.number(value);
                lines.out.push(b'\n');
            }
        }
    }
}

fn write_histogram(lines: &mut Lines<'_>, labels: &Labels, histogram: &Histogram) {
    static BOUNDS: LazyLock<Vec<Box<[u8]>>> = LazyLock::new(|| {
        bounds_text(|bound, out| match bound {
            Some(bound) => push_seconds(bound, out),
            None => push_f64(f64::INFINITY, out),
        })
    });
    lines.buckets(labels, &BOUNDS, histogram.buckets().map(|(_, count)| count), |_, _| ());
    write_ending(lines, labels, histogram.count(), |out| push_seconds(histogram.sum_ns, out));
}

fn write_buckets(lines: &mut Lines<'_>, labels: &Labels, buckets: &Buckets) {
    let bounds = buckets.bounds.iter().copied().filter(|(bound, _)| bound.is_finite());
    for (bound, cumulated) in bounds.chain([(f64::INFINITY, buckets.count)]) {
        lines.sample("_bucket", labels, Some(("le", &|out| push_f64(bound, out))));
        push_u64(cumulated, lines.out);
        lines.out.push(b'\n');
    }
    write_ending(lines, labels, buckets.count, |out| push_f64(buckets.sum, out));
}

fn write_quantiles(lines: &mut Lines<'_>, labels: &Labels, quantiles: &Quantiles) {
    for (quantile, value) in &quantiles.values {
        lines.sample("", labels, Some(("quantile", &|out| push_f64(*quantile, out))));
        push_f64(*value, lines.out);
        lines.out.push(b'\n');
    }
    write_ending(lines, labels, quantiles.count, |out| push_f64(quantiles.sum, out));
}

fn write_ending(lines: &mut Lines<'_>, labels: &Labels, count: u64, sum: impl FnOnce(&mut Vec<u8>)) {
    lines.sample("_sum", labels, None);
    sum(lines.out);
    lines.out.push(b'\n');
    lines.sample("_count", labels, None);
    push_u64(count, lines.out);
    lines.out.push(b'\n');
}
