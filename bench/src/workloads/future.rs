//! Futures of the exact grade: a whole one, and one poll of one that stays pending.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};

use phasemeter::{Phase, PhaseFutureExt as _};

use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

static FETCH: Phase = Phase::new("fetch");

pub(super) fn workloads() -> Vec<Workload> {
    vec![
        Workload::new("future", "`.phase(&PHASE)` of a future that is ready at once").at_each_level(
            "",
            subscribers::ours,
            futures,
        ),
        Workload::new("poll", "one poll of a future that stays pending").at_each_level("", subscribers::ours, polls),
    ]
}

fn futures() -> Turns {
    turns(|| {
        let future = pin!(std::future::ready(()).phase(&FETCH));
        let _ready = black_box(future.poll(&mut Context::from_waker(Waker::noop())));
    })
}

fn polls() -> Turns {
    let mut future = Box::pin(std::future::pending::<()>().phase(&FETCH));
    turns(move || {
        let _pending = black_box(future.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    })
}
