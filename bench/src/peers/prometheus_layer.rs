//! A layer as programs write it themselves, over `prometheus`: what was said of a span stands in its extensions.

use std::fmt::Debug;
use std::sync::OnceLock;
use std::time::Instant;

use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::prometheus::{Handles, Vectors};
use crate::subscribers;

/// Puts the layer in place that looks three series up by the labels of each span.
pub fn with_label_values() {
    subscribers::under(LookingUp(Vectors::new()));
}

/// Puts the layer in place that knows only one series, as quick as such a layer can be.
pub fn cached() {
    subscribers::under(Cached { vectors: Vectors::new(), handles: OnceLock::new() });
}

struct LookingUp(Vectors);

struct Said {
    begun: Instant,
    pipeline: String,
    phase: String,
    outcome: String,
    items: u64,
}

impl Said {
    fn now() -> Self {
        Self { begun: Instant::now(), pipeline: String::new(), phase: String::new(), outcome: String::new(), items: 0 }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "pipeline.name" => value.clone_into(&mut self.pipeline),
            "phase.name" => value.clone_into(&mut self.phase),
            "phase.outcome" => value.clone_into(&mut self.outcome),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "phase.items" {
            self.items = value;
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LookingUp {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut said = Said::now();
        attributes.record(&mut said);
        span.extensions_mut().insert(said);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(said) = span.extensions_mut().get_mut::<Said>() {
            values.record(said);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(said) = span.extensions().get::<Said>() {
            self.0.record([&said.pipeline, &said.phase, &said.outcome], said.begun, said.items);
        }
    }
}

struct Cached {
    vectors: Vectors,
    handles: OnceLock<Handles>,
}

struct Begun {
    at: Instant,
    items: u64,
}

impl Visit for Begun {
    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}

    fn record_str(&mut self, _: &Field, _: &str) {}

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "phase.items" {
            self.items = value;
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Cached {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut begun = Begun { at: Instant::now(), items: 0 };
        attributes.record(&mut begun);
        span.extensions_mut().insert(begun);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(begun) = span.extensions_mut().get_mut::<Begun>() {
            values.record(begun);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(begun) = span.extensions().get::<Begun>() {
            let handles = self.handles.get_or_init(|| self.vectors.handles(["acid", "embed", "ok"]));
            handles.record(begun.at, begun.items);
        }
    }
}
