//! A `prometheus::Registry` of the application, on our endpoint.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use phasemeter_core::{Buckets, DropReason, Drops, Kind, Quantiles, Samples, Value, intern};
use prometheus::Registry;
use prometheus::proto::{Metric as ProtoMetric, MetricFamily, MetricType};

use super::foreign::{is_name, labels_of};
use super::{MAX_SAID, Rank, Source};
use crate::inner::lock;
use crate::meter::Meter;
use crate::notice;

impl Meter {
    /// Shows what this registry has wherever this Meter is seen: one endpoint for both.
    ///
    /// ```
    /// use prometheus::{IntCounter, Registry};
    ///
    /// let registry = Registry::new();
    /// let orders = IntCounter::new("orders_total", "Orders taken.")?;
    /// registry.register(Box::new(orders.clone()))?;
    ///
    /// let meter = phasemeter::Meter::builder().isolated().build();
    /// meter.join_prometheus(registry);
    /// orders.inc();
    /// let (_, body) = meter.render("");
    /// assert!(String::from_utf8_lossy(&body).contains("\norders_total 1\n"));
    /// # Ok::<(), prometheus::Error>(())
    /// ```
    ///
    /// It is gathered for each scrape and each snapshot, on the thread that asks; that costs what its collectors cost, and
    /// one that panics is counted as `source_panicked`. Names stay as they are, and so do labels, but for those that
    /// Prometheus does not take from anybody: `le` becomes `key_le`. Classic histograms stay classic. Where it has `process_…` families, ours of the same name are left out. Every other name that two have is
    /// counted as `metric_clash` and said once: then the registry that was joined first keeps it, ours yields, and
    /// nothing is merged.
    ///
    /// A collector of this registry must not ask this Meter for a snapshot: the registry is locked while it is gathered.
    /// [`prometheus_collector`](Self::prometheus_collector) may be registered in it: nothing is then shown twice.
    pub fn join_prometheus(&self, registry: Registry) {
        self.inner.sources.add(Arc::new(Joined { registry, said: Mutex::default() }));
    }
}

struct Joined {
    registry: Registry,
    /// Names of which it was said that they are of two types.
    said: Mutex<BTreeSet<String>>,
}

impl Source for Joined {
    fn name(&self) -> &'static str {
        "a joined prometheus registry"
    }

    fn rank(&self) -> Rank {
        Rank::Application
    }

    fn sample(&self, drops: &Drops, out: &mut Samples) {
        for family in self.registry.gather() {
            self.sample_family(&family, drops, out);
        }
    }
}

impl Joined {
    fn sample_family(&self, family: &MetricFamily, drops: &Drops, out: &mut Samples) {
        if !is_name(family.name()) {
            return drops.count(DropReason::InvalidName);
        }
        let kind = kind_of(family.get_field_type());
        let Some(metric) = intern(family.name(), kind, family.help()) else {
            return drops.count(DropReason::SeriesLimit);
        };
        for own in family.get_metric() {
            // The registry puts what has one name into one family, whatever it is.
            let Some(value) = value_of(own, family.get_field_type()) else {
                self.say_two_types(family.name(), drops);
                continue;
            };
            let (labels, left_out) = labels_of(own.get_label().iter().map(|label| (label.name(), label.value())));
            (0..left_out).for_each(|_| drops.count(DropReason::InvalidLabel));
            out.push(metric, labels, value);
        }
    }

    fn say_two_types(&self, name: &str, drops: &Drops) {
        let mut said = lock(&self.said);
        if said.len() < MAX_SAID && said.insert(name.to_owned()) {
            drop(said);
            drops.count(DropReason::MetricClash);
            notice::say(&format!(
                "the metric {name:?} of a joined prometheus registry is of two types: one is left out"
            ));
        }
    }
}

const fn kind_of(own: MetricType) -> Kind {
    match own {
        MetricType::COUNTER => Kind::Counter,
        MetricType::GAUGE => Kind::Gauge,
        MetricType::SUMMARY => Kind::Summary,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::UNTYPED => Kind::Unknown,
    }
}

/// Nothing where it is of another type than its family.
fn value_of(metric: &ProtoMetric, kind: MetricType) -> Option<Value> {
    match kind {
        MetricType::COUNTER => metric.counter.as_ref().map(|counter| Value::Real(counter.value())),
        MetricType::GAUGE => metric.gauge.as_ref().map(|gauge| Value::Real(gauge.value())),
        MetricType::UNTYPED => metric.untyped.as_ref().map(|untyped| Value::Real(untyped.value())),
        MetricType::SUMMARY => metric.summary.as_ref().map(|summary| {
            let values = summary.quantile.iter().map(|own| (own.quantile(), own.value())).collect();
            let (count, sum) = (summary.sample_count(), summary.sample_sum());
            Value::Quantiles(Box::new(Quantiles { values, count, sum }))
        }),
        MetricType::HISTOGRAM => metric.histogram.as_ref().map(|histogram| {
            let bounds = histogram.bucket.iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
            let bounds = bounds.filter(|(bound, _)| bound.is_finite()).collect();
            let (count, sum) = (histogram.sample_count(), histogram.sample_sum());
            Value::Buckets(Box::new(Buckets { bounds, count, sum }))
        }),
    }
}
