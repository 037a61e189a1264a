//! The Meter that stands in for the process's on one thread, while a test is within its scope.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::inner::Inner;

thread_local! {
    static STANDING_IN: RefCell<Vec<(usize, Arc<Inner>)>> = const { RefCell::new(Vec::new()) };
}

/// How many scopes there are in all threads: while there are none, which is always outside of tests, no thread has to
/// look at its own.
static SCOPES: AtomicUsize = AtomicUsize::new(0);

/// While it lives, static phases that are used on this thread belong to another Meter.
#[derive(Debug)]
#[must_use = "the scope ends when it is dropped"]
pub(crate) struct Scope {
    number: usize,
    /// It ends on the thread that it began on.
    _thread: PhantomData<*const ()>,
}

impl Scope {
    pub(crate) fn enter(inner: Arc<Inner>) -> Self {
        // Relaxed: only this thread must see it, and it does.
        SCOPES.fetch_add(1, Ordering::Relaxed);
        let number = STANDING_IN.with(|standing_in| {
            let mut standing_in = standing_in.borrow_mut();
            let number = standing_in.last().map_or(0, |(last, _)| last + 1);
            standing_in.push((number, inner));
            number
        });
        Self { number, _thread: PhantomData }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // Scopes may end in any order: each takes its own Meter away.
        let _gone = STANDING_IN.try_with(|standing_in| standing_in.borrow_mut().retain(|(own, _)| *own != self.number));
        SCOPES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The Meter that stands in on this thread.
pub(crate) fn current() -> Option<Arc<Inner>> {
    if SCOPES.load(Ordering::Relaxed) == 0 {
        return None;
    }
    STANDING_IN.try_with(|standing_in| standing_in.borrow().last().map(|(_, inner)| inner.clone())).ok().flatten()
}
