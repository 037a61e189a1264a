//! The tracing layer: plain spans with a field `phase.name`, from first enter to last exit.
//!
//! It carries its own filter, so that it enables no span that nobody else wants, and it keeps what it knows of a span
//! in the span's extensions. Spans of the exact grade are none of its business.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use phasemeter_core::{DropReason, Flight, Outcome, PhaseCell, Verdict, bounded_value};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::fields::{Fields, PHASE_DETAILED, PHASE_NAME, Reader, label_of_field};
use crate::guard::{Declared, EXACT_TARGET};
use crate::inner::Inner;
use crate::level;
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
struct Seen(Vec<Tracked>);

/// A span and the Meter that it is measured for. Where the layer is taken out of the subscriber before the span closes,
/// nobody is told of its end: it leaves no trace, rather than to stay in flight for ever.
struct Tracked {
    inner: Arc<Inner>,
    plain: PlainSpan,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if let Some(cell) = self.plain.cell.take() {
            self.inner.plain_spans.fetch_sub(1, Ordering::Relaxed);
            cell.replace_expected(self.plain.total, 0);
            if let Some(flight) = self.plain.flight.take() {
                flight.withdraw();
            }
        }
    }
}

/// One plain span that is, or may become, a run of a phase.
#[derive(Default)]
struct PlainSpan {
    phase: Option<String>,
    pipeline: Option<Arc<str>>,
    /// Further labels, by their fields.
    labels: Vec<(&'static str, String)>,
    /// Since the phase's name is known.
    cell: Option<Arc<PhaseCell>>,
    /// The run, since it has begun: entered, and of a phase that is known.
    flight: Option<Flight>,
    /// How many threads are inside.
    inside: u32,
    first_enter_ns: Option<u64>,
    last_exit_ns: u64,
    declared: Declared<'static>,
    item: Option<Arc<str>>,
    total: u64,
    outcome: Option<Outcome>,
    error_type: Option<String>,
    panicked: bool,
}

impl PhaseLayer {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(self.inner.label_fields(), self.inner.registry.drops())
    }

    fn update<S>(&self, span: &SpanRef<'_, S>, change: impl FnOnce(&mut PlainSpan))
    where
        S: for<'a> LookupSpan<'a>,
    {
        if let Some(seen) = span.extensions_mut().get_mut::<Seen>() {
            if let Some(tracked) = seen.0.iter_mut().find(|tracked| tracked.inner.id == self.inner.id) {
                change(&mut tracked.plain);
            }
        }
    }

    fn has_seen<S>(&self, span: &SpanRef<'_, S>) -> bool
    where
        S: for<'a> LookupSpan<'a>,
    {
        let extensions = span.extensions();
        extensions.get::<Seen>().is_some_and(|seen| seen.0.iter().any(|tracked| tracked.inner.id == self.inner.id))
    }

    /// The pipeline of the nearest phase around this span, where that has one of its own.
    fn inherited_pipeline<S>(&self, span: &SpanRef<'_, S>) -> Option<Arc<str>>
    where
        S: for<'a> LookupSpan<'a>,
    {
        let parent = span.parent()?;
        let extensions = parent.extensions();
        let tracked = extensions.get::<Seen>()?.0.iter().find(|tracked| tracked.inner.id == self.inner.id)?;
        tracked.plain.pipeline.clone()
    }

    /// Takes in what fields said, at the beginning or later.
    fn apply(&self, plain: &mut PlainSpan, fields: Fields) {
        plain.declared.items = fields.items.or(plain.declared.items);
        plain.declared.bytes = fields.bytes.or(plain.declared.bytes);
        replace_by_name(plain.declared.units.to_mut(), fields.units);
        plain.outcome = fields.outcome.or(plain.outcome);
        plain.error_type = fields.error_type.or(plain.error_type.take());
        let has_new_item = fields.item.is_some();
        plain.item = fields.item.map(|item| bounded_value(&item).into()).or(plain.item.take());
        let is_renamed = fields.phase.is_some() || fields.pipeline.is_some() || !fields.labels.is_empty();
        plain.phase = fields.phase.or(plain.phase.take());
        plain.pipeline = fields.pipeline.map(Into::into).or(plain.pipeline.take());
        replace_by_name(&mut plain.labels, fields.labels);
        if is_renamed {
            self.find_cell(plain);
        }
        if let (Some(total), Some(cell)) = (fields.total, &plain.cell) {
            cell.replace_expected(plain.total, total);
            plain.total = total;
        }
        if !plain.begin_if_running() && has_new_item {
            plain.show_item();
        }
    }

    /// The names are known, or have changed: a run that has begun goes on under the new ones, as if it always had.
    fn find_cell(&self, plain: &mut PlainSpan) {
        let Some(phase) = &plain.phase else { return };
        let current = self.inner.current_pipeline();
        let pipeline = plain.pipeline.as_deref().or(current.as_deref());
        let names: Vec<_> = plain.labels.iter().map(|(field, value)| (label_of_field(field), &**value)).collect();
        let labels: Vec<_> = names.iter().map(|(name, value)| (&**name, *value)).collect();
        let cell = self.inner.registry.span_phase(pipeline, phase, &labels);
        match plain.cell.replace(cell.clone()) {
            None => {
                self.inner.plain_spans.fetch_add(1, Ordering::Relaxed);
            }
            Some(before) if !Arc::ptr_eq(&before, &cell) => {
                before.replace_expected(plain.total, 0);
                cell.replace_expected(0, plain.total);
                if let Some(flight) = plain.flight.take() {
                    flight.withdraw();
                }
                self.inner.registry.let_go(before);
            }
            Some(_) => {}
        }
    }

    fn close(&self, plain: &mut PlainSpan) {
        let Some(cell) = plain.cell.take() else { return };
        self.inner.plain_spans.fetch_sub(1, Ordering::Relaxed);
        let (Some(first_enter_ns), Some(flight)) = (plain.first_enter_ns, plain.flight.take()) else {
            cell.replace_expected(plain.total, 0);
            self.inner.registry.drops().count(DropReason::NeverEntered);
            return;
        };
        let verdict = plain.verdict();
        plain.declared.publish(&self.inner, &flight, verdict.outcome());
        let elapsed_ns = plain.last_exit_ns.saturating_sub(first_enter_ns);
        self.inner.offer_exemplar(&flight, verdict.outcome(), elapsed_ns);
        flight.end(verdict, elapsed_ns, self.inner.clock.now_ns());
    }
}

/// What came later replaces what had the same name.
fn replace_by_name<N: PartialEq, T>(own: &mut Vec<(N, T)>, later: Vec<(N, T)>) {
    own.retain(|(name, _)| later.iter().all(|(other, _)| other != name));
    own.extend(later);
}

impl PlainSpan {
    fn enter(&mut self, now_ns: u64) {
        self.inside += 1;
        self.first_enter_ns.get_or_insert(now_ns);
        if let Some(flight) = &self.flight {
            flight.set_exited(None);
        }
        self.begin_if_running();
    }

    fn exit(&mut self, now_ns: u64, has_panicked: bool) {
        self.inside = self.inside.saturating_sub(1);
        self.last_exit_ns = self.last_exit_ns.max(now_ns);
        self.panicked |= has_panicked;
        if let (0, Some(flight)) = (self.inside, &self.flight) {
            flight.set_exited(Some(now_ns));
        }
    }

    /// Whether the run begins here: for the first time, or again under another name.
    fn begin_if_running(&mut self) -> bool {
        let (Some(cell), Some(first_enter_ns), None) = (&self.cell, self.first_enter_ns, &self.flight) else {
            return false;
        };
        let flight = cell.begin(first_enter_ns);
        if self.inside == 0 {
            flight.set_exited(Some(self.last_exit_ns));
        }
        self.flight = Some(flight);
        self.show_item();
        true
    }

    /// Once the run has begun, and again when the item changes.
    fn show_item(&self) {
        if let (Some(flight), Some(item)) = (&self.flight, &self.item) {
            flight.set_item(item.clone());
        }
    }

    /// What the field says; otherwise any sign of failure; otherwise ok, which is all that a span can know.
    fn verdict(&self) -> Verdict<'_> {
        let failed = self.panicked || self.error_type.is_some();
        match self.outcome {
            Some(Outcome::Ok) => Verdict::Ok,
            Some(Outcome::Cancelled) => Verdict::Cancelled,
            Some(Outcome::Error) => Verdict::Error(self.error_type()),
            None if failed => Verdict::Error(self.error_type()),
            None => Verdict::Ok,
        }
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
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.inner.visibility.note_dispatch(dispatch);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        // Another layer of the same Meter was first.
        if self.has_seen(&span) {
            return;
        }
        let mut reader = self.reader();
        attributes.record(&mut reader);
        let mut plain = PlainSpan { pipeline: self.inherited_pipeline(&span), ..PlainSpan::default() };
        self.apply(&mut plain, reader.fields);
        let mut extensions = span.extensions_mut();
        let tracked = Tracked { inner: self.inner.clone(), plain };
        match extensions.get_mut::<Seen>() {
            Some(seen) => seen.0.push(tracked),
            None => extensions.insert(Seen(vec![tracked])),
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut reader = self.reader();
        values.record(&mut reader);
        self.update(&span, |plain| self.apply(plain, reader.fields));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        scope::push(Entered::Plain { span: id.into_u64(), panicking: std::thread::panicking() });
        let Some(span) = context.span(id) else { return };
        let now_ns = self.inner.clock.now_ns();
        self.update(&span, |plain| plain.enter(now_ns));
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let was_panicking = scope::pop_plain(id.into_u64());
        let Some(span) = context.span(id) else { return };
        let now_ns = self.inner.clock.now_ns();
        let has_panicked = std::thread::panicking() && !was_panicking;
        self.update(&span, |plain| plain.exit(now_ns, has_panicked));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // An explicit parent is the nearest phase, whatever the thread is doing.
        if event.is_contextual() && scope::nearest_is_exact() {
            return;
        }
        let Some(span) = context.event_span(event) else { return };
        let mut reader = self.reader();
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
        let index = seen.0.iter().position(|tracked| tracked.inner.id == self.inner.id);
        let tracked = index.map(|index| seen.0.swap_remove(index));
        drop(extensions);
        if let Some(mut tracked) = tracked {
            self.close(&mut tracked.plain);
        }
    }
}

impl PhaseFilter {
    pub(crate) fn new(inner: Arc<Inner>, error_events: ErrorEvents) -> Self {
        Self { inner, error_events }
    }

    /// Whether the span is a phase that is measured now.
    fn is_measured(&self, metadata: &Metadata<'_>) -> bool {
        let is_detailed = || metadata.fields().field(PHASE_DETAILED).is_some();
        let level = self.inner.level();
        level > level::Level::Off && is_phase(metadata) && (level >= level::Level::Detailed || !is_detailed())
    }

    fn may_fail_a_phase(&self, metadata: &Metadata<'_>) -> bool {
        let is_error = metadata.is_event() && *metadata.level() == Level::ERROR;
        is_error && self.error_events == ErrorEvents::FailTheirPhase && self.inner.is_measuring()
    }
}

/// Whether the span is a phase, measured or not.
fn is_phase(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() != EXACT_TARGET && metadata.fields().field(PHASE_NAME).is_some()
}

impl<S> Filter<S> for PhaseFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        let is_open = || self.inner.plain_spans.load(Ordering::Relaxed) > 0;
        self.is_measured(metadata) || (self.may_fail_a_phase(metadata) && is_open())
    }

    /// Asked once a callsite, and again whenever the level changes. Never `always`: then we would not be asked again, and
    /// an answer that a thread got and did not use, as `enabled!` does, would be taken for that of its next span.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_phase(metadata) {
            self.inner.visibility.note_callsite(metadata);
        }
        if self.is_measured(metadata) || self.may_fail_a_phase(metadata) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.inner.is_measuring() { LevelFilter::TRACE } else { LevelFilter::OFF })
    }
}

impl fmt::Debug for PhaseLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseLayer").finish_non_exhaustive()
    }
}
