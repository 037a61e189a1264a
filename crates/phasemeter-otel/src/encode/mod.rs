//! A snapshot as an `ExportMetricsServiceRequest`. Pure: the time, and when counting began, come in.
//!
//! ```text
//! Request ─ ResourceMetrics ─┬─ Resource: the labels of `target_info`
//!                            └─ ScopeMetrics ─ Metric, one a family ─ points, one a series
//! ```

mod attributes;
mod points;

pub use attributes::{ATTRIBUTES, Names};

use phasemeter_core::catalogue::TARGET_INFO;
use phasemeter_core::encode::wire::Message;
use phasemeter_core::{Family, Kind, Labels, Snapshot, Style, Value};

use attributes::write_attribute;
use points::Point;

/// How histograms of durations are written. Those of other libraries keep the bounds that they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Histograms {
    /// With the classic bounds, 31 of them.
    #[default]
    Explicit,
    /// With native buckets as an exponential histogram, of scale 3 at most: the next bound 9 % above.
    Exponential,
}

/// What counts are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Temporality {
    /// From when counting began: what a lost push held is in the next one.
    #[default]
    Cumulative,
    /// Counters and histograms from the push before that came through; levels as they are.
    Delta,
}

/// What is the same for every request.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// Prefix and constant labels, as everywhere else, and the most that the scale may be.
    pub style: Style,
    /// The kind of histograms.
    pub histograms: Histograms,
    /// What counts are counted from. [`delta`](crate::delta::since) makes the snapshot; this only says so.
    pub temporality: Temporality,
    /// Attributes that labels stand for.
    pub names: Names,
}

/// The scope that the metrics are of.
const SCOPE: &str = "phasemeter";

/// Writes a snapshot, as of this moment. Returns how many points it holds.
pub fn request(snapshot: &Snapshot, form: &Form, unix_ns: u64, out: &mut Vec<u8>) -> u64 {
    let mut points = 0;
    Message::new(out).message(1, |resource_metrics| {
        resource_metrics.message(1, |resource| write_resource(resource, snapshot, form));
        resource_metrics.message(2, |scope_metrics| {
            scope_metrics.message(1, |scope| {
                scope.string(1, SCOPE);
                scope.string(2, env!("CARGO_PKG_VERSION"));
            });
            for family in snapshot.families.iter().filter(|family| !is_resource(family)) {
                scope_metrics.message(2, |metric| points += write_metric(metric, family, form, unix_ns));
            }
        });
    });
    points
}

/// Receivers make `target_info` of the resource themselves.
fn is_resource(family: &Family) -> bool {
    family.metric.otel == TARGET_INFO.otel
}

fn write_resource(out: &mut Message<'_>, snapshot: &Snapshot, form: &Form) {
    let labels = snapshot.families.iter().filter(|family| is_resource(family)).flat_map(|family| &family.series);
    for (label, value) in labels.take(1).flat_map(|series| series.labels.iter()) {
        write_attribute(out, 1, form.names.of_resource(label), value);
    }
}

/// How the points of a family are to be understood.
#[derive(Clone, Copy)]
enum Shape {
    Gauge,
    Sum { is_monotonic: bool },
    Histogram,
    Exponential,
    Summary,
}

impl Shape {
    fn of(family: &Family, histograms: Histograms) -> Self {
        let histogram = match histograms {
            Histograms::Explicit => Self::Histogram,
            Histograms::Exponential => Self::Exponential,
        };
        let number = match family.metric.kind {
            Kind::Counter => Self::Sum { is_monotonic: true },
            Kind::UpDownCounter => Self::Sum { is_monotonic: false },
            Kind::Gauge | Kind::Info | Kind::Histogram | Kind::Summary | Kind::Unknown => Self::Gauge,
        };
        family.series.first().map_or(number, |series| match series.value {
            Value::Histogram(_) => histogram,
            Value::Buckets(_) => Self::Histogram,
            Value::Quantiles(_) => Self::Summary,
            Value::Count(_) | Value::Level(_) | Value::Real(_) | Value::Nanos(_) => number,
        })
    }

    /// Whether a value can be one of these points. Of a family whose series are not alike, those like the first stand.
    const fn takes(self, value: &Value) -> bool {
        match value {
            Value::Histogram(_) => matches!(self, Self::Histogram | Self::Exponential),
            Value::Buckets(_) => matches!(self, Self::Histogram),
            Value::Quantiles(_) => matches!(self, Self::Summary),
            Value::Count(_) | Value::Level(_) | Value::Real(_) | Value::Nanos(_) => {
                matches!(self, Self::Gauge | Self::Sum { .. })
            }
        }
    }

    /// The number of the field of `Metric` that it stands in.
    const fn field(self) -> u32 {
        match self {
            Self::Gauge => 5,
            Self::Sum { .. } => 7,
            Self::Histogram => 9,
            Self::Exponential => 10,
            Self::Summary => 11,
        }
    }
}

/// Returns how many points it wrote.
fn write_metric(out: &mut Message<'_>, family: &Family, form: &Form, unix_ns: u64) -> u64 {
    let metric = family.metric;
    out.string(1, &form.style.otel_name(metric));
    out.string(2, metric.help);
    out.string(3, metric.unit.otel());
    let shape = Shape::of(family, form.histograms);
    let constant = form.style.constant_of(family);
    let mut points = 0;
    out.message(shape.field(), |data| {
        for series in family.series.iter().filter(|series| shape.takes(&series.value)) {
            points += 1;
            let point = Point { series, constant: &constant, metric, form, unix_ns };
            data.message(1, |out| point.write(out, shape));
        }
        match shape {
            Shape::Gauge | Shape::Summary => {}
            Shape::Sum { is_monotonic } => {
                data.uint(2, if is_monotonic { form.temporality.number() } else { CUMULATIVE });
                data.uint(3, u64::from(is_monotonic));
            }
            Shape::Histogram | Shape::Exponential => data.uint(2, form.temporality.number()),
        }
    });
    points
}

/// `AggregationTemporality`.
const CUMULATIVE: u64 = 2;

impl Temporality {
    const fn number(self) -> u64 {
        match self {
            Self::Delta => 1,
            Self::Cumulative => CUMULATIVE,
        }
    }
}

/// The attributes of a point.
fn write_labels(out: &mut Message<'_>, field: u32, point: &Point<'_>) {
    let own = |labels: &Labels, out: &mut Message<'_>| {
        for (label, value) in labels.iter() {
            write_attribute(out, field, point.form.names.of_point(point.metric, label), value);
        }
    };
    own(&point.series.labels, out);
    own(point.constant, out);
}
