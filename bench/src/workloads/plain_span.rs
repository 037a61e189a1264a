//! A plain span with a name and its items: new, enter, exit, close.

use std::hint::black_box;

use phasemeter::Level;

use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

pub(super) fn workloads() -> Vec<Workload> {
    let alone = Workload::new("plain_span", "a plain span that nobody else wants")
        .subject("no subscriber", || (), spans)
        .subject("a layer that does nothing", subscribers::nothing, spans)
        .subject("a layer that does nothing, filtered", subscribers::nothing_filtered, spans)
        .at_each_level("", subscribers::ours, spans)
        .also_on_two_threads(|name| name == "basic" || name.starts_with("a layer"));
    let detailed = Workload::new("plain_span_detailed", "the same, marked `phase.detailed`").at_each_level(
        "",
        subscribers::ours,
        detailed_spans,
    );
    let beside_log = Workload::new("plain_span_beside_log", "a plain span of a phase, that the log wants")
        .subject("the log alone", subscribers::log, spans)
        .subject("the log and a layer that wants nothing", subscribers::log_and_nothing, spans)
        .subject("off", || subscribers::log_and_ours(Level::Off), spans)
        .subject("basic", || subscribers::log_and_ours(Level::Basic), spans);
    vec![alone, detailed, beside_log]
}

/// Also what an item is, where each has a span.
pub(super) fn spans() -> Turns {
    turns(|| {
        let span = tracing::info_span!("embed", phase.name = "embed", phase.items = 1_u64);
        span.in_scope(|| black_box(()));
    })
}

fn detailed_spans() -> Turns {
    turns(|| {
        let span = tracing::info_span!("embed", phase.name = "embed", phase.items = 1_u64, phase.detailed = true);
        span.in_scope(|| black_box(()));
    })
}
