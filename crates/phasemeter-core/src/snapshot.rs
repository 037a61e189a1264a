//! What is measured now: the one type between those who measure and those who show.

use std::collections::HashMap;

use crate::{Histogram, Labels, Metric, Work};

/// Where producers put what they read. A [`Snapshot`] is made of it.
#[derive(Debug, Default, Clone)]
pub struct Samples(Vec<(&'static Metric, Series)>);

impl Samples {
    /// Adds one series of a metric.
    pub fn push(&mut self, metric: &'static Metric, labels: Labels, value: Value) {
        self.0.push((metric, Series { labels, value, created_unix_ns: None }));
    }

    /// Adds one series of a metric that has counted since then.
    pub fn push_counted(&mut self, metric: &'static Metric, labels: Labels, value: Value, created_unix_ns: u64) {
        self.0.push((metric, Series { labels, value, created_unix_ns: Some(created_unix_ns) }));
    }

    /// Adds a series without labels.
    pub fn push_plain(&mut self, metric: &'static Metric, value: Value) {
        self.push(metric, Labels::none(), value);
    }

    /// Takes over what another producer read.
    pub fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// How many series were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The metric of each series, in the order in which they were added.
    pub fn metrics(&self) -> impl Iterator<Item = &'static Metric> {
        self.0.iter().map(|(metric, _)| *metric)
    }

    /// What was added, in the order in which it was.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Metric, &Series)> {
        self.0.iter().map(|(metric, series)| (*metric, series))
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Everything measured at one moment, sorted: the same state gives the same bytes in every encoder.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Snapshot {
    /// One entry a metric that has series, sorted by OpenTelemetry name.
    pub families: Vec<Family>,
    /// Runs to look at, sorted by pipeline and phase; empty where nobody asked for them. No encoder reads it.
    pub work: Vec<Work>,
}

/// The series of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// What the catalogue says of it.
    pub metric: &'static Metric,
    /// Sorted by labels; no label set stands twice.
    pub series: Vec<Series>,
}

/// One label set and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The labels.
    pub labels: Labels,
    /// The value.
    pub value: Value,
    /// When counting began, since the Unix epoch; `None` where that is not known, or means nothing.
    pub created_unix_ns: Option<u64>,
}

/// A reading. Time is whole nanoseconds; encoders write seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A count that only grows.
    Count(u64),
    /// A count that goes both ways.
    Level(i64),
    /// A ratio, or another measured number.
    Real(f64),
    /// A duration, or a moment since the Unix epoch, in nanoseconds.
    Nanos(u64),
    /// Durations by slot.
    Histogram(Box<Histogram>),
    /// A histogram of somebody else's.
    Buckets(Box<Buckets>),
    /// A summary of somebody else's.
    Quantiles(Box<Quantiles>),
}

impl Value {
    /// The value as a number in the metric's base unit; of a histogram or a summary, how many it holds.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        match self {
            Self::Count(count) => *count as f64,
            Self::Level(level) => *level as f64,
            Self::Real(real) => *real,
            Self::Nanos(nanos) => *nanos as f64 / 1e9,
            Self::Histogram(histogram) => histogram.count() as f64,
            Self::Buckets(buckets) => buckets.count as f64,
            Self::Quantiles(quantiles) => quantiles.count as f64,
        }
    }
}

impl Value {
    /// The value as whole counts, bytes or nanoseconds; `None` where it is no such number, or below zero.
    #[must_use]
    pub fn as_whole(&self) -> Option<u64> {
        match self {
            Self::Count(count) | Self::Nanos(count) => Some(*count),
            Self::Level(level) => u64::try_from(*level).ok(),
            Self::Real(_) | Self::Histogram(_) | Self::Buckets(_) | Self::Quantiles(_) => None,
        }
    }
}

/// A histogram of somebody else's, with bounds of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Buckets {
    /// Inclusive upper bounds, rising, and cumulated counts; +Inf is the count.
    pub bounds: Vec<(f64, u64)>,
    /// How many values there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

/// A summary of somebody else's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quantiles {
    /// Quantiles, rising, and their values.
    pub values: Vec<(f64, f64)>,
    /// How many values there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl Snapshot {
    /// Groups and sorts what the producers read. Where two of them gave the same series, the first one stands.
    #[must_use]
    pub fn new(samples: Samples) -> Self {
        let mut families: Vec<Family> = Vec::new();
        let (mut by_address, mut by_name) = (HashMap::<usize, usize>::new(), HashMap::<&str, usize>::new());
        for (metric, series) in samples.0 {
            // The name decides, and is compared once for each metric; the address is found faster.
            let place = *by_address.entry(std::ptr::from_ref(metric) as usize).or_insert_with(|| {
                *by_name.entry(metric.otel).or_insert_with(|| {
                    families.push(Family { metric, series: Vec::new() });
                    families.len() - 1
                })
            });
            families[place].series.push(series);
        }
        families.sort_by_key(|family| family.metric.otel);
        for series in families.iter_mut().map(|family| &mut family.series) {
            // Mostly they come as they are to be.
            if !series.is_sorted_by(|one, next| one.labels < next.labels) {
                series.sort_by(|a, b| a.labels.cmp(&b.labels));
                series.dedup_by(|later, earlier| later.labels == earlier.labels);
            }
        }
        Self { families, work: Vec::new() }
    }

    /// The series of a metric; empty where it has none.
    #[must_use]
    pub fn series(&self, metric: &Metric) -> &[Series] {
        let found = self.families.binary_search_by(|family| family.metric.otel.cmp(metric.otel));
        found.ok().and_then(|index| self.families.get(index)).map_or(&[], |family| &family.series)
    }

    /// The value of one series, by all of its labels in any order.
    #[must_use]
    pub fn value(&self, metric: &Metric, labels: &[(&str, &str)]) -> Option<&Value> {
        let wanted = Labels::new(labels.iter().copied()).ok()?;
        let series = self.series(metric);
        let index = series.binary_search_by(|own| own.labels.cmp(&wanted)).ok()?;
        series.get(index).map(|own| &own.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{PHASE_ACTIVE, PHASE_RUNS};

    fn labels(phase: &str) -> Labels {
        Labels::known(&[("phase", phase)])
    }

    #[test]
    fn what_comes_in_any_order_stands_sorted() {
        let mut samples = Samples::default();
        samples.push(&PHASE_RUNS, labels("b"), Value::Count(2));
        samples.push(&PHASE_ACTIVE, labels("a"), Value::Level(-1));
        samples.push(&PHASE_RUNS, labels("a"), Value::Count(1));
        let snapshot = Snapshot::new(samples);
        let names: Vec<_> = snapshot.families.iter().map(|family| family.metric.otel).collect();
        assert_eq!(names, [PHASE_ACTIVE.otel, PHASE_RUNS.otel]);
        assert_eq!(snapshot.value(&PHASE_RUNS, &[("phase", "b")]), Some(&Value::Count(2)));
        assert_eq!(snapshot.value(&PHASE_RUNS, &[("phase", "c")]), None);
    }

    #[test]
    fn of_two_equal_series_the_first_stands() {
        let mut samples = Samples::default();
        samples.push(&PHASE_RUNS, labels("a"), Value::Count(1));
        samples.push(&PHASE_RUNS, labels("a"), Value::Count(9));
        let snapshot = Snapshot::new(samples);
        assert_eq!(snapshot.series(&PHASE_RUNS).len(), 1);
        assert_eq!(snapshot.value(&PHASE_RUNS, &[("phase", "a")]), Some(&Value::Count(1)));
    }
}
