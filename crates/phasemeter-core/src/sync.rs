//! The one place that names the synchronisation primitives, so that a model checker can stand in for them.

pub(crate) use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::sync::{Arc, OnceLock, RwLock};

use std::sync::{PoisonError, RwLockReadGuard, RwLockWriteGuard};

/// Every count here is a sum that nobody orders other memory by, and a reader may see two of them at
/// slightly different moments: relaxed is enough for all of them.
pub(crate) const COUNT: Ordering = Ordering::Relaxed;

/// Reads through a poisoned lock: our critical sections leave nothing half done.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Writes through a poisoned lock: our critical sections leave nothing half done.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
