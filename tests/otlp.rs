//! What VictoriaMetrics has of a push over OTLP: the same names, labels and values as a scraper reads from the same snapshot.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use phasemeter_core::catalogue::{
    OTLP_EXPORTS, PHASE_ACTIVE, PHASE_BUSY_TIME, PHASE_BYTES, PHASE_DURATION, PHASE_ERRORS, PHASE_PROGRESS, PHASE_RUNS,
    PIPELINE_START_TIMESTAMP, SYSTEM_CPU_TIME, SYSTEM_MEMORY_USAGE, TARGET_INFO,
};
use phasemeter_core::slots::slot;
use phasemeter_core::{Histogram, Metric, Samples, Snapshot, Value, encode};
use phasemeter_otel::{Compression, Exporter, Guard, Histograms, Outcome};
use phasemeter_tests::http::{self, percent_encoded};
use phasemeter_tests::program::Program;
use phasemeter_tests::prometheus::server;
use phasemeter_tests::waiting::wait_for;
use serde_json::Value as Json;
use tempfile::TempDir;

/// A store with data of its own. It ends when it is dropped.
struct VictoriaMetrics {
    _program: Program,
    address: SocketAddr,
    // Dropped behind the program, which writes into it.
    _folder: TempDir,
}

/// A series: its labels, the name as `__name__`.
type Labels = BTreeMap<String, String>;

/// Values by series.
type Values = BTreeMap<Labels, f64>;

impl VictoriaMetrics {
    #[track_caller]
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(server("PHASEMETER_VICTORIA_METRICS", "victoria-metrics"));
        command.arg("-storageDataPath").arg(folder.path()).arg("-httpListenAddr=127.0.0.1:0");
        command.args(["-opentelemetry.usePrometheusNaming", "-opentelemetry.promoteScopeMetadata=false"]);
        let mut program = Program::start(&mut command);
        let address = program.wait_told("address", |told| {
            let line = told.lines().find(|line| line.contains("started server at http://"))?;
            line.rsplit_once("http://")?.1.trim_end_matches('/').parse().ok()
        });
        Self { _program: program, address, _folder: folder }
    }

    /// The last value of each series, less what says where it came from.
    #[track_caller]
    fn values(&self) -> Values {
        let get = |path: &str| http::get(self.address, path).unwrap_or_else(|error| panic!("{path}: {error}"));
        get("/internal/force_flush");
        let path = format!("/api/v1/export?match[]={}", percent_encoded("{__name__!=\"\"}"));
        let answer = wait_for("series", || match get(&path).body {
            body if body.is_empty() => Err("there are none".to_owned()),
            body => Ok(body),
        });
        answer.lines().map(series).collect()
    }
}

fn series(line: &str) -> (Labels, f64) {
    let json: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let labels = json["metric"].as_object().expect("labels").iter();
    let labels = labels.filter(|(name, _)| !["job", "instance"].contains(&name.as_str()));
    let labels = labels.map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()));
    let value = json["values"].as_array().and_then(|values| values.last()?.as_f64());
    (labels.collect(), value.expect("a value"))
}

/// What a scraper reads. The store does not know `target_info`: its labels are on all others instead.
fn exposed(snapshot: &Snapshot) -> Values {
    let mut text = String::new();
    encode::text(snapshot, &mut text);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let (of_target, others): (Vec<_>, Vec<_>) =
        lines.map(exposed_line).partition(|(labels, _)| labels["__name__"] == TARGET_INFO.prometheus_name());
    let [(target, _)] = <[_; 1]>::try_from(of_target).expect("one target");
    let with_target = |labels: Labels| target.clone().into_iter().chain(labels).collect();
    others.into_iter().map(|(labels, value)| (with_target(labels), value)).collect()
}

fn exposed_line(line: &str) -> (Labels, f64) {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let labels = labels.split("\",").filter_map(|label| label.split_once("=\""));
    let labels = labels.map(|(label, value)| (label.to_owned(), value.trim_end_matches("\"}").to_owned()));
    (labels.chain([("__name__".to_owned(), name.to_owned())]).collect(), value.parse().expect("a number"))
}

const DURATIONS_NS: [u64; 6] = [0, 9_999, 1_000_000, 1_000_001, 30_000_000_000, 1_000_000_000_000];

fn histogram(durations_ns: impl IntoIterator<Item = u64>) -> Value {
    let mut slots = BTreeMap::<u16, u64>::new();
    let mut sum_ns = 0;
    for duration_ns in durations_ns {
        *slots.entry(slot(duration_ns) as u16).or_default() += 1;
        sum_ns += duration_ns;
    }
    Value::Histogram(Box::new(Histogram { slots: slots.into_iter().collect(), sum_ns, exemplars: Vec::new() }))
}

/// A metric, the labels of its one series, and the value.
type One<'a> = (&'static Metric, &'a [(&'a str, &'a str)], Value);

/// Metrics of every kind and unit that the program itself may have.
fn snapshot() -> Snapshot {
    let phase = [("phase", "embed"), ("pipeline", "acid")];
    let outcome = [&[("outcome", "ok")], &phase[..]].concat();
    let errors = [&[("error_type", "std::io::Error")], &phase[..]].concat();
    let all: [One<'_>; 12] = [
        (&PHASE_RUNS, &outcome, Value::Count(1_000_003)),
        (&PHASE_BYTES, &outcome, Value::Count(1 << 40)),
        (&PHASE_ERRORS, &errors, Value::Count(3)),
        (&PHASE_ACTIVE, &phase, Value::Level(-2)),
        (&PHASE_PROGRESS, &phase, Value::Real(0.625)),
        (&PHASE_BUSY_TIME, &phase, Value::Nanos(1_500_000_000)),
        (&PIPELINE_START_TIMESTAMP, &[("pipeline", "acid")], Value::Nanos(1_700_000_000_000_000_000)),
        (&PHASE_DURATION, &outcome, histogram(DURATIONS_NS)),
        (&SYSTEM_MEMORY_USAGE, &[("system_memory_state", "used")], Value::Count(123_456_789)),
        (&SYSTEM_CPU_TIME, &[("cpu_mode", "user")], Value::Nanos(250_000_000)),
        (&OTLP_EXPORTS, &[("outcome", "ok")], Value::Count(0)),
        (&TARGET_INFO, &[("service_name", "docs"), ("service_instance_id", "7"), ("team", "red")], Value::Level(1)),
    ];
    let mut samples = Samples::default();
    for (metric, labels, value) in all {
        samples.push(metric, phasemeter_core::Labels::new(labels.iter().copied()).expect("valid names"), value);
    }
    Snapshot::new(samples)
}

fn push(store: &VictoriaMetrics, histograms: Histograms, compression: Compression) -> Guard {
    let url = format!("http://{}/opentelemetry/v1/metrics", store.address);
    let builder = Exporter::builder().endpoint(&url).histograms(histograms).compression(compression);
    let exporter = builder.interval(Duration::from_secs(3_600)).build().expect("valid settings");
    exporter.start(snapshot).expect("a thread")
}

#[test]
fn a_store_has_the_names_labels_and_values_that_a_scraper_reads() {
    let store = VictoriaMetrics::start();
    assert!(push(&store, Histograms::Explicit, Compression::Gzip).shut_down());
    assert_eq!(store.values(), exposed(&snapshot()));
}

/// It writes the ends of buckets with four digits; none of the durations is nearer to one than that.
#[test]
fn a_store_has_every_duration_in_the_exponential_bucket_that_it_belongs_to() {
    let store = VictoriaMetrics::start();
    let guard = push(&store, Histograms::Exponential, Compression::None);
    assert!(guard.flush(Duration::from_secs(30)));
    assert_eq!(guard.counts().exports(Outcome::Ok), 1);
    let mut found = 0;
    for (labels, count) in store.values() {
        let Some((from, to)) = labels.get("vmrange").and_then(|range| range.split_once("...")) else { continue };
        let (from, to): (f64, f64) = (from.parse().expect("a number"), to.parse().expect("a number"));
        let is_within = |seconds: f64| if seconds == 0.0 { to == 0.0 } else { from < seconds && seconds <= to };
        let durations = DURATIONS_NS.iter().filter(|duration_ns| is_within(**duration_ns as f64 / 1e9)).count();
        assert_eq!(durations as f64, count, "{from} to {to}");
        found += durations;
    }
    assert_eq!(found, DURATIONS_NS.len());
}
