//! What Prometheus has of a finished run. Nothing runs any more, so every number stands still and is known.

use std::net::TcpListener;

use phasemeter_core::catalogue::{
    DROPPED, OVERFLOW, PHASE_ACTIVE, PHASE_BYTES, PHASE_DURATION, PHASE_ERRORS, PHASE_EXPECTED_ITEMS, PHASE_ITEMS,
    PHASE_PROGRESS, PHASE_RUNS, PIPELINE_FINISHED, PIPELINE_PROGRESS, PIPELINE_RUN_INFO, SERIES, TARGET_INFO,
};
use phasemeter_core::{DropReason, Metric};
use phasemeter_tests::example::{Serving, documents};
use phasemeter_tests::prometheus::{JOB, Moment, Prometheus, Sample, promtool_check};
use phasemeter_tests::tree::{Expected, MAX_FILE_BYTES, Tree};

/// Everything that the text format has to escape, percent-encoded, and as it must arrive.
const RESOURCE: (&str, &str) = ("service.version=1.2,team=a%22b%22%5Cc%0Ad%2C%20%C3%A4", "a\"b\"\\c\nd, \u{e4}");

/// A finished run that serves.
fn finished(tree: &Tree) -> Serving {
    let mut command = documents();
    command.arg(tree.root()).args(["--listen", "127.0.0.1:0", "--max-file-bytes", MAX_FILE_BYTES]);
    command.env("OTEL_SERVICE_NAME", "docs").env("OTEL_RESOURCE_ATTRIBUTES", RESOURCE.0);
    let mut serving = Serving::start_command(&mut command);
    serving.wait_done();
    serving
}

/// Series that must be there: a name, labels beside those of the target, a value.
struct Series<'a> {
    serving: &'a Serving,
    name: String,
    expected: Vec<Sample>,
}

impl<'a> Series<'a> {
    fn of(serving: &'a Serving, metric: &Metric) -> Self {
        Self::named(serving, metric.prometheus_name())
    }

    fn named(serving: &'a Serving, name: String) -> Self {
        Self { serving, name, expected: Vec::new() }
    }

    fn with(mut self, labels: &[(&str, &str)], value: u64) -> Self {
        let instance = self.serving.address.to_string();
        let own = [("__name__", self.name.as_str()), ("instance", &instance), ("job", JOB)];
        let labels = own.iter().chain(labels).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.expected.push(Sample { labels, value: value.to_string() });
        self
    }

    /// One series for each phase and outcome.
    fn by_outcome(mut self, outcomes: [&str; 3], counts: [(&str, [u64; 3]); 4]) -> Self {
        for (phase, counts) in counts {
            for (outcome, count) in outcomes.into_iter().zip(counts) {
                self = self.with(&[("outcome", outcome), ("phase", phase), ("pipeline", "documents")], count);
            }
        }
        self
    }

    /// Prometheus has these and no others.
    #[track_caller]
    fn check(self, moment: &Moment<'_>) {
        self.check_selected(moment, "");
    }

    /// The same for the part of the metric that a selector picks.
    #[track_caller]
    fn check_selected(mut self, moment: &Moment<'_>, selector: &str) {
        self.expected.sort();
        let found = moment.query(&(self.name + selector));
        assert_eq!(found, self.expected, "found, and expected");
    }
}

const RUN_OUTCOMES: [&str; 3] = ["ok", "error", "cancelled"];
const ITEM_OUTCOMES: [&str; 3] = ["ok", "error", "skipped"];

/// Runs by phase and outcome: a file, a document, up to 64 chunks of one, a transaction of at least 256 chunks.
fn runs(of: &Expected) -> [(&'static str, [u64; 3]); 4] {
    assert!((1..256).contains(&of.chunks), "one transaction takes them all");
    [
        ("extract", [of.ok + of.skipped, of.errors(), 0]),
        ("chunk", [of.ok, 0, 0]),
        ("embed", [of.documents, 0, 0]),
        ("store", [1, 0, 0]),
    ]
}

#[test]
fn every_count_in_prometheus_is_what_became_of_the_files() {
    let tree = Tree::mixed();
    let serving = finished(&tree);
    let prometheus = Prometheus::scraping(serving.address);
    let moment = prometheus.scraped("up");
    let of = &tree.expected;
    let series = |metric| Series::of(&serving, metric);

    let items = [
        ("extract", [of.ok, of.errors(), of.skipped]),
        ("chunk", [of.chunks, 0, 0]),
        ("embed", [of.chunks, 0, 0]),
        ("store", [of.chunks, 0, 0]),
    ];
    series(&PHASE_ITEMS).by_outcome(ITEM_OUTCOMES, items).check(&moment);
    let bytes = [
        ("extract", [of.bytes, of.error_bytes(), 0]),
        ("chunk", [of.text_bytes, 0, 0]),
        ("embed", [0, 0, 0]),
        ("store", [of.stored_bytes(), 0, 0]),
    ];
    series(&PHASE_BYTES).by_outcome(ITEM_OUTCOMES, bytes).check(&moment);
    series(&PHASE_RUNS).by_outcome(RUN_OUTCOMES, runs(of)).check(&moment);

    let extract = [("phase", "extract"), ("pipeline", "documents")];
    let errors = of.failed.iter().fold(series(&PHASE_ERRORS), |errors, (kind, failed)| {
        errors.with(&[&[("error_type", *kind)], extract.as_slice()].concat(), failed.count)
    });
    errors.check(&moment);
    series(&PHASE_EXPECTED_ITEMS).with(&extract, of.files()).check(&moment);
    series(&PHASE_PROGRESS).with(&extract, 1).check(&moment);
    let active = ["extract", "chunk", "embed", "store"]
        .iter()
        .fold(series(&PHASE_ACTIVE), |active, phase| active.with(&[("phase", phase), ("pipeline", "documents")], 0));
    active.check(&moment);

    let items = PHASE_ITEMS.prometheus_name();
    let sum = moment.query(&format!("sum({items}{{phase=\"extract\"}})"));
    assert_eq!(sum.iter().map(|sum| &*sum.value).collect::<Vec<_>>(), [of.files().to_string()]);
}

#[test]
fn durations_are_those_of_all_runs_and_sums_arrive_to_the_last_digit() {
    let tree = Tree::mixed();
    let serving = finished(&tree);
    let prometheus = Prometheus::scraping(serving.address);
    let moment = prometheus.scraped("up");
    let runs = runs(&tree.expected);
    let part = |part| format!("{}_{part}", PHASE_DURATION.prometheus_name());

    Series::named(&serving, part("count")).by_outcome(RUN_OUTCOMES, runs).check(&moment);
    let (bucket, selector) = (part("bucket"), "{le=\"+Inf\"}");
    let mut last = Series::named(&serving, bucket.clone()).by_outcome(RUN_OUTCOMES, runs);
    last.expected.iter_mut().for_each(|sample| _ = sample.labels.insert("le".into(), "+Inf".into()));
    last.check_selected(&moment, selector);

    let body = serving.metrics();
    for (phase, counts) in runs {
        for (outcome, runs) in RUN_OUTCOMES.into_iter().zip(counts) {
            let labels = format!("{{outcome=\"{outcome}\",phase=\"{phase}\",pipeline=\"documents\"}}");
            let sum = printed(&body, &format!("{}{labels}", part("sum")));
            assert_eq!(sum > 0.0, runs > 0, "{labels}: {runs} runs took {sum} s");
            assert_eq!(numbers(&moment.query(&format!("{}{labels}", part("sum")))), [sum], "{labels}");
            check_buckets(&moment.query(&format!("{bucket}{labels}")), runs);
        }
    }
}

/// The value of a series in a body of `/metrics`.
#[track_caller]
fn printed(body: &str, series: &str) -> f64 {
    let line = body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no number for {series} in\n{body}"))
}

/// Buckets never fall towards the last one, which holds all runs.
#[track_caller]
fn check_buckets(samples: &[Sample], runs: u64) {
    let bound = |sample: &Sample| sample.labels["le"].parse::<f64>().expect("a bound is a number");
    let mut sorted: Vec<_> =
        samples.iter().map(|sample| (bound(sample), numbers(std::slice::from_ref(sample))[0])).collect();
    sorted.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    assert_eq!(sorted.len(), 32, "{sorted:?}");
    assert!(sorted.is_sorted_by_key(|(_, cumulated)| *cumulated), "{sorted:?}");
    assert_eq!(sorted.last(), Some(&(f64::INFINITY, runs as f64)));
}

#[track_caller]
fn numbers(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| sample.value.parse().expect("a number")).collect()
}

#[test]
fn the_run_is_finished_the_target_is_named_and_nothing_was_lost_on_the_way() {
    let tree = Tree::mixed();
    let serving = finished(&tree);
    // The first scrape tells less: it has no previous one, whose duration it could tell.
    let _first = serving.metrics();
    let prometheus = Prometheus::scraping(serving.address);
    let moment = prometheus.scraped("up");
    let series = |metric| Series::of(&serving, metric);

    let pipeline = ("pipeline", "documents");
    series(&PIPELINE_FINISHED).with(&[pipeline], 1).check(&moment);
    series(&PIPELINE_PROGRESS).with(&[pipeline], 1).check(&moment);
    series(&PIPELINE_RUN_INFO).with(&[pipeline, ("run", "documents")], 1).check(&moment);
    let resource = [("service_name", "docs"), ("service_version", "1.2"), ("team", RESOURCE.1)];
    series(&TARGET_INFO).with(&resource, 1).check(&moment);
    series(&SERIES).with(&[], 4).check(&moment);
    let dropped = DropReason::ALL
        .iter()
        .fold(series(&DROPPED), |dropped, reason| dropped.with(&[("reason", reason.as_str())], 0));
    dropped.check(&moment);
    let limits = ["error_types", "label_sets", "phases", "units"];
    let overflow = limits.iter().fold(series(&OVERFLOW), |overflow, limit| overflow.with(&[("limit", limit)], 0));
    overflow.check(&moment);

    Series::named(&serving, "up".into()).with(&[], 1).check(&moment);
    // What Prometheus asks for has a line more for each series that began.
    let body = serving.metrics_as("application/openmetrics-text;version=1.0.0");
    let lines = body.lines().filter(|line| !line.starts_with('#')).count() as u64;
    Series::named(&serving, "scrape_samples_scraped".into()).with(&[], lines).check(&moment);
    assert_eq!(prometheus.complaints(), [""; 0]);
}

#[test]
fn counts_only_grow_while_prometheus_reads_along() {
    let tree = Tree::slow(8);
    // Prometheus takes longer to begin than the example, and is to see some of the run.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let prometheus = Prometheus::scraping(free);
    prometheus.wait_tried();
    let mut command = documents();
    command.arg(tree.root()).args(["--workers", "1", "--listen", &free.to_string()]);
    let mut serving = Serving::start_command(&mut command);
    assert_eq!(serving.address, free, "somebody else took the port meanwhile");

    let (finished, items) = (PIPELINE_FINISHED.prometheus_name(), PHASE_ITEMS.prometheus_name());
    drop(prometheus.scraped(&format!("{finished} == 0")));
    serving.wait_done();
    let moment = prometheus.scraped(&format!("{finished} == 1"));
    let counts = numbers(&moment.query(&format!("{items}{{phase=\"extract\",outcome=\"ok\"}}")));
    assert_eq!(counts, [tree.expected.ok as f64]);
    assert_eq!(moment.query(&format!("resets({items}[5m]) > 0")), []);
    assert_eq!(prometheus.complaints(), [""; 0]);
}

/// OpenTelemetry's conventions name it so, and Prometheus's own translation of them has this name too.
const NAMED_BY_OTHERS: &str =
    "system_cpu_logical_count non-histogram and non-summary metrics should not have \"_count\" suffix";

#[test]
fn promtool_has_no_complaint_but_of_a_name_that_others_gave() {
    let tree = Tree::mixed();
    let checked = promtool_check(&finished(&tree).metrics());
    let said = [checked.stdout, checked.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(said.lines().collect::<Vec<_>>(), [NAMED_BY_OTHERS]);
}

#[test]
fn promtool_would_complain() {
    let checked = promtool_check("# TYPE wrong counter\nwrong{a=\"} 1\n");
    assert!(!checked.status.success(), "{checked:?}");
}
