//! Levels: what each measures, and that they change while the program runs.

mod support;

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use phasemeter::{Effort, Level, ManualClock, Meter, Phase, PhaseFutureExt as _, Value, WaitingFor, catalogue};
use support::{SECOND, counts, runs};
use tracing::info_span;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

fn meter_at(level: Level) -> (Meter, ManualClock) {
    let clock = ManualClock::new();
    (Meter::builder().clock(clock.clone()).environment([]).pipeline("test").level(level).build(), clock)
}

/// Busy, waiting for input, for output, for other, in seconds.
#[track_caller]
fn check_effort(meter: &Meter, phase: &str, expected: [u64; 4]) {
    let effort = counts(meter, phase).effort.expect("it was measured");
    let [input, output, other] = effort.waiting_ns;
    assert_eq!([effort.busy_ns, input, output, other].map(|nanos| nanos / 1_000_000_000), expected);
}

#[test]
fn basic_measures_no_effort() {
    let (meter, clock) = meter_at(Level::Basic);
    meter.phase("embed").run(|phase| phase.wait_for_input(|| clock.advance(SECOND)));
    assert_eq!(counts(&meter, "embed").effort, None);
    assert!(meter.snapshot().series(&catalogue::PHASE_BUSY_TIME).is_empty());
}

#[test]
fn detailed_tells_work_from_waiting() {
    let (meter, clock) = meter_at(Level::Detailed);
    meter.phase("embed").run(|phase| {
        let received = phase.wait_for_input(|| {
            clock.advance(3 * SECOND);
            "batch"
        });
        clock.advance(4 * SECOND);
        phase.wait_for_output(|| clock.advance(2 * SECOND));
        assert_eq!(received, "batch");
    });
    check_effort(&meter, "embed", [4, 3, 2, 0]);
    let labels = [("direction", "input"), ("phase", "embed"), ("pipeline", "test")];
    let waited = meter.snapshot().value(&catalogue::PHASE_WAITING_TIME, &labels).cloned();
    assert_eq!(waited, Some(Value::Nanos(3_000_000_000)));
}

#[test]
fn a_future_is_busy_while_it_is_polled_and_waits_while_it_is_pending() {
    let (meter, clock) = meter_at(Level::Detailed);
    let phase = meter.phase("fetch");
    let mut polls = 0;
    let mut future = pin!(
        poll_fn(|_| {
            clock.advance(SECOND);
            polls += 1;
            if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
        })
        .phase(&phase)
    );
    while future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        clock.advance(5 * SECOND);
    }
    check_effort(&meter, "fetch", [3, 0, 0, 10]);
}

#[test]
fn a_future_that_is_dropped_has_spent_what_it_spent() {
    let (meter, clock) = meter_at(Level::Detailed);
    let phase = meter.phase("fetch");
    {
        let mut future = pin!(pending::<()>().phase(&phase));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        clock.advance(7 * SECOND);
    }
    check_effort(&meter, "fetch", [0, 0, 0, 7]);
    assert_eq!(runs(&meter, "fetch"), ([0, 0, 1], 0));
}

#[test]
fn a_wait_that_panics_has_been_waited() {
    let (meter, clock) = meter_at(Level::Detailed);
    let phase = meter.phase("embed");
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        phase.run(|guard| {
            guard.wait_for_input(|| {
                clock.advance(2 * SECOND);
                if guard.span().is_none() {
                    panic!("boom");
                }
            });
        });
    }));
    assert!(caught.is_err());
    check_effort(&meter, "embed", [0, 2, 0, 0]);
}

#[test]
fn a_detailed_phase_is_measured_from_level_detailed_on() {
    let (meter, _clock) = meter_at(Level::Basic);
    let token = meter.phase("token").detailed();
    token.run(|_| ());
    meter.set_level(Level::Detailed);
    token.run(|_| ());
    meter.set_level(Level::Basic);
    token.run(|_| ());
    assert_eq!(runs(&meter, "token"), ([1, 0, 0], 0));
}

#[test]
fn a_run_ends_as_it_began_whatever_the_level_becomes() {
    let (meter, _clock) = meter_at(Level::Basic);
    let phase = meter.phase("embed");
    let begun = phase.start();
    meter.set_level(Level::Off);
    let unmeasured = phase.start();
    unmeasured.inc(5);
    assert_eq!(runs(&meter, "embed"), ([0, 0, 0], 1));
    meter.set_level(Level::Basic);
    drop((begun, unmeasured));
    assert_eq!(runs(&meter, "embed"), ([1, 0, 0], 0));
    assert_eq!(counts(&meter, "embed").items_processed(), 0);
}

#[test]
fn plain_spans_follow_the_level_while_the_subscriber_stands() {
    let (meter, _clock) = meter_at(Level::Basic);
    with_default(registry().with(meter.layer()), || {
        let open = || {
            info_span!("a", phase.name = "a").in_scope(|| ());
            info_span!("item", phase.name = "item", phase.detailed = true).in_scope(|| ());
        };
        let enabled =
            || (info_span!("probe", phase.name = "probe").is_disabled(), tracing::enabled!(tracing::Level::ERROR));
        open();
        meter.set_level(Level::Off);
        open();
        assert_eq!(enabled(), (true, false));
        meter.set_level(Level::Detailed);
        open();
    });
    assert_eq!(runs(&meter, "a"), ([2, 0, 0], 0));
    assert_eq!(runs(&meter, "item"), ([1, 0, 0], 0));
}

#[test]
fn what_was_counted_is_still_shown_when_measuring_is_off() {
    let (meter, _clock) = meter_at(Level::Basic);
    meter.phase("embed").run(|_| ());
    meter.set_level(Level::Off);
    let labels = [("outcome", "ok"), ("phase", "embed"), ("pipeline", "test")];
    assert_eq!(meter.snapshot().value(&catalogue::PHASE_RUNS, &labels), Some(&Value::Count(1)));
    assert_eq!(meter.snapshot().value(&catalogue::LEVEL_INFO, &[("level", "off")]), Some(&Value::Level(1)));
}

#[test]
fn the_environment_is_stronger_than_the_program_and_a_disabled_meter_stays_so() {
    let build = |variables: &[(&str, &str)]| {
        Meter::builder().isolated().environment(variables.iter().copied()).level(Level::Profiling).build()
    };
    assert_eq!(build(&[("PHASEMETER_LEVEL", "off")]).level(), Level::Off);
    assert_eq!(build(&[("PHASEMETER_LEVEL", "nonsense")]).level(), Level::Profiling);
    let disabled = build(&[("MONITORING_ENABLED", "false")]);
    disabled.set_level(Level::Basic);
    assert_eq!((disabled.level(), disabled.is_enabled()), (Level::Off, false));
}

#[test]
#[cfg(feature = "profiling")]
fn profiling_measures_the_cpu_time_of_the_thread() {
    let meter = Meter::builder().isolated().environment([]).pipeline("test").level(Level::Profiling).build();
    let phase = meter.phase("spin");
    phase.run(|_| {
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(20) {}
    });
    phase.run(|_| std::thread::park_timeout(Duration::from_millis(20)));
    let Effort { profile, busy_ns, .. } = counts(&meter, "spin").effort.expect("it was measured");
    let cpu_ns = profile.and_then(|profile| profile.cpu_ns).expect("a thread has CPU time");
    // However busy the machine is, spinning takes CPU time and sleeping takes next to none.
    assert!(cpu_ns > 1_000_000 && cpu_ns < busy_ns, "{cpu_ns} of {busy_ns}");
}

#[test]
#[cfg(feature = "profiling")]
fn a_run_that_moved_to_another_thread_has_no_cpu_time_of_its_own() {
    let (meter, _clock) = meter_at(Level::Profiling);
    let guard = meter.phase("embed").start();
    std::thread::spawn(move || drop(guard)).join().expect("it does not panic");
    assert_eq!(counts(&meter, "embed").effort, Some(Effort::default()));
}

#[test]
fn directions_have_their_labels() {
    assert_eq!(WaitingFor::ALL.map(WaitingFor::as_str), ["input", "output", "other"]);
    let _detailed_is_const: Phase = const { Phase::new("item").detailed() };
}

#[test]
fn the_same_meter_built_again_keeps_its_level() {
    let build = || Meter::builder().environment([]).service_name("levels").build();
    build().set_level(Level::Detailed);
    assert_eq!(build().level(), Level::Detailed);
    build().set_level(Level::Basic);
}
