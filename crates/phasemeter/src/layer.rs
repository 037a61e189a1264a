//! The tracing layer: plain spans with a field `phase.name`, from first enter to last exit.
//!
//! It carries its own filter, so that it enables no span that nobody else wants, and it keeps what it knows of a span in
//! a table of its own, not in the span's extensions, which cost a box and a lock. Spans of the exact grade are none of
//! its business.
//!
//! ```text
//! new_span ─→ Callsite (is it as the last one?) ─→ PlainSpan ─→ Spans (by id)
//! enter, exit, record, close ─→ Spans ─→ Flight
//! ```

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use phasemeter_core::{DropReason, Flight, PhaseCell, bounded_value};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use crate::callsites::{Around, Callsite, Judgement, Key, Names, Said, judged};
use crate::fields::{Fields, Reader, label_of_field};
use crate::guard::Declared;
use crate::inner::Inner;
use crate::level;
use crate::plain::{PlainSpan, Rare};
use crate::scope;
use crate::seats;
use crate::spans::Spans;

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
    /// No other layer has it.
    number: u64,
    spans: Arc<Spans>,
}

/// Lets through the spans that are phases, and ERROR events while such a span is open. It speaks for our layer alone.
pub(crate) struct PhaseFilter {
    inner: Arc<Inner>,
    error_events: ErrorEvents,
    spans: Arc<Spans>,
}

/// Stands in a span's extensions where a Meter has several layers: for which Meters it is measured already.
struct Seen(Vec<u64>);

/// Where the layer is taken out of the subscriber before a span closes, nobody is told of its end: it leaves no trace,
/// rather than to stay in flight for ever.
impl Drop for PhaseLayer {
    fn drop(&mut self) {
        self.inner.layers.fetch_sub(1, Ordering::Relaxed);
        self.spans.drain(|mut span| {
            if let Some(flight) = span.flight.take() {
                flight.withdraw();
            }
            forget_total(&mut span);
        });
    }
}

/// What the span expected in all is not expected any more.
fn forget_total(span: &mut PlainSpan) {
    if let Some(rare) = &mut span.rare {
        if let Some(cell) = rare.total_in.take() {
            cell.replace_expected(rare.total, 0);
        }
    }
}

impl PhaseLayer {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        inner.layers.fetch_add(1, Ordering::Relaxed);
        Self { inner, number: LAST.fetch_add(1, Ordering::Relaxed) + 1, spans: Arc::default() }
    }

    /// The filter that belongs to it.
    pub(crate) fn filter(&self, error_events: ErrorEvents) -> PhaseFilter {
        PhaseFilter { inner: self.inner.clone(), error_events, spans: self.spans.clone() }
    }

    fn reader(&self) -> Reader<'_> {
        Reader::new(self.inner.label_fields(), self.inner.registry.drops())
    }

    /// Whether another layer of the same Meter was first; otherwise we are.
    #[cold]
    fn is_seen<S>(&self, id: &Id, context: &Context<'_, S>) -> bool
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(span) = context.span(id) else { return true };
        let mut extensions = span.extensions_mut();
        let Some(Seen(meters)) = extensions.get_mut::<Seen>() else {
            extensions.insert(Seen(vec![self.inner.id]));
            return false;
        };
        let is_seen = meters.contains(&self.inner.id);
        if !is_seen {
            meters.push(self.inner.id);
        }
        is_seen
    }

    /// The pipeline of the nearest phase around this span, where that has one of its own.
    #[cold]
    fn pipeline_around<S>(&self, id: &Id, context: &Context<'_, S>) -> Option<Arc<str>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let parent = context.span(id)?.parent()?.id();
        self.spans.with(parent.into_u64(), |span| span.pipeline.clone()).flatten()
    }

    fn around<S>(&self, id: &Id, context: &Context<'_, S>) -> Around
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let any = self.spans.in_pipelines.load(Ordering::Relaxed) > 0;
        let pipeline = if any { self.pipeline_around(id, context) } else { None };
        Around { epoch: self.inner.pipeline_epoch(), pipeline }
    }

    /// The span, read in full, by what its place knows.
    #[cold]
    fn read(&self, key: Key, attributes: &Attributes<'_>, around: Around) -> PlainSpan {
        let label_fields = self.inner.label_fields();
        let mut callsite =
            Callsite::take(key).unwrap_or_else(|| Callsite::new(key, attributes.metadata(), label_fields));
        let mut reader = self.reader();
        attributes.record(&mut reader);
        let mut span = PlainSpan::default();
        self.set_pipeline(&mut span, around.pipeline.clone());
        self.apply(&mut span, reader.fields, Some((&mut callsite, around)));
        callsite.put_back();
        span
    }

    /// The pipeline of a span: its own, or else that of the nearest phase around it when it was opened.
    fn set_pipeline(&self, span: &mut PlainSpan, pipeline: Option<Arc<str>>) {
        match (&span.pipeline, &pipeline) {
            (None, Some(_)) => _ = self.spans.in_pipelines.fetch_add(1, Ordering::Relaxed),
            (Some(_), None) => _ = self.spans.in_pipelines.fetch_sub(1, Ordering::Relaxed),
            (None, None) | (Some(_), Some(_)) => {}
        }
        span.pipeline = pipeline;
    }

    /// The names that a span says, where it says a phase's. The phase is born here, at 0.
    fn make_names(&self, said: Said, pipeline: Option<&Arc<str>>) -> Names {
        // Counted here, once, rather than each time that the cell is asked for.
        let texts = said.labels.iter().map(|(_, value)| value).chain(&said.pipeline).chain([&said.phase]);
        texts.for_each(|text| self.inner.note_length(text));
        let has_pipeline = pipeline.is_some();
        let pipeline = pipeline.cloned().or_else(|| self.inner.current_pipeline());
        let names = Names::new(pipeline, has_pipeline, said);
        let _born = self.cell(&names);
        names
    }

    fn cell(&self, names: &Names) -> Arc<PhaseCell> {
        let shown = names.shown();
        let labels: Vec<_> = shown.labels.iter().map(|(field, value)| (label_of_field(field), &**value)).collect();
        let labels: Vec<_> = labels.iter().map(|(name, value)| (&**name, *value)).collect();
        self.inner.registry.span_phase(names.pipeline.as_deref(), &shown.phase, &labels)
    }

    /// Takes in what fields said, at the beginning or later.
    fn apply(&self, span: &mut PlainSpan, fields: Fields, opened_by: Option<(&mut Callsite, Around)>) {
        span.items.replace(fields.items);
        span.bytes.replace(fields.bytes);
        span.outcome = fields.outcome.or(span.outcome);
        let has_new_item = fields.item.is_some();
        if !fields.units.is_empty() {
            replace_by_name(&mut span.rare().units, fields.units);
        }
        if let Some(error_type) = fields.error_type {
            span.rare().error_type = Some(error_type);
        }
        if let Some(item) = fields.item {
            span.rare().item = Some(bounded_value(&item).into());
        }
        if fields.phase.is_some() || fields.pipeline.is_some() || !fields.labels.is_empty() {
            self.rename(span, fields.phase, fields.pipeline, fields.labels, opened_by);
        }
        if let Some(total) = fields.total {
            self.expect(span, Some(total));
        }
        if !self.begin_if_running(span) && has_new_item {
            span.show_item();
        }
    }

    /// Names are known, or have changed: a run that has begun goes on under the new ones, as if it always had.
    fn rename(
        &self,
        span: &mut PlainSpan,
        phase: Option<String>,
        pipeline: Option<String>,
        labels: Vec<(&'static str, String)>,
        opened_by: Option<(&mut Callsite, Around)>,
    ) {
        if let Some(own) = &pipeline {
            self.set_pipeline(span, Some(bounded_value(own).into()));
        }
        let mut said = span.said();
        said.pipeline = pipeline.or(said.pipeline);
        replace_by_name(&mut said.labels, labels);
        let Some(phase) = phase.or_else(|| span.names.as_ref().map(|names| names.said.phase.clone())) else {
            let rare = span.rare();
            (rare.pipeline, rare.labels) = (said.pipeline, said.labels);
            return;
        };
        said.phase = phase;
        let make = |said| self.make_names(said, span.pipeline.as_ref());
        let names = match opened_by {
            Some((callsite, around)) => callsite.names(around, said, make),
            None => Arc::new(make(said)),
        };
        let cell = self.cell(&names);
        let Some(before) = span.names.replace(names) else {
            // What was expected before the phase had its name.
            self.expect(span, None);
            return;
        };
        let left = self.cell(&before);
        if Arc::ptr_eq(&left, &cell) {
            return;
        }
        self.expect(span, None);
        if let Some(flight) = span.flight.take() {
            flight.withdraw();
        }
        self.inner.registry.let_go(left);
    }

    /// The span expects so many items in all, or as many as before, in the cell that is its own now.
    fn expect(&self, span: &mut PlainSpan, total: Option<u64>) {
        let cell = span.names.as_ref().map(|names| self.cell(names));
        let Some(rare) = (if total.is_some() { Some(span.rare()) } else { span.rare.as_deref_mut() }) else { return };
        let before = rare.total;
        rare.total = total.unwrap_or(before);
        // Taken from where it was added, which the names of today need not lead to any more.
        if let Some(left) = rare.total_in.take() {
            left.replace_expected(before, 0);
        }
        if let Some(cell) = cell.filter(|_| rare.total > 0) {
            cell.replace_expected(0, rare.total);
            rare.total_in = Some(cell);
        }
    }

    #[inline]
    fn enter(&self, span: &mut PlainSpan, now_ns: u64) {
        span.enter(now_ns);
        match &span.flight {
            Some(flight) => flight.set_exited(None),
            None => _ = self.begin_if_running(span),
        }
    }

    /// Whether the run begins here: for the first time, or again under another name.
    #[inline]
    fn begin_if_running(&self, span: &mut PlainSpan) -> bool {
        let (Some(names), Some(first_enter_ns), None) = (&span.names, span.first_enter_ns(), &span.flight) else {
            return false;
        };
        let flight = self.begin(names, first_enter_ns);
        if span.inside == 0 {
            flight.set_exited(Some(span.last_exit_ns));
        }
        span.flight = Some(flight);
        span.show_item();
        true
    }

    #[inline]
    fn begin(&self, names: &Names, now_ns: u64) -> Flight {
        // The names have their pipeline, so that no epoch changes what they are.
        let key = seats::Key { handle: names.handle, meter: self.inner.id, epoch: 0 };
        seats::begin(key, now_ns, || self.cell(names))
    }

    #[inline]
    fn close(&self, mut span: PlainSpan) {
        if span.pipeline.is_some() {
            self.set_pipeline(&mut span, None);
        }
        let Some(_names) = span.names.take() else { return };
        let (Some(first_enter_ns), Some(flight)) = (span.first_enter_ns(), span.flight.take()) else {
            forget_total(&mut span);
            self.inner.registry.drops().count(DropReason::NeverEntered);
            return;
        };
        let verdict = span.verdict();
        let units = span.rare.as_deref().map_or(&[][..], |rare: &Rare| &rare.units);
        let declared = Declared { items: span.items.get(), bytes: span.bytes.get(), units: Cow::Borrowed(units) };
        declared.publish(&self.inner, &flight, verdict.outcome());
        let elapsed_ns = span.last_exit_ns.saturating_sub(first_enter_ns);
        self.inner.offer_exemplar(&flight, verdict.outcome(), elapsed_ns);
        flight.end(verdict, elapsed_ns, self.inner.clock.now_ns());
        if span.rare.is_none() {
            // All else was taken out: there is nothing to drop, which need not be looked for.
            std::mem::forget(span);
        }
    }
}

/// What came later replaces what had the same name.
fn replace_by_name<N: PartialEq, T>(own: &mut Vec<(N, T)>, later: Vec<(N, T)>) {
    own.retain(|(name, _)| later.iter().all(|(other, _)| other != name));
    own.extend(later);
}

impl<S> Layer<S> for PhaseLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        self.inner.visibility.note_dispatch(dispatch);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if self.inner.layers.load(Ordering::Relaxed) > 1 && self.is_seen(id, &context) {
            return;
        }
        let around = self.around(id, &context);
        let key = Key::of(attributes.metadata(), self.number, self.inner.setup().is_some());
        match Callsite::recognise(key, attributes, &around) {
            Some(recognised) => {
                if recognised.pipeline.is_some() {
                    self.spans.in_pipelines.fetch_add(1, Ordering::Relaxed);
                }
                self.spans.insert(id.into_u64(), recognised);
            }
            None => self.spans.insert(id.into_u64(), self.read(key, attributes, around)),
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _context: Context<'_, S>) {
        let mut reader = self.reader();
        values.record(&mut reader);
        self.spans.with(id.into_u64(), |span| self.apply(span, reader.fields, None));
    }

    fn on_enter(&self, id: &Id, _context: Context<'_, S>) {
        let id = id.into_u64();
        scope::push_plain(id, std::thread::panicking());
        let now_ns = self.inner.clock.now_ns();
        self.spans.with(id, |span| self.enter(span, now_ns));
    }

    fn on_exit(&self, id: &Id, _context: Context<'_, S>) {
        let id = id.into_u64();
        let was_panicking = scope::pop_plain(id);
        let now_ns = self.inner.clock.now_ns();
        let has_panicked = std::thread::panicking() && !was_panicking;
        self.spans.with(id, |span| span.exit(now_ns, has_panicked));
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
        self.spans.with(span.id().into_u64(), |span| {
            span.rare().error_type.get_or_insert(error_type);
        });
    }

    fn on_close(&self, id: Id, _context: Context<'_, S>) {
        if let Some(span) = self.spans.remove(id.into_u64()) {
            self.close(span);
        }
    }
}

impl PhaseFilter {
    /// Whether the span is a phase that is measured now.
    #[inline]
    fn is_measured(&self, judgement: Judgement) -> bool {
        let least = if judgement.is_detailed { level::Level::Detailed } else { level::Level::Basic };
        judgement.is_phase && self.inner.level() >= least
    }

    fn may_fail_a_phase(&self, metadata: &Metadata<'_>) -> bool {
        let is_error = metadata.is_event() && *metadata.level() == Level::ERROR;
        is_error && self.error_events == ErrorEvents::FailTheirPhase && self.inner.is_measuring()
    }
}

impl<S> Filter<S> for PhaseFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        self.is_measured(judged(metadata)) || (self.may_fail_a_phase(metadata) && !self.spans.is_empty())
    }

    /// Asked once a callsite, and again whenever the level changes. Never `always`: then we would not be asked again, and
    /// an answer that a thread got and did not use, as `enabled!` does, would be taken for that of its next span.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        let judgement = Judgement::of(metadata);
        if judgement.is_phase {
            self.inner.visibility.note_callsite(metadata);
        }
        if self.is_measured(judgement) || self.may_fail_a_phase(metadata) {
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
