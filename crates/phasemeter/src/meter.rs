//! The Meter: the one thing that a program builds, and everything else comes from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use phasemeter_core::{PhaseReading, Samples, Snapshot, Work, encode};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::builder::MeterBuilder;
use crate::inner::Inner;
use crate::layer::{ErrorEvents, PhaseLayer};
use crate::level::Level;
use crate::phase::Phase;
use crate::run::RunBuilder;

/// Everything that is measured, and the ways to see it. Cheap to clone; clones are the same Meter.
#[derive(Clone)]
pub struct Meter {
    pub(crate) inner: Arc<Inner>,
}

impl Meter {
    /// Begins a Meter.
    pub fn builder() -> MeterBuilder {
        MeterBuilder::default()
    }

    /// The process's Meter, as it was built; where it was not, it is now, from the environment alone.
    #[must_use]
    pub fn of_process() -> Self {
        let inner = Inner::of_process();
        if inner.setup().is_some() { Self { inner: inner.clone() } } else { Self::builder().build() }
    }

    /// A phase that belongs to this Meter, for names that are known only while the program runs, and for tests.
    #[must_use]
    pub fn phase(&self, name: impl Into<String>) -> Phase {
        let phase = Phase::owned(self.inner.clone(), name.into());
        if self.inner.is_enabled() {
            phase.declare();
        }
        phase
    }

    /// The layer that measures plain spans, within its own filter: it enables no span that nobody else wants.
    ///
    /// ```
    /// use tracing_subscriber::layer::SubscriberExt as _;
    ///
    /// let meter = phasemeter::Meter::builder().isolated().pipeline("docs").build();
    /// let subscriber = tracing_subscriber::registry().with(meter.layer());
    /// tracing::subscriber::with_default(subscriber, || {
    ///     tracing::info_span!("parse", phase.name = "parse", phase.items = 3).in_scope(|| ());
    /// });
    /// let (_, body) = meter.render("");
    /// let line = r#"phase_items_total{outcome="ok",phase="parse",pipeline="docs"} 3"#;
    /// assert!(String::from_utf8_lossy(&body).contains(line));
    /// ```
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.layer_where(ErrorEvents::default())
    }

    /// The same layer, with a word on what ERROR events mean.
    pub fn layer_where<S>(&self, error_events: ErrorEvents) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.inner.note_layer();
        let layer = PhaseLayer::new(self.inner.clone());
        let filter = layer.filter(error_events);
        layer.with_filter(filter)
    }

    /// Begins a run: it starts with [`RunBuilder::start`].
    pub fn run(&self, name: impl Into<String>) -> RunBuilder {
        RunBuilder::new(self.inner.clone(), name.into())
    }

    /// Everything that is measured, now. A disabled Meter measures nothing.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { work: self.work(), ..self.metrics() }
    }

    /// What encoders need of a snapshot.
    fn metrics(&self) -> Snapshot {
        if !self.inner.is_enabled() {
            return Snapshot::default();
        }
        let (mut told, mut own) = (Samples::default(), Samples::default());
        self.inner.instruments.sample(&mut told);
        self.inner.sample_own(&mut own);
        let inner = &*self.inner;
        inner.sources.join(inner.id, told, own, &inner.style().prefix, inner.registry.drops())
    }

    /// The counts of every phase, sorted by pipeline and phase.
    #[must_use]
    pub fn phases(&self) -> Vec<PhaseReading> {
        self.inner.registry.read(self.inner.clock.moment())
    }

    /// Runs to look at, of every phase that has any, by the item in hand: the longest in flight, the slowest, the latest
    /// that failed. Sorted by pipeline and phase.
    #[must_use]
    pub fn work(&self) -> Vec<Work> {
        self.inner.registry.work(self.inner.clock.moment())
    }

    /// How much is measured.
    #[must_use]
    pub fn level(&self) -> Level {
        self.inner.level()
    }

    /// Measures more, or less, from now on. Runs in flight end as they began. A Meter that is disabled stays so.
    pub fn set_level(&self, level: Level) {
        self.inner.set_level(level);
    }

    /// Content type and body of `/metrics`, for a program with an HTTP server of its own. `accept` is the request's
    /// header of that name, empty where it has none; it decides between the text format 0.0.4, OpenMetrics and protobuf.
    #[must_use]
    pub fn render(&self, accept: &str) -> (&'static str, Vec<u8>) {
        let started_ns = self.inner.clock.now_ns();
        let negotiated = encode::negotiate(accept);
        let mut body = Vec::with_capacity(self.inner.body_bytes.load(Ordering::Relaxed));
        encode::encode(&self.metrics(), negotiated, &self.inner.style(), &mut body);
        // The next one will be about as long.
        self.inner.body_bytes.store(body.len() + body.len() / 8, Ordering::Relaxed);
        let elapsed_ns = self.inner.clock.now_ns().saturating_sub(started_ns);
        self.inner.scrape_ns.store(elapsed_ns, Ordering::Relaxed);
        (negotiated.content_type(), body)
    }

    /// Whether anything is measured: false under `OTEL_SDK_DISABLED=true` and `MONITORING_ENABLED=false`.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.inner.is_enabled()
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("registry", &self.inner.registry).finish_non_exhaustive()
    }
}
