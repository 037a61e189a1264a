//! A program with another allocator: nothing is known, and nothing is claimed.

#[test]
fn without_the_allocator_nothing_is_known() {
    let _some = Box::new(1);
    assert_eq!(phasemeter_alloc::thread_counts(), None);
}
