//! A phase: one kind of work that a pipeline does again and again.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use phasemeter_core::{DropReason, Outcome, PhaseCell};

use crate::clock::nanos;
use crate::ending::Ending;
use crate::guard::PhaseGuard;
use crate::inner::Inner;

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
    bound: RwLock<Option<Bound>>,
}

/// The cell that the phase found, and the pipeline epoch it found it in.
struct Bound {
    epoch: u64,
    cell: Arc<PhaseCell>,
}

impl Phase {
    /// A phase of the process's pipeline: the current run's, or else the one the Meter was built with.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), pipeline: None, owner: None, bound: RwLock::new(None) }
    }

    /// A phase of a certain pipeline, for processes that hold several.
    #[must_use]
    pub const fn in_pipeline(pipeline: &'static str, name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), pipeline: Some(pipeline), owner: None, bound: RwLock::new(None) }
    }

    pub(crate) fn owned(owner: Arc<Inner>, name: String) -> Self {
        Self { name: Cow::Owned(name), pipeline: None, owner: Some(owner), bound: RwLock::new(None) }
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
        let guard = self.start();
        let value = guard.span().in_scope(|| guard.in_scope(|| work(&guard)));
        guard.end_as_error_where(value.error_type());
        value
    }

    /// Starts a run that ends when the guard is dropped: as ok, as error where [`PhaseGuard::fail`] was called or the
    /// thread is unwinding. A guard cannot see `?`; [`Phase::run`] can.
    pub fn start(&self) -> PhaseGuard {
        let inner = self.inner();
        if inner.is_enabled() {
            PhaseGuard::begin(inner.clone(), self.cell(inner), &self.name)
        } else {
            PhaseGuard::disabled()
        }
    }

    /// Records a run that was measured elsewhere.
    pub fn record(&self, outcome: Outcome, elapsed: Duration) {
        let inner = self.inner();
        if inner.is_enabled() {
            self.cell(inner).record(outcome, nanos(elapsed));
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
        let inner = self.inner();
        if inner.is_enabled() {
            self.cell(inner).set_expected(items);
        }
    }

    /// Is born at 0 in its own Meter, so that the first increment is seen as one.
    pub(crate) fn declare(&self) {
        self.declare_in(self.inner());
    }

    pub(crate) fn declare_in(&self, inner: &Inner) {
        match self.pipeline {
            None => inner.declare(&self.name),
            Some(pipeline) => {
                let _born = inner.registry.phase(Some(pipeline), &self.name);
            }
        }
    }

    fn inner(&self) -> &Arc<Inner> {
        self.owner.as_ref().unwrap_or_else(|| Inner::of_process())
    }

    fn cell(&self, inner: &Inner) -> Arc<PhaseCell> {
        let epoch = inner.pipeline_epoch();
        if let Some(bound) = &*self.bound.read().unwrap_or_else(PoisonError::into_inner) {
            if bound.epoch == epoch {
                return bound.cell.clone();
            }
        }
        let run_pipeline = inner.current_pipeline();
        let cell = inner.registry.phase(self.pipeline.or(run_pipeline.as_deref()), &self.name);
        let bound = Bound { epoch, cell: cell.clone() };
        *self.bound.write().unwrap_or_else(PoisonError::into_inner) = Some(bound);
        cell
    }
}

impl fmt::Debug for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Phase").field("name", &self.name).field("pipeline", &self.pipeline).finish_non_exhaustive()
    }
}
