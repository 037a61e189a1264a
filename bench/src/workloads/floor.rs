//! What everything else stands on: the loop, and the clocks that are read.

use std::hint::black_box;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

use crate::workload::{Turns, Workload, turns};

pub(super) fn workloads() -> Vec<Workload> {
    vec![
        Workload::new("floor", "a turn of the loop").subject("nothing", || (), nothing),
        Workload::new("clock", "one reading").subject("monotonic", || (), monotonic).subject(
            "thread CPU time",
            || (),
            thread_cpu_time,
        ),
    ]
}

fn nothing() -> Turns {
    turns(|| {
        black_box(1_u64);
    })
}

fn monotonic() -> Turns {
    turns(|| {
        black_box(Instant::now());
    })
}

fn thread_cpu_time() -> Turns {
    turns(|| {
        black_box(clock_gettime(ClockId::ThreadCPUTime));
    })
}
