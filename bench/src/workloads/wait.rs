//! Waiting that is named, for something that is there already.

use std::hint::black_box;

use phasemeter::Phase;

use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

static STORE: Phase = Phase::new("store");

pub(super) fn workloads() -> Vec<Workload> {
    vec![Workload::new("wait", "`wait_for_input` in a run").at_each_level("", subscribers::ours, waits)]
}

fn waits() -> Turns {
    let run = STORE.start();
    turns(move || black_box(&run).wait_for_input(|| black_box(())))
}
