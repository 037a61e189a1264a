//! Filters of other people's: what they hide is seen and said, what they do not is measured, and we enable nothing.

mod support;

use std::time::{Duration, Instant};

use phasemeter::{Level, Meter, Value, catalogue};
use support::{meter, runs};
use tracing::subscriber::with_default;
use tracing::{debug_span, info_span};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry, reload};

/// What the Meter says of plain spans, once it has looked again.
fn spans_enabled(meter: &Meter) -> Option<f64> {
    let read = || meter.snapshot().value(&catalogue::SPANS_ENABLED, &[]).map(Value::as_f64);
    let deadline = Instant::now() + Duration::from_secs(20);
    while read().is_none() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    read()
}

#[test]
fn a_global_filter_over_our_layer_hides_spans_and_is_seen() {
    let (meter, _clock) = meter();
    with_default(registry().with(meter.layer()).with(EnvFilter::new("warn")), || {
        info_span!("a", phase.name = "a").in_scope(|| ());
        meter.phase("exact").run(|_| ());
        assert_eq!(spans_enabled(&meter), Some(0.0));
    });
    assert!(meter.phases().iter().all(|reading| &*reading.phase != "a"));
    assert_eq!(runs(&meter, "exact"), ([1, 0, 0], 0), "the exact grade is not affected");
}

#[test]
fn a_global_filter_under_our_layer_hides_spans_and_is_seen() {
    let (meter, _clock) = meter();
    with_default(registry().with(EnvFilter::new("warn")).with(meter.layer()), || {
        info_span!("a", phase.name = "a").in_scope(|| ());
        assert_eq!(spans_enabled(&meter), Some(0.0));
    });
}

#[test]
fn a_global_filter_that_lets_our_spans_through_hides_nothing() {
    let (meter, _clock) = meter();
    // Of all targets only this one: the probe is hidden, what the program has is not.
    let filter = EnvFilter::new(format!("warn,{}=info", module_path!()));
    with_default(registry().with(filter).with(meter.layer()), || {
        info_span!("a", phase.name = "a").in_scope(|| ());
        assert_eq!(spans_enabled(&meter), Some(1.0));
    });
    assert_eq!(runs(&meter, "a"), ([1, 0, 0], 0));
}

#[test]
fn filters_of_other_layers_hide_nothing_from_ours() {
    for filter in ["off", "warn", "debug", "other_crate=trace"] {
        let (meter, _clock) = meter();
        let logs = fmt::layer().with_writer(std::io::sink).with_filter(EnvFilter::new(filter));
        with_default(registry().with(logs).with(meter.layer()), || {
            debug_span!("a", phase.name = "a").in_scope(|| ());
            assert_eq!(spans_enabled(&meter), Some(1.0), "{filter}");
        });
        assert_eq!(runs(&meter, "a"), ([1, 0, 0], 0), "{filter}");
    }
}

#[test]
fn without_a_subscriber_of_ours_nothing_is_said() {
    let (meter, _clock) = meter();
    meter.phase("exact").run(|_| ());
    // The layer was in a subscriber that is gone.
    with_default(registry().with(meter.layer()), || ());
    let _first_look = meter.snapshot();
    std::thread::sleep(Duration::from_millis(50)); // nothing happens, which nothing announces
    assert!(meter.snapshot().series(&catalogue::SPANS_ENABLED).is_empty());
}

#[test]
fn level_off_is_no_filter() {
    let (meter, _clock) = meter();
    meter.set_level(Level::Off);
    with_default(registry().with(meter.layer()), || {
        info_span!("a", phase.name = "a").in_scope(|| ());
        let _first_look = meter.snapshot();
        meter.set_level(Level::Basic);
        assert_eq!(spans_enabled(&meter), Some(1.0));
    });
}

#[test]
fn a_reloaded_filter_of_a_log_layer_changes_nothing_for_us() {
    let (meter, _clock) = meter();
    let (filter, handle) = reload::Layer::new(EnvFilter::new("off"));
    let logs = fmt::layer().with_writer(std::io::sink).with_filter(filter);
    with_default(registry().with(logs).with(meter.layer()), || {
        for directives in ["debug", "off", "trace"] {
            handle.reload(EnvFilter::new(directives)).expect("the subscriber is there");
            info_span!("a", phase.name = "a").in_scope(|| ());
        }
    });
    assert_eq!(runs(&meter, "a"), ([3, 0, 0], 0));
}

#[test]
fn our_layer_reloaded_away_leaves_nothing_in_flight() {
    let (meter, _clock) = meter();
    let (layer, handle) = reload::Layer::new(Some(meter.layer()));
    with_default(registry().with(layer), || {
        let span = info_span!("a", phase.name = "a", phase.total = 5);
        let entered = span.enter();
        assert_eq!(runs(&meter, "a"), ([0, 0, 0], 1));
        handle.reload(None).expect("the subscriber is there");
        drop(entered);
        drop(span);
    });
    assert_eq!(runs(&meter, "a"), ([0, 0, 0], 0));
}

#[test]
fn scopes_within_scopes_and_several_subscribers_each_have_their_own() {
    let ((outer, _), (inner, _)) = (meter(), meter());
    let open = || info_span!("a", phase.name = "a").in_scope(|| ());
    with_default(registry().with(outer.layer()), || {
        open();
        with_default(registry().with(inner.layer()), || (open(), open()));
        with_default(registry(), open);
        open();
    });
    assert_eq!((runs(&outer, "a").0, runs(&inner, "a").0), ([2, 0, 0], [2, 0, 0]));
}

#[test]
fn one_layer_each_of_two_subscribers_may_count_in_one_meter() {
    let (meter, _clock) = meter();
    let open = || info_span!("a", phase.name = "a").in_scope(|| ());
    with_default(registry().with(meter.layer()), open);
    with_default(registry().with(meter.layer()), open);
    assert_eq!(runs(&meter, "a"), ([2, 0, 0], 0));
}
