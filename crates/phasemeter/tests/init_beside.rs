//! `init()` in a program that has set a subscriber of its own, without our layer.

use phasemeter::{Phase, Value, catalogue};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

static EXACT: Phase = Phase::in_pipeline("acid", "exact");

#[test]
fn a_subscriber_that_is_set_stays_and_the_exact_grade_is_measured() {
    tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_writer(std::io::sink)).init();
    let guard = phasemeter::init();
    EXACT.run(|phase| phase.items(2));
    tracing::info_span!("plain", phase.name = "plain").in_scope(|| ());
    let snapshot = guard.meter().snapshot();
    let labels = [("outcome", "ok"), ("phase", "exact"), ("pipeline", "acid")];
    assert_eq!(snapshot.value(&catalogue::PHASE_ITEMS, &labels), Some(&Value::Count(2)));
    assert_eq!(guard.meter().phases().len(), 1, "nobody added our layer, so no plain span is seen");
}
