//! What is switched off wants no callsite. A process with one test: where several subscribers live at once, a callsite
//! that one of them wants is on for all.

use phasemeter::MeterBuilder;
use tracing::info_span;
use tracing::subscriber::with_default;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

#[test]
fn a_disabled_meter_wants_nothing() {
    let meter = MeterBuilder::default().isolated().environment([("MONITORING_ENABLED", "false")]).build();
    with_default(registry().with(meter.layer()), || {
        assert!(info_span!("a", phase.name = "a").is_disabled());
        meter.phase("a").run(|_| ());
    });
    assert!(meter.phases().is_empty() && meter.snapshot().families.is_empty());
}
