//! A recorder for the `metrics` facade: what libraries record through it, on our endpoint.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString, Unit};
use phasemeter_core::{DropReason, Drops, Kind, MAX_INTERNED, Samples, intern_among};

use super::cells::Cell;
use super::table::{Clash, Table};
use super::{Rank, Source};
use crate::inner::Inner;
use crate::meter::Meter;
use crate::notice;

/// How much memory a [`MetricsRecorder`] may take, and the buckets of its histograms. A label set has 64 labels at most, a
/// text of it 256 bytes, a description 4096; what is longer is shortened, and counted as `label_shortened`.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsOptions {
    /// Inclusive upper bounds of every histogram. The default is 1, 2 and 5 of each power of ten, from 0.00001 to
    /// 1 000 000 000: values of the facade have no unit, so they fit seconds as well as bytes, and a quantile is within a
    /// factor of 2.5. Each histogram has a number, and each scrape a line, for each of them.
    pub bounds: Vec<f64>,
    /// Label sets of one name; what comes beyond them is counted as `series_limit`. Counters and histograms record it in one
    /// series of the name, `otel_metric_overflow="true"`; gauges, which cannot be summed, do not take it.
    pub series_per_name: usize,
    /// Label sets of all names; the same, but that a name that is new then is not taken.
    pub series: usize,
    /// How long a series that nobody holds a handle of is kept after it was last recorded with. It then goes, and begins
    /// at 0 again when it comes back. `None`, the default, keeps it for good.
    pub idle: Option<Duration>,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        let steps = (-5_i32..9).flat_map(|power| [1, 2, 5].map(|step| format!("{step}e{power}")));
        // Read from decimals, so that 0.3 is 0.3: powers that are multiplied are off by a little.
        let bounds = steps.chain(["1e9".to_owned()]).filter_map(|bound| bound.parse().ok()).collect();
        Self { bounds, series_per_name: 1_000, series: 10_000, idle: None }
    }
}

/// Libraries that make up names leave room for those of the application's registries.
const MOST_NAMES: usize = MAX_INTERNED / 10 * 8;

/// A `metrics::Recorder` whose metrics are seen wherever its [`Meter`] is; see [`Meter::metrics_recorder`].
pub struct MetricsRecorder {
    inner: Arc<Inner>,
    table: Arc<Table>,
}

impl Meter {
    /// A recorder for the `metrics` facade: what libraries record through it is seen wherever this Meter is. A program
    /// has use for one; the names of a second one yield to those of the first.
    ///
    /// ```
    /// let meter = phasemeter::Meter::builder().isolated().build();
    /// meter.metrics_recorder().install()?;
    ///
    /// metrics::counter!("cache_lookups_total", "result" => "hit").increment(3);
    /// let (_, body) = meter.render("");
    /// assert!(String::from_utf8_lossy(&body).contains(r#"cache_lookups_total{result="hit"} 3"#));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// There is no task of upkeep: recording is one atomic operation, or two and a search among the buckets for a
    /// histogram, and its memory is bounded: see [`MetricsOptions`]. Finding a handle, which the macros do each time,
    /// takes a lock that is shared among readers. Everything is recorded at every level, as the level is about what
    /// phasemeter measures itself; a disabled Meter takes nothing.
    ///
    /// Names stay as they are: a counter gets no `_total`, and `http.requests` is written as it is where the scraper takes
    /// such names, and with `_` where it does not. Labels that Prometheus does not take get `_` too; of two that come to
    /// one, the first stands, counted as `invalid_label`. A value that is not finite is not taken, counted as
    /// `invalid_value`. A name stands for the kind that it was first used as; another one is counted as `metric_clash`,
    /// and said once. Descriptions, and units, are shown as they are when the name is first scraped.
    #[must_use]
    pub fn metrics_recorder(&self) -> MetricsRecorder {
        self.metrics_recorder_where(MetricsOptions::default())
    }

    /// The same recorder with limits and buckets of the program's.
    #[must_use]
    pub fn metrics_recorder_where(&self, options: MetricsOptions) -> MetricsRecorder {
        let table = Arc::new(Table::new(options, self.inner.clock.clone()));
        self.inner.sources.add(table.clone());
        MetricsRecorder { inner: self.inner.clone(), table }
    }
}

impl MetricsRecorder {
    /// Makes it the recorder of the process, which the macros of `metrics` record with.
    ///
    /// # Errors
    /// Where the process has one already; it stands.
    pub fn install(self) -> Result<(), SetRecorderError<Self>> {
        metrics::set_global_recorder(self)
    }

    fn cell(&self, key: &Key, kind: Kind) -> Option<Cell> {
        if !self.inner.is_enabled() {
            return None;
        }
        self.table.cell(key, kind, &self.inner).unwrap_or_else(|Clash(why)| {
            self.inner.registry.drops().count(DropReason::MetricClash);
            // No lock is held here: what listens may record a metric in turn.
            notice::say(&format!("the metric {:?} of the metrics facade is left out: {why}", key.name()));
            None
        })
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>, description: &SharedString) {
        let help = match unit.map(|unit| unit.as_str()) {
            None | Some("count") => description.to_string(),
            Some(unit) => format!("{description} ({unit})"),
        };
        self.table.describe(name.as_str(), help);
    }
}

impl Recorder for MetricsRecorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(&key, unit, &description);
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        match self.cell(key, Kind::Counter) {
            Some(Cell::Counter(counter)) => Counter::from_arc(counter),
            Some(Cell::Gauge(_) | Cell::Histogram(_)) | None => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        match self.cell(key, Kind::Gauge) {
            Some(Cell::Gauge(gauge)) => Gauge::from_arc(gauge),
            Some(Cell::Counter(_) | Cell::Histogram(_)) | None => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        match self.cell(key, Kind::Histogram) {
            Some(Cell::Histogram(histogram)) => Histogram::from_arc(histogram),
            Some(Cell::Counter(_) | Cell::Gauge(_)) | None => Histogram::noop(),
        }
    }
}

impl fmt::Debug for MetricsRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsRecorder").finish_non_exhaustive()
    }
}

impl Source for Table {
    fn name(&self) -> &'static str {
        "the metrics facade"
    }

    fn rank(&self) -> Rank {
        Rank::Libraries
    }

    fn sample(&self, drops: &Drops, out: &mut Samples) {
        self.expire();
        for own in self.names() {
            let Some(metric) = intern_among(MOST_NAMES, &own.name, own.kind, &own.help) else {
                if !own.is_counted.swap(true, Ordering::Relaxed) {
                    drops.count(DropReason::SeriesLimit);
                }
                continue;
            };
            for series in &own.series {
                let value = series.cell.value();
                if own.kind == Kind::Gauge {
                    out.push(metric, series.labels.clone(), value);
                } else {
                    out.push_counted(metric, series.labels.clone(), value, series.created_unix_ns);
                }
            }
        }
    }
}
