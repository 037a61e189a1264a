//! Phases as they come in programs: within others, told late, with changing labels, in tasks, under labels that never end.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};

use phasemeter::{Level, Limits, Meter, Phase, PhaseFutureExt as _};
use tokio::runtime::{Builder, Runtime};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::peers::{metrics, pipelines, prometheus_layer, span};
use crate::subscribers;
use crate::workload::{Pace, Turns, Workload, turns};

/// Tasks that are spawned at once.
const TASKS: u64 = 64;

/// Label sets of one turn that nobody has seen before.
const NEW: u64 = 100;

static EMBED: Phase = Phase::new("embed");

pub(super) fn workloads() -> Vec<Workload> {
    let tasks = Workload::new("async_task", "one task of 64, with two polls in which it waits")
        .subject("nobody", || (), || tasks(Waits::default))
        .subject("a layer that does nothing, filtered", subscribers::nothing_filtered, instrumented_tasks)
        .subject("phasemeter, span", || subscribers::ours(Level::Basic), instrumented_tasks)
        .subject("phasemeter, future", || subscribers::ours(Level::Basic), || tasks(|| Waits::default().phase(&EMBED)))
        .subject("prometheus, layer with with_label_values", prometheus_layer::with_label_values, instrumented_tasks)
        .operations_per_turn(TASKS);
    let dynamic = in_layers("dynamic_labels", "one phase of one of eight pipelines", dynamic_labels)
        .subject("metrics-exporter-prometheus, macros without a span", metrics::recorder, metrics::dynamic_labels)
        .works_later();
    let churn = Workload::new("churn", "100 runs with a label that nobody has seen before, and a scrape")
        .subject("phasemeter, the same labels again", labelled, || churn(false))
        .subject("phasemeter", labelled, || churn(true))
        .pace(Pace::Long);
    vec![
        tasks,
        in_layers("nested", "one phase within another one", nested),
        in_layers("late_record", "one phase whose items and outcome are recorded later", late_record),
        dynamic,
        churn,
    ]
}

fn in_layers(name: &'static str, operation: &'static str, begin: fn() -> Turns) -> Workload {
    Workload::new(name, operation)
        .subject("a layer that does nothing, filtered", subscribers::nothing_filtered, begin)
        .subject("phasemeter, span", || subscribers::ours(Level::Basic), begin)
        .subject("prometheus, layer with with_label_values", prometheus_layer::with_label_values, begin)
}

fn nested() -> Turns {
    let around = tracing::info_span!("batch", phase.name = "batch").entered();
    turns(move || {
        let _around = &around;
        span().in_scope(|| black_box(()));
    })
}

fn late_record() -> Turns {
    turns(|| {
        let span = tracing::info_span!(
            "embed",
            pipeline.name = "acid",
            phase.name = "embed",
            phase.items = Empty,
            phase.outcome = Empty
        );
        span.in_scope(|| black_box(()));
        span.record("phase.items", 32_u64).record("phase.outcome", "ok");
    })
}

fn dynamic_labels() -> Turns {
    let mut pipelines = pipelines();
    turns(move || {
        let span = tracing::info_span!(
            "embed",
            pipeline.name = pipelines(),
            phase.name = "embed",
            phase.items = 32_u64,
            phase.outcome = "ok"
        );
        span.in_scope(|| black_box(()));
    })
}

fn instrumented_tasks() -> Turns {
    tasks(|| Waits::default().instrument(span()))
}

fn tasks<F: Future<Output = ()> + Send + 'static>(task: fn() -> F) -> Turns {
    let runtime: Runtime = Builder::new_current_thread().build().expect("it takes nothing of the system");
    turns(move || {
        runtime.block_on(async {
            let spawned: Vec<_> = (0..TASKS).map(|_| tokio::spawn(task())).collect();
            for task in spawned {
                task.await.expect("it does not panic");
            }
        });
    })
}

/// Pending twice, and woken at once.
#[derive(Default)]
struct Waits(u8);

impl Future for Waits {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 2 {
            return Poll::Ready(());
        }
        self.0 += 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What comes beyond the hundredth label set of a phase shares one.
fn labelled() {
    let limits = Limits { label_sets: 100, ..Limits::default() };
    let meter = Meter::builder().environment([]).pipeline("bench").limits(limits).label_fields(["model"]).build();
    subscribers::under(meter.layer());
}

fn churn(is_new: bool) -> Turns {
    let (meter, mut seen) = (Meter::of_process(), 0);
    turns(move || {
        for number in 0..NEW {
            let model = format!("model-{}", seen + number);
            tracing::info_span!("embed", phase.name = "embed", model).in_scope(|| black_box(()));
        }
        if is_new {
            seen += NEW;
        }
        black_box(meter.render(""));
    })
}
