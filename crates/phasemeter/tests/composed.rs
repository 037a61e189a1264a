//! Our layer in a subscriber that the program composes and sets, before `init()`.

use phasemeter::{Meter, Phase, Value, catalogue};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

static EMBED: Phase = Phase::new("embed");
static NEVER: Phase = Phase::new("never");

#[test]
fn a_layer_beside_a_filtered_fmt_layer_sees_every_phase_and_init_adds_no_second_one() {
    let meter = Meter::builder().pipeline("acid").phases([&EMBED, &NEVER]).environment([]).build();
    let logs = fmt::layer().with_writer(std::io::sink).with_filter(LevelFilter::WARN);
    tracing_subscriber::registry().with(logs).with(meter.layer()).init();
    let guard = phasemeter::init();
    EMBED.run(|phase| phase.items(2));
    tracing::debug_span!("plain", phase.name = "plain", phase.items = 3).in_scope(|| ());
    assert!(tracing::debug_span!("unrelated").is_disabled(), "we enable no span that nobody wants");
    let items = |phase: &str| {
        let labels = [("outcome", "ok"), ("phase", phase), ("pipeline", "acid")];
        guard.meter().snapshot().value(&catalogue::PHASE_ITEMS, &labels).cloned()
    };
    assert_eq!(items("embed"), Some(Value::Count(2)));
    assert_eq!(items("plain"), Some(Value::Count(3)));
    assert_eq!(items("never"), Some(Value::Count(0)), "a declared phase is born at 0");

    let other = Meter::builder().pipeline("other").environment([]).build();
    let dropped = other.snapshot().value(&catalogue::DROPPED, &[("reason", "second_configuration")]).cloned();
    assert_eq!(dropped, Some(Value::Count(1)), "the first configuration stands, and this is counted");
}
