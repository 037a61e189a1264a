//! The tracing layer: plain spans with a field `phase.name`, from first enter to last exit.
//!
//! It carries its own filter, so that it enables no span that nobody else wants, and it keeps what it knows of a span
//! in the span's extensions. Spans of the exact grade are none of its business.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use phasemeter_core::{DropReason, Outcome, PhaseCell};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::fields::{Fields, PHASE_NAME, Reader};
use crate::guard::{EXACT_TARGET, publish_declared};
use crate::inner::Inner;
use crate::scope::{self, Entered};

/// What an ERROR event says about the plain span that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorEvents {
    /// The nearest phase has failed; its type is the event's `error.type`, or else `error_event`.
    #[default]
    FailTheirPhase,
    /// Nothing.
    AreIgnored,
}

/// Measures plain spans. Made by [`Meter::layer`](crate::Meter::layer), which puts its filter around it.
pub struct PhaseLayer {
    inner: Arc<Inner>,
}

/// Lets through the spans that are phases, and ERROR events while such a span is open. It speaks for our layer alone.
pub(crate) struct PhaseFilter {
    inner: Arc<Inner>,
    error_events: ErrorEvents,
}

/// What we know of the span, for each Meter whose layer sees it.
#[derive(Default)]
struct Seen(Vec<(usize, PlainSpan)>);

/// One plain span that is, or may become, a run of a phase.
#[derive(Default)]
struct PlainSpan {
    pipeline: Option<Arc<str>>,
    /// Since the phase's name is known.
    cell: Option<Arc<PhaseCell>>,
    /// Whether the cell was told that a run has begun.
    begun: bool,
    first_enter_ns: Option<u64>,
    last_exit_ns: u64,
    items: Option<u64>,
    bytes: Option<u64>,
    total: u64,
    outcome: Option<Outcome>,
    error_type: Option<String>,
    panicked: bool,
}

impl PhaseLayer {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Which Meter this is, in a [`Seen`].
    fn meter(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }

    fn update<S>(&self, span: &SpanRef<'_, S>, change: impl FnOnce(&mut PlainSpan))
    where
        S: for<'a> LookupSpan<'a>,
    {
        if let Some(seen) = span.extensions_mut().get_mut::<Seen>() {
            if let Some((_, plain)) = seen.0.iter_mut().find(|(meter, _)| *meter == self.meter()) {
                change(plain);
            }
        }
    }

    /// The pipeline of the nearest phase around this span, where that has one of its own.
    fn inherited_pipeline<S>(&self, span: &SpanRef<'_, S>) -> Option<Arc<str>>
    where
        S: for<'a> LookupSpan<'a>,
    {
        let parent = span.parent()?;
        let extensions = parent.extensions();
        let (_, plain) = extensions.get::<Seen>()?.0.iter().find(|(meter, _)| *meter == self.meter())?;
        plain.pipeline.clone()
    }

    /// Takes in what fields said, at the beginning or later.
    fn apply(&self, plain: &mut PlainSpan, fields: Fields) {
        plain.pipeline = fields.pipeline.map(Into::into).or(plain.pipeline.take());
        plain.items = fields.items.or(plain.items);
        plain.bytes = fields.bytes.or(plain.bytes);
        plain.outcome = fields.outcome.or(plain.outcome);
        plain.error_type = fields.error_type.or(plain.error_type.take());
        if let (Some(phase), None) = (fields.phase, &plain.cell) {
            let current = self.inner.current_pipeline();
            let pipeline = plain.pipeline.as_deref().or(current.as_deref());
            plain.cell = Some(self.inner.registry.phase(pipeline, &phase));
            self.inner.plain_spans.fetch_add(1, Ordering::Relaxed);
        }
        if let (Some(total), Some(cell)) = (fields.total, &plain.cell) {
            cell.replace_expected(plain.total, total);
            plain.total = total;
        }
        plain.begin_if_running();
    }

    fn close(&self, plain: PlainSpan) {
        let Some(cell) = plain.cell.as_ref() else { return };
        self.inner.plain_spans.fetch_sub(1, Ordering::Relaxed);
        let Some(first_enter_ns) = plain.first_enter_ns else {
            self.inner.registry.drops().count(DropReason::NeverEntered);
            return;
        };
        let outcome = plain.judged();
        if outcome == Outcome::Error {
            cell.add_errors(plain.error_type(), 1);
        }
        publish_declared(&self.inner, cell, outcome, plain.items, plain.bytes);
        cell.end(outcome, plain.last_exit_ns.saturating_sub(first_enter_ns));
    }
}

impl PlainSpan {
    fn begin_if_running(&mut self) {
        if let (Some(cell), Some(_), false) = (&self.cell, self.first_enter_ns, self.begun) {
            cell.begin();
            self.begun = true;
        }
    }

    /// What the field says; otherwise any sign of failure; otherwise ok, which is all that a span can know.
    fn judged(&self) -> Outcome {
        let failed = self.panicked || self.error_type.is_some();
        self.outcome.unwrap_or(if failed { Outcome::Error } else { Outcome::Ok })
    }

    fn error_type(&self) -> &str {
        let unnamed = if self.panicked { "panic" } else { "unknown" };
        self.error_type.as_deref().unwrap_or(unnamed)
    }
}

impl<S> Layer<S> for PhaseLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut reader = Reader::new(self.inner.registry.drops());
        attributes.record(&mut reader);
        let mut plain = PlainSpan { pipeline: self.inherited_pipeline(&span), ..PlainSpan::default() };
        self.apply(&mut plain, reader.fields);
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<Seen>() {
            Some(seen) => seen.0.push((self.meter(), plain)),
            None => extensions.insert(Seen(vec![(self.meter(), plain)])),
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut reader = Reader::new(self.inner.registry.drops());
        values.record(&mut reader);
        self.update(&span, |plain| self.apply(plain, reader.fields));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        scope::push(Entered::Plain { span: id.into_u64(), panicking: std::thread::panicking() });
        let Some(span) = context.span(id) else { return };
        let now_ns = self.inner.clock.now_ns();
        self.update(&span, |plain| {
            plain.first_enter_ns.get_or_insert(now_ns);
            plain.begin_if_running();
        });
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let was_panicking = scope::pop_plain(id.into_u64());
        let Some(span) = context.span(id) else { return };
        let now_ns = self.inner.clock.now_ns();
        self.update(&span, |plain| {
            plain.last_exit_ns = plain.last_exit_ns.max(now_ns);
            plain.panicked |= std::thread::panicking() && !was_panicking;
        });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // An explicit parent is the nearest phase, whatever the thread is doing.
        if event.is_contextual() && scope::nearest_is_exact() {
            return;
        }
        let Some(span) = context.event_span(event) else { return };
        let mut reader = Reader::new(self.inner.registry.drops());
        event.record(&mut reader);
        let error_type = reader.fields.error_type.unwrap_or_else(|| "error_event".to_owned());
        self.update(&span, |plain| {
            plain.error_type.get_or_insert(error_type);
        });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let mut extensions = span.extensions_mut();
        let Some(seen) = extensions.get_mut::<Seen>() else { return };
        let index = seen.0.iter().position(|(meter, _)| *meter == self.meter());
        let plain = index.map(|index| seen.0.swap_remove(index).1);
        drop(extensions);
        if let Some(plain) = plain {
            self.close(plain);
        }
    }
}

impl PhaseFilter {
    pub(crate) fn new(inner: Arc<Inner>, error_events: ErrorEvents) -> Self {
        Self { inner, error_events }
    }

    fn is_phase(metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target() != EXACT_TARGET && metadata.fields().field(PHASE_NAME).is_some()
    }

    fn may_fail_a_phase(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() == Level::ERROR && self.error_events == ErrorEvents::FailTheirPhase
    }
}

impl<S> Filter<S> for PhaseFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        let open_span = || self.inner.plain_spans.load(Ordering::Relaxed) > 0;
        self.inner.is_enabled() && (Self::is_phase(metadata) || (self.may_fail_a_phase(metadata) && open_span()))
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if !self.inner.is_enabled() {
            Interest::never()
        } else if Self::is_phase(metadata) {
            Interest::always()
        } else if self.may_fail_a_phase(metadata) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.inner.is_enabled() { LevelFilter::TRACE } else { LevelFilter::OFF })
    }
}

impl fmt::Debug for PhaseLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseLayer").finish_non_exhaustive()
    }
}
