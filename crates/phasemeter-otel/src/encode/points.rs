//! The points of a metric, one a series.

use phasemeter_core::encode::wire::Message;
use phasemeter_core::{Buckets, Exemplar, Histogram, Labels, Metric, NativeBuckets, Quantiles, Series, Value};

use super::{Form, Shape, write_labels};

/// A series, and what is to be known of it.
pub(super) struct Point<'a> {
    pub(super) series: &'a Series,
    /// Labels that it has beside its own.
    pub(super) constant: &'a Labels,
    pub(super) metric: &'static Metric,
    pub(super) form: &'a Form,
    pub(super) unix_ns: u64,
}

impl Point<'_> {
    pub(super) fn write(&self, out: &mut Message<'_>, shape: Shape) {
        match (&self.series.value, shape) {
            (Value::Histogram(histogram), Shape::Exponential) => self.write_exponential(out, histogram),
            (Value::Histogram(histogram), _) => self.write_explicit(out, histogram),
            (Value::Buckets(buckets), _) => self.write_buckets(out, buckets),
            (Value::Quantiles(quantiles), _) => self.write_quantiles(out, quantiles),
            (value @ (Value::Count(_) | Value::Level(_) | Value::Real(_) | Value::Nanos(_)), _) => {
                self.write_number(out, value, shape);
            }
        }
    }

    /// When counting began and when it was read: the same fields in points of every kind.
    fn write_times(&self, out: &mut Message<'_>) {
        if let Some(created_unix_ns) = self.series.created_unix_ns {
            out.fixed(2, created_unix_ns);
        }
        out.fixed(3, self.unix_ns);
    }

    fn write_number(&self, out: &mut Message<'_>, value: &Value, shape: Shape) {
        write_labels(out, 7, self);
        match shape {
            // When a gauge began means nothing.
            Shape::Gauge => out.fixed(3, self.unix_ns),
            Shape::Sum { .. } | Shape::Histogram | Shape::Exponential | Shape::Summary => self.write_times(out),
        }
        match integer(value) {
            // Of a signed integer the bits are the same.
            Some(integer) => out.fixed(6, integer as u64),
            None => out.double(4, value.as_f64()),
        }
    }

    fn write_explicit(&self, out: &mut Message<'_>, histogram: &Histogram) {
        write_labels(out, 9, self);
        self.write_times(out);
        out.fixed(4, histogram.count());
        out.double(5, seconds(histogram.sum_ns));
        out.packed_fixed(6, apart(histogram.buckets().map(|(_, cumulated)| cumulated)));
        let bounds = histogram.buckets().filter_map(|(bound, _)| bound);
        out.packed_fixed(7, bounds.map(|bound| seconds(bound).to_bits()));
        for exemplar in &histogram.exemplars {
            out.message(8, |out| write_exemplar(out, exemplar));
        }
    }

    fn write_exponential(&self, out: &mut Message<'_>, histogram: &Histogram) {
        let native = histogram.native(self.form.style.native_schema);
        write_labels(out, 1, self);
        self.write_times(out);
        out.fixed(4, histogram.count());
        out.double(5, seconds(histogram.sum_ns));
        out.sint(6, native.schema.into());
        out.fixed(7, native.zero_count);
        if let Some((first, _)) = native.spans.first() {
            out.message(8, |buckets| {
                // A bucket is called by its end in Prometheus, by its begin here.
                buckets.sint(1, i64::from(*first) - 1);
                buckets.packed_uint(2, dense(&native));
            });
        }
        for exemplar in &histogram.exemplars {
            out.message(11, |out| write_exemplar(out, exemplar));
        }
    }

    fn write_buckets(&self, out: &mut Message<'_>, buckets: &Buckets) {
        let finite = || buckets.bounds.iter().filter(|(bound, _)| bound.is_finite());
        write_labels(out, 9, self);
        self.write_times(out);
        out.fixed(4, buckets.count);
        out.double(5, buckets.sum);
        out.packed_fixed(6, apart(finite().map(|(_, cumulated)| *cumulated).chain([buckets.count])));
        out.packed_fixed(7, finite().map(|(bound, _)| bound.to_bits()));
    }

    fn write_quantiles(&self, out: &mut Message<'_>, quantiles: &Quantiles) {
        write_labels(out, 7, self);
        self.write_times(out);
        out.fixed(4, quantiles.count);
        out.double(5, quantiles.sum);
        for (quantile, value) in &quantiles.values {
            out.message(6, |out| {
                out.double(1, *quantile);
                out.double(2, *value);
            });
        }
    }
}

/// The value where it is a whole number that an integer of OTLP holds.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Count(count) => i64::try_from(*count).ok(),
        Value::Level(level) => Some(*level),
        Value::Real(_) | Value::Nanos(_) | Value::Histogram(_) | Value::Buckets(_) | Value::Quantiles(_) => None,
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// What each bucket counts, of counts that hold those below.
fn apart(cumulated: impl Iterator<Item = u64>) -> impl Iterator<Item = u64> {
    let mut below = 0_u64;
    cumulated.map(move |cumulated| {
        let own = cumulated.saturating_sub(below);
        below = below.max(cumulated);
        own
    })
}

/// What each bucket counts from the first that holds any to the last, with the empty ones between.
fn dense(native: &NativeBuckets) -> impl Iterator<Item = u64> + '_ {
    let mut counts = native.counts.iter().copied();
    native.spans.iter().enumerate().flat_map(move |(place, (gap, length))| {
        let empty = if place == 0 { 0 } else { usize::try_from(*gap).unwrap_or(0) };
        let counts: Vec<_> = counts.by_ref().take(*length as usize).collect();
        std::iter::repeat_n(0, empty).chain(counts)
    })
}

fn write_exemplar(out: &mut Message<'_>, exemplar: &Exemplar) {
    out.fixed(2, exemplar.unix_ns);
    out.double(3, seconds(exemplar.value_ns));
    out.bytes(4, &exemplar.ids.span_id);
    out.bytes(5, &exemplar.ids.trace_id);
}
