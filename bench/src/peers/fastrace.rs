//! `fastrace`: traces, no metrics, with a reporter that throws everything away; without one it would record nothing.

use std::hint::black_box;
use std::time::Duration;

use fastrace::Span;
use fastrace::collector::{Config, Reporter, SpanContext, SpanRecord};

use crate::workload::{Turns, turns};

struct ThrownAway;

impl Reporter for ThrownAway {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        black_box(spans);
    }
}

/// Begins to collect, and to report ten times a second.
pub fn collecting() {
    fastrace::set_reporter(ThrownAway, Config::default().report_interval(Duration::from_millis(100)));
}

/// One phase that is a trace of one span.
pub fn spans() -> Turns {
    turns(|| {
        let said = || [("pipeline", "acid"), ("phase", "embed"), ("items", "32"), ("outcome", "ok")];
        let span = Span::root("embed", SpanContext::random()).with_properties(said);
        drop(black_box(span));
    })
}
