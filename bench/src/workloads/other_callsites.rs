//! Spans and events that are no phases: our layer must not make them dearer.

use std::hint::black_box;

use phasemeter::Level;

use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

pub(super) fn workloads() -> Vec<Workload> {
    vec![
        beside_log("unwanted_span", "a `debug_span!` that the log does not want", unwanted_span),
        beside_log("logged_span", "an `info_span!`, no phase, that the log wants", logged_span),
        beside_log("unwanted_event", "a `debug!` that the log does not want", unwanted_event),
        beside_log("logged_event", "an `info!` that the log wants", logged_event),
    ]
}

fn beside_log(name: &'static str, operation: &'static str, begin: fn() -> Turns) -> Workload {
    Workload::new(name, operation)
        .subject("the log alone", subscribers::log, begin)
        .subject("the log and a layer that wants nothing", subscribers::log_and_nothing, begin)
        .subject("off", || subscribers::log_and_ours(Level::Off), begin)
        .subject("basic", || subscribers::log_and_ours(Level::Basic), begin)
}

fn unwanted_span() -> Turns {
    turns(|| tracing::debug_span!("unrelated", number = 1_u64).in_scope(|| black_box(())))
}

fn logged_span() -> Turns {
    turns(|| tracing::info_span!("unrelated", number = 1_u64).in_scope(|| black_box(())))
}

fn unwanted_event() -> Turns {
    turns(|| tracing::debug!(number = 1_u64, "unrelated"))
}

fn logged_event() -> Turns {
    turns(|| tracing::info!(number = 1_u64, "unrelated"))
}
