//! Critical events, which threads wait for.

use crate::rig::{Fake, SECOND_NS, STARTED_UNIX_NS, UUIDS, code};

#[test]
fn an_event_is_counted_by_its_number_and_dated_by_the_sample_that_saw_it() {
    let mut rig = Fake::new().agent();
    rig.read(0.0);
    assert_eq!(rig.fake.tell("await nvmlEventSetWait_v2 2"), 1, "both are waited for");
    for xid in [79, 31, 79] {
        rig.fake.tell(&format!("xid 1 {xid}"));
    }
    // Who comes for the next one has counted the one before.
    assert_eq!(rig.fake.tell("await nvmlEventSetWait_v2 5"), 1);
    let page = rig.read(1.0);
    page.check(&["gpu_xid_total{", "xid=\"79\"", UUIDS[1]], Some("2"));
    page.check(&["gpu_xid_total{", "xid=\"31\"", UUIDS[1]], Some("1"));
    let seconds = (STARTED_UNIX_NS / SECOND_NS + 1).to_string();
    page.check(&["gpu_xid_last_timestamp_seconds{", UUIDS[1]], Some(&seconds));
    assert_eq!(page.lines(&["gpu_xid", UUIDS[0]]), [""; 0]);
    rig.read(2.0).check(&["gpu_xid_last_timestamp_seconds{", UUIDS[1]], Some(&seconds));
    // One that is lost shows the event that told why.
    rig.fake.tell("lost 1");
    let page = rig.read(3.0);
    page.check(&["gpu_xid_total{", "xid=\"79\"", UUIDS[1]], Some("2"));
    page.check(&["hw_status{", "\"failed\"", UUIDS[1]], Some("1"));
}

#[test]
fn threads_that_wait_end_with_the_collector_and_leave_the_library_with_it() {
    let mut rig = Fake::new().agent();
    rig.read(0.0);
    assert_eq!(rig.fake.tell("await nvmlEventSetWait_v2 2"), 1);
    assert_eq!((rig.fake.tell("sets"), rig.fake.tell("entered")), (2, 1));
    drop(rig.gpu);
    assert_eq!(rig.fake.tell("entered"), 1, "they are in it");
    rig.fake.tell("hurry");
    assert_eq!(rig.fake.tell("await_sets 0"), 1);
    assert_eq!(rig.fake.tell("await nvmlShutdown 1"), 1);
    assert_eq!(rig.fake.tell("entered"), 0);
}

#[test]
fn a_gpu_that_tells_of_no_events_is_shown_all_the_same() {
    let mut rig = Fake::new().agent();
    rig.fake.answer("all", "nvmlDeviceRegisterEvents", code::NOT_SUPPORTED);
    for second in 0..3 {
        assert_eq!(rig.read(f64::from(second)).uuids("gpu_info"), UUIDS[..2]);
    }
    assert_eq!(rig.fake.tell("await nvmlEventSetFree 2"), 1);
    rig.read(20.0);
    assert_eq!((rig.fake.tell("sets"), rig.fake.calls("nvmlEventSetCreate")), (0, 2), "they are asked once");
}

#[test]
fn waiting_that_failed_begins_again() {
    let mut rig = Fake::new().agent();
    rig.fake.tell("gpus 1");
    rig.fake.answer("all", "nvmlEventSetWait_v2", code::UNKNOWN);
    rig.read(0.0);
    assert_eq!(rig.fake.tell("await nvmlEventSetFree 1"), 1);
    rig.fake.answer("all", "nvmlEventSetWait_v2", code::OK);
    rig.fake.tell("xid 0 48");
    // The thread gives the set back, and then says why it ended.
    let again = (2..100_000).find(|reading| {
        std::thread::yield_now();
        rig.read(f64::from(*reading) * 5.0);
        rig.fake.calls("nvmlEventSetCreate") == 2
    });
    let last = f64::from(again.expect("another thread waits")) * 5.0;
    assert_eq!(rig.fake.tell("await nvmlEventSetWait_v2 3"), 1);
    rig.read(last + 1.0).check(&["gpu_xid_total{", "xid=\"48\""], Some("1"));
}
