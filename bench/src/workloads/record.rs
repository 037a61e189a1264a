//! A duration and a count into one series that is known: what is left of a phase when nothing is looked up.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Duration;

use phasemeter::{Level, Outcome, Phase};
use phasemeter_core::{Limits, Moment, Registry};

use crate::peers::{self, measured, metrics, opentelemetry, ours, prometheus, prometheus_client};
use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

static EMBED: Phase = Phase::new("embed");

pub(super) fn workloads() -> Vec<Workload> {
    let record = Workload::new("record", "a duration and a count into one known series")
        .subject("the values alone", || (), nothing)
        .subject(ours::NAME, || subscribers::none(Level::Basic), phase)
        .subject("phasemeter, seat", || (), seat)
        .subject(prometheus::NAME, || (), prometheus::record)
        .subject(prometheus_client::NAME, || (), prometheus_client::record)
        .subject(metrics::NAME, || (), metrics::record)
        .works_later()
        .subject(measured::NAME, || (), measured::record)
        .subject(opentelemetry::NAME, || (), opentelemetry::record)
        .also_on_two_threads(|_| true);
    vec![record]
}

fn nothing() -> Turns {
    let mut values = peers::seconds();
    turns(move || {
        black_box(values());
    })
}

/// It counts by itself.
fn phase() -> Turns {
    let mut values = peers::nanoseconds();
    turns(move || EMBED.record(Outcome::Ok, Duration::from_nanos(black_box(values()))))
}

/// A handle that is kept, as the others' are.
fn seat() -> Turns {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::new(Limits::default(), Moment::default));
    let (seat, mut values) = (REGISTRY.phase(Some("acid"), "embed").seat(), peers::nanoseconds());
    turns(move || {
        black_box(seat.record(Outcome::Ok, black_box(values())));
    })
}
