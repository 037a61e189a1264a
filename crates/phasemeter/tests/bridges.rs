//! Programs that use `prometheus`, `metrics` and phasemeter at once: one endpoint has all of it, each value once.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{counter, describe_histogram, gauge, histogram, with_local_recorder};
use phasemeter::{Labels, Meter, MetricsOptions, MetricsRecorder, Snapshot, Value, catalogue};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use protobuf::CodedInputStream;

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";
const PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

fn meter() -> Meter {
    Meter::builder().pipeline("test").environment([]).isolated().build()
}

fn text(meter: &Meter, accept: &str) -> String {
    String::from_utf8(meter.render(accept).1).expect("text")
}

/// The samples of a text exposition by name and labels, and how often each stands there.
fn samples(text: &str) -> BTreeMap<&str, (&str, usize)> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        samples.entry(series).or_insert((value, 0)).1 += 1;
    }
    samples
}

/// How many series each family of a protobuf exposition has; a family that stands twice is an error.
fn families(meter: &Meter) -> BTreeMap<String, usize> {
    let body = meter.render(PROTOBUF).1;
    let mut input = CodedInputStream::from_bytes(&body);
    let mut families = BTreeMap::new();
    while !input.eof().expect("whole messages") {
        let family: MetricFamily = input.read_message().expect("a family");
        let twice = families.insert(family.name().to_owned(), family.get_metric().len());
        assert_eq!(twice, None, "{} stands twice", family.name());
    }
    families
}

fn dropped(meter: &Meter, reason: &str) -> u64 {
    match meter.snapshot().value(&catalogue::DROPPED, &[("reason", reason)]) {
        Some(Value::Count(count)) => *count,
        other => panic!("{reason}: {other:?}"),
    }
}

/// The value of a series whose name came while the program ran.
fn value<'a>(snapshot: &'a Snapshot, name: &str, labels: &[(&str, &str)]) -> Option<&'a Value> {
    let wanted = Labels::new(labels.iter().copied()).expect("valid labels");
    let family = snapshot.families.iter().find(|family| family.metric.otel == name)?;
    family.series.iter().find(|series| series.labels == wanted).map(|series| &series.value)
}

#[track_caller]
fn register(registry: &Registry, collector: impl Collector + Clone + 'static) {
    registry.register(Box::new(collector)).expect("nobody has it");
}

#[test]
fn all_three_are_on_one_endpoint_and_each_value_stands_once() {
    let meter = meter();
    let registry = Registry::new();
    meter.join_prometheus(registry.clone());
    let recorder = meter.metrics_recorder();

    let orders = IntCounter::new("orders_total", "Orders taken.").expect("a valid name");
    let latency = HistogramOpts::new("order_seconds", "How long orders took.").buckets(vec![0.5, 1.0, 2.5]);
    let latency = HistogramVec::new(latency, &["shop"]).expect("valid names");
    register(&registry, orders.clone());
    register(&registry, latency.clone());
    orders.inc_by(3);
    [0.25, 0.5, 2.0, 9.0].into_iter().for_each(|seconds| latency.with_label_values(&["a\"b"]).observe(seconds));
    with_local_recorder(&recorder, || {
        describe_histogram!("cache.wait", metrics::Unit::Seconds, "Time spent waiting for the cache.");
        counter!("cache_hits_total", "tier" => "memory").increment(2);
        gauge!("cache_entries").set(41.0);
        gauge!("cache_entries").increment(1.0);
        [0.25, 0.25, 4.0].into_iter().for_each(|seconds| histogram!("cache.wait").record(seconds));
    });
    meter.phase("pack").run(|phase| phase.items(5));

    for (accept, ending) in [("", ""), (OPEN_METRICS, ".0")] {
        let text = text(&meter, accept);
        let samples = samples(&text);
        let once = |series: &str, value: &str| assert_eq!(samples.get(series), Some(&(value, 1)), "{series} of {text}");
        once("orders_total", "3");
        once(r#"order_seconds_bucket{shop="a\"b",le="0.5"}"#, "2");
        once(&format!(r#"order_seconds_bucket{{shop="a\"b",le="1{ending}"}}"#), "2");
        once(r#"order_seconds_bucket{shop="a\"b",le="2.5"}"#, "3");
        once(r#"order_seconds_bucket{shop="a\"b",le="+Inf"}"#, "4");
        once(r#"order_seconds_count{shop="a\"b"}"#, "4");
        once(r#"order_seconds_sum{shop="a\"b"}"#, "11.75");
        once(r#"cache_hits_total{tier="memory"}"#, "2");
        once("cache_entries", "42");
        once(r#"cache_wait_bucket{le="0.2"}"#, "0");
        once(r#"cache_wait_bucket{le="0.5"}"#, "2");
        once(&format!(r#"cache_wait_bucket{{le="5{ending}"}}"#), "3");
        once("cache_wait_count", "3");
        once("cache_wait_sum", "4.5");
        once(r#"phase_items_total{outcome="ok",phase="pack",pipeline="test"}"#, "5");
        assert!(samples.values().all(|(_, count)| *count == 1), "no series stands twice: {text}");
        assert_eq!(text.matches("# TYPE cache_wait histogram").count(), 1);
        assert!(text.contains("# HELP cache_wait Time spent waiting for the cache. (seconds)\n"), "{text}");
    }
    let families = families(&meter);
    for name in ["orders_total", "order_seconds", "cache_hits_total", "cache_entries", "cache_wait"] {
        assert_eq!(families.get(name), Some(&1), "{name}");
    }
    assert_eq!(families.get("phase_items_total"), Some(&3), "one for each outcome");
    assert_eq!(dropped(&meter, "metric_clash"), 0);
}

#[test]
fn process_metrics_of_the_joined_registry_win_without_a_word() {
    let meter = meter();
    let registry = Registry::new();
    register(&registry, IntGauge::new("process_threads", "Theirs.").expect("a valid name"));
    meter.join_prometheus(registry);
    for _scrape in 0..2 {
        let text = text(&meter, "");
        let samples = samples(&text);
        assert_eq!(
            samples.get("process_threads"),
            Some(&("0", 1)),
            "a process has one thread at least: this is theirs"
        );
        assert!(samples.contains_key("process_cpu_seconds_total"), "the others stay ours");
    }
    assert_eq!(dropped(&meter, "metric_clash"), 0);
}

#[test]
fn a_name_of_the_application_is_its_own_whatever_we_and_its_libraries_make_of_it() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || {
        counter!("bridge.requests").increment(7);
        counter!("bridge.other").increment(1);
    });
    assert!(text(&meter, "").contains("\nbridge_requests 7\n"), "while nobody else has the name");

    let registry = Registry::new();
    register(&registry, IntGauge::new("bridge_requests", "A gauge.").expect("a valid name"));
    register(&registry, IntGauge::new("phase_runs_total", "Another gauge.").expect("a valid name"));
    meter.join_prometheus(registry);
    meter.phase("pack").run(|_| ());
    for accept in ["", OPEN_METRICS, "", OPEN_METRICS] {
        let text = text(&meter, accept);
        let samples = samples(&text);
        assert_eq!(samples.get("bridge_requests"), Some(&("0", 1)));
        assert_eq!(samples.get("phase_runs_total"), Some(&("0", 1)));
        assert!(!text.contains("phase_runs_total{"), "nothing is merged");
        assert!(text.contains("# TYPE bridge_requests gauge\n"));
        assert!(samples.contains_key("bridge_other"));
    }
    assert_eq!(dropped(&meter, "metric_clash"), 2, "each is counted once, however often it is scraped");
}

#[test]
fn one_name_of_two_kinds_is_the_applications_even_where_a_library_was_seen_first() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || counter!("bridge_first").increment(7));
    assert!(text(&meter, "").contains("# TYPE bridge_first counter\nbridge_first 7\n"));
    let registry = Registry::new();
    register(&registry, IntGauge::new("bridge_first", "A gauge.").expect("a valid name"));
    meter.join_prometheus(registry);
    assert!(text(&meter, "").contains("# TYPE bridge_first gauge\nbridge_first 0\n"));
    assert_eq!(dropped(&meter, "metric_clash"), 1);
}

#[test]
fn the_first_of_two_registries_keeps_a_name() {
    let meter = meter();
    for value in [1, 2] {
        let registry = Registry::new();
        let depth = IntGauge::new("queue_depth", "Jobs that wait.").expect("a valid name");
        depth.set(value);
        register(&registry, depth);
        meter.join_prometheus(registry);
    }
    assert_eq!(samples(&text(&meter, "")).get("queue_depth"), Some(&("1", 1)));
    assert_eq!(dropped(&meter, "metric_clash"), 1);
}

#[test]
fn a_registry_that_holds_us_and_is_joined_shows_nothing_twice() {
    let meter = meter();
    let registry = Registry::new();
    registry.register(Box::new(meter.prometheus_collector())).expect("nobody has these names");
    let orders = IntCounter::new("orders_total", "Orders taken.").expect("a valid name");
    register(&registry, orders);
    meter.join_prometheus(registry.clone());
    meter.phase("pack").run(|_| ());
    let runs = r#"phase_runs_total{outcome="ok",phase="pack",pipeline="test"}"#;
    for _scrape in 0..3 {
        let ours = text(&meter, "");
        assert_eq!(samples(&ours).get(runs), Some(&("1", 1)), "{ours}");
        assert_eq!(samples(&ours).get("orders_total"), Some(&("0", 1)));
        let theirs = TextEncoder::new().encode_to_string(&registry.gather()).expect("valid families");
        assert_eq!(samples(&theirs).get(runs), Some(&("1", 1)), "{theirs}");
        assert_eq!(samples(&theirs).get("orders_total"), Some(&("0", 1)));
    }
    assert_eq!(dropped(&meter, "metric_clash"), 0);
}

#[test]
fn a_registry_that_holds_another_meter_shows_that_one_too() {
    let (one, other) = (meter(), Meter::builder().pipeline("other").environment([]).isolated().build());
    let registry = Registry::new();
    registry.register(Box::new(other.prometheus_collector())).expect("nobody has these names");
    other.phase("pack").run(|_| ());
    one.join_prometheus(registry);
    let text = text(&one, "");
    let runs = r#"phase_runs_total{outcome="ok",phase="pack",pipeline="other"}"#;
    assert_eq!(samples(&text).get(runs), Some(&("1", 1)), "{text}");
}

#[test]
fn a_constant_label_makes_no_two_series_one() {
    let meter = Meter::builder().constant_label("zone", "b").environment([]).isolated().build();
    let registry = Registry::new();
    let orders = IntCounterVec::new(Opts::new("orders_total", "Orders."), &["zone"]).expect("valid names");
    orders.with_label_values(&["b"]).inc();
    register(&registry, orders);
    register(&registry, IntGauge::new("queue_depth", "Jobs that wait.").expect("a valid name"));
    meter.join_prometheus(registry);
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || {
        counter!("bridge_zones").increment(1);
        counter!("bridge_zones", "zone" => "b").increment(2);
    });
    for accept in ["", OPEN_METRICS] {
        let text = text(&meter, accept);
        let samples = samples(&text);
        assert!(samples.values().all(|(_, count)| *count == 1), "{text}");
        let value = |series| samples.get(series).map(|(value, _)| *value);
        assert_eq!(value(r#"queue_depth{zone="b"}"#), Some("0"));
        assert_eq!(value(r#"orders_total{zone="b"}"#), Some("1"));
        assert_eq!([value("bridge_zones"), value(r#"bridge_zones{zone="b"}"#)], [Some("1"), Some("2")]);
    }
}

#[test]
fn a_gauge_that_is_called_as_a_counters_creation_stands_alone() {
    let meter = meter();
    let registry = Registry::new();
    register(&registry, IntGauge::new("bridge_made_created", "Somebody's.").expect("a valid name"));
    meter.join_prometheus(registry);
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || counter!("bridge_made_total").increment(1));
    let text = text(&meter, OPEN_METRICS);
    assert_eq!(samples(&text).get("bridge_made_created"), Some(&("0", 1)), "{text}");
    assert_eq!(samples(&text).get("bridge_made_total"), Some(&("1", 1)));
}

#[test]
fn in_a_registry_of_the_application_our_values_are_those_of_our_own_endpoint() {
    let clock = phasemeter::ManualClock::new();
    let builder = Meter::builder().pipeline("test").prefix("acme_").constant_label("zone", "b").environment([]);
    let meter = builder.clock(clock.clone()).build();
    for millis in [5, 40, 1_500] {
        let pack = meter.phase("pack");
        let run = pack.start();
        clock.advance(Duration::from_millis(millis));
        drop(run);
    }
    let registry = Registry::new();
    registry.register(Box::new(meter.prometheus_collector())).expect("nobody has these names");
    let theirs = TextEncoder::new().encode_to_string(&registry.gather()).expect("valid families");
    let own = text(&meter, "");
    let of_phases = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with("acme_phase")).map(|line| {
            // The order of labels is not part of a value.
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let mut labels: Vec<_> = series.split(['{', ',', '}']).map(str::to_owned).collect();
            labels.sort();
            (labels, value.parse::<f64>().expect("a number").to_string())
        });
        // What goes on by itself is another number each time.
        let is_still = |label: &String| !label.contains("scrape") && !label.contains("phasemeter_collector");
        lines.filter(|(labels, _)| labels.iter().all(is_still)).collect::<BTreeMap<_, _>>()
    };
    assert!(of_phases(&own).len() > 100);
    assert_eq!(of_phases(&theirs), of_phases(&own));
    assert!(!theirs.contains("process_"), "that crate has a collector of these");
}

#[test]
fn registering_us_twice_or_beside_one_of_our_names_is_an_error() {
    let meter = meter();
    let registry = Registry::new();
    registry.register(Box::new(meter.prometheus_collector())).expect("nobody has these names");
    assert!(registry.register(Box::new(meter.prometheus_collector())).is_err());
    let other = Registry::new();
    register(&other, IntGauge::new("process_threads", "Theirs.").expect("a valid name"));
    assert!(other.register(Box::new(meter.prometheus_collector().with_process())).is_err());
    let other = Registry::new();
    other.register(Box::new(meter.prometheus_collector().with_process())).expect("nobody has these names");
    assert!(other.gather().iter().any(|family| family.name() == "process_threads"));
}

/// A collector that panics, or asks the Meter that reads it.
struct Odd(Meter, Desc, bool);

impl Odd {
    fn register_in(registry: &Registry, meter: &Meter, panics: bool) {
        let opts = Opts::new("odd", "Never seen.");
        let desc = Desc::new(opts.name, opts.help, Vec::new(), opts.const_labels).expect("a valid name");
        registry.register(Box::new(Self(meter.clone(), desc, panics))).expect("nobody has it");
    }
}

impl Collector for Odd {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.1]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        assert!(!self.2, "this collector always panics");
        // Twice: the first answer must not end what keeps us from being asked again.
        for _again in 0..2 {
            assert!(!self.0.snapshot().families.is_empty());
        }
        Vec::new()
    }
}

#[test]
fn a_collector_that_asks_the_meter_that_reads_it_gets_an_answer() {
    let meter = meter();
    let registry = Registry::new();
    Odd::register_in(&registry, &meter, false);
    meter.join_prometheus(registry);
    assert!(text(&meter, "").contains("phasemeter_series"));
    assert_eq!(dropped(&meter, "source_panicked"), 0);
}

#[test]
fn a_collector_that_panics_costs_its_registry_alone() {
    let meter = meter();
    let (good, bad) = (Registry::new(), Registry::new());
    register(&good, IntGauge::new("queue_depth", "Jobs that wait.").expect("a valid name"));
    Odd::register_in(&bad, &meter, true);
    meter.join_prometheus(bad);
    meter.join_prometheus(good);
    let text = text(&meter, "");
    assert_eq!(samples(&text).get("queue_depth"), Some(&("0", 1)));
    assert!(text.contains("phasemeter_series"));
    assert!(dropped(&meter, "source_panicked") >= 1);
}

#[test]
fn label_values_without_end_stay_within_the_limit_and_are_counted() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || {
        for number in 0..100_000 {
            counter!("bridge_users_total", "user" => number.to_string()).increment(1);
        }
        counter!("bridge_users_total", "user" => "7").increment(1);
        counter!("bridge_calm_total").increment(1);
    });
    let text = text(&meter, "");
    assert_eq!(text.matches("\nbridge_users_total{user=").count(), 1_000);
    assert!(text.contains("\nbridge_users_total{otel_metric_overflow=\"true\"} 99000\n"), "nothing is lost");
    assert!(text.contains("\nbridge_users_total{user=\"7\"} 2\n"), "what has its place keeps it");
    assert!(text.contains("\nbridge_calm_total 1\n"), "others have theirs");
    assert_eq!(dropped(&meter, "series_limit"), 99_000);
}

#[test]
fn names_without_end_stay_within_the_limit_too() {
    let meter = meter();
    let options = MetricsOptions { series: 20, ..MetricsOptions::default() };
    let recorder = meter.metrics_recorder_where(options);
    with_local_recorder(&recorder, || {
        (0..50).for_each(|number| gauge!(format!("bridge_name_{number}")).set(1.0));
    });
    assert_eq!(text(&meter, "").matches("\nbridge_name_").count(), 20);
    assert_eq!(dropped(&meter, "series_limit"), 30);
}

#[test]
fn beyond_the_limit_histograms_are_summed_and_gauges_are_not() {
    let meter = meter();
    let recorder = meter.metrics_recorder_where(MetricsOptions { series_per_name: 1, ..MetricsOptions::default() });
    with_local_recorder(&recorder, || {
        for user in ["a", "b", "c"] {
            histogram!("bridge_sizes", "user" => user).record(2.0);
            gauge!("bridge_levels", "user" => user).set(2.0);
        }
    });
    let snapshot = meter.snapshot();
    let count = |name, labels| value(&snapshot, name, &[labels]).map(Value::as_f64);
    let overflow = ("otel_metric_overflow", "true");
    assert_eq!([count("bridge_sizes", ("user", "a")), count("bridge_sizes", overflow)], [Some(1.0), Some(2.0)]);
    assert_eq!([count("bridge_levels", ("user", "a")), count("bridge_levels", overflow)], [Some(2.0), None]);
    assert_eq!(dropped(&meter, "series_limit"), 4);
}

#[test]
fn what_nobody_holds_or_asks_for_goes_and_comes_back_at_0() {
    let clock = phasemeter::ManualClock::new();
    let meter = Meter::builder().environment([]).clock(clock.clone()).build();
    let options =
        MetricsOptions { idle: Some(Duration::from_secs(60)), series_per_name: 2, ..MetricsOptions::default() };
    let recorder = meter.metrics_recorder_where(options);
    let read = |user| {
        let snapshot = meter.snapshot();
        let labels = Labels::new([("user", user)]).expect("valid");
        let family = snapshot.families.iter().find(|family| family.metric.otel == "bridge_idle")?;
        let series = family.series.iter().find(|series| series.labels == labels)?;
        Some((series.value.as_f64(), series.created_unix_ns.expect("a counter has it") / 1_000_000_000))
    };
    let count =
        |user: &'static str| with_local_recorder(&recorder, || counter!("bridge_idle", "user" => user).increment(1));
    let held = with_local_recorder(&recorder, || counter!("bridge_idle", "user" => "held"));
    count("passing");
    assert_eq!([read("held"), read("passing")], [Some((0.0, 0)), Some((1.0, 0))]);
    clock.advance(Duration::from_secs(59));
    count("passing");
    assert_eq!(read("passing"), Some((2.0, 0)), "it was asked for");
    clock.advance(Duration::from_secs(60));
    assert_eq!([read("held"), read("passing")], [Some((0.0, 0)), None], "what is held can still be recorded into");
    held.increment(7);
    count("another");
    count("passing");
    assert_eq!(read("held"), Some((7.0, 0)));
    assert_eq!([read("another"), read("passing")], [Some((1.0, 119)), None], "its place was free");
}

#[test]
fn what_a_handle_records_before_it_is_dropped_is_seen() {
    let clock = phasemeter::ManualClock::new();
    let meter = Meter::builder().environment([]).clock(clock.clone()).build();
    let idle = Some(Duration::from_secs(60));
    let recorder = meter.metrics_recorder_where(MetricsOptions { idle, ..MetricsOptions::default() });
    let held = with_local_recorder(&recorder, || counter!("bridge_late"));
    let read = || value(&meter.snapshot(), "bridge_late", &[]).map(Value::as_f64);
    assert_eq!(read(), Some(0.0));
    clock.advance(Duration::from_secs(59));
    held.increment(7);
    drop(held);
    clock.advance(Duration::from_secs(1));
    assert_eq!(read(), Some(7.0));
    clock.advance(Duration::from_secs(60));
    assert_eq!(read(), None);
}

#[test]
fn what_found_no_room_goes_when_it_is_idle_too() {
    let clock = phasemeter::ManualClock::new();
    let meter = Meter::builder().environment([]).clock(clock.clone()).build();
    let (idle, limits) = (Some(Duration::from_secs(1)), MetricsOptions::default());
    let recorder = meter.metrics_recorder_where(MetricsOptions { idle, series: 10, series_per_name: 1, ..limits });
    for number in 0..200 {
        with_local_recorder(&recorder, || {
            for user in ["a", "b"] {
                histogram!(format!("bridge_passing_{number}"), "user" => user).record(1.0);
            }
        });
        let _scrape = text(&meter, "");
        clock.advance(Duration::from_secs(2));
    }
    let _scrape = text(&meter, "");
    assert_eq!(text(&meter, "").matches("bridge_passing").count(), 0);
}

#[test]
fn names_that_would_cost_the_whole_scrape_are_refused_and_counted() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || {
        counter!("").increment(1);
        gauge!("bridge\0nul").set(1.0);
        gauge!("bridge_good").set(1.0);
    });
    let body = text(&meter, "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8");
    assert!(!body.contains('\0') && !body.contains("{\"\"") && body.contains("bridge_good"), "{body}");
    assert_eq!(dropped(&meter, "invalid_name"), 2);
}

#[test]
fn a_label_without_a_value_is_none_and_makes_no_second_series() {
    let meter = Meter::builder().pipeline("test").environment([]).isolated().build();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || {
        counter!("bridge_empty").increment(1);
        counter!("bridge_empty", "a" => "").increment(2);
    });
    meter.phase("pack").labelled([("model", "")]).run(|_| ());
    meter.phase("pack").run(|_| ());
    let text = text(&meter, "");
    let samples = samples(&text);
    assert_eq!(samples.get("bridge_empty"), Some(&("1", 1)), "{text}");
    assert_eq!(dropped(&meter, "metric_clash"), 1);
    assert_eq!(samples.get(r#"phase_runs_total{outcome="ok",phase="pack",pipeline="test"}"#), Some(&("2", 1)));
}

#[test]
fn a_facade_that_calls_a_metric_as_one_of_the_process_is_said() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || counter!("process_threads").increment(1));
    assert_eq!(samples(&text(&meter, "")).get("process_threads"), Some(&("1", 1)));
    assert_eq!(dropped(&meter, "metric_clash"), 1);
}

#[test]
fn keys_and_descriptions_have_an_end() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || {
        let labels: Vec<_> = (0..50_000).map(|number| metrics::Label::new(format!("l{number}"), "x")).collect();
        counter!("bridge_wide", labels).increment(1);
        describe_histogram!("bridge_told", "x".repeat(1_000_000));
        histogram!("bridge_told").record(1.0);
        counter!("bridge_own_overflow", "otel_metric_overflow" => "true").increment(1);
    });
    let text = text(&meter, "");
    assert!(text.lines().all(|line| line.len() < 5_000));
    assert!(text.contains("bridge_wide{l0=\"x\""));
    assert!(text.contains("bridge_own_overflow{key_otel_metric_overflow=\"true\"} 1"), "{text}");
}

#[test]
fn long_label_values_are_shortened_once_and_stay_apart() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || {
        for ending in ["a", "b", "a"] {
            counter!("bridge_long_total", "query" => "x".repeat(100_000) + ending).increment(1);
        }
    });
    let text = text(&meter, "");
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("bridge_long_total")).collect();
    assert_eq!(lines.iter().filter(|line| line.len() < 300).count(), 2, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.ends_with("} 2")).count(), 1);
    assert_eq!(dropped(&meter, "label_shortened"), 2);
}

#[test]
fn what_is_not_finite_is_not_taken() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || {
        let wait = histogram!("bridge_wait");
        [1.0, f64::NAN, f64::INFINITY, 2.0].into_iter().for_each(|seconds| wait.record(seconds));
        wait.record_many(0.5, 4);
        let depth = gauge!("bridge_depth");
        depth.set(3.0);
        depth.set(f64::NAN);
        depth.decrement(f64::NEG_INFINITY);
        depth.decrement(0.5);
        let large = histogram!("bridge_large");
        (0..3).for_each(|_| large.record_many(f64::MAX, 2));
    });
    let snapshot = meter.snapshot();
    let Some(Value::Buckets(wait)) = value(&snapshot, "bridge_wait", &[]) else { panic!("no histogram") };
    assert_eq!((wait.count, wait.sum), (6, 5.0));
    assert_eq!(wait.bounds.iter().find(|(bound, _)| *bound == 1.0), Some(&(1.0, 5)), "bounds are inclusive");
    assert_eq!(wait.bounds.len(), 43);
    assert_eq!(value(&snapshot, "bridge_depth", &[]), Some(&Value::Real(2.5)));
    let Some(Value::Buckets(large)) = value(&snapshot, "bridge_large", &[]) else { panic!("no histogram") };
    assert_eq!((large.count, large.sum), (6, f64::MAX), "a sum beyond all numbers stays the last one");
    assert_eq!(dropped(&meter, "invalid_value"), 4);
}

#[test]
fn the_facades_names_and_kinds_are_kept_apart() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || {
        for _twice in 0..2 {
            counter!("bridge_kind").increment(1);
            gauge!("bridge_kind").set(9.0);
            counter!("bridge_labels", "a-b" => "1", "a.b" => "2").increment(1);
            counter!("bridge_sets", "a-b" => "1").increment(1);
            counter!("bridge_sets", "a.b" => "1").increment(10);
            counter!("bridge_order", "a" => "1", "b" => "2").increment(1);
            counter!("bridge_order", "b" => "2", "a" => "1").increment(1);
        }
        counter!("bridge_absolute").absolute(5);
        counter!("bridge_absolute").absolute(3);
    });
    let snapshot = meter.snapshot();
    let count = |name, labels: &[(&str, &str)]| value(&snapshot, name, labels).map(Value::as_f64);
    assert_eq!(count("bridge_kind", &[]), Some(2.0), "the first kind stands");
    assert_eq!(count("bridge_labels", &[("a_b", "1")]), Some(2.0), "the first label stands");
    assert_eq!(count("bridge_sets", &[("a_b", "1")]), Some(2.0), "the first set stands, and nothing is merged into it");
    assert_eq!(count("bridge_order", &[("a", "1"), ("b", "2")]), Some(4.0), "an order is no difference");
    assert_eq!(count("bridge_absolute", &[]), Some(5.0));
    assert_eq!(dropped(&meter, "metric_clash"), 2, "the kind and the set, once each");
    assert_eq!(dropped(&meter, "invalid_label"), 1);
}

#[test]
fn a_disabled_meter_takes_and_shows_nothing() {
    let meter = Meter::builder().environment([]).isolated().disabled().build();
    let registry = Registry::new();
    register(&registry, IntGauge::new("queue_depth", "Jobs that wait.").expect("a valid name"));
    registry.register(Box::new(meter.prometheus_collector())).expect("nobody has these names");
    meter.join_prometheus(registry.clone());
    let recorder: MetricsRecorder = meter.metrics_recorder();
    with_local_recorder(&recorder, || counter!("bridge_off").increment(1));
    assert_eq!(text(&meter, ""), "");
    assert_eq!(registry.gather().len(), 1);
}

#[test]
fn recording_and_reading_from_many_threads_loses_nothing() {
    let meter = meter();
    let recorder = meter.metrics_recorder();
    std::thread::scope(|scope| {
        for _thread in 0..4 {
            scope.spawn(|| {
                with_local_recorder(&recorder, || {
                    for number in 0..5_000 {
                        counter!("bridge_threads_total", "part" => (number % 10).to_string()).increment(1);
                        histogram!("bridge_threads_wait").record(0.5);
                    }
                });
            });
        }
        (0..20).for_each(|_| drop(text(&meter, "")));
    });
    let snapshot = meter.snapshot();
    for part in 0..10 {
        let labels = [("part", &*part.to_string())];
        assert_eq!(value(&snapshot, "bridge_threads_total", &labels), Some(&Value::Count(2_000)));
    }
    let Some(Value::Buckets(wait)) = value(&snapshot, "bridge_threads_wait", &[]) else { panic!("no histogram") };
    assert_eq!((wait.count, wait.sum), (20_000, 10_000.0));
}
