//! The one place that names the synchronisation primitives, so that a model checker can stand in for them.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, OnceLock, RwLock};
#[cfg(not(loom))]
use std::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, RwLock};
#[cfg(loom)]
use loom::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};
#[cfg(loom)]
pub(crate) use once::OnceLock;

use std::sync::PoisonError;
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
#[cfg(loom)]
mod once {
    /// One that a mutex keeps, which loom understands: whoever comes while it is being filled waits.
    pub(crate) struct OnceLock<T> {
        filling: loom::sync::Mutex<()>,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self { filling: loom::sync::Mutex::new(()), value: std::sync::OnceLock::new() }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            let _ordered = self.filling.lock();
            self.value.get()
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            let _ordered = self.filling.lock();
            self.value.get_or_init(make)
        }
    }
}
