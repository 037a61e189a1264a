//! What we measure, in a `prometheus::Registry` of the application: for a program with an endpoint of its own.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use phasemeter_core::catalogue::ALL;
use phasemeter_core::encode::Style;
use phasemeter_core::{Buckets, Family, Histogram, Kind, Labels, Metric, Quantiles, Samples, Series, Snapshot, Value};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, LabelPair, Metric as ProtoMetric, MetricFamily, MetricType};

use super::Reading;
use super::names::legacy_name;
use crate::inner::Inner;
use crate::meter::Meter;

/// A collector that has the metrics of a [`Meter`]; see [`Meter::prometheus_collector`].
pub struct PrometheusCollector {
    inner: Arc<Inner>,
    /// What the registry is told of, by OpenTelemetry name.
    declared: HashMap<&'static str, Desc>,
}

impl Meter {
    /// What this Meter measures, for a `prometheus::Registry` whose endpoint the program has already. To show such a
    /// registry on the endpoint of phasemeter instead, see [`join_prometheus`](Self::join_prometheus).
    ///
    /// ```
    /// let meter = phasemeter::Meter::builder().isolated().pipeline("docs").build();
    /// let registry = prometheus::Registry::new();
    /// registry.register(Box::new(meter.prometheus_collector()))?;
    ///
    /// meter.phase("parse").run(|_| ());
    /// let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather())?;
    /// assert!(text.contains(r#"phase_runs_total{outcome="ok",phase="parse",pipeline="docs"} 1"#));
    /// # Ok::<(), prometheus::Error>(())
    /// ```
    ///
    /// That crate knows classic histograms alone, and neither exemplars nor times of creation. The metrics of the
    /// catalogue are declared to the registry, so registering twice, or beside one of their names, is an error of
    /// `register`. Those whose names come while the program runs are not among them, as of `metric!`, of the `metrics`
    /// facade and of joined registries: a registry takes what was not declared to it, and would merge two families of one
    /// name. Nor are the `process_…` ones, of which that crate has a collector; see
    /// [`with_process`](PrometheusCollector::with_process).
    #[must_use]
    pub fn prometheus_collector(&self) -> PrometheusCollector {
        let collector = PrometheusCollector { inner: self.inner.clone(), declared: HashMap::new() };
        collector.declare(|metric| !is_of_process(metric))
    }
}

fn is_of_process(metric: &Metric) -> bool {
    metric.otel.starts_with("process.")
}

impl PrometheusCollector {
    /// Also the `process_…` metrics, for a registry that has no collector of them.
    #[must_use]
    pub fn with_process(self) -> Self {
        self.declare(is_of_process)
    }

    fn declare(mut self, is_wanted: impl Fn(&Metric) -> bool) -> Self {
        let prefix = self.inner.style().prefix;
        for metric in ALL.into_iter().filter(|metric| is_wanted(metric)) {
            let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
            let name = legacy_name(metric, &prefix);
            // A name that the registry does not take is not shown there.
            if let Ok(desc) = Desc::new(name, metric.help.to_owned(), labels, HashMap::new()) {
                self.declared.insert(metric.otel, desc);
            }
        }
        self
    }
}

impl Collector for PrometheusCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.declared.values().collect()
    }

    /// Nothing while a registry that holds it is read for our own endpoint, where all of this is anyway.
    fn collect(&self) -> Vec<MetricFamily> {
        if Reading::is_going_on(self.inner.id) {
            return Vec::new();
        }
        let mut samples = Samples::default();
        self.inner.sample_own(&mut samples);
        let style = self.inner.style();
        let families = Snapshot::new(samples).families;
        families
            .iter()
            .filter_map(|own| self.declared.get(own.metric.otel).map(|desc| family(own, desc, &style)))
            .collect()
    }
}

impl fmt::Debug for PrometheusCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrometheusCollector").field("families", &self.declared.len()).finish_non_exhaustive()
    }
}

fn family(own: &Family, desc: &Desc, style: &Style) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(match own.metric.kind {
        Kind::Counter => MetricType::COUNTER,
        Kind::UpDownCounter | Kind::Gauge | Kind::Info | Kind::Unknown => MetricType::GAUGE,
        Kind::Histogram => MetricType::HISTOGRAM,
        Kind::Summary => MetricType::SUMMARY,
    });
    let constant = style.constant_of(own);
    family.set_metric(own.series.iter().map(|series| metric(series, own.metric.kind, &constant)).collect());
    family
}

fn metric(series: &Series, kind: Kind, constant: &Labels) -> ProtoMetric {
    let mut metric = ProtoMetric::from_label(series.labels.iter().chain(constant.iter()).map(label).collect());
    match &series.value {
        Value::Histogram(histogram) => metric.set_histogram(durations(histogram)),
        Value::Buckets(buckets) => metric.set_histogram(histogram(buckets)),
        Value::Quantiles(quantiles) => metric.set_summary(summary(quantiles)),
        value @ (Value::Count(_) | Value::Level(_) | Value::Real(_) | Value::Nanos(_)) => {
            if kind == Kind::Counter {
                let mut counter = proto::Counter::default();
                counter.set_value(value.as_f64());
                metric.set_counter(counter);
            } else {
                let mut gauge = proto::Gauge::default();
                gauge.set_value(value.as_f64());
                metric.set_gauge(gauge);
            }
        }
    }
    metric
}

fn label((name, value): (&str, &str)) -> LabelPair {
    let mut label = LabelPair::default();
    label.set_name(name.to_owned());
    label.set_value(value.to_owned());
    label
}

fn durations(own: &Histogram) -> proto::Histogram {
    let bounds = own.buckets().filter_map(|(bound, count)| Some((bound? as f64 / 1e9, count))).collect();
    histogram(&Buckets { bounds, count: own.count(), sum: own.sum_ns as f64 / 1e9 })
}

/// Its last bucket, +Inf, is what that crate writes itself.
fn histogram(own: &Buckets) -> proto::Histogram {
    let mut histogram = proto::Histogram::default();
    histogram.set_sample_count(own.count);
    histogram.set_sample_sum(own.sum);
    let bucket = |(bound, count): &(f64, u64)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*count);
        bucket
    };
    histogram.set_bucket(own.bounds.iter().map(bucket).collect());
    histogram
}

fn summary(own: &Quantiles) -> proto::Summary {
    let mut summary = proto::Summary::default();
    summary.set_sample_count(own.count);
    summary.set_sample_sum(own.sum);
    let quantile = |(quantile, value): &(f64, f64)| {
        let mut own = proto::Quantile::default();
        own.set_quantile(*quantile);
        own.set_value(*value);
        own
    };
    summary.set_quantile(own.values.iter().map(quantile).collect());
    summary
}
