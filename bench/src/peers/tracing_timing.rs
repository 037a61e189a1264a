//! `tracing-timing`: a histogram of the time between the events of a span.

use tracing_timing::{Builder, Histogram};

use crate::subscribers;
use crate::workload::{Turns, turns};

/// Two figures, up to ten seconds.
pub fn layer() {
    let histogram = || Histogram::new_with_max(10_000_000_000, 2).expect("two figures are allowed");
    subscribers::under(Builder::default().layer(histogram));
}

/// One phase: its span, and the event that ends what is timed.
pub fn event_in_span() -> Turns {
    turns(|| super::span().in_scope(|| tracing::info!("done")))
}
