//! Plain spans through the layer, each test under a subscriber of its own thread.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use phasemeter::{DropReason, ErrorEvents, ItemOutcome, Limits, ManualClock, Meter};
use support::{SECOND, counts, counts_in, dropped, elapsed, errors, items, meter, runs};
use tracing::field::Empty;
use tracing::subscriber::with_default;
use tracing::{debug_span, error, info, info_span, trace_span};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

fn under_layer(work: impl FnOnce(&Meter, &ManualClock)) -> Meter {
    let (meter, clock) = meter();
    with_default(registry().with(meter.layer()), || work(&meter, &clock));
    meter
}

#[test]
fn a_span_with_a_phase_name_is_a_run_from_first_enter_to_last_exit() {
    let meter = under_layer(|meter, clock| {
        let span = info_span!("embed a batch", phase.name = "embed");
        clock.advance(SECOND);
        assert_eq!(counts(meter, "embed").active, 0);
        for _ in 0..2 {
            span.in_scope(|| clock.advance(SECOND));
            clock.advance(SECOND);
        }
        assert_eq!(runs(meter, "embed"), ([0, 0, 0], 1));
    });
    assert_eq!(runs(&meter, "embed"), ([1, 0, 0], 0));
    assert_eq!(elapsed(&meter, "embed"), 3 * SECOND);
}

#[test]
fn every_level_is_seen_and_no_other_span_is_enabled() {
    let meter = under_layer(|_, _| {
        trace_span!("quiet", phase.name = "quiet").in_scope(|| ());
        assert!(debug_span!("unrelated").is_disabled());
        assert!(info_span!("unrelated", phase = "a bare field is no phase").is_disabled());
        assert!(!tracing::enabled!(tracing::Level::ERROR));
    });
    assert_eq!(runs(&meter, "quiet"), ([1, 0, 0], 0));
    assert_eq!(meter.phases().len(), 1);
}

#[test]
fn the_dotted_fields_have_their_roles() {
    let meter = under_layer(|meter, _| {
        let span = info_span!(
            "embed",
            phase.name = "embed",
            phase.items = 7,
            phase.bytes = 1_000_u64,
            phase.total = 70,
            pipeline.name = "acid"
        );
        let _entered = span.enter();
        assert_eq!(counts_in(meter, "acid", "embed").expected, 70);
        assert_eq!(counts_in(meter, "acid", "embed").items(ItemOutcome::Ok), 0);
        // Of a pipeline of its own, within one that has one, and without.
        info_span!("inner", phase.name = "inner").in_scope(|| ());
    });
    let counts = counts_in(&meter, "acid", "embed");
    assert_eq!((counts.items(ItemOutcome::Ok), counts.bytes(ItemOutcome::Ok)), (7, 1_000));
    assert_eq!(counts_in(&meter, "acid", "inner").runs(), 1);
}

#[test]
fn what_is_recorded_late_counts_and_replaces() {
    let meter = under_layer(|_, _| {
        let span = info_span!("embed", phase.name = Empty, phase.items = 1, phase.outcome = Empty, error.type = Empty);
        span.in_scope(|| ());
        span.record("phase.name", "embed");
        span.record("phase.items", 5);
        span.record("error.type", "timeout");
    });
    assert_eq!((runs(&meter, "embed"), items(&meter, "embed")), (([0, 1, 0], 0), [0, 5, 0]));
    assert_eq!(errors(&meter, "embed"), [("timeout".into(), 1)]);
}

#[test]
fn names_may_be_display_and_debug_values() {
    let meter = under_layer(|_, _| {
        info_span!("a", phase.name = %"shown").in_scope(|| ());
        info_span!("b", phase.name = ?42, phase.items = %"12").in_scope(|| ());
    });
    assert_eq!(runs(&meter, "shown"), ([1, 0, 0], 0));
    assert_eq!(items(&meter, "42"), [12, 0, 0]);
}

#[test]
fn values_that_are_no_counts_are_refused_and_the_run_stands() {
    let meter = under_layer(|_, _| {
        info_span!("a", phase.name = "a", phase.items = "many").in_scope(|| ());
        info_span!("a", phase.name = "a", phase.items = -3).in_scope(|| ());
        info_span!("a", phase.name = "a", phase.items = f64::NAN, phase.bytes = 0.5).in_scope(|| ());
        info_span!("a", phase.name = "a", phase.items = true, phase.outcome = "fine").in_scope(|| ());
        info_span!("a", phase.name = "a", phase.items = 2.0).in_scope(|| ());
    });
    assert_eq!((runs(&meter, "a"), items(&meter, "a")), (([5, 0, 0], 0), [2, 0, 0]));
    assert_eq!(dropped(&meter, DropReason::InvalidCount), 5);
    assert_eq!(dropped(&meter, DropReason::InvalidOutcome), 1);
}

#[test]
fn outcomes_come_from_fields_events_and_panics() {
    let meter = under_layer(|_, _| {
        info_span!("a", phase.name = "field", phase.outcome = "cancelled").in_scope(|| ());
        info_span!("a", phase.name = "field", phase.outcome = "error").in_scope(|| ());
        info_span!("a", phase.name = "outer").in_scope(|| {
            info_span!("a", phase.name = "event").in_scope(|| {
                info!("is no error");
                error!(error.type = "timeout", "is one");
            });
        });
        let caught = catch_unwind(AssertUnwindSafe(|| {
            info_span!("a", phase.name = "panic").in_scope(|| panic!("boom"));
        }));
        assert!(caught.is_err());
    });
    assert_eq!(runs(&meter, "field"), ([0, 1, 1], 0));
    assert_eq!(errors(&meter, "field"), [("unknown".into(), 1)]);
    assert_eq!((runs(&meter, "event"), runs(&meter, "outer")), (([0, 1, 0], 0), ([1, 0, 0], 0)));
    assert_eq!(errors(&meter, "event"), [("timeout".into(), 1)]);
    assert_eq!((runs(&meter, "panic"), errors(&meter, "panic")), (([0, 1, 0], 0), vec![("panic".into(), 1)]));
}

#[tracing::instrument(err, fields(phase.name = "instrumented"))]
fn instrumented(fails: Option<&str>) -> Result<(), String> {
    fails.map_or(Ok(()), |text| Err(text.to_owned()))
}

#[test]
fn instrument_with_err_is_an_error() {
    let meter = under_layer(|_, _| {
        assert!(instrumented(None).is_ok());
        assert!(instrumented(Some("broken")).is_err());
    });
    assert_eq!(runs(&meter, "instrumented"), ([1, 1, 0], 0));
    assert_eq!(errors(&meter, "instrumented"), [("error_event".into(), 1)]);
}

#[test]
fn error_events_can_be_ignored() {
    let (meter, _clock) = meter();
    let subscriber = registry().with(meter.layer_where(ErrorEvents::AreIgnored));
    with_default(subscriber, || info_span!("a", phase.name = "a").in_scope(|| error!("heard by others")));
    assert_eq!(runs(&meter, "a"), ([1, 0, 0], 0));
}

#[test]
fn a_span_of_the_exact_grade_is_counted_once_and_keeps_its_errors_to_itself() {
    let meter = under_layer(|meter, _| {
        info_span!("outer", phase.name = "outer").in_scope(|| {
            meter.phase("exact").run(|_| error!("concerns the exact phase, which judges by what it returns"));
        });
    });
    assert_eq!((runs(&meter, "exact"), runs(&meter, "outer")), (([1, 0, 0], 0), ([1, 0, 0], 0)));
}

#[test]
fn the_exact_grade_opens_a_span_for_other_layers() {
    let (meter, _clock) = meter();
    let subscriber = registry().with(meter.layer()).with(tracing_subscriber::fmt::layer().with_writer(std::io::sink));
    with_default(subscriber, || {
        meter.phase("exact").run(|guard| {
            assert_eq!(guard.span().metadata().map(tracing::Metadata::name), Some("phase"));
            assert_eq!(tracing::Span::current().id(), guard.span().id());
        });
    });
    assert_eq!(runs(&meter, "exact"), ([1, 0, 0], 0));
}

#[test]
fn a_span_without_a_name_hands_its_pipeline_on() {
    let meter = under_layer(|_, _| {
        info_span!("outer", phase.name = "outer", pipeline.name = "acid").in_scope(|| {
            let unnamed = info_span!("unnamed", phase.name = Empty);
            unnamed.in_scope(|| info_span!("inner", phase.name = "inner").in_scope(|| ()));
        });
        let unnamed = info_span!("unnamed", phase.name = Empty, pipeline.name = "basic");
        unnamed.in_scope(|| info_span!("inner", phase.name = "inner").in_scope(|| ()));
    });
    assert_eq!(["acid", "basic"].map(|pipeline| counts_in(&meter, pipeline, "inner").runs()), [1, 1]);
}

#[test]
fn a_span_stays_in_the_pipeline_that_was_around_it_when_it_was_opened() {
    let meter = under_layer(|_, _| {
        let parent = info_span!("parent", phase.name = "parent", pipeline.name = "one");
        let child = parent.in_scope(|| info_span!("child", phase.name = Empty));
        parent.record("pipeline.name", "two");
        child.in_scope(|| ());
        child.record("phase.name", "child");
        parent.in_scope(|| ());
    });
    assert_eq!((counts_in(&meter, "one", "child").runs(), counts_in(&meter, "two", "parent").runs()), (1, 1));
}

#[test]
fn what_is_expected_is_taken_from_where_it_was_added() {
    let builder = Meter::builder().clock(ManualClock::new()).environment([]).pipeline("test");
    let meter = builder.limits(Limits { phases: 1, ..Limits::default() }).build();
    with_default(registry().with(meter.layer()), || {
        let first = info_span!("first", phase.name = "first");
        let second = info_span!("second", phase.name = "second", phase.total = 5);
        // The second one found no place; now there is one.
        first.record("phase.name", "other");
        second.record("phase.total", 7);
        drop(second);
    });
    assert!(meter.phases().iter().all(|phase| phase.counts.expected == 0), "{:?}", meter.phases());
    let meter = under_layer(|meter, _| {
        let span = info_span!("late", phase.name = Empty, phase.total = 70);
        span.record("phase.name", "late");
        assert_eq!(counts(meter, "late").expected, 70);
    });
    assert_eq!(counts(&meter, "late").expected, 0, "it was never entered");
}

#[test]
fn spans_of_one_place_are_told_apart_by_all_of_their_names() {
    let builder = Meter::builder().clock(ManualClock::new()).environment([]).pipeline("test");
    let meter = builder.label_fields(["model", "kind"]).build();
    with_default(registry().with(meter.layer()), || {
        let names =
            [(Some("x"), None), (None, Some("x")), (Some("x"), Some("y")), (Some("y"), Some("x")), (None, None)];
        for (model, kind) in names.into_iter().flat_map(|names| [names; 3]) {
            info_span!("a", model = model, phase.name = "a", kind = kind).in_scope(|| ());
        }
        for model in [Some("x"), None, Some("x"), None] {
            let again = model.is_none().then_some("b");
            info_span!("b", phase.name = "b", phase.name = again, model = model).in_scope(|| ());
        }
    });
    let runs = meter.phases().into_iter().map(|phase| (phase.phase.to_string(), phase.counts.runs()));
    let expected: Vec<_> = [("a", 3); 5].into_iter().chain([("b", 2); 2]).collect();
    assert_eq!(
        runs.collect::<Vec<_>>(),
        expected.iter().map(|(name, runs)| ((*name).to_owned(), *runs)).collect::<Vec<_>>()
    );
}

#[test]
fn a_span_never_entered_is_no_run_and_is_counted() {
    let meter = under_layer(|_, _| drop(info_span!("a", phase.name = "a", phase.items = 5)));
    assert_eq!((runs(&meter, "a"), items(&meter, "a")), (([0, 0, 0], 0), [0, 0, 0]));
    assert_eq!(dropped(&meter, DropReason::NeverEntered), 1);
}

#[test]
fn two_meters_may_share_a_subscriber() {
    let ((one, _), (two, _)) = (meter(), meter());
    with_default(registry().with(one.layer()).with(two.layer()), || {
        info_span!("a", phase.name = "a", phase.items = 2).in_scope(|| ());
    });
    for meter in [one, two] {
        assert_eq!((runs(&meter, "a"), items(&meter, "a")), (([1, 0, 0], 0), [2, 0, 0]));
    }
}

#[test]
fn label_values_of_every_kind_are_taken() {
    let long = "x".repeat(10_000);
    let meter = under_layer(|_, _| {
        info_span!("a", phase.name = "with \"quotes\"\nand lines\\").in_scope(|| ());
        info_span!("a", phase.name = long).in_scope(|| ());
        info_span!("a", phase.name = "").in_scope(|| ());
    });
    assert_eq!(runs(&meter, "with \"quotes\"\nand lines\\"), ([1, 0, 0], 0));
    assert_eq!(meter.phases().len(), 3);
    assert_eq!(dropped(&meter, DropReason::LabelShortened), 1);
    let body = String::from_utf8(meter.render("").1).expect("text");
    assert!(body.contains(r#"phase="with \"quotes\"\nand lines\\""#));
    assert!(body.lines().all(|line| line.len() < 1_000));
}

#[test]
fn a_span_phase_that_is_declared_is_born_at_0() {
    let builder = Meter::builder().isolated().environment([]).pipeline("test");
    let meter = builder.span_phases(["ingest", "search"]).build();
    assert_eq!((runs(&meter, "ingest"), runs(&meter, "search")), (([0, 0, 0], 0), ([0, 0, 0], 0)));
}
