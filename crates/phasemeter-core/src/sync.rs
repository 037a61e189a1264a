//! The one place that names the synchronisation primitives, so that a model checker can stand in for them.

#[cfg(not(all(test, loom)))]
mod primitives {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
}

/// Only in our own tests: a program that checks models of its own leaves this crate as it is.
#[cfg(all(test, loom))]
mod primitives {
    pub(crate) use super::once::OnceLock;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
}

use std::sync::PoisonError;

pub(crate) use primitives::{
    AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Mutex, OnceLock, Ordering, RwLock,
};
use primitives::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

/// Counted pointers order nothing that we rely on; loom would only make their clones states of their own.
pub(crate) use std::sync::Arc;

/// Every count here is a sum that nobody orders other memory by, and a reader may see two of them at
/// slightly different moments: relaxed is enough for all of them.
pub(crate) const COUNT: Ordering = Ordering::Relaxed;

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

/// Loom has no `OnceLock`.
#[cfg(all(test, loom))]
mod once {
    use super::{AtomicBool, Mutex, Ordering, lock};

    /// One that orders no more than the real one does: what was done before it was filled is seen by whoever finds it
    /// so, and who comes while it is being filled waits.
    pub(crate) struct OnceLock<T> {
        is_filled: AtomicBool,
        filling: Mutex<()>,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self { is_filled: AtomicBool::new(false), filling: Mutex::new(()), value: std::sync::OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            // Acquire: with the release below.
            if self.is_filled.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            self.get().unwrap_or_else(|| {
                let _one_at_a_time = lock(&self.filling);
                let value = self.value.get_or_init(make);
                // Release: the value is seen whole.
                self.is_filled.store(true, Ordering::Release);
                value
            })
        }
    }
}
