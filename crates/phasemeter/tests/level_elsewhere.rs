//! The level, set by a thread that has no subscriber, while the only one of the process is another thread's. A process of
//! its own, because the tests beside it would have more.

mod support;

use std::thread;

use phasemeter::Level;
use support::{meter, runs};
use tracing::info_span;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

#[test]
fn a_level_set_by_a_thread_without_a_subscriber_leaves_the_spans_of_others_on() {
    let (meter, _clock) = meter();
    with_default(registry().with(meter.layer()), || {
        for level in [Level::Basic, Level::Detailed, Level::Profiling] {
            thread::scope(|scope| scope.spawn(|| meter.set_level(level)).join()).expect("it does not panic");
            info_span!("a", phase.name = "a").in_scope(|| ());
        }
    });
    assert_eq!(runs(&meter, "a"), ([3, 0, 0], 0));
}
