//! Items in hand, errors by type, units and further labels: what is known of a run beyond its outcome.

mod support;

use std::io;

use phasemeter::{ItemOutcome, Level, Limits, ManualClock, Meter, Phase, PhaseFutureExt as _, Value, catalogue, phase};
use support::{SECOND, counts, errors, meter, runs};
use tracing::field::Empty;
use tracing::info_span;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

#[test]
fn the_item_in_hand_is_shown_while_it_is_and_no_label_holds_it() {
    let (meter, clock) = meter();
    let embed = meter.phase("embed");
    let (one, two) = (embed.start(), embed.start());
    one.item("a.pdf");
    clock.advance(SECOND);
    two.item(7);
    two.item("b.pdf");
    let oldest: Vec<_> = embed.work().oldest.into_iter().map(|run| (run.item, run.running_ns)).collect();
    assert_eq!(oldest, [(Some("a.pdf".into()), 1_000_000_000), (Some("b.pdf".into()), 1_000_000_000)]);
    assert!(!String::from_utf8_lossy(&meter.render("").1).contains("a.pdf"));
    drop((one, two));
    assert!(embed.work().oldest.is_empty());
}

#[test]
fn the_slowest_and_the_failed_are_remembered_by_their_items() {
    let (meter, clock) = meter();
    let embed = meter.phase("embed");
    for number in 0..30_u32 {
        let failed: Result<(), io::Error> = embed.run(|run| {
            run.item(format_args!("document {number}"));
            clock.advance(number * SECOND);
            if number % 10 == 3 { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
        });
        assert_eq!(failed.is_err(), number % 10 == 3);
    }
    let work = embed.work();
    assert_eq!((work.pipeline.as_ref(), work.phase.as_ref()), ("test", "embed"));
    let items = |runs: &[phasemeter::Ran]| -> Vec<String> {
        runs.iter().filter_map(|run| run.item.as_deref().map(str::to_owned)).collect()
    };
    assert_eq!(items(&work.failed), ["document 23", "document 13", "document 3"]);
    assert_eq!(items(&work.slowest).first().map(String::as_str), Some("document 29"));
    assert_eq!(work.slowest.len(), 20);
    let latest = work.failed.first().expect("three failed");
    assert_eq!(latest.ago_ns, (24..30_u64).sum::<u64>() * 1_000_000_000);
    assert_eq!(meter.work(), [work]);
}

#[test]
fn plain_spans_and_futures_name_their_items_as_well() {
    let (meter, _clock) = meter();
    with_default(registry().with(meter.layer()), || {
        let span = info_span!("embed", phase.name = "embed", phase.item = "first");
        span.in_scope(|| assert_eq!(meter.work()[0].oldest[0].item.as_deref(), Some("first")));
        drop(span);
        let span = info_span!("embed", phase.name = "embed", phase.item = Empty);
        let _entered = span.enter();
        span.record("phase.item", "late");
        assert!(meter.work()[0].oldest.iter().any(|run| run.item.as_deref() == Some("late")));
    });
    let slowest: Vec<_> = meter.work()[0].slowest.iter().filter_map(|run| run.item.clone()).collect();
    assert_eq!(slowest, ["first".into(), "late".into()]);
    let fetch = meter.phase("fetch");
    let future = std::future::ready(()).phase(&fetch).item("page 1");
    let mut future = std::pin::pin!(future);
    let ready = future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(ready.is_ready());
    assert_eq!(fetch.work().slowest[0].item.as_deref(), Some("page 1"));
}

#[test]
fn an_error_is_named_by_its_root_source() {
    static OPEN: Phase = Phase::in_pipeline("items", "open");
    static ANY: Phase = Phase::in_pipeline("items", "any");

    #[phase(OPEN, item = name)]
    fn open(name: &str) -> Result<(), io::Error> {
        Err(io::Error::other(name.parse::<u8>().expect_err("it is none")))
    }

    #[phase(ANY)]
    fn any(name: &str) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
        Ok(name.parse::<u8>()?)
    }

    let meter = Meter::of_process();
    assert!(open("file").is_err() && any("file").is_err());
    let named = |phase: &str| support::counts_in(&meter, "items", phase).errors;
    assert_eq!(named("open"), [("std::io::ErrorKind::Other".into(), 1)]);
    assert_eq!(named("any"), [("ParseIntError".into(), 1)]);
    assert_eq!(OPEN.work().failed[0].item.as_deref(), Some("file"));
}

#[test]
fn a_guard_can_be_given_the_error_itself() {
    let (meter, _clock) = meter();
    let error = std::env::VarError::NotPresent;
    meter.phase("read").start().fail_with(&error);
    assert_eq!(errors(&meter, "read"), [("NotPresent".into(), 1)]);
}

#[test]
fn named_units_count_live_and_when_they_are_declared() {
    let (meter, _clock) = meter();
    let embed = meter.phase("embed");
    embed.run(|run| {
        run.units("tokens", 100);
        run.units("tokens", 512);
        run.inc_units("pages", 3);
    });
    let failed = embed.start();
    failed.units("tokens", 8);
    failed.units("tokens", -1);
    failed.fail("timeout");
    drop(failed);
    let counts = counts(&meter, "embed");
    assert_eq!((counts.count("tokens", ItemOutcome::Ok), counts.count("tokens", ItemOutcome::Error)), (512, 8));
    assert_eq!(counts.count("pages", ItemOutcome::Ok), 3);
    assert_eq!(support::dropped(&meter, phasemeter::DropReason::InvalidCount), 1);
    let labels = [("outcome", "ok"), ("phase", "embed"), ("pipeline", "test"), ("unit", "tokens")];
    assert_eq!(meter.snapshot().value(&catalogue::PHASE_UNITS, &labels), Some(&Value::Count(512)));
}

#[test]
fn a_span_counts_units_by_their_fields() {
    let (meter, _clock) = meter();
    with_default(registry().with(meter.layer()), || {
        let span = info_span!("embed", phase.name = "embed", phase.unit.tokens = 5, phase.unit.pages = Empty);
        span.in_scope(|| ());
        span.record("phase.unit.pages", 2);
        span.record("phase.unit.tokens", 7);
    });
    let counts = counts(&meter, "embed");
    assert_eq!([counts.count("tokens", ItemOutcome::Ok), counts.count("pages", ItemOutcome::Ok)], [7, 2]);
}

#[test]
fn configured_fields_become_labels_and_others_do_not() {
    let limits = Limits { label_sets: 2, ..Limits::default() };
    let builder = Meter::builder().clock(ManualClock::new()).environment([]).pipeline("test").limits(limits);
    let meter = builder.label_fields(["model.name", "not a label"]).build();
    with_default(registry().with(meter.layer()), || {
        for model in ["a", "b", "c", "d"] {
            info_span!("embed", phase.name = "embed", model.name = model, user = 7).in_scope(|| ());
        }
    });
    let of = |model: &str| {
        let labels = [("model_name", model), ("outcome", "ok"), ("phase", "embed"), ("pipeline", "test")];
        meter.snapshot().value(&catalogue::PHASE_RUNS, &labels).cloned()
    };
    assert_eq!(["a", "b", "c", "other"].map(of), [Some(1), Some(1), None, Some(2)].map(|runs| runs.map(Value::Count)));
}

#[test]
fn a_phase_with_further_labels_is_a_handle_of_its_own() {
    let (meter, _clock) = meter();
    let embed = meter.phase("embed");
    let large = embed.labelled([("model", "large")]);
    embed.run(|_| ());
    large.run(|_| ());
    large.run(|_| ());
    let labels = [("model", "large"), ("outcome", "ok"), ("phase", "embed"), ("pipeline", "test")];
    assert_eq!(meter.snapshot().value(&catalogue::PHASE_RUNS, &labels), Some(&Value::Count(2)));
    assert_eq!(runs(&meter, "embed"), ([1, 0, 0], 0));
}

#[test]
fn a_span_that_is_renamed_goes_on_under_its_new_name() {
    let (meter, clock) = meter();
    with_default(registry().with(meter.layer()), || {
        let span = info_span!("embed", phase.name = "first", phase.total = 10);
        let entered = span.enter();
        clock.advance(SECOND);
        span.record("phase.name", "second");
        assert_eq!((runs(&meter, "second"), counts(&meter, "second").expected), (([0, 0, 0], 1), 10));
        clock.advance(SECOND);
        drop(entered);
    });
    assert_eq!(runs(&meter, "second"), ([1, 0, 0], 0));
    assert_eq!(meter.phases().len(), 1, "the first name was none");
    assert_eq!(support::elapsed(&meter, "second"), 2 * SECOND);
}

#[test]
fn hung_work_is_seen_by_when_it_started_and_when_anything_last_happened() {
    let (meter, clock) = meter();
    let embed = meter.phase("embed");
    clock.advance(100 * SECOND);
    let stuck = embed.start();
    stuck.item("stuck.pdf");
    clock.advance(10 * SECOND);
    embed.run(|_| ());
    clock.advance(600 * SECOND);
    let labels = [("phase", "embed"), ("pipeline", "test")];
    let snapshot = meter.snapshot();
    let seconds = |metric| snapshot.value(metric, &labels).map(Value::as_f64);
    assert_eq!(seconds(&catalogue::PHASE_OLDEST_START_TIMESTAMP), Some(100.0));
    assert_eq!(seconds(&catalogue::PHASE_LAST_ACTIVITY_TIMESTAMP), Some(110.0));
    assert_eq!(snapshot.work[0].oldest[0].item.as_deref(), Some("stuck.pdf"));
    drop(stuck);
    assert_eq!(meter.snapshot().value(&catalogue::PHASE_OLDEST_START_TIMESTAMP, &labels), None);
}

#[test]
fn the_level_of_the_process_is_basic_by_default() {
    assert_eq!(Meter::of_process().level(), Level::Basic);
}
