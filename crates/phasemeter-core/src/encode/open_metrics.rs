//! OpenMetrics 1.0: exemplars, when counting began, and an end that a truncated answer lacks.

use std::sync::LazyLock;

use super::lines::{Lines, bounds_text, escaped_help};
use super::names::{Names, named, unit};
use super::number::{push_canonical, push_f64, push_seconds, push_u64};
use crate::slots::BOUNDS_NS;
use crate::{Buckets, Exemplar, Family, Histogram, Kind, Labels, Quantiles, Series, Snapshot, Style, Value};

pub(super) fn write(snapshot: &Snapshot, names: Names, style: &Style, out: &mut Vec<u8>) {
    let families = named(snapshot, names, style);
    let is_taken = |name: &str| families.binary_search_by(|(own, _)| (**own).cmp(name)).is_ok();
    for (name, family) in &families {
        let shape = Shape::of(name, family.metric.kind, is_taken);
        let mut lines = Lines::new(shape.family, family, style, out);
        lines.comment("HELP", &escaped_help(family.metric.help, true));
        lines.comment("TYPE", shape.kind);
        if let Some(unit) = unit(shape.family, family.metric.unit) {
            lines.comment("UNIT", unit);
        }
        write_series(&mut lines, &shape, family);
    }
    out.extend_from_slice(b"# EOF\n");
}

/// A family as OpenMetrics calls it: without the suffix that its samples have.
struct Shape<'a> {
    family: &'a str,
    kind: &'static str,
    /// What a plain sample ends in.
    suffix: &'static str,
    /// Whether it says when counting began: not where a family is called as that sample would be.
    says_created: bool,
}

impl<'a> Shape<'a> {
    fn of(name: &'a str, kind: Kind, is_taken: impl Fn(&str) -> bool) -> Self {
        let shape = |family: &'a str, kind, suffix| {
            let says_created = !is_taken(&format!("{family}_created"));
            Self { family, kind, suffix, says_created }
        };
        let whole = |kind| shape(name, kind, "");
        let without = |suffix: &'static str, kind| match name.strip_suffix(suffix) {
            Some(family) if !family.is_empty() && !is_taken(family) => shape(family, kind, suffix),
            // Its samples would have to end in it, and no other family be called so: it would not have the name that it
            // has in the other formats.
            Some(_) | None => whole("unknown"),
        };
        // A counter has a sample that says when it began, and no other family may be called as a part of another one.
        let is_info =
            |name: &str| name.strip_suffix("_total").is_some_and(|family| is_taken(&format!("{family}_info")));
        let is_created = |name: &str| {
            let family = name.strip_suffix("_total");
            family.is_some_and(|family| is_taken(&format!("{family}_created")) || is_part_of_another(family, &is_taken))
        };
        match kind {
            Kind::Counter if is_info(name) || is_created(name) => whole("unknown"),
            Kind::Counter => without("_total", "counter"),
            Kind::Info => without("_info", "info"),
            Kind::Histogram => whole("histogram"),
            Kind::Summary => whole("summary"),
            Kind::UpDownCounter | Kind::Gauge => whole("gauge"),
            Kind::Unknown => whole("unknown"),
        }
    }
}

/// Whether a family of this name would be called as samples of another one are, or may be.
fn is_part_of_another(family: &str, is_taken: impl Fn(&str) -> bool) -> bool {
    const PARTS: [&str; 6] = ["_bucket", "_count", "_sum", "_created", "_total", "_info"];
    PARTS
        .iter()
        .filter_map(|part| family.strip_suffix(part))
        .any(|other| is_taken(other) || is_taken(&format!("{other}_total")) || is_taken(&format!("{other}_info")))
}

fn write_series(lines: &mut Lines<'_>, shape: &Shape<'_>, family: &Family) {
    for series in &family.series {
        match &series.value {
            Value::Histogram(histogram) => write_histogram(lines, shape, series, histogram),
            Value::Buckets(buckets) => write_buckets(lines, shape, series, buckets),
            Value::Quantiles(quantiles) => write_quantiles(lines, shape, series, quantiles),
            value @ (Value::Count(_) | Value::Level(_) | Value::Real(_) | Value::Nanos(_)) => {
                lines.sample(shape.suffix, &series.labels, None);
                lines.number(value);
                lines.out.push(b'\n');
                if shape.kind == "counter" {
                    write_created(lines, shape, series);
                }
            }
        }
    }
}

fn write_histogram(lines: &mut Lines<'_>, shape: &Shape<'_>, series: &Series, histogram: &Histogram) {
    static BOUNDS: LazyLock<Vec<Box<[u8]>>> = LazyLock::new(|| {
        let seconds = |bound: Option<u64>| bound.map_or(f64::INFINITY, |bound| bound as f64 / 1e9);
        bounds_text(|bound, out| push_canonical(seconds(bound), out))
    });
    let mut exemplars = histogram.exemplars.iter().peekable();
    lines.buckets(&series.labels, &BOUNDS, histogram.buckets().map(|(_, count)| count), |out, place| {
        let bound = BOUNDS_NS.get(place);
        let is_within = |exemplar: &&Exemplar| bound.is_none_or(|bound| exemplar.value_ns <= *bound);
        if let Some(exemplar) = exemplars.next_if(is_within) {
            write_exemplar(out, exemplar);
        }
    });
    write_ending(lines, shape, series, histogram.count(), Some(|out: &mut _| push_seconds(histogram.sum_ns, out)));
}

fn write_buckets(lines: &mut Lines<'_>, shape: &Shape<'_>, series: &Series, buckets: &Buckets) {
    let bounds = buckets.bounds.iter().copied().filter(|(bound, _)| bound.is_finite());
    for (bound, cumulated) in bounds.chain([(f64::INFINITY, buckets.count)]) {
        write_le(lines, &series.labels, bound);
        push_u64(cumulated, lines.out);
        lines.out.push(b'\n');
    }
    let is_sum = buckets.sum >= 0.0 && buckets.bounds.iter().all(|(bound, _)| *bound >= 0.0);
    write_ending(lines, shape, series, buckets.count, is_sum.then_some(|out: &mut _| push_f64(buckets.sum, out)));
}

fn write_quantiles(lines: &mut Lines<'_>, shape: &Shape<'_>, series: &Series, quantiles: &Quantiles) {
    for (quantile, value) in &quantiles.values {
        lines.sample("", &series.labels, Some(("quantile", &|out| push_canonical(*quantile, out))));
        push_f64(*value, lines.out);
        lines.out.push(b'\n');
    }
    let is_sum = quantiles.sum >= 0.0;
    write_ending(lines, shape, series, quantiles.count, is_sum.then_some(|out: &mut _| push_f64(quantiles.sum, out)));
}

fn write_le(lines: &mut Lines<'_>, labels: &Labels, bound: f64) {
    lines.sample("_bucket", labels, Some(("le", &|out| push_canonical(bound, out))));
}

fn write_ending(
    lines: &mut Lines<'_>,
    shape: &Shape<'_>,
    series: &Series,
    count: u64,
    sum: Option<impl FnOnce(&mut Vec<u8>)>,
) {
    lines.sample("_count", &series.labels, None);
    push_u64(count, lines.out);
    lines.out.push(b'\n');
    // It is none where values are below 0: OpenMetrics takes it for a sum that only grows.
    if let Some(sum) = sum {
        lines.sample("_sum", &series.labels, None);
        sum(lines.out);
        lines.out.push(b'\n');
    }
    write_created(lines, shape, series);
}

fn write_created(lines: &mut Lines<'_>, shape: &Shape<'_>, series: &Series) {
    if let Some(created_unix_ns) = series.created_unix_ns.filter(|_| shape.says_created) {
        lines.sample("_created", &series.labels, None);
        push_seconds(created_unix_ns, lines.out);
        lines.out.push(b'\n');
    }
}

fn write_exemplar(out: &mut Vec<u8>, exemplar: &Exemplar) {
    out.extend_from_slice(b" # {span_id=\"");
    out.extend_from_slice(exemplar.ids.span_id_hex().as_bytes());
    out.extend_from_slice(b"\",trace_id=\"");
    out.extend_from_slice(exemplar.ids.trace_id_hex().as_bytes());
    out.extend_from_slice(b"\"} ");
    push_seconds(exemplar.value_ns, out);
    out.push(b' ');
    push_seconds(exemplar.unix_ns, out);
}
