//! Items as programs handle them, under a subscriber with our layer: what each costs is its share of a core.

use std::hint::black_box;

use phasemeter::Phase;

use super::{exact, plain_span};
use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

/// Items of one batch.
const BATCH: u64 = 64;

/// The names of the workloads in here: the ways to measure items, from the way that is meant for many of them.
pub const SHAPES: [&str; 5] = ["run_a_batch", "span_a_batch", "run_an_item_detailed", "run_an_item", "span_an_item"];

static EMBED: Phase = Phase::new("embed");

static PARSE: Phase = Phase::new("parse").detailed();

pub(super) fn workloads() -> Vec<Workload> {
    let [run_a_batch, span_a_batch, run_an_item_detailed, run_an_item, span_an_item] = SHAPES;
    vec![
        shape(run_a_batch, "an item of a batch of 64: a run a batch, `inc(1)` an item", BATCH, runs_of_batches),
        shape(span_a_batch, "an item of a batch of 64: a plain span a batch", BATCH, spans_of_batches),
        shape(
            run_an_item_detailed,
            "the first, and in it a run an item of a phase marked `detailed`",
            BATCH,
            runs_in_runs,
        ),
        shape(run_an_item, "an item that is a run of its own", 1, exact::runs),
        shape(span_an_item, "an item that is a plain span of its own", 1, plain_span::spans),
    ]
}

fn shape(name: &'static str, operation: &'static str, items: u64, begin: fn() -> Turns) -> Workload {
    Workload::new(name, operation).at_each_level("", subscribers::ours, begin).operations_per_turn(items)
}

fn runs_of_batches() -> Turns {
    turns(|| {
        EMBED.run(|run| {
            for item in 0..BATCH {
                black_box(item);
                run.inc(1);
            }
        });
    })
}

fn spans_of_batches() -> Turns {
    turns(|| {
        tracing::info_span!("embed", phase.name = "embed", phase.items = BATCH).in_scope(|| {
            for item in 0..BATCH {
                black_box(item);
            }
        });
    })
}

fn runs_in_runs() -> Turns {
    turns(|| {
        EMBED.run(|run| {
            for item in 0..BATCH {
                PARSE.run(|_| black_box(item));
                run.inc(1);
            }
        });
    })
}
