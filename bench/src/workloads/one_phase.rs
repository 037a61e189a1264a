//! One phase, by us and by others: a span with four fields, or what stands for it, into a histogram and two counters.

use std::hint::black_box;

use phasemeter::{Level, Phase};

use crate::peers::{autometrics, fastrace, hotpath, metrics, opentelemetry, prometheus_layer, span, tracing_timing};
use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

static EMBED: Phase = Phase::new("embed");

pub(super) fn workloads() -> Vec<Workload> {
    let ours = || subscribers::ours(Level::Basic);
    let no_span = || subscribers::none(Level::Basic);
    let one_phase = Workload::new("one_phase", "one phase: a histogram, items and outcome")
        .subject("a layer that does nothing", subscribers::nothing, spans)
        .subject("a layer that does nothing, filtered", subscribers::nothing_filtered, spans)
        .subject("phasemeter, span", ours, spans)
        .subject("phasemeter, run", ours, runs)
        .subject("phasemeter, guard", no_span, guards)
        .subject("prometheus, layer with kept handles", prometheus_layer::cached, spans)
        .subject("prometheus, layer with with_label_values", prometheus_layer::with_label_values, spans)
        .subject("tracing-opentelemetry, MetricsLayer", opentelemetry::metrics_layer, opentelemetry::event_in_span)
        .subject("tracing-opentelemetry, traces sampled off", opentelemetry::traces_off, spans)
        .subject("opentelemetry, bound without a span", || (), opentelemetry::bound)
        .subject("metrics-exporter-prometheus, macros without a span", metrics::recorder, metrics::macros)
        .works_later()
        .subject("metrics-tracing-context", metrics::recorder_with_context, metrics::in_span)
        .works_later()
        .subject("autometrics", || (), autometrics::function)
        .subject("hotpath", hotpath::collecting, hotpath::function)
        .works_later()
        .subject("tracing-timing", tracing_timing::layer, tracing_timing::event_in_span)
        .subject("fastrace", fastrace::collecting, fastrace::spans)
        .works_later()
        .also_on_two_threads(|_| true);
    vec![one_phase]
}

fn spans() -> Turns {
    turns(|| span().in_scope(|| black_box(())))
}

fn runs() -> Turns {
    turns(|| EMBED.run(|run| run.items(black_box(32_u64))))
}

fn guards() -> Turns {
    turns(|| EMBED.start().items(black_box(32_u64)))
}
