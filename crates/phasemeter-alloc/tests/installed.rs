//! A program with the counting allocator.

use phasemeter_alloc::{CountingAllocator, Counts, thread_counts};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::system();

/// What the work allocated on this thread.
fn counted<T>(work: impl FnOnce() -> T) -> Counts {
    let before = thread_counts().expect("it is installed");
    std::hint::black_box(work());
    let after = thread_counts().expect("it is installed");
    Counts { allocations: after.allocations - before.allocations, bytes: after.bytes - before.bytes }
}

#[test]
fn what_is_handed_out_counts_and_what_is_freed_does_not() {
    assert_eq!(counted(|| drop(Vec::<u8>::with_capacity(1_000))), Counts { allocations: 1, bytes: 1_000 });
    assert_eq!(counted(|| vec![0_u64; 100]), Counts { allocations: 1, bytes: 800 });
    assert_eq!(counted(|| ()), Counts::default());
}

#[test]
fn what_grows_counts_by_how_much_it_grew() {
    let grow = || {
        let mut bytes = Vec::<u8>::with_capacity(100);
        bytes.reserve_exact(300);
        bytes
    };
    assert_eq!(counted(grow), Counts { allocations: 2, bytes: 300 });
}

#[test]
fn each_thread_counts_its_own() {
    let outside = counted(|| {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| counted(|| vec![0_u8; 1 << 20])).join().expect("it does not panic");
            assert_eq!(inside.bytes, 1 << 20);
        });
    });
    assert!(outside.bytes < 1 << 20, "{outside:?}");
}
