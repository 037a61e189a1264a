//! What users see, kept in files that a change has to show itself in: the exposition and the page of all metrics.
//! `UPDATE_GOLDEN=1 cargo test -p phasemeter-core` writes them anew.

mod exposition;
mod metrics_page;
mod open_metrics_text;

use std::path::Path;

use phasemeter_core::catalogue::{
    ALL, COLLECTOR_SUCCESS, ENDPOINT_INFO, LEVEL_INFO, PIPELINE_FINISHED, PIPELINE_PROGRESS, PIPELINE_RUN_INFO,
    PIPELINE_START_TIMESTAMP, PROCESS_CPU_SECONDS, PROCESS_MEMORY_USAGE, PROCESS_START_TIMESTAMP, SCRAPE_DURATION,
    SPANS_ENABLED, TARGET_INFO,
};
use phasemeter_core::{
    Allocated, DropReason, Effort, ItemOutcome, Kind, Labels, Limits, MAX_ERROR_TYPES, MAX_UNITS, Metric, Moment,
    Outcome, PhaseCell, Profile, Registry, Samples, Snapshot, Style, TraceIds, Unit, Value, Verdict, encode,
};

const MILLISECOND_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MILLISECOND_NS;
const STARTED_UNIX_NS: u64 = 1_767_225_600 * SECOND_NS;

/// Compares with a file of the repository, given by its path from this crate, or writes it.
#[track_caller]
fn check(golden: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, actual).unwrap_or_else(|error| panic!("cannot write {golden}: {error}"));
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {golden}: {error}"));
    if let Some((line, before, now)) = first_difference(&expected, actual) {
        panic!(
            "{golden} differs in line {line}:\n  golden {before}\n  now    {now}\n\
             If that is meant: UPDATE_GOLDEN=1 cargo test -p phasemeter-core"
        );
    }
}

/// The number of the first line that differs, and what stands there in both texts.
fn first_difference(one: &str, two: &str) -> Option<(usize, String, String)> {
    let (mut one, mut two) = (one.split('\n'), two.split('\n'));
    for number in 1.. {
        match (one.next(), two.next()) {
            (None, None) => break,
            (one, two) if one == two => {}
            (one, two) => {
                let shown = |line: Option<&str>| line.map_or("(ended before)".to_owned(), |line| format!("{line:?}"));
                return Some((number, shown(one), shown(two)));
            }
        }
    }
    None
}

/// The further labels that some phases have here.
const FURTHER: [&str; 2] = ["tenant", "variant"];

/// An hour after the start, by either clock.
const NOW: Moment = Moment { now_ns: 3_600 * SECOND_NS, unix_ns: STARTED_UNIX_NS + 3_600 * SECOND_NS };

/// Two pipelines, one with awkward names, everything that can happen to a phase, and more phases and label sets than
/// there is room for.
fn registry() -> Registry {
    let registry = Registry::new(Limits { phases: 7, label_sets: 2, idle: None }, || Moment {
        now_ns: 0,
        unix_ns: STARTED_UNIX_NS,
    });
    registry.name_base_pipeline("documents");
    let _declared = registry.phase(None, "chunk");
    embed(&registry.phase(None, "embed"));
    for (model, elapsed_ns) in [("large", 5), ("small", 20), ("tiny", 50), ("\"tiny\"", 100)] {
        let labels = [("variant", model), ("tenant", "blue"), ("variant.name", "is no label")];
        registry.labelled_phase(None, "embed", &labels).record(Outcome::Ok, elapsed_ns * MILLISECOND_NS);
    }

    let store = registry.phase(None, "store");
    for number in 0..MAX_ERROR_TYPES + 2 {
        store.add_errors(&format!("disk_{number:02}"), 1);
    }
    for number in 0..MAX_UNITS + 2 {
        assert!(store.add_units(&format!("shard_{number}"), ItemOutcome::Ok, 10));
    }
    // As level detailed measures it.
    let waiting_ns = [2 * SECOND_NS, 500 * MILLISECOND_NS, 0];
    store.add_effort(&Effort { busy_ns: 1_500 * MILLISECOND_NS, waiting_ns, profile: None });

    let awkward = registry.phase(Some("C:\\in\nbox \"Größe\" 🦀"), &"long, \"quoted\"\n".repeat(700));
    awkward.record(Outcome::Ok, SECOND_NS);
    awkward.add_errors("no such \"file\"\\\n", 1);
    assert!(awkward.add_units("\"m²\"\\\n", ItemOutcome::Skipped, 1));

    for phase in ["one too many", "two too many"] {
        registry.phase(None, phase).record(Outcome::Ok, 5 * MILLISECOND_NS);
    }
    registry.drops().count(DropReason::InvalidCount);
    registry
}

/// Everything that can happen to one phase.
fn embed(embed: &PhaseCell) {
    let ids = |number| Some(TraceIds { trace_id: [number; 16], span_id: [number; 8] });
    embed.offer_exemplar(Outcome::Ok, 10_001, STARTED_UNIX_NS + SECOND_NS, || ids(0xab));
    embed.offer_exemplar(Outcome::Ok, 24 * 3_600 * SECOND_NS + 1, STARTED_UNIX_NS + 86_400 * SECOND_NS + 1, || ids(1));
    embed.set_expected(1_000);
    let durations_ns = [1, 10_000, 10_001, 4 * MILLISECOND_NS, 1_234_567_890, 24 * 3_600 * SECOND_NS + 1];
    durations_ns.into_iter().for_each(|elapsed_ns| embed.record(Outcome::Ok, elapsed_ns));
    embed.record(Outcome::Error, 30 * SECOND_NS);
    embed.record(Outcome::Cancelled, 150 * MILLISECOND_NS);
    for (outcome, items) in [(ItemOutcome::Ok, 480), (ItemOutcome::Error, 15), (ItemOutcome::Skipped, 5)] {
        assert!(embed.add_items(outcome, items) && embed.add_bytes(outcome, items * 4_096));
        assert!(embed.add_units("tokens", outcome, items * 512));
    }
    assert!(embed.add_units("pages", ItemOutcome::Ok, 73));
    embed.add_errors("timeout", 1);
    embed.add_errors("http_503", 15);
    // As level profiling measures it.
    let allocated = Some(Allocated { allocations: 1_024, bytes: 65_536 });
    let profile = Some(Profile { cpu_ns: Some(1_250 * MILLISECOND_NS), allocated });
    let waiting_ns = [300 * MILLISECOND_NS, 20 * MILLISECOND_NS, 1];
    embed.add_effort(&Effort { busy_ns: 1_700 * MILLISECOND_NS, waiting_ns, profile });

    // An earlier scrape has seen all that, so it is not what the phase did last.
    let _earlier = embed.read(Moment { now_ns: 1_000 * SECOND_NS, unix_ns: STARTED_UNIX_NS + 1_000 * SECOND_NS });
    // One that turned out to be none.
    let never_entered = embed.begin(1_500 * SECOND_NS);
    never_entered.withdraw();
    // One that ended two seconds ago, one that was left half an hour ago and one that was left just now.
    let [ended, held, awaited] = [3_596, 1_700, 3_500].map(|second| embed.begin(second * SECOND_NS));
    held.set_exited(Some(1_800 * SECOND_NS));
    awaited.set_exited(Some(3_599 * SECOND_NS));
    ended.end(Verdict::Ok, 2 * SECOND_NS, 3_598 * SECOND_NS);
}

/// What others than the registry measure.
fn others(out: &mut Samples) {
    let pipeline = [("pipeline", "documents")];
    push(out, &PIPELINE_PROGRESS, &pipeline, Value::Real(0.25));
    push(out, &PIPELINE_START_TIMESTAMP, &pipeline, Value::Nanos(STARTED_UNIX_NS + 1));
    push(out, &PIPELINE_FINISHED, &pipeline, Value::Level(0));
    push(out, &PIPELINE_RUN_INFO, &[("pipeline", "documents"), ("run", "nightly \"42\"")], Value::Level(1));
    push(out, &PROCESS_CPU_SECONDS, &[], Value::Nanos(61_230 * MILLISECOND_NS));
    push(out, &PROCESS_MEMORY_USAGE, &[], Value::Count(268_435_456));
    push(out, &PROCESS_START_TIMESTAMP, &[], Value::Nanos(STARTED_UNIX_NS));
    push(out, &SCRAPE_DURATION, &[], Value::Nanos(812_345));
    push(out, &SPANS_ENABLED, &[], Value::Level(1));
    push(out, &LEVEL_INFO, &[("level", "profiling")], Value::Level(1));
    push(out, &COLLECTOR_SUCCESS, &[("collector", "process")], Value::Level(1));
    push(out, &ENDPOINT_INFO, &[("address", "127.0.0.1:9465"), ("wanted", "127.0.0.1:9464")], Value::Level(1));
    push(out, &TARGET_INFO, &[("service_name", "documents"), ("service_version", "1.4.0")], Value::Level(1));
}

/// One series of each metric that is not among these: their collectors' own tests show what they give in earnest.
fn one_each_of_the_rest(out: &mut Samples) {
    let sampled: Vec<_> = Snapshot::new(out.clone()).families.iter().map(|family| family.metric).collect();
    for metric in ALL.into_iter().filter(|metric| !sampled.contains(metric)) {
        let value = match (metric.kind, metric.unit) {
            (Kind::Info, _) => Value::Level(1),
            (_, Unit::Seconds) => Value::Nanos(61_230 * MILLISECOND_NS),
            (_, Unit::One) => Value::Real(0.25),
            (_, Unit::Watts | Unit::Joules | Unit::Celsius) => Value::Real(61.5),
            (_, Unit::Bytes | Unit::Count(_) | Unit::Hertz) => Value::Count(268_435_456),
        };
        let labels: Vec<_> = metric.labels.iter().map(|label| (*label, *label)).collect();
        push(out, metric, &labels, value);
    }
}

fn push(out: &mut Samples, metric: &'static Metric, labels: &[(&str, &str)], value: Value) {
    out.push(metric, Labels::new(labels.iter().copied()).expect("valid names"), value);
}

fn snapshot() -> Snapshot {
    let mut samples = Samples::default();
    registry().sample(NOW, &mut samples);
    others(&mut samples);
    one_each_of_the_rest(&mut samples);
    Snapshot::new(samples)
}

#[test]
fn the_exposition_is_as_it_was() {
    let mut text = String::new();
    encode::text(&snapshot(), &mut text);
    let families = exposition::parse(&text).expect("well formed, whatever the golden file says");
    assert_eq!(families.len(), ALL.len(), "every metric of the catalogue is shown");
    check("tests/golden/exposition.txt", &text);
}

#[test]
fn the_exposition_in_open_metrics_is_as_it_was() {
    let mut out = Vec::new();
    encode::encode(&snapshot(), encode::negotiate("application/openmetrics-text"), &Style::default(), &mut out);
    let text = String::from_utf8(out).expect("it is text");
    let families = open_metrics_text::parse(&text).expect("well formed, whatever the golden file says");
    assert_eq!(families.len(), ALL.len(), "every metric of the catalogue is shown");
    check("tests/golden/open_metrics.txt", &text);
}

#[test]
fn series_carry_the_labels_that_the_catalogue_declares() {
    for family in snapshot().families {
        for series in &family.series {
            let names: Vec<_> = series.labels.iter().map(|(name, _)| name).collect();
            let (further, names): (Vec<_>, Vec<_>) = names.iter().partition(|name| FURTHER.contains(name));
            let declared = names == family.metric.labels && (further.is_empty() || further == FURTHER);
            // Two that are declared to differ: attributes are the user's, and the overflow series has no names.
            let differs = *family.metric == TARGET_INFO || names.contains(&"otel_metric_overflow");
            assert!(declared || differs, "{} {:?}", family.metric.otel, series.labels);
            assert!(further.is_empty() || names.contains(&"phase"), "{} {:?}", family.metric.otel, series.labels);
        }
    }
}

#[test]
fn the_page_of_all_metrics_is_written_from_the_catalogue() {
    check("../../docs/metrics.md", &metrics_page::render());
}

#[test]
fn a_difference_is_shown_by_its_first_line() {
    let difference = |one, two| first_difference(one, two).map(|(line, ..)| line);
    assert_eq!(difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(difference("a\nb\n", "a\nc\n"), Some(2));
    assert_eq!(difference("a\nb\n", "a\nb"), Some(3));
    assert_eq!(difference("a", "a\nb"), Some(2));
}
