//! `metrics`, a facade, with the recorder and the endpoint of `metrics-exporter-prometheus`.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram, counter, histogram, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_tracing_context::{MetricsLayer, TracingContextLayer};
use metrics_util::layers::Layer as _;

use super::{BOUNDS_S, Exposition, Names, VALUES};
use crate::subscribers;
use crate::workload::{Turns, turns};

/// What it is called in the tables.
pub const NAME: &str = "metrics-exporter-prometheus";

fn builder() -> PrometheusBuilder {
    PrometheusBuilder::new().set_buckets(&BOUNDS_S).expect("there are bounds")
}

/// The recorder keeps every value until somebody clears up, which its endpoint would do.
fn cleared_up() -> PrometheusRecorder {
    let recorder = builder().build_recorder();
    let handle = recorder.handle();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(100));
            handle.run_upkeep();
        }
    });
    recorder
}

/// Puts the recorder behind the macros.
pub fn recorder() {
    metrics::set_global_recorder(cleared_up()).expect("nobody else has set one");
}

/// The same recorder, to which the fields of spans are labels.
pub fn recorder_with_context() {
    let recorder =
        TracingContextLayer::only_allow(["pipeline.name", "phase.name", "phase.outcome"]).layer(cleared_up());
    metrics::set_global_recorder(recorder).map_err(|_| "refused").expect("nobody else has set one");
    subscribers::under(MetricsLayer::new());
}

/// One phase without a span: its labels are known when it is compiled.
pub fn macros() -> Turns {
    turns(|| {
        let begun = Instant::now();
        black_box(());
        histogram!("phase_seconds", "pipeline" => "acid", "phase" => "embed", "outcome" => "ok")
            .record(begun.elapsed());
        counter!("phase_items", "pipeline" => "acid", "phase" => "embed", "outcome" => "ok").increment(32);
        counter!("phase_outcomes", "pipeline" => "acid", "phase" => "embed", "outcome" => "ok").increment(1);
    })
}

/// One phase without a span, of one of eight pipelines.
pub fn dynamic_labels() -> Turns {
    let mut pipelines = super::pipelines();
    turns(move || {
        let (begun, pipeline) = (Instant::now(), pipelines());
        black_box(());
        histogram!("phase_seconds", "pipeline" => pipeline, "phase" => "embed", "outcome" => "ok")
            .record(begun.elapsed());
        counter!("phase_items", "pipeline" => pipeline, "phase" => "embed", "outcome" => "ok").increment(32);
        counter!("phase_outcomes", "pipeline" => pipeline, "phase" => "embed", "outcome" => "ok").increment(1);
    })
}

/// One phase whose labels are the fields of its span.
pub fn in_span() -> Turns {
    turns(|| {
        super::span().in_scope(|| {
            let begun = Instant::now();
            black_box(());
            histogram!("phase_seconds").record(begun.elapsed());
            counter!("phase_items").increment(32);
            counter!("phase_outcomes").increment(1);
        });
    })
}

/// A duration and a count into handles that are kept.
pub fn record() -> Turns {
    static HANDLES: OnceLock<(Histogram, Counter)> = OnceLock::new();
    let handles = || with_local_recorder(&cleared_up(), || (histogram!("phase_seconds"), counter!("phase_outcomes")));
    let ((histogram, counter), mut values) = (HANDLES.get_or_init(handles).clone(), super::seconds());
    turns(move || {
        histogram.record(black_box(values()));
        counter.increment(1);
    })
}

/// So many series.
#[must_use]
pub fn fill(series: usize) -> Exposition {
    let recorder = builder().build_recorder();
    let handle: PrometheusHandle = recorder.handle();
    let first = with_local_recorder(&recorder, || filled(series));
    // Its endpoint would do that: until then each series keeps every value.
    handle.run_upkeep();
    Exposition {
        write: Box::new(move |shown| shown(handle.render().as_bytes())),
        record: Box::new(move |seconds| first.record(seconds)),
    }
}

/// The first one.
fn filled(series: usize) -> Histogram {
    metrics::describe_histogram!("phase_seconds", "Durations.");
    let labels = |Names { pipeline, phase, outcome }: Names| {
        [("pipeline", pipeline), ("phase", phase), ("outcome", outcome.to_owned())]
    };
    let mut values = super::seconds();
    for labels in (0..series).map(Names::of).map(labels) {
        let histogram = histogram!("phase_seconds", &labels);
        (0..VALUES).for_each(|_| histogram.record(values()));
        counter!("phase_items_total", &labels).increment(32);
    }
    histogram!("phase_seconds", &labels(Names::of(0)))
}

/// So many series behind its endpoint, and where that is.
#[must_use]
pub fn serve(series: usize) -> SocketAddr {
    let address = super::free_address();
    builder().with_http_listener(address).install().expect("the address is free");
    let _first = filled(series);
    address
}
