//! Futures as runs of a phase.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::count::Count;
use crate::ending::Ending;
use crate::guard::PhaseGuard;
use crate::phase::Phase;

/// Measures futures.
pub trait PhaseFutureExt: Future + Sized {
    /// Makes the future a run of the phase. It starts at the first poll and ends when the future does: `Ok` as ok,
    /// `Err` as error with its type, a panic as error, dropped unfinished as cancelled. A future that is never polled
    /// leaves no trace.
    fn phase(self, phase: &Phase) -> PhaseFuture<'_, Self>
    where
        Self::Output: Ending,
    {
        PhaseFuture::new(phase, self, error_type)
    }
}

impl<F: Future> PhaseFutureExt for F {}

/// What a run ended with that returned this value: nothing, or the type of an error.
type ErrorType = Option<Cow<'static, str>>;

fn error_type<T: Ending>(value: &T) -> ErrorType {
    value.error_type().map(Cow::Borrowed)
}

pin_project! {
    /// A future that is a run of a phase. Made by [`PhaseFutureExt::phase`].
    #[must_use = "futures do nothing unless they are polled"]
    pub struct PhaseFuture<'p, F: Future, E = fn(&<F as Future>::Output) -> Option<Cow<'static, str>>> {
        // Dropped before the guard, so that the run lasts until the future is gone.
        #[pin]
        future: F,
        state: State<'p>,
        error_type: Option<E>,
    }
}

struct State<'p> {
    phase: &'p Phase,
    items: Option<Option<u64>>,
    bytes: Option<Option<u64>>,
    item: Option<String>,
    guard: Option<PhaseGuard>,
    /// Set while the future is polled: a poll that never came back has panicked, whoever caught it.
    polling: bool,
}

impl<'p, F: Future, E: FnOnce(&F::Output) -> ErrorType> PhaseFuture<'p, F, E> {
    pub(crate) fn new(phase: &'p Phase, future: F, error_type: E) -> Self {
        let state = State { phase, items: None, bytes: None, item: None, guard: None, polling: false };
        Self { future, state, error_type: Some(error_type) }
    }

    /// Says how many items this run handles; see [`PhaseGuard::items`].
    pub fn items(mut self, items: impl Count) -> Self {
        self.state.items = Some(items.count());
        self
    }

    /// Says how many bytes this run handles; see [`PhaseGuard::bytes`].
    pub fn bytes(mut self, bytes: impl Count) -> Self {
        self.state.bytes = Some(bytes.count());
        self
    }

    /// Names the item in hand; see [`PhaseGuard::item`].
    pub fn item(mut self, key: impl Display) -> Self {
        self.state.item = Some(key.to_string());
        self
    }
}

impl<F: Future, E: FnOnce(&F::Output) -> ErrorType> Future for PhaseFuture<'_, F, E> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let state = this.state;
        if state.guard.is_none() && this.error_type.is_some() {
            state.guard = Some(state.begin());
        }
        state.polling = true;
        let polled = match &state.guard {
            Some(guard) => guard.span().in_scope(|| guard.in_scope(|| guard.polled(|| this.future.poll(context)))),
            // Polled after it was ready: the future's own business.
            None => this.future.poll(context),
        };
        state.polling = false;
        let output = ready!(polled);
        if let (Some(guard), Some(error_type)) = (state.guard.take(), this.error_type.take()) {
            guard.end_as_error_where(error_type(&output).as_deref());
        }
        Poll::Ready(output)
    }
}

impl State<'_> {
    fn begin(&self) -> PhaseGuard {
        let guard = self.phase.start().cancelled_when_dropped();
        if let Some(items) = self.items {
            guard.items(Declared(items));
        }
        if let Some(bytes) = self.bytes {
            guard.bytes(Declared(bytes));
        }
        if let Some(item) = &self.item {
            guard.item(item);
        }
        guard
    }
}

/// A count that was checked before, with its verdict.
struct Declared(Option<u64>);

impl Count for Declared {
    fn count(self) -> Option<u64> {
        self.0
    }
}

impl Drop for State<'_> {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take().filter(|_| self.polling) {
            guard.fail("panic");
        }
    }
}

impl<F: Future, E> fmt::Debug for PhaseFuture<'_, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseFuture").field("phase", self.state.phase).finish_non_exhaustive()
    }
}
