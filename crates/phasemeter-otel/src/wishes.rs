//! What the guard wants of the thread, and what the thread has done of it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Shared by the guard and the thread.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// How many flushes were asked for, and up to which one they are done.
    asked: u64,
    done: u64,
    /// Whether the last push that a flush waited for came through.
    came_through: bool,
    /// By when the last push has to be over, once the end is near.
    stop: Option<Instant>,
    has_ended: bool,
}

/// Why the thread wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The time has come.
    Due,
    /// Somebody waits for a push; up to which wish it will have been one.
    Flush(u64),
    /// The last push, until then.
    Stop(Instant),
}

impl Wishes {
    /// Waits until there is something to do.
    pub(crate) fn wait(&self, due: Instant) -> Wake {
        let mut state = self.lock();
        loop {
            if let Some(deadline) = state.stop {
                return Wake::Stop(deadline);
            }
            if state.asked > state.done {
                return Wake::Flush(state.asked);
            }
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Wake::Due;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Flushes up to this one were done by a push that began after they were asked for.
    pub(crate) fn done(&self, up_to: u64, came_through: bool) {
        let mut state = self.lock();
        (state.done, state.came_through) = (up_to, came_through);
        self.changed.notify_all();
    }

    /// Asks for a push and waits for it. Whether it came through.
    pub(crate) fn flush(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        state.asked += 1;
        let wish = state.asked;
        self.changed.notify_all();
        let state = self.wait_until(state, deadline, |state| state.done >= wish || state.has_ended);
        state.done >= wish && state.came_through
    }

    /// Asks for the last push and waits for the thread's end. Whether it ended, and whether that push came through.
    pub(crate) fn stop(&self, deadline: Instant) -> (bool, bool) {
        let mut state = self.lock();
        state.stop = Some(deadline);
        self.changed.notify_all();
        let state = self.wait_until(state, deadline, |state| state.has_ended);
        (state.has_ended, state.has_ended && state.came_through)
    }

    fn wait_until<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        deadline: Instant,
        wanted: impl Fn(&State) -> bool,
    ) -> MutexGuard<'a, State> {
        while !wanted(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    /// Locks through poison: nothing is half done under it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells who waits that the thread has ended, also where it did by a panic.
pub(crate) struct Ending<'a>(pub(crate) &'a Wishes);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.changed.notify_all();
    }
}
