//! A loop of the exact grade, per turn: one run, one item a turn.

use std::hint::black_box;

use phasemeter::{Phase, Track as _};

use crate::subscribers;
use crate::workload::{Turns, Workload};

static READ: Phase = Phase::new("read");

pub(super) fn workloads() -> Vec<Workload> {
    vec![Workload::new("track", "a turn of a loop with `.track(&PHASE)`").at_each_level("", subscribers::ours, tracked)]
}

fn tracked() -> Turns {
    Box::new(|count| {
        for number in (0..count).track(&READ) {
            black_box(number);
        }
    })
}
