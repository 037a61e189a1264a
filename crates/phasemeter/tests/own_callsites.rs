//! We enable our own spans and no other. A process with one test: where several subscribers live at once, a callsite
//! that one of them wants is on for all.

use std::sync::{Arc, Mutex};

use phasemeter::Meter;
use tracing::subscriber::with_default;
use tracing::{Subscriber, debug_span, info_span};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{EnvFilter, Layer, registry};

/// Keeps the names of the spans that were opened.
#[derive(Clone, Default)]
struct Opened(Arc<Mutex<Vec<&'static str>>>);

impl<S: Subscriber> Layer<S> for Opened {
    fn on_new_span(&self, attributes: &tracing::span::Attributes<'_>, _id: &tracing::Id, _context: Context<'_, S>) {
        self.0.lock().expect("nobody panics").push(attributes.metadata().name());
    }
}

#[test]
fn beside_a_filtered_layer_we_enable_our_own_spans_and_no_other() {
    let meter = Meter::builder().isolated().environment([]).build();
    let opened = Opened::default();
    let by_others = Opened::default();
    let others = by_others.clone().with_filter(EnvFilter::new("warn"));
    with_default(
        registry().with(others).with(meter.layer()).with(opened.clone().with_filter(EnvFilter::new("off"))),
        || {
            assert!(debug_span!("library").is_disabled());
            assert!(!info_span!("ours", phase.name = "ours").is_disabled());
        },
    );
    assert!(by_others.0.lock().expect("nobody panics").is_empty(), "what we want is not pushed on others");
}
