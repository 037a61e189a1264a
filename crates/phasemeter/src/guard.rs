//! One run of a phase, going on. It ends exactly once: when it is dropped.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use phasemeter_core::{DropReason, ItemOutcome, MAX_COUNT, Outcome, PhaseCell};
use tracing::Span;

use crate::count::Count;
use crate::inner::Inner;
use crate::scope::{self, Entered};

/// One run of a phase; dropping it ends the run. It may be moved to, and shared with, other threads.
///
/// Items are counted in one of two ways. [`items`](Self::items) declares how many this run handles; they count when
/// it ends, as ok or as error, like the run. [`inc`](Self::inc), [`inc_error`](Self::inc_error) and
/// [`skip`](Self::skip) count at once, one by one or in batches. A run that does both keeps the live counts, and the
/// misuse is counted as `counted_twice`.
#[must_use = "the run ends when the guard is dropped"]
pub struct PhaseGuard(Option<Live>);

struct Live {
    inner: Arc<Inner>,
    cell: Arc<PhaseCell>,
    span: Span,
    started_ns: u64,
    /// Unwinding since before the run started: no sign that the run failed.
    was_panicking: bool,
    /// How it ends when nothing else is known: a guard as ok, a future as cancelled.
    when_dropped: Outcome,
    declared_items: AtomicU64,
    declared_bytes: AtomicU64,
    counted_items: AtomicU64,
    counted_any: AtomicBool,
    total: AtomicU64,
    failure: OnceLock<Box<str>>,
}

/// Nothing declared. No count is as large: see [`MAX_COUNT`].
const UNDECLARED: u64 = u64::MAX;

// The atomics of one run are read together only when it is dropped, which nothing else can observe any more;
// until then each stands for itself. So relaxed is enough throughout.
const RELAXED: Ordering = Ordering::Relaxed;

impl PhaseGuard {
    pub(crate) fn begin(inner: Arc<Inner>, cell: Arc<PhaseCell>, name: &str) -> Self {
        let span = tracing::info_span!(target: EXACT_TARGET, "phase", phase.name = name, otel.name = name);
        cell.begin();
        Self(Some(Live {
            started_ns: inner.clock.now_ns(),
            inner,
            cell,
            span,
            was_panicking: std::thread::panicking(),
            when_dropped: Outcome::Ok,
            declared_items: AtomicU64::new(UNDECLARED),
            declared_bytes: AtomicU64::new(UNDECLARED),
            counted_items: AtomicU64::new(0),
            counted_any: AtomicBool::new(false),
            total: AtomicU64::new(0),
            failure: OnceLock::new(),
        }))
    }

    pub(crate) const fn disabled() -> Self {
        Self(None)
    }

    /// Says how many items this run handles. They count when it ends: as ok, or as error where it fails; a cancelled
    /// run counts none. Saying it again replaces.
    pub fn items(&self, items: impl Count) {
        self.declare(items, |live| &live.declared_items);
    }

    /// Says how many bytes this run handles. They count when it ends, as its items do.
    pub fn bytes(&self, bytes: impl Count) {
        self.declare(bytes, |live| &live.declared_bytes);
    }

    /// Counts items as done, now.
    pub fn inc(&self, items: u64) {
        self.count(ItemOutcome::Ok, items);
    }

    /// Counts items as failed, now, with the type of their error. The run itself goes on.
    pub fn inc_error(&self, items: u64, error_type: &str) {
        self.count(ItemOutcome::Error, items);
        if let Some(live) = self.0.as_ref().filter(|_| items > 0 && items <= MAX_COUNT) {
            live.cell.add_errors(error_type, items);
        }
    }

    /// Counts items as left out on purpose, now.
    pub fn skip(&self, items: u64) {
        self.count(ItemOutcome::Skipped, items);
    }

    /// Says how far this run has come, absolutely: what it has counted so far is brought up to this position. A
    /// position before that is not taken, and counted as `position_back`.
    pub fn set_position(&self, items: u64) {
        let Some(live) = &self.0 else { return };
        let counted = live.counted_items.load(RELAXED);
        match items.checked_sub(counted) {
            Some(new) => self.count(ItemOutcome::Ok, new),
            None => live.inner.registry.drops().count(DropReason::PositionBack),
        }
    }

    /// Says how many items this run expects in all. Runs of one phase add up; saying it again replaces.
    pub fn total(&self, items: u64) {
        if let Some(live) = &self.0 {
            live.cell.replace_expected(live.total.swap(items, RELAXED), items);
        }
    }

    /// The run has failed, and ends as error with this type, whatever it returns. The first call stands.
    pub fn fail(&self, error_type: &str) {
        if let Some(live) = &self.0 {
            let _first = live.failure.set(error_type.into());
        }
    }

    /// The tracing span of this run, for logs and traces: no layer counts it a second time.
    #[must_use]
    pub fn span(&self) -> Span {
        self.0.as_ref().map_or_else(Span::none, |live| live.span.clone())
    }

    /// Runs a closure as what the thread is doing now, so that its events concern this run.
    pub(crate) fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                scope::pop_exact();
            }
        }
        if self.0.is_none() {
            return work();
        }
        scope::push(Entered::Exact);
        let _leave = Leave;
        work()
    }

    /// What the run ends as when it is dropped before anybody said more.
    pub(crate) fn cancelled_when_dropped(mut self) -> Self {
        if let Some(live) = &mut self.0 {
            live.when_dropped = Outcome::Cancelled;
        }
        self
    }

    /// The run returned.
    pub(crate) fn end_as_error_where(mut self, error_type: Option<&str>) {
        if let Some(live) = &mut self.0 {
            live.when_dropped = Outcome::Ok;
        }
        if let Some(error_type) = error_type {
            self.fail(error_type);
        }
    }

    /// Whether the run is about to end as error.
    pub(crate) fn is_failing(&self) -> bool {
        self.0.as_ref().is_some_and(|live| live.failure.get().is_some() || live.is_unwinding())
    }

    fn declare(&self, count: impl Count, field: impl FnOnce(&Live) -> &AtomicU64) {
        let Some(live) = &self.0 else { return };
        match count.count().filter(|count| *count <= MAX_COUNT) {
            Some(count) => field(live).store(count, RELAXED),
            None => live.inner.registry.drops().count(DropReason::InvalidCount),
        }
    }

    fn count(&self, outcome: ItemOutcome, items: u64) {
        let Some(live) = &self.0 else { return };
        live.counted_any.store(true, RELAXED);
        if live.cell.add_items(outcome, items) {
            live.counted_items.fetch_add(items, RELAXED);
        } else {
            live.inner.registry.drops().count(DropReason::InvalidCount);
        }
    }
}

/// The target of the spans that the exact grade opens; the layer knows them by it and leaves them alone.
pub(crate) const EXACT_TARGET: &str = "phasemeter::exact";

impl Drop for PhaseGuard {
    fn drop(&mut self) {
        if let Some(live) = self.0.take() {
            live.end();
        }
    }
}

impl Live {
    fn end(self) {
        let elapsed_ns = self.inner.clock.now_ns().saturating_sub(self.started_ns);
        if self.is_unwinding() {
            let _first = self.failure.set("panic".into());
        }
        let outcome = match self.failure.get() {
            Some(error_type) => {
                self.cell.add_errors(error_type, 1);
                Outcome::Error
            }
            None => self.when_dropped,
        };
        self.count_declared(outcome);
        // Last, so that whoever sees the run sees what belongs to it.
        self.cell.end(outcome, elapsed_ns);
    }

    fn is_unwinding(&self) -> bool {
        std::thread::panicking() && !self.was_panicking
    }

    fn count_declared(&self, outcome: Outcome) {
        let items = Some(self.declared_items.load(RELAXED)).filter(|items| *items != UNDECLARED);
        let bytes = Some(self.declared_bytes.load(RELAXED)).filter(|bytes| *bytes != UNDECLARED);
        let twice = items.is_some() && self.counted_any.load(RELAXED);
        let drops = self.inner.registry.drops();
        if twice {
            drops.count(DropReason::CountedTwice);
        }
        publish_declared(&self.inner, &self.cell, outcome, items.filter(|_| !twice), bytes);
    }
}

/// Counts what a run declared under what became of it. A cancelled run finished nothing.
pub(crate) fn publish_declared(
    inner: &Inner,
    cell: &PhaseCell,
    outcome: Outcome,
    items: Option<u64>,
    bytes: Option<u64>,
) {
    let outcome = match outcome {
        Outcome::Ok => ItemOutcome::Ok,
        Outcome::Error => ItemOutcome::Error,
        Outcome::Cancelled => return,
    };
    let taken = cell.add_items(outcome, items.unwrap_or(0)) & cell.add_bytes(outcome, bytes.unwrap_or(0));
    if !taken {
        inner.registry.drops().count(DropReason::InvalidCount);
    }
}

impl fmt::Debug for PhaseGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseGuard").field("enabled", &self.0.is_some()).finish_non_exhaustive()
    }
}
