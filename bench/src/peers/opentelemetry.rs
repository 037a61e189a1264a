//! OpenTelemetry: the SDK's metrics, bound or by events, its traces with nothing sampled, its exporter to Prometheus.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Instant;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, BoundHistogram, MeterProvider as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, InstrumentKind, ManualReader, MeterProviderBuilder, SdkMeterProvider, Stream,
};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use prometheus::{Encoder as _, TextEncoder};
use tracing_opentelemetry::MetricsLayer;

use super::{BOUNDS_S, Exposition, Names, VALUES};
use crate::subscribers;
use crate::workload::{Turns, turns};

/// What it is called in the tables.
pub const NAME: &str = "opentelemetry";

/// With our bounds, and room for so many series.
fn provider(series: usize) -> MeterProviderBuilder {
    let view = move |instrument: &Instrument| {
        let stream = Stream::builder().with_cardinality_limit(series + 10);
        let stream = if instrument.kind() == InstrumentKind::Histogram {
            let boundaries = BOUNDS_S.to_vec();
            stream.with_aggregation(Aggregation::ExplicitBucketHistogram { boundaries, record_min_max: false })
        } else {
            stream
        };
        stream.build().ok()
    };
    SdkMeterProvider::builder().with_view(view)
}

fn manual() -> SdkMeterProvider {
    provider(2_000).with_reader(ManualReader::builder().build()).build()
}

/// Turns events into metrics.
pub fn metrics_layer() {
    subscribers::under(MetricsLayer::new(manual()));
}

/// One phase: its span, and the event that its metrics are.
pub fn event_in_span() -> Turns {
    turns(|| {
        super::span().in_scope(|| {
            let begun = Instant::now();
            black_box(());
            tracing::info!(
                histogram.phase_seconds = begun.elapsed().as_secs_f64(),
                monotonic_counter.phase_items = 32_u64,
                monotonic_counter.phase_outcomes = 1_u64,
                pipeline = "acid",
                phase = "embed",
                outcome = "ok"
            );
        });
    })
}

/// Turns spans into traces, none of which is sampled.
pub fn traces_off() {
    let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
    subscribers::under(tracing_opentelemetry::layer().with_tracer(provider.tracer("bench")));
    // As long as the process: without its provider the tracer would do nothing at all.
    std::mem::forget(provider);
}

#[derive(Clone)]
struct Bound {
    seconds: BoundHistogram<f64>,
    items: BoundCounter<u64>,
    outcomes: BoundCounter<u64>,
}

static BOUND: LazyLock<Bound> = LazyLock::new(|| {
    let provider = manual();
    let meter = provider.meter("bench");
    // As long as the process: without its provider the instruments would do nothing at all.
    std::mem::forget(provider);
    let labels = labels(Names { pipeline: "acid".into(), phase: "embed".into(), outcome: "ok" });
    Bound {
        seconds: meter.f64_histogram("phase_seconds").build().bind(&labels),
        items: meter.u64_counter("phase_items").build().bind(&labels),
        outcomes: meter.u64_counter("phase_outcomes").build().bind(&labels),
    }
});

/// One phase without a span, into instruments that are bound to their labels.
pub fn bound() -> Turns {
    let Bound { seconds, items, outcomes } = BOUND.clone();
    turns(move || {
        let begun = Instant::now();
        black_box(());
        seconds.record(begun.elapsed().as_secs_f64());
        items.add(32);
        outcomes.add(1);
    })
}

/// A duration and a count into bound instruments.
pub fn record() -> Turns {
    let (Bound { seconds, outcomes, .. }, mut values) = (BOUND.clone(), super::seconds());
    turns(move || {
        seconds.record(black_box(values()));
        outcomes.add(1);
    })
}

/// So many series, shown by `opentelemetry-prometheus`.
#[must_use]
pub fn fill(series: usize) -> Exposition {
    let registry = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).without_target_info();
    let exporter = exporter.build().expect("the registry is new");
    let provider = provider(series).with_reader(exporter).build();
    let meter = provider.meter("bench");
    let seconds = meter.f64_histogram("phase_seconds").build();
    let items = meter.u64_counter("phase_items").build();
    let mut values = super::seconds();
    for labels in (0..series).map(Names::of).map(labels) {
        (0..VALUES).for_each(|_| seconds.record(values(), &labels));
        items.add(32, &labels);
    }
    let first = seconds.bind(&labels(Names::of(0)));
    let mut text = Vec::new();
    Exposition {
        write: Box::new(move |shown| {
            // Without its provider the registry would have nothing to show.
            let _alive = &provider;
            text.clear();
            TextEncoder::new().encode(&registry.gather(), &mut text).expect("a Vec takes everything");
            shown(&text);
        }),
        record: Box::new(move |seconds| first.record(seconds)),
    }
}

fn labels(Names { pipeline, phase, outcome }: Names) -> [KeyValue; 3] {
    [KeyValue::new("pipeline", pipeline), KeyValue::new("phase", phase), KeyValue::new("outcome", outcome)]
}
