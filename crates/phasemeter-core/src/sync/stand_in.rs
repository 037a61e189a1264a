//! What stands in for `std::sync` while loom looks through the orders of what threads do.

use loom::sync::Mutex;
use loom::sync::atomic::{self, Ordering};

/// Loom compares an access only with the last one before it, and loads with none but stores: a thread that loads before
/// it stores hides from it that another one had loaded as well (tokio-rs/loom#392). So each load comes after a store
/// beside it, which changes and orders nothing, and which loom does compare.
macro_rules! atomics {
    ($($name:ident($value:ty)),*) => {$(
        #[derive(Debug)]
        pub(crate) struct $name {
            value: atomic::$name,
            loads: atomic::AtomicBool,
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(<$value>::default())
            }
        }

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self { value: atomic::$name::new(value), loads: atomic::AtomicBool::new(false) }
            }

            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.loads.store(true, Ordering::Relaxed);
                self.value.load(order)
            }
        }

        impl std::ops::Deref for $name {
            type Target = atomic::$name;

            fn deref(&self) -> &Self::Target {
                &self.value
            }
        }
    )*};
}

atomics!(AtomicBool(bool), AtomicI64(i64), AtomicU32(u32), AtomicU64(u64), AtomicUsize(usize));

/// Loom has none. This one orders no more than the real one: what was done before it was filled is seen by whoever
/// finds it so, and who comes while it is being filled waits.
pub(crate) struct OnceLock<T> {
    is_filled: AtomicBool,
    filling: Mutex<()>,
    value: std::sync::OnceLock<T>,
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
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
            let _one_at_a_time = super::lock(&self.filling);
            let value = self.value.get_or_init(make);
            // Release: the value is seen whole.
            self.is_filled.store(true, Ordering::Release);
            value
        })
    }
}
