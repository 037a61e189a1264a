//! One run of a phase, going on. It ends exactly once: when it is dropped.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Display};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use phasemeter_core::{DropReason, Flight, ItemOutcome, MAX_COUNT, Outcome, Verdict, WaitingFor, bounded_value};
use tracing::Span;

use crate::count::Count;
use crate::error_type::error_type_of_source;
use crate::inner::{Home, Inner, lock};
use crate::level::Level;
use crate::scope;
use crate::timing::Timing;

/// One run of a phase; dropping it ends the run. It may be moved to, and shared with, other threads.
///
/// Items are counted in one of two ways. [`items`](Self::items) declares how many this run handles; they count when
/// it ends, as ok or as error, like the run. [`inc`](Self::inc), [`inc_error`](Self::inc_error) and
/// [`skip`](Self::skip) count at once, one by one or in batches. A run that does both keeps the live counts, and the
/// misuse is counted as `counted_twice`.
#[must_use = "the run ends when the guard is dropped"]
pub struct PhaseGuard(Option<Live>);

struct Live {
    inner: Home,
    /// Until it ends.
    flight: Option<Flight>,
    span: Span,
    started_ns: u64,
    /// Unwinding since before the run started: no sign that the run failed.
    was_panicking: bool,
    /// How it ends when nothing else is known: a guard as ok, a future as cancelled, a closure as error.
    when_dropped: Outcome,
    declared_items: AtomicU64,
    declared_bytes: AtomicU64,
    counted_items: AtomicU64,
    counted_any: AtomicBool,
    total: AtomicU64,
    rare: OnceLock<Box<Rare>>,
    /// From level detailed on.
    timing: Option<Box<Timing>>,
}

/// What few runs have.
#[derive(Default)]
struct Rare {
    declared_units: Mutex<Vec<(Cow<'static, str>, u64)>>,
    failure: OnceLock<Box<str>>,
}

/// Nothing declared. No count is as large: see [`MAX_COUNT`].
const UNDECLARED: u64 = u64::MAX;

// The atomics of one run are read together only when it is dropped, which nothing else can observe any more;
// until then each stands for itself. So relaxed is enough throughout.
const RELAXED: Ordering = Ordering::Relaxed;

impl PhaseGuard {
    #[inline]
    pub(crate) fn begin(inner: Home, name: &str, begin: impl FnOnce(&Inner, u64) -> Flight) -> Self {
        let span = tracing::info_span!(target: EXACT_TARGET, "phase", phase.name = name, otel.name = name);
        let level = inner.level();
        let started_ns = inner.clock.now_ns();
        Self(Some(Live {
            flight: Some(begin(&inner, started_ns)),
            started_ns,
            inner,
            span,
            was_panicking: std::thread::panicking(),
            when_dropped: Outcome::Ok,
            declared_items: AtomicU64::new(UNDECLARED),
            declared_bytes: AtomicU64::new(UNDECLARED),
            counted_items: AtomicU64::new(0),
            counted_any: AtomicBool::new(false),
            total: AtomicU64::new(0),
            rare: OnceLock::new(),
            timing: (level >= Level::Detailed).then(|| Box::new(Timing::begin(level))),
        }))
    }

    pub(crate) const fn disabled() -> Self {
        Self(None)
    }

    /// Whether it measures anything: a guard that was started at level off, or at a level below its phase's, does not.
    #[must_use]
    pub const fn is_measuring(&self) -> bool {
        self.0.is_some()
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

    /// Says how much this run handles in a unit of its own, as `tokens` or `pages`. It counts when the run ends, as its
    /// items do. Saying it again for the same unit replaces.
    pub fn units(&self, unit: &'static str, count: impl Count) {
        let Some(live) = &self.0 else { return };
        let Some(count) = live.checked(count) else { return };
        let mut declared = lock(&live.rare().declared_units);
        match declared.iter_mut().find(|(known, _)| known == unit) {
            Some((_, known)) => *known = count,
            None => declared.push((unit.into(), count)),
        }
    }

    /// Names the item in hand: it is shown while the run goes on, and afterwards where it was among the slowest or
    /// failed. It is never a label. Saying it again replaces.
    pub fn item(&self, key: impl Display) {
        if let Some(live) = &self.0 {
            let key = key.to_string();
            live.flight().set_item(bounded_value(&key).into());
        }
    }

    /// Counts items as done, now.
    pub fn inc(&self, items: u64) {
        self.count(ItemOutcome::Ok, items);
    }

    /// Counts items as failed, now, with the type of their error. The run itself goes on.
    pub fn inc_error(&self, items: u64, error_type: &str) {
        if self.count(ItemOutcome::Error, items) && items > 0 {
            if let Some(live) = &self.0 {
                live.inner.note_length(error_type);
                live.flight().add_errors(error_type, items);
            }
        }
    }

    /// Counts in a unit of its own as done, now.
    pub fn inc_units(&self, unit: &str, count: u64) {
        if let Some(live) = &self.0 {
            live.inner.note_length(unit);
            live.taken_or_dropped(live.flight().add_units(unit, ItemOutcome::Ok, count));
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
        if !live.taken_or_dropped(items <= MAX_COUNT) {
            return;
        }
        live.counted_any.store(true, RELAXED);
        // Of several threads that say where they are, each counts what it brought the position up by.
        let counted = live.counted_items.fetch_max(items, RELAXED);
        match items.checked_sub(counted) {
            Some(new) => _ = live.taken_or_dropped(live.flight().add_items(ItemOutcome::Ok, new)),
            None => live.inner.registry.drops().count(DropReason::PositionBack),
        }
    }

    /// Says how many items this run expects in all. Runs of one phase add up; saying it again replaces.
    pub fn total(&self, items: u64) {
        if let Some(live) = &self.0 {
            live.flight().replace_expected(live.total.swap(items, RELAXED), items);
        }
    }

    /// The run has failed, and ends as error with this type, whatever it returns. The first call stands.
    pub fn fail(&self, error_type: &str) {
        if let Some(live) = &self.0 {
            live.inner.note_length(error_type);
            let _first = live.rare().failure.set(error_type.into());
        }
    }

    /// The run has failed with this error, and ends as error by the name of its root source, whatever it returns. The
    /// first call stands.
    pub fn fail_with(&self, error: &(dyn Error + 'static)) {
        if self.0.is_some() {
            self.fail(&error_type_of_source(error));
        }
    }

    /// Waits, in `wait`, for something to do: for the queue before this phase. From level detailed on the time counts
    /// as waiting for input, not as busy. Waits within waits, and those of several threads that share the guard, add up.
    pub fn wait_for_input<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.wait(WaitingFor::Input, wait)
    }

    /// Waits, in `wait`, for room: for the queue behind this phase. From level detailed on the time counts as waiting
    /// for output, not as busy.
    pub fn wait_for_output<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.wait(WaitingFor::Output, wait)
    }

    fn wait<T>(&self, waiting_for: WaitingFor, wait: impl FnOnce() -> T) -> T {
        let timed = self.0.as_ref().and_then(|live| Some((live, live.timing.as_ref()?)));
        match timed {
            Some((live, timing)) => timing.wait(&live.inner.clock, waiting_for, wait),
            None => wait(),
        }
    }

    /// The tracing span of this run, for logs and traces: no layer counts it a second time.
    #[must_use]
    pub fn span(&self) -> Span {
        self.0.as_ref().map_or_else(Span::none, |live| live.span.clone())
    }

    /// Runs a closure as what the thread is doing now, in the run's span, so that its events concern this run.
    #[inline]
    pub(crate) fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                scope::pop_exact();
            }
        }
        let Some(live) = &self.0 else { return work() };
        live.span.in_scope(|| {
            scope::push_exact();
            let _leave = Leave;
            work()
        })
    }

    /// Polls a future as a part of this run: from level detailed on, what is between polls counts as waiting.
    pub(crate) fn polled<T>(&self, poll: impl FnOnce() -> T) -> T {
        let timed = self.0.as_ref().and_then(|live| Some((live, live.timing.as_ref()?)));
        match timed {
            Some((live, timing)) => timing.polled(&live.inner.clock, poll),
            None => poll(),
        }
    }

    /// What the run ends as when it is dropped before anybody said more.
    #[inline]
    pub(crate) fn set_cancelled_when_dropped(&mut self) {
        self.set_when_dropped(Outcome::Cancelled);
    }

    /// What runs until it returns: dropped before that, it has panicked, also where the thread was unwinding already.
    #[inline]
    pub(crate) fn set_panicked_when_dropped(&mut self) {
        self.set_when_dropped(Outcome::Error);
    }

    fn set_when_dropped(&mut self, outcome: Outcome) {
        if let Some(live) = &mut self.0 {
            live.when_dropped = outcome;
        }
    }

    /// The run returned.
    #[inline]
    pub(crate) fn end_as_error_where(mut self, error_type: Option<&str>) {
        self.set_when_dropped(Outcome::Ok);
        if let Some(error_type) = error_type {
            self.fail(error_type);
        }
    }

    /// Whether the run is about to end as error.
    pub(crate) fn is_failing(&self) -> bool {
        self.0.as_ref().is_some_and(|live| live.failure().is_some() || live.is_unwinding())
    }

    fn declare(&self, count: impl Count, field: impl FnOnce(&Live) -> &AtomicU64) {
        let Some(live) = &self.0 else { return };
        if let Some(count) = live.checked(count) {
            field(live).store(count, RELAXED);
        }
    }

    /// Whether the items were taken.
    fn count(&self, outcome: ItemOutcome, items: u64) -> bool {
        let Some(live) = &self.0 else { return false };
        live.counted_any.store(true, RELAXED);
        let taken = live.taken_or_dropped(live.flight().add_items(outcome, items));
        if taken {
            live.counted_items.fetch_add(items, RELAXED);
        }
        taken
    }
}

/// The target of the spans that the exact grade opens; the layer knows them by it and leaves them alone.
pub(crate) const EXACT_TARGET: &str = "phasemeter::exact";

impl Drop for PhaseGuard {
    #[inline]
    fn drop(&mut self) {
        if let Some(live) = &mut self.0 {
            live.end();
        }
    }
}

impl Live {
    fn end(&mut self) {
        let Some(flight) = self.flight.take() else { return };
        let now_ns = self.inner.clock.now_ns();
        let elapsed_ns = now_ns.saturating_sub(self.started_ns);
        if self.is_unwinding() {
            let _first = self.rare().failure.set("panic".into());
        }
        let verdict = match (self.failure(), self.when_dropped) {
            (Some(error_type), _) => Verdict::Error(error_type),
            (None, Outcome::Ok) => Verdict::Ok,
            (None, Outcome::Error) => Verdict::Error("panic"),
            (None, Outcome::Cancelled) => Verdict::Cancelled,
        };
        self.declared().publish(&self.inner, &flight, verdict.outcome());
        if let Some(timing) = &self.timing {
            flight.add_effort(&timing.effort(elapsed_ns));
        }
        self.inner.offer_exemplar(&flight, verdict.outcome(), elapsed_ns);
        // Last, so that whoever sees the run sees what belongs to it.
        flight.end(verdict, elapsed_ns, now_ns);
    }

    fn flight(&self) -> &Flight {
        self.flight.as_ref().expect("invariant: it is there until the guard is dropped")
    }

    fn rare(&self) -> &Rare {
        self.rare.get_or_init(Box::default)
    }

    fn failure(&self) -> Option<&str> {
        self.rare.get()?.failure.get().map(|error_type| &**error_type)
    }

    fn is_unwinding(&self) -> bool {
        std::thread::panicking() && !self.was_panicking
    }

    /// What was declared; of items only where none was counted live.
    fn declared(&self) -> Declared<'_> {
        let items = Some(self.declared_items.load(RELAXED)).filter(|items| *items != UNDECLARED);
        let bytes = Some(self.declared_bytes.load(RELAXED)).filter(|bytes| *bytes != UNDECLARED);
        let twice = items.is_some() && self.counted_any.load(RELAXED);
        if twice {
            self.inner.registry.drops().count(DropReason::CountedTwice);
        }
        let units = self.rare.get().map_or_else(Vec::new, |rare| std::mem::take(&mut *lock(&rare.declared_units)));
        Declared { items: items.filter(|_| !twice), bytes, units: Cow::Owned(units) }
    }

    fn checked(&self, count: impl Count) -> Option<u64> {
        let count = count.count().filter(|count| *count <= MAX_COUNT);
        self.taken_or_dropped(count.is_some());
        count
    }

    fn taken_or_dropped(&self, taken: bool) -> bool {
        if !taken {
            self.inner.registry.drops().count(DropReason::InvalidCount);
        }
        taken
    }
}

/// What a run said that it handles.
#[derive(Debug, Default)]
pub(crate) struct Declared<'a> {
    pub(crate) items: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) units: Cow<'a, [(Cow<'static, str>, u64)]>,
}

impl Declared<'_> {
    /// Counts it under what became of the run. A cancelled one finished nothing.
    #[inline]
    pub(crate) fn publish(&self, inner: &Inner, flight: &Flight, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Ok => ItemOutcome::Ok,
            Outcome::Error => ItemOutcome::Error,
            Outcome::Cancelled => return,
        };
        let mut taken = self.items.is_none_or(|items| flight.add_items(outcome, items));
        if self.bytes.is_some() || !self.units.is_empty() {
            taken &= self.publish_more(inner, flight, outcome);
        }
        if !taken {
            inner.registry.drops().count(DropReason::InvalidCount);
        }
    }

    fn publish_more(&self, inner: &Inner, flight: &Flight, outcome: ItemOutcome) -> bool {
        let mut taken = self.bytes.is_none_or(|bytes| flight.add_bytes(outcome, bytes));
        for (unit, count) in &*self.units {
            inner.note_length(unit);
            taken &= flight.add_units(unit, outcome, *count);
        }
        taken
    }
}

impl fmt::Debug for PhaseGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseGuard").field("enabled", &self.0.is_some()).finish_non_exhaustive()
    }
}
