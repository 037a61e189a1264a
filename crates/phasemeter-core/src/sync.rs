//! The one place that names the synchronisation primitives, so that a model checker can stand in for them.

#[cfg(all(test, loom))]
mod stand_in;

#[cfg(not(all(test, loom)))]
mod primitives {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
}

/// Only in our own tests: a program that checks models of its own leaves this crate as it is.
#[cfg(all(test, loom))]
mod primitives {
    pub(crate) use super::stand_in::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, OnceLock};
    pub(crate) use loom::sync::atomic::{Ordering, fence};
    pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
}

use std::sync::PoisonError;

pub(crate) use primitives::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Mutex, OnceLock, Ordering, RwLock, fence,
};
use primitives::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// Counted pointers order nothing that we rely on, but for [`is_held_by`]; loom would only make their clones states of
/// their own.
pub(crate) use std::sync::Arc;

/// Whether there are so many handles and no more. What was done through those that are gone is then seen.
pub(crate) fn is_held_by<T>(handles: usize, shared: &Arc<T>) -> bool {
    let so_many = Arc::strong_count(shared) == handles;
    // Acquire: with the release in the drop of each handle, which the number alone, read relaxed, does not go with.
    fence(Ordering::Acquire);
    so_many
}

/// Every count here is a sum that nobody orders other memory by, and a reader may see two of them at
/// slightly different moments: relaxed is enough for all of them.
pub(crate) const COUNT: Ordering = Ordering::Relaxed;

/// The number of the calling thread, from 1; no other thread ever has it.
#[inline]
pub(crate) fn thread_id() -> u64 {
    OWN_ID.with(|id| {
        if id.get() == 0 {
            id.set(numbers::next());
        }
        id.get()
    })
}

#[cfg(not(all(test, loom)))]
thread_local! {
    /// Nothing is done when it goes, so that it is there to the end of its thread.
    static OWN_ID: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[cfg(all(test, loom))]
loom::thread_local! {
    static OWN_ID: std::cell::Cell<u64> = std::cell::Cell::new(0);
}

/// No part of any model: that a number is new is all there is to it.
mod numbers {
    use std::sync::atomic::{AtomicU64, Ordering};

    static LAST: AtomicU64 = AtomicU64::new(0);

    #[cold]
    pub(super) fn next() -> u64 {
        LAST.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Locks through poison: our critical sections leave nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks if nobody else has.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(std::sync::TryLockError::WouldBlock) => None,
    }
}

/// Reads through a poisoned lock: our critical sections leave nothing half done.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Writes through a poisoned lock: our critical sections leave nothing half done.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
