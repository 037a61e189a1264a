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
        PhaseFuture::new(phase, self, ByEnding)
    }
}

impl<F: Future> PhaseFutureExt for F {}

/// Who tells what a returned value says about how its run ended.
///
/// It is a trait of its own, rather than a function's type, to keep lifetimes out of the bounds of [`PhaseFuture`]: the
/// compiler forgets them when it asks whether a task that holds such a future, as `join!` does, is `Send`.
pub trait Judge<T> {
    /// Nothing, or the type of an error.
    fn error_type_of(self, value: &T) -> Option<Cow<'static, str>>;
}

/// The value itself.
#[derive(Debug)]
pub struct ByEnding;

impl<T: Ending> Judge<T> for ByEnding {
    fn error_type_of(self, value: &T) -> Option<Cow<'static, str>> {
        value.error_type().map(Cow::Borrowed)
    }
}

impl<T, E: FnOnce(&T) -> Option<Cow<'static, str>>> Judge<T> for E {
    fn error_type_of(self, value: &T) -> Option<Cow<'static, str>> {
        self(value)
    }
}

pin_project! {
    /// A future that is a run of a phase. Made by [`PhaseFutureExt::phase`].
    #[must_use = "futures do nothing unless they are polled"]
    pub struct PhaseFuture<'p, F, J = ByEnding> {
        // Until it is dropped; before the guard, so that the run lasts until the future is gone.
        #[pin]
        future: Option<F>,
        state: State<'p>,
        judge: Option<J>,
    }

    impl<F, J> PinnedDrop for PhaseFuture<'_, F, J> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What is logged while an unfinished future is dropped belongs to its run, as what it logs when polled.
            if let Some(guard) = &this.state.guard {
                guard.in_scope(|| this.future.set(None));
            }
        }
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

impl<'p, F: Future, J: Judge<F::Output>> PhaseFuture<'p, F, J> {
    pub(crate) fn new(phase: &'p Phase, future: F, judge: J) -> Self {
        let state = State { phase, items: None, bytes: None, item: None, guard: None, polling: false };
        Self { future: Some(future), state, judge: Some(judge) }
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
        self.state.item = self.state.phase.is_measuring().then(|| key.to_string());
        self
    }
}

impl<F: Future, J: Judge<F::Output>> Future for PhaseFuture<'_, F, J> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future.as_pin_mut().expect("invariant: it is there until it is dropped");
        let state = this.state;
        if state.guard.is_none() && this.judge.is_some() {
            state.guard = Some(state.begin());
        }
        state.polling = true;
        let polled = match &state.guard {
            Some(guard) => guard.in_scope(|| guard.polled(|| future.poll(context))),
            // Polled after it was ready: the future's own business.
            None => future.poll(context),
        };
        state.polling = false;
        let output = ready!(polled);
        if let (Some(guard), Some(judge)) = (state.guard.take(), this.judge.take()) {
            guard.end_as_error_where(judge.error_type_of(&output).as_deref());
        }
        Poll::Ready(output)
    }
}

impl State<'_> {
    fn begin(&self) -> PhaseGuard {
        let mut guard = self.phase.start();
        if !guard.is_measuring() {
            return guard;
        }
        guard.set_cancelled_when_dropped();
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

impl<F, J> fmt::Debug for PhaseFuture<'_, F, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseFuture").field("phase", self.state.phase).finish_non_exhaustive()
    }
}
