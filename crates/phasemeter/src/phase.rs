//! A phase: one kind of work that a pipeline does again and again.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use phasemeter_core::{DropReason, Outcome, PhaseCell, Work};

use crate::clock::nanos;
use crate::ending::Ending;
use crate::guard::PhaseGuard;
use crate::inner::{Home, Inner};
use crate::level::Level;
use crate::scoped;
use crate::seats::{self, Key};

/// One kind of work, measured each time it runs. Usually a static.
///
/// A static phase belongs to the process's own [`Meter`](crate::Meter), and records from its first use on, also before
/// that is built. [`Meter::phase`](crate::Meter::phase) makes one that belongs to a certain Meter.
///
/// ```
/// use phasemeter::Phase;
///
/// static PARSE: Phase = Phase::new("parse");
///
/// let number: Result<u32, _> = PARSE.run(|phase| {
///     phase.items(1);
///     "42".parse()
/// });
/// assert_eq!(number, Ok(42));
/// ```
pub struct Phase {
    name: Cow<'static, str>,
    pipeline: Option<&'static str>,
    owner: Option<Arc<Inner>>,
    /// From this level on it is measured.
    from: Level,
    /// Further labels.
    labels: Vec<(String, String)>,
    /// No other handle has it; 0 until it is first used.
    number: AtomicU64,
    bound: RwLock<Option<Bound>>,
}

/// The cell that the phase found, and in which Meter and pipeline epoch it found it.
struct Bound {
    epoch: u64,
    meter: u64,
    cell: Arc<PhaseCell>,
}

impl Phase {
    /// A phase of the process's pipeline: the current run's, or else the one the Meter was built with.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self::of(Cow::Borrowed(name), None, None)
    }

    /// A phase of a certain pipeline, for processes that hold several.
    #[must_use]
    pub const fn in_pipeline(pipeline: &'static str, name: &'static str) -> Self {
        Self::of(Cow::Borrowed(name), Some(pipeline), None)
    }

    pub(crate) fn owned(owner: Arc<Inner>, name: String) -> Self {
        Self::of(Cow::Owned(name), None, Some(owner))
    }

    const fn of(name: Cow<'static, str>, pipeline: Option<&'static str>, owner: Option<Arc<Inner>>) -> Self {
        Self {
            name,
            pipeline,
            owner,
            from: Level::Basic,
            labels: Vec::new(),
            number: AtomicU64::new(0),
            bound: RwLock::new(None),
        }
    }

    /// The same phase, measured from level detailed on: for work on single items that runs so often, and so shortly,
    /// that to time each is worth its cost only now and then.
    #[must_use]
    pub const fn detailed(mut self) -> Self {
        self.from = Level::Detailed;
        self
    }

    /// This phase with further labels, as a handle of its own to be kept: `EMBED.labelled([("model", "large")])`. Few
    /// values: see [`Limits::label_sets`](crate::Limits::label_sets). A label that cannot stand is left out and counted
    /// as `invalid_label`.
    #[must_use]
    pub fn labelled<'a>(&self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let further = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let labels = self.labels.iter().cloned().chain(further).collect();
        let unlabelled = Self::of(self.name.clone(), self.pipeline, self.owner.clone());
        Self { from: self.from, labels, ..unlabelled }
    }

    /// The label `phase`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a closure as one run of the phase: `Ok` ends as ok, `Err` as error with its type, a panic as error.
    ///
    /// The type of the error is the path of its Rust type, or what [`PhaseGuard::fail`] was told.
    pub fn run<T: Ending>(&self, work: impl FnOnce(&PhaseGuard) -> T) -> T {
        let Some(home) = self.measuring() else { return work(&PhaseGuard::disabled()) };
        let mut guard = self.start_in(home);
        guard.set_panicked_when_dropped();
        let value = guard.in_scope(|| work(&guard));
        guard.end_as_error_where(value.error_type());
        value
    }

    /// Starts a run that ends when the guard is dropped: as ok, as error where [`PhaseGuard::fail`] was called or the
    /// thread is unwinding. A guard cannot see `?`; [`Phase::run`] can.
    pub fn start(&self) -> PhaseGuard {
        match self.measuring() {
            Some(home) => self.start_in(home),
            None => PhaseGuard::disabled(),
        }
    }

    #[inline]
    fn start_in(&self, home: Home) -> PhaseGuard {
        let key = self.key(&home);
        PhaseGuard::begin(home, &self.name, |home, now_ns| seats::begin(key, now_ns, || self.cell(home)))
    }

    /// Records a run that was measured elsewhere. Of one that failed the type of the error is `unknown`, unless
    /// [`record_error`](Self::record_error) tells it. When it was nobody knows: it counts as activity from the reading on
    /// that sees it.
    pub fn record(&self, outcome: Outcome, elapsed: Duration) {
        match outcome {
            Outcome::Ok | Outcome::Cancelled => self.record_as(outcome, elapsed),
            Outcome::Error => self.record_error("unknown", elapsed),
        }
    }

    /// Records a run that was measured elsewhere and failed, with the type of its error.
    pub fn record_error(&self, error_type: &str, elapsed: Duration) {
        if let Some(inner) = self.measuring() {
            inner.note_length(error_type);
            self.cell(&inner).add_errors(error_type, 1);
        }
        self.record_as(Outcome::Error, elapsed);
    }

    fn record_as(&self, outcome: Outcome, elapsed: Duration) {
        if let Some(inner) = self.measuring() {
            let elapsed_ns = nanos(elapsed);
            seats::record(self.key(&inner), outcome, elapsed_ns, || self.cell(&inner));
        }
    }

    /// Records a run that another program measured, in seconds. A duration that is negative, not finite or beyond
    /// 584 years is not taken, and counted as `invalid_duration`.
    pub fn record_seconds(&self, outcome: Outcome, seconds: f64) {
        match Duration::try_from_secs_f64(seconds) {
            Ok(elapsed) if elapsed.as_nanos() <= u128::from(u64::MAX) => self.record(outcome, elapsed),
            Ok(_) | Err(_) => self.inner().registry.drops().count(DropReason::InvalidDuration),
        }
    }

    /// Says how many items the phase expects in all. Replaces what was said before.
    pub fn total(&self, items: u64) {
        if let Some(inner) = self.measuring() {
            self.cell(&inner).set_expected(items);
        }
    }

    /// Is born at 0 in its own Meter, so that the first increment is seen as one.
    pub(crate) fn declare(&self) {
        self.declare_in(&self.inner());
    }

    pub(crate) fn declare_in(&self, inner: &Inner) {
        match self.pipeline {
            None => inner.declare(&self.name),
            Some(pipeline) => {
                let _born = inner.registry.phase(Some(pipeline), &self.name);
            }
        }
    }

    /// Runs to look at, by the item in hand: the longest in flight, the slowest, the latest that failed.
    #[must_use]
    pub fn work(&self) -> Work {
        let inner = self.inner();
        let pipeline = self.pipeline.map_or_else(|| inner.pipeline_name(), Into::into);
        Work::of_cell(pipeline, (&*self.name).into(), &self.cell(&inner), inner.clock.moment())
    }

    /// Whether a run that started now would be measured.
    pub(crate) fn is_measuring(&self) -> bool {
        self.measuring().is_some()
    }

    /// The Meter it belongs to, where that measures at the phase's level.
    fn measuring(&self) -> Option<Home> {
        Some(self.inner()).filter(|inner| inner.level() >= self.from)
    }

    /// The Meter it belongs to: its own, the one that a test has put in the thread's place, or the process's.
    fn inner(&self) -> Home {
        let process = || scoped::current().map_or_else(|| Home::Process(Inner::of_process()), Home::Other);
        self.owner.as_ref().map_or_else(process, |owner| Home::Other(owner.clone()))
    }

    fn key(&self, inner: &Inner) -> Key {
        Key { handle: self.number(), meter: inner.id, epoch: inner.pipeline_epoch() }
    }

    fn number(&self) -> u64 {
        // Relaxed: it is a number and nothing else.
        match self.number.load(Ordering::Relaxed) {
            0 => self.numbered(),
            number => number,
        }
    }

    #[cold]
    fn numbered(&self) -> u64 {
        let number = seats::next_handle();
        match self.number.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_none) => number,
            Err(faster) => faster,
        }
    }

    fn cell(&self, inner: &Inner) -> Arc<PhaseCell> {
        let (epoch, meter) = (inner.pipeline_epoch(), inner.id);
        if let Some(bound) = &*self.bound.read().unwrap_or_else(PoisonError::into_inner) {
            if bound.epoch == epoch && bound.meter == meter {
                return bound.cell.clone();
            }
        }
        let run_pipeline = inner.current_pipeline();
        let pipeline = self.pipeline.or(run_pipeline.as_deref());
        let labels: Vec<_> = self.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        let cell = inner.registry.labelled_phase(pipeline, &self.name, &labels);
        let bound = Bound { epoch, meter, cell: cell.clone() };
        *self.bound.write().unwrap_or_else(PoisonError::into_inner) = Some(bound);
        cell
    }
}

impl fmt::Debug for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phase").field("name", &self.name).field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}
