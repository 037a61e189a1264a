//! A program with another allocator: nothing is known, and nothing is claimed.

#[test]
fn without_the_allocator_nothing_is_known() {
    let _some = vec![1, 2, 3];
    assert_eq!(phasemeter_alloc::thread_counts(), None);
}
