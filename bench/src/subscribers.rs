//! What stands behind the spans: the process's Meter at a level, and the subscribers that programs have.

use phasemeter::{Level, Meter};
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, fmt, registry};

/// The process's Meter at this level. No environment variable reaches it.
#[must_use]
pub fn meter(level: Level) -> Meter {
    Meter::builder().environment([]).pipeline("bench").level(level).build()
}

/// The Meter, and no subscriber.
pub fn none(level: Level) {
    let _meter = meter(level);
}

/// The registry of `tracing-subscriber` with this layer and nothing else.
pub fn under(layer: impl Layer<Registry> + Send + Sync) {
    registry().with(layer).init();
}

/// The same with our layer.
pub fn ours(level: Level) {
    under(meter(level).layer());
}

/// A layer that does nothing: without any layer the registry would keep every span.
pub fn nothing() {
    under(Nothing);
}

/// The same within a filter of its own that lets everything through. It is the floor of a layer that filters for itself
/// alone, as ours does.
pub fn nothing_filtered() {
    under(Nothing.with_filter(LevelFilter::TRACE));
}

/// A log that is formatted and thrown away, from level INFO on.
pub fn log() {
    registry().with(log_layer()).init();
}

/// The same log, and beside it a layer that wants none of it.
pub fn log_and_nothing() {
    registry().with(log_layer()).with(Nothing.with_filter(LevelFilter::OFF)).init();
}

/// The same log, and our layer.
pub fn log_and_ours(level: Level) {
    registry().with(log_layer()).with(meter(level).layer()).init();
}

fn log_layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let log: fmt::Layer<S, _, _, _> = fmt::layer().with_writer(std::io::sink);
    log.with_filter(LevelFilter::INFO)
}

struct Nothing;

impl<S: Subscriber> Layer<S> for Nothing {}
