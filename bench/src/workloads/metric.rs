//! `metric!`: a number of the program's own, as an event and on `/metrics`.

use std::hint::black_box;

use phasemeter::Level;

use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

pub(super) fn workloads() -> Vec<Workload> {
    let gauge = Workload::new("metric", "`metric!` with one gauge")
        .at_each_level("our layer", subscribers::ours, metrics)
        .subject("basic, our layer and a log", || subscribers::log_and_ours(Level::Basic), metrics);
    vec![gauge]
}

fn metrics() -> Turns {
    turns(|| phasemeter::metric!("bench", latency_ms = black_box(1.5)))
}
