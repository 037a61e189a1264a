//! A global allocator that counts what each thread allocates, and leaves the allocating to another.
//!
//! ```
//! use phasemeter_alloc::CountingAllocator;
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator::system();
//!
//! let before = phasemeter_alloc::thread_counts().expect("it is installed");
//! let vector = vec![0_u8; 1000];
//! let after = phasemeter_alloc::thread_counts().expect("it is installed");
//! assert_eq!(after.bytes - before.bytes, 1000);
//! # drop(vector);
//! ```
//!
//! It costs two additions to numbers of the thread's own on each allocation, and nothing when memory is freed. It is
//! what `phasemeter` reads at level profiling; nothing else here is of any use.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::OnceLock;

/// An allocator that counts; `A` allocates.
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator<A = System>(A);

/// What a thread has allocated since it began, whether or not it was freed again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often memory was handed out, or moved to grow.
    pub allocations: u64,
    /// How much. Memory that grows counts by how much it grew.
    pub bytes: u64,
}

thread_local! {
    // Constant and without a destructor, so that the allocator may use it at any time in a thread's life.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, bytes: 0 }) };
}

impl CountingAllocator {
    /// The system's allocator, counted.
    #[must_use]
    pub const fn system() -> Self {
        Self(System)
    }
}

impl<A> CountingAllocator<A> {
    /// Another allocator, counted.
    #[must_use]
    pub const fn new(allocator: A) -> Self {
        Self(allocator)
    }
}

/// What the calling thread has allocated; `None` where a [`CountingAllocator`] is not the program's global allocator.
#[must_use]
pub fn thread_counts() -> Option<Counts> {
    static IS_INSTALLED: OnceLock<bool> = OnceLock::new();
    IS_INSTALLED
        .get_or_init(|| {
            let before = COUNTS.with(Cell::get);
            drop(std::hint::black_box(Box::new(0_u8)));
            COUNTS.with(Cell::get) != before
        })
        .then(|| COUNTS.with(Cell::get))
}

fn count(bytes: usize) {
    let _gone = COUNTS.try_with(|counts| {
        let Counts { allocations, bytes: before } = counts.get();
        counts.set(Counts { allocations: allocations.wrapping_add(1), bytes: before.wrapping_add(bytes as u64) });
    });
}

// SAFETY: every call goes to the inner allocator with the very arguments it came with, and what that returns is
// returned; counting touches no memory but the thread's own two numbers, and does not allocate or unwind.
unsafe impl<A: GlobalAlloc> GlobalAlloc for CountingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the promises of `alloc`, which are the inner allocator's too.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from the inner allocator, through this one, with this layout.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the promises of `alloc_zeroed`, which are the inner allocator's too.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size.saturating_sub(layout.size()));
        // SAFETY: the pointer came from the inner allocator, through this one, with this layout; the caller keeps the
        // promises about the new size.
        unsafe { self.0.realloc(pointer, layout, new_size) }
    }
}
