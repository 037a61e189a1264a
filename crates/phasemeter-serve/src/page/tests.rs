//! The page as a whole: snapshots and times in, HTML out.

use std::time::{Duration, Instant};

use phasemeter_core::catalogue::{
    COLLECTOR_SUCCESS, PIPELINE_FINISHED, PIPELINE_PROGRESS, PIPELINE_RUN_INFO, PIPELINE_START_TIMESTAMP,
    PROCESS_CPU_TIME, PROCESS_MEMORY_USAGE, PROCESS_START_TIMESTAMP, SCRAPE_DURATION, TARGET_INFO,
};
use phasemeter_core::{ItemOutcome, Labels, Limits, Metric, Outcome, Registry, Samples, Snapshot, Value};

use super::{History, Moment, render, tally};

const SECOND_NS: u64 = 1_000_000_000;
/// The process has been running for a thousand seconds, the endpoint for a hundred.
const MOMENT: Moment = Moment { unix: Duration::from_secs(10_000), since_start: Duration::from_secs(100) };

fn registry() -> Registry {
    let registry = Registry::new(Limits::default());
    registry.name_base_pipeline("acid");
    registry
}

fn samples(registry: &Registry) -> Samples {
    let mut samples = Samples::default();
    registry.sample(&mut samples);
    samples
}

fn with(mut samples: Samples, metric: &'static Metric, labels: &[(&str, &str)], value: Value) -> Samples {
    samples.push(metric, Labels::new(labels.iter().copied()).expect("valid"), value);
    samples
}

/// The page on the first view.
fn page(samples: Samples) -> String {
    render(&Snapshot::new(samples), &MOMENT, None)
}

/// The cells of the row of a phase, without tags: what somebody reads, from left to right.
#[track_caller]
fn row(page: &str, phase: &str) -> Vec<String> {
    let row = page.split("<tr>").find(|row| row.contains(&format!(">{phase}</bdi>"))).expect("a row of this phase");
    let row = row.split_once("</tr>").expect("an end of the row").0;
    row.split("<td").skip(1).map(|cell| plain(&format!("<td{cell}"))).collect()
}

fn plain(html: &str) -> String {
    let mut text = html.replace("<br>", " ");
    while let Some((before, tag)) = text.split_once('<') {
        let after = tag.split_once('>').map_or("", |(_, after)| after);
        text = format!("{before}{after}");
    }
    text.trim().to_owned()
}

#[track_caller]
fn check(page: &str, holds: &[&str]) {
    let text = plain(page.split_once("<body>").expect("a body").1);
    for wanted in holds {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
}

#[test]
fn nothing_declared_is_explained() {
    check(&page(Samples::default()), &["phasemeter", "endpoint up 1 m 40 s", "No phase has been declared yet:"]);
}

#[test]
fn a_row_tells_what_became_of_runs_and_items() {
    let registry = registry();
    let embed = registry.phase(None, "embed");
    embed.set_expected(400);
    embed.record(Outcome::Ok, 3 * SECOND_NS);
    embed.record(Outcome::Error, SECOND_NS);
    embed.record(Outcome::Cancelled, 2 * SECOND_NS);
    embed.begin();
    for (outcome, items) in [(ItemOutcome::Ok, 90), (ItemOutcome::Error, 6), (ItemOutcome::Skipped, 4)] {
        assert!(embed.add_items(outcome, items));
    }
    assert!(embed.add_bytes(ItemOutcome::Ok, 3_400_000));
    for (error_type, count) in [("rare", 1), ("often", 9), ("b", 2), ("a", 2)] {
        embed.add_errors(error_type, count);
    }
    let cells = row(&page(samples(&registry)), "embed");
    let expected = [
        "active 1",
        "1 ok 1 error 1 cancelled",
        "90 ok 6 failed 4 skipped",
        "25 % 100 / 400",
        "–",
        "1.00 items/s",
        "2 s",
        "6 s 100 %",
        "3.4 MB",
        "9 often 2 a 2 b and 1 more",
    ];
    assert_eq!(cells, expected);
}

#[test]
fn columns_that_nobody_fills_are_left_out() {
    let registry = registry();
    let _declared = registry.phase(None, "store");
    assert_eq!(row(&page(samples(&registry)), "store"), ["not started", "0 ok", "–", "0 runs/s", "–", "–"]);
}

#[test]
fn averages_are_since_the_process_started_where_that_is_known() {
    let registry = registry();
    let parse = registry.phase(None, "parse");
    (0..500).for_each(|_| parse.record(Outcome::Ok, 1));
    let since_endpoint = page(samples(&registry));
    assert_eq!(row(&since_endpoint, "parse").get(3).map(String::as_str), Some("5.00 runs/s"));
    assert!(since_endpoint.contains("title=\"count over the time since this endpoint started\""));

    let started = with(samples(&registry), &PROCESS_START_TIMESTAMP, &[], Value::Nanos(9_000 * SECOND_NS));
    let since_process = page(started);
    assert_eq!(row(&since_process, "parse").get(3).map(String::as_str), Some("0.50 runs/s"));
    assert!(since_process.contains("title=\"count over the time since the process started\""));
}

#[test]
fn rates_are_what_was_counted_since_a_few_seconds_ago() {
    let registry = registry();
    let (items, runs) = (registry.phase(None, "items"), registry.phase(None, "runs"));
    assert!(items.add_items(ItemOutcome::Ok, 1_000));
    let (history, start) = (History::default(), Instant::now());
    let at = |seconds, cpu_ns| {
        let read = with(samples(&registry), &PROCESS_CPU_TIME, &[], Value::Nanos(cpu_ns));
        let snapshot = Snapshot::new(read);
        let earlier = history.compare(start + Duration::from_secs(seconds), tally(&snapshot));
        render(&snapshot, &MOMENT, earlier.as_ref())
    };
    let first = at(0, 0);
    assert_eq!(row(&first, "items").get(3).map(String::as_str), Some("–"));

    assert!(items.add_items(ItemOutcome::Error, 50) && items.add_bytes(ItemOutcome::Ok, 4_000));
    (0..3).for_each(|_| runs.record(Outcome::Ok, 1));
    let second = at(4, 6 * SECOND_NS);
    assert_eq!(row(&second, "items").get(3).map(String::as_str), Some("12.5 items/s"));
    assert_eq!(row(&second, "items").last().map(String::as_str), Some("4 kB 1 kB/s"));
    assert_eq!(row(&second, "runs").get(3).map(String::as_str), Some("0.75 runs/s"));
    check(&second, &["CPU 150 %"]);

    // A phase that is born between two views had counted nothing before.
    registry.phase(None, "born").record(Outcome::Ok, 1);
    assert_eq!(row(&at(8, 6 * SECOND_NS), "born").get(3).map(String::as_str), Some("0.25 runs/s"));
}

#[test]
fn the_phase_with_the_most_time_is_marked_once() {
    let registry = registry();
    registry.phase(None, "fast").record(Outcome::Ok, SECOND_NS);
    let alone = page(samples(&registry));
    assert!(!alone.contains("most time"));
    registry.phase(Some("other"), "slow").record(Outcome::Error, 3 * SECOND_NS);
    let both = page(samples(&registry));
    assert_eq!(both.matches(">most time<").count(), 1);
    assert_eq!(row(&both, "slow").get(5).map(String::as_str), Some("3 s 75 %"));
    assert_eq!(row(&both, "fast").get(5).map(String::as_str), Some("1 s 25 %"));
}

#[test]
fn names_of_anybody_stay_text() {
    let registry = registry();
    let hostile = "</title><script>alert('1')</script>\"onmouseover=\"x";
    let cell = registry.phase(Some(hostile), hostile);
    cell.add_errors(hostile, 1);
    registry.phase(None, &"x".repeat(256)).begin();
    let labels = [("service_name", hostile), ("service_version", hostile)];
    let read = with(samples(&registry), &TARGET_INFO, &labels, Value::Count(1));
    let read = with(read, &PIPELINE_RUN_INFO, &[("pipeline", hostile), ("run", hostile)], Value::Count(1));
    let page = page(with(read, &COLLECTOR_SUCCESS, &[("collector", hostile)], Value::Level(0)));
    assert!(!page.contains("<script") && !page.contains("\"onmouseover"));
    assert!(page.matches("&lt;script&gt;alert(&#39;1&#39;)").count() >= 6);
    assert!(page.contains(&"x".repeat(256)));
}

#[test]
fn the_run_stands_above_its_phases_and_waiting_comes_first() {
    let registry = registry();
    let _declared = (registry.phase(Some("aaa"), "x"), registry.phase(None, "embed"));
    let pipeline = [("pipeline", "acid")];
    let read = with(samples(&registry), &PIPELINE_PROGRESS, &pipeline, Value::Real(0.5));
    let read = with(read, &PIPELINE_START_TIMESTAMP, &pipeline, Value::Nanos(9_940 * SECOND_NS));
    let read = with(read, &PIPELINE_RUN_INFO, &[("pipeline", "acid"), ("run", "nightly")], Value::Count(1));
    let running = page(with(read.clone(), &PIPELINE_FINISHED, &pipeline, Value::Level(0)));
    check(&running, &["run nightly running started 1 m 00 s ago", "50 %"]);
    assert!(running.find(">acid<") < running.find(">aaa<"));
    check(&page(with(read, &PIPELINE_FINISHED, &pipeline, Value::Level(1))), &["run nightly finished"]);
}

#[test]
fn phases_beyond_the_limit_stand_together_and_are_counted() {
    let registry = Registry::new(Limits { phases: 1 });
    for phase in ["one", "two", "three"] {
        registry.phase(Some("acid"), phase).record(Outcome::Ok, 1);
    }
    check(&page(samples(&registry)), &["other phases", "2 ok", "phases kept 1", "overflow 2 phases"]);
}

#[test]
fn a_service_that_nobody_named_is_called_by_its_executable() {
    let unnamed =
        with(samples(&registry()), &TARGET_INFO, &[("service_name", "unknown_service:acid")], Value::Level(1));
    assert!(page(unnamed).contains("<title>acid · phases</title>"));
}

#[test]
fn the_foot_tells_of_the_process_and_of_ourselves() {
    let read = with(samples(&registry()), &PROCESS_MEMORY_USAGE, &[], Value::Level(412_000_000));
    let read = with(read, &SCRAPE_DURATION, &[], Value::Nanos(1_200_000));
    let read = with(read, &COLLECTOR_SUCCESS, &[("collector", "cgroup")], Value::Level(0));
    let page = page(with(read, &COLLECTOR_SUCCESS, &[("collector", "process")], Value::Level(1)));
    check(&page, &["memory 412 MB", "scrape 1.2 ms", "failed cgroup"]);
    assert!(!page.contains("dropped"), "nothing was");
    assert!(!page.contains(">process</b>"), "it works");
}

#[test]
fn no_value_breaks_the_page() {
    for real in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300] {
        let started = with(samples(&registry()), &PROCESS_START_TIMESTAMP, &[], Value::Real(real));
        let read = with(started, &PIPELINE_PROGRESS, &[("pipeline", "acid")], Value::Real(real));
        let read = with(read, &PROCESS_CPU_TIME, &[], Value::Real(real));
        let page = page(with(read, &PROCESS_MEMORY_USAGE, &[], Value::Real(real)));
        assert!(page.ends_with("</html>\n"));
    }
}
