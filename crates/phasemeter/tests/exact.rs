//! The exact grade: every run ends once, with the right outcome, whatever happens inside.

mod support;

use std::convert::Infallible;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use phasemeter::{DropReason, Outcome, PhaseFutureExt as _, Track as _, Value, catalogue};
use support::{SECOND, counts, counts_in, dropped, elapsed, errors, items, meter, runs};

#[test]
fn a_run_is_active_while_it_runs_and_ends_as_what_it_returns() {
    let (meter, clock) = meter();
    let embed = meter.phase("embed");
    let returned = embed.run(|_| {
        assert_eq!(runs(&meter, "embed"), ([0, 0, 0], 1));
        clock.advance(2 * SECOND);
        Ok::<_, Infallible>(7)
    });
    assert_eq!(returned, Ok(7));
    assert_eq!(embed.run(|_| Err::<(), _>(std::fmt::Error)), Err(std::fmt::Error));
    assert_eq!(embed.run(|_| 5), 5);
    assert_eq!(runs(&meter, "embed"), ([2, 1, 0], 0));
    assert_eq!(errors(&meter, "embed"), [("core::fmt::Error".into(), 1)]);
    assert_eq!(elapsed(&meter, "embed"), 2 * SECOND);
}

#[test]
fn a_question_mark_inside_run_is_an_error() {
    let (meter, _clock) = meter();
    let parsed: Result<u8, std::num::ParseIntError> = meter.phase("parse").run(|phase| {
        phase.items(3);
        let number = "no number".parse::<u8>()?;
        Ok(number)
    });
    assert!(parsed.is_err());
    assert_eq!((runs(&meter, "parse"), items(&meter, "parse")), (([0, 1, 0], 0), [0, 3, 0]));
    assert_eq!(errors(&meter, "parse"), [("core::num::error::ParseIntError".into(), 1)]);
}

#[test]
fn a_panic_is_an_error_and_passes_on() {
    let (meter, _clock) = meter();
    let phase = meter.phase("embed");
    let caught = catch_unwind(AssertUnwindSafe(|| {
        phase.run(|guard| {
            guard.items(2);
            if guard.span().is_none() {
                panic!("boom")
            }
            Ok::<(), Infallible>(())
        })
    }));
    assert!(caught.is_err());
    assert_eq!((runs(&meter, "embed"), items(&meter, "embed")), (([0, 1, 0], 0), [0, 2, 0]));
    assert_eq!(errors(&meter, "embed"), [("panic".into(), 1)]);
}

#[test]
fn a_run_within_an_unwinding_thread_that_ends_well_is_ok() {
    struct CleansUp(phasemeter::Meter);
    impl Drop for CleansUp {
        fn drop(&mut self) {
            self.0.phase("cleanup").run(|_| ());
        }
    }
    let (meter, _clock) = meter();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _cleans_up = CleansUp(meter.clone());
        panic!("boom");
    }));
    assert!(caught.is_err());
    assert_eq!(runs(&meter, "cleanup"), ([1, 0, 0], 0));
}

#[test]
fn a_guard_ends_when_it_is_dropped_and_says_error_only_where_it_was_told() {
    let (meter, _clock) = meter();
    let phase = meter.phase("store");
    drop(phase.start());
    let guard = phase.start();
    guard.items(4);
    guard.bytes(100);
    guard.fail("disk_full");
    guard.fail("the first type stands");
    drop(guard);
    assert_eq!((runs(&meter, "store"), items(&meter, "store")), (([1, 1, 0], 0), [0, 4, 0]));
    assert_eq!(counts(&meter, "store").bytes(phasemeter::ItemOutcome::Error), 100);
    assert_eq!(errors(&meter, "store"), [("disk_full".into(), 1)]);
}

#[test]
fn live_counts_are_seen_at_once_and_add_up() {
    let (meter, _clock) = meter();
    let guard = meter.phase("extract").start();
    for _ in 0..100 {
        guard.inc(1);
    }
    guard.inc_error(2, "not_text");
    guard.skip(3);
    assert_eq!(items(&meter, "extract"), [100, 2, 3]);
    assert_eq!(errors(&meter, "extract"), [("not_text".into(), 2)]);
    drop(guard);
    assert_eq!(items(&meter, "extract"), [100, 2, 3]);
    assert_eq!(runs(&meter, "extract"), ([1, 0, 0], 0));
}

#[test]
fn a_position_is_absolute_and_never_goes_back() {
    let (meter, _clock) = meter();
    let guard = meter.phase("extract").start();
    guard.set_position(10);
    guard.inc(5);
    guard.set_position(20);
    guard.set_position(20);
    assert_eq!(items(&meter, "extract"), [20, 0, 0]);
    guard.set_position(3);
    assert_eq!((items(&meter, "extract"), dropped(&meter, DropReason::PositionBack)), ([20, 0, 0], 1));
}

#[test]
fn a_position_that_several_threads_say_counts_once() {
    let (meter, _clock) = meter();
    for _ in 0..50 {
        let guard = meter.phase("extract").start();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (1..=500).for_each(|position| guard.set_position(position)));
            }
        });
    }
    assert_eq!(items(&meter, "extract"), [50 * 500, 0, 0]);
}

#[test]
fn declared_and_live_items_together_are_a_counted_misuse() {
    let (meter, _clock) = meter();
    let guard = meter.phase("extract").start();
    guard.items(10);
    guard.inc(4);
    drop(guard);
    assert_eq!((items(&meter, "extract"), dropped(&meter, DropReason::CountedTwice)), ([4, 0, 0], 1));
}

#[test]
fn impossible_counts_are_refused_and_counted() {
    let (meter, _clock) = meter();
    let phase = meter.phase("extract");
    let guard = phase.start();
    guard.items(-1);
    guard.items(u128::MAX);
    guard.bytes(1_u64 << 60);
    guard.inc(u64::MAX);
    drop(guard);
    phase.record_seconds(Outcome::Ok, f64::NAN);
    phase.record_seconds(Outcome::Ok, -1.0);
    phase.record_seconds(Outcome::Ok, f64::INFINITY);
    phase.record_seconds(Outcome::Ok, 1e15);
    assert_eq!((items(&meter, "extract"), runs(&meter, "extract")), ([0, 0, 0], ([1, 0, 0], 0)));
    assert_eq!(dropped(&meter, DropReason::InvalidCount), 4);
    assert_eq!(dropped(&meter, DropReason::InvalidDuration), 4);
    phase.record_seconds(Outcome::Error, 1.5);
    assert_eq!(elapsed(&meter, "extract"), Duration::from_millis(1_500));
}

#[test]
fn totals_of_several_runs_add_up_and_a_failed_item_is_progress() {
    let (meter, _clock) = meter();
    let phase = meter.phase("embed");
    let (one, two) = (phase.start(), phase.start());
    one.total(60);
    two.total(10);
    two.total(40);
    one.inc(20);
    two.inc_error(5, "timeout");
    let labels = [("phase", "embed"), ("pipeline", "test")];
    let progress = meter.snapshot().value(&catalogue::PHASE_PROGRESS, &labels).map(Value::as_f64);
    assert_eq!(progress, Some(0.25));
    drop((one, two));
    phase.total(25);
    let progress = meter.snapshot().value(&catalogue::PHASE_PROGRESS, &labels).map(Value::as_f64);
    assert_eq!(progress, Some(1.0));
}

#[test]
fn a_guard_that_is_forgotten_stays_active() {
    let (meter, _clock) = meter();
    std::mem::forget(meter.phase("embed").start());
    assert_eq!(runs(&meter, "embed"), ([0, 0, 0], 1));
}

#[test]
fn a_guard_may_end_on_another_thread() {
    let (meter, _clock) = meter();
    let guard = meter.phase("embed").start();
    std::thread::spawn(move || {
        guard.inc(1);
        drop(guard);
    })
    .join()
    .expect("it does not panic");
    assert_eq!((runs(&meter, "embed"), items(&meter, "embed")), (([1, 0, 0], 0), [1, 0, 0]));
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_future_starts_at_its_first_poll_and_ends_as_what_it_returns() {
    let (meter, clock) = meter();
    let phase = meter.phase("embed");
    let future = async {
        clock.advance(SECOND);
        Err::<(), _>(std::fmt::Error)
    };
    let mut future = pin!(future.phase(&phase).items(6));
    assert_eq!(runs(&meter, "embed"), ([0, 0, 0], 0));
    assert!(poll_once(future.as_mut()).is_ready());
    assert_eq!((runs(&meter, "embed"), items(&meter, "embed")), (([0, 1, 0], 0), [0, 6, 0]));
    assert_eq!(elapsed(&meter, "embed"), SECOND);
}

#[test]
fn a_future_dropped_unfinished_is_cancelled_and_counts_no_items() {
    let (meter, _clock) = meter();
    let phase = meter.phase("embed");
    {
        let mut future = pin!(pending::<()>().phase(&phase).items(6));
        assert!(poll_once(future.as_mut()).is_pending());
        assert_eq!(runs(&meter, "embed"), ([0, 0, 0], 1));
    }
    assert_eq!((runs(&meter, "embed"), items(&meter, "embed")), (([0, 0, 1], 0), [0, 0, 0]));
}

#[test]
fn a_future_never_polled_leaves_no_trace() {
    let (meter, _clock) = meter();
    let phase = meter.phase("embed");
    drop(ready(()).phase(&phase));
    assert_eq!(runs(&meter, "embed"), ([0, 0, 0], 0));
}

#[test]
fn a_poll_that_panics_is_an_error_even_where_the_future_is_dropped_later() {
    let (meter, _clock) = meter();
    let phase = meter.phase("embed");
    let mut future = Box::pin(
        async {
            if phase.name() == "embed" {
                panic!("boom")
            }
        }
        .phase(&phase),
    );
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()))).is_err());
    drop(future);
    assert_eq!(runs(&meter, "embed"), ([0, 1, 0], 0));
    assert_eq!(errors(&meter, "embed"), [("panic".into(), 1)]);
}

#[tokio::test]
async fn tokio_timeouts_and_aborts_cancel() {
    let (meter, _clock) = meter();
    let phase: &'static phasemeter::Phase = Box::leak(Box::new(meter.phase("embed")));
    let timeout = tokio::time::timeout(Duration::from_millis(1), pending::<()>().phase(phase)).await;
    assert!(timeout.is_err());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        tasks.spawn(pending::<()>().phase(phase));
    }
    tasks.spawn(ready(()).phase(phase));
    while tasks.join_next().await.is_some_and(|task| task.is_err()) {}
    assert_eq!(runs(&meter, "embed"), ([1, 0, 1], 10));
    tasks.shutdown().await;
    assert_eq!(runs(&meter, "embed"), ([1, 0, 11], 0));
}

#[test]
fn a_loop_is_one_run_and_counts_its_turns() {
    let (meter, clock) = meter();
    let phase = meter.phase("read");
    for index in (0..5_u64).track(&phase) {
        assert_eq!((runs(&meter, "read"), items(&meter, "read")), (([0, 0, 0], 1), [index, 0, 0]));
        assert_eq!(counts(&meter, "read").expected, 5);
        clock.advance(SECOND);
    }
    assert_eq!((runs(&meter, "read"), items(&meter, "read")), (([1, 0, 0], 0), [5, 0, 0]));
    assert_eq!(elapsed(&meter, "read"), 5 * SECOND);
}

#[test]
fn a_loop_left_early_is_cancelled_and_one_that_panics_has_a_failed_item() {
    let (meter, _clock) = meter();
    let phase = meter.phase("read");
    for index in (0..5).track(&phase) {
        if index == 2 {
            break;
        }
    }
    assert_eq!((runs(&meter, "read"), items(&meter, "read")), (([0, 0, 1], 0), [2, 0, 0]));
    let caught = catch_unwind(AssertUnwindSafe(|| {
        (0..5).track(&phase).for_each(|index| assert!(index < 1));
    }));
    assert!(caught.is_err());
    assert_eq!((runs(&meter, "read"), items(&meter, "read")), (([0, 1, 1], 0), [3, 1, 0]));
}

#[test]
fn a_hundred_thousand_names_keep_within_the_limit() {
    let (meter, _clock) = meter();
    for number in 0..100_000 {
        meter.phase(format!("phase {number}")).run(|_| ());
    }
    assert_eq!(meter.phases().len(), 1_000);
    let overflow = [("otel_metric_overflow", "true"), ("outcome", "ok")];
    assert_eq!(meter.snapshot().value(&catalogue::PHASE_RUNS, &overflow), Some(&Value::Count(99_000)));
}

#[test]
fn a_run_gives_its_name_to_phases_without_a_pipeline() {
    let meter = phasemeter::Meter::builder().isolated().environment([]).service_name("service").build();
    let phase = meter.phase("embed");
    phase.run(|_| ());
    let run = meter.run("nightly").id("2026-11-24").total(10).start();
    assert_eq!(counts_in(&meter, "nightly", "embed").runs(), 0);
    phase.run(|_| ());
    phase.run(|_| ());
    run.inc(5);
    let snapshot = meter.snapshot();
    let pipeline = [("pipeline", "nightly")];
    assert_eq!(snapshot.value(&catalogue::PIPELINE_PROGRESS, &pipeline), Some(&Value::Real(0.5)));
    assert_eq!(snapshot.value(&catalogue::PIPELINE_FINISHED, &pipeline), Some(&Value::Level(0)));
    let info = [("pipeline", "nightly"), ("run", "2026-11-24")];
    assert_eq!(snapshot.value(&catalogue::PIPELINE_RUN_INFO, &info), Some(&Value::Level(1)));
    run.finish();
    phase.run(|_| ());
    assert_eq!(counts_in(&meter, "nightly", "embed").runs(), 2);
    assert_eq!(counts_in(&meter, "service", "embed").runs(), 2);
    let finished = meter.snapshot().value(&catalogue::PIPELINE_FINISHED, &pipeline).cloned();
    assert_eq!(finished, Some(Value::Level(1)));
}

#[test]
fn a_pipeline_that_was_named_keeps_its_name_in_every_run() {
    let (meter, _clock) = meter();
    let _run = meter.run("nightly").start();
    meter.phase("embed").run(|_| ());
    assert_eq!(runs(&meter, "embed"), ([1, 0, 0], 0));
}

#[test]
fn a_panic_of_the_exemplar_function_costs_the_exemplar_alone() {
    let meter = phasemeter::Meter::builder().isolated().environment([]).pipeline("test");
    let meter = meter.exemplars(|| panic!("a panic that this test wants")).build();
    meter.phase("embed").run(|_| ());
    assert_eq!((runs(&meter, "embed"), dropped(&meter, DropReason::SourcePanicked)), (([1, 0, 0], 0), 1));
}
