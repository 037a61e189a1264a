//! Locks that outlive a panic.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Locks through poison: our critical sections leave nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until the state is as wanted or the deadline is over; the answer is in the state that comes back.
pub(crate) fn wait_until<'a, T>(
    changed: &Condvar,
    mut state: MutexGuard<'a, T>,
    deadline: Instant,
    wanted: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    while !wanted(&state) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        state = changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    state
}
