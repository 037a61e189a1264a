//! GPUs that fall off the bus, come back, are added and taken away.

use crate::rig::{Fake, Page, Rig, UUIDS, code, unix_us};

/// What is shown of a lost GPU, beside events: its state.
#[track_caller]
fn check_failed(page: &Page, gpu: usize) {
    page.check(&["hw_status{", "\"failed\"", UUIDS[gpu]], Some("1"));
    page.check(&["hw_status{", "\"ok\"", UUIDS[gpu]], Some("0"));
    assert_eq!(page.lines(&[UUIDS[gpu]]).len(), 3, "{}", page.text);
}

#[track_caller]
fn check_well(page: &Page, gpu: usize) {
    page.check(&["hw_status{", "\"ok\"", UUIDS[gpu]], Some("1"));
    page.check(&["hw_gpu_utilization_ratio{", "general", UUIDS[gpu]], Some("0.42"));
    page.check(&["gpu_info{", UUIDS[gpu]], Some("1"));
}

#[test]
fn one_that_is_lost_is_shown_as_failed_while_the_others_go_on_and_comes_back() {
    let mut rig = Fake::new().service();
    check_well(&rig.read(0.0), 1);
    rig.fake.tell("lost 1");
    for tenth in 1..=150 {
        let page = rig.read(f64::from(tenth) / 10.0);
        check_well(&page, 0);
        check_failed(&page, 1);
    }
    // Looked for at once, and from then on every ten seconds: at 0, 1 and 11.
    assert_eq!(rig.fake.calls("nvmlDeviceGetCount_v2"), 3);
    rig.fake.tell("back 1");
    check_failed(&rig.read(20.0), 1);
    let page = rig.read(21.0);
    check_well(&page, 0);
    check_well(&page, 1);
    assert_eq!(rig.fake.calls("nvmlInit_v2"), 1);
}

#[test]
fn one_that_is_missed_when_they_are_listed_is_lost_as_well() {
    let mut rig = Fake::new().service();
    rig.read(0.0);
    rig.fake.tell("lost 1");
    let page = rig.read(10.0);
    check_well(&page, 0);
    check_failed(&page, 1);
    assert_eq!(page.uuids("hw_status"), UUIDS[..2]);
}

/// Two seconds at work, then away from the third second on, and two seconds at work again.
#[track_caller]
fn check_gap(away: impl Fn(&mut Rig), back: impl Fn(&mut Rig)) {
    let mut rig = Fake::new().service();
    let busy = ["gpu_busy_time_seconds_total{", UUIDS[1]];
    let mean = ["gpu_memory_usage_mean_bytes{", UUIDS[1]];
    let read = |rig: &mut Rig, second, used_bytes: u64, busy_seconds| {
        rig.fake.tell(&format!("set 1 used {used_bytes}"));
        rig.fake.tell(&format!("sample 1 {} 100", unix_us(second)));
        let page = rig.read(second);
        page.check(&busy, Some(busy_seconds));
        page.value(&mean).and_then(|mean| mean.parse::<f64>().ok()).expect("it is a number")
    };
    read(&mut rig, 1.0, 1_000, "0");
    assert_eq!(read(&mut rig, 2.0, 1_000, "1").round(), 1_000.0);
    away(&mut rig);
    back(&mut rig);
    assert_eq!(read(&mut rig, 20.0, 3_000, "1").round(), 1_000.0);
    assert_eq!(read(&mut rig, 21.0, 3_000, "2").round(), 2_000.0);
}

#[test]
fn what_it_did_while_it_was_away_does_not_count() {
    let lose = |rig: &mut Rig| {
        rig.fake.tell("lost 1");
        rig.read(3.0).check(&["gpu_busy_time_seconds_total{", UUIDS[1]], None);
        rig.read(4.0);
    };
    let find = |rig: &mut Rig| {
        rig.fake.tell("back 1");
    };
    check_gap(lose, find);
    let stop = |rig: &mut Rig| {
        rig.fake.tell(&format!("over {}", code::UNINITIALIZED));
        rig.error(3.0);
    };
    check_gap(stop, |_| ());
}

#[test]
fn the_only_one_that_is_lost_stays_to_be_seen() {
    let mut rig = Fake::new().service();
    rig.fake.tell("gpus 1");
    check_well(&rig.read(0.0), 0);
    rig.fake.tell("lost 0");
    for second in 1..30 {
        check_failed(&rig.read(f64::from(second)), 0);
    }
}

#[test]
fn one_that_is_lost_for_long_has_the_library_entered_anew() {
    let mut rig = Fake::new().agent();
    rig.read(0.0);
    rig.fake.tell("lost 1");
    for second in 1..60 {
        rig.read(f64::from(second));
    }
    assert_eq!(rig.fake.calls("nvmlInit_v2"), 1);
    assert_eq!(rig.fake.tell("await nvmlEventSetWait_v2 1"), 1);
    rig.fake.tell("hurry");
    let page = rig.read(60.0);
    check_well(&page, 0);
    check_failed(&page, 1);
    assert_eq!((rig.fake.calls("nvmlInit_v2"), rig.fake.calls("nvmlShutdown")), (2, 1));
    rig.read(61.0);
    assert_eq!(rig.fake.calls("nvmlInit_v2"), 2);
}

#[test]
fn gpus_that_are_added_and_taken_away_are_seen_within_ten_seconds() {
    let mut rig = Fake::new().service();
    assert_eq!(rig.read(0.0).uuids("gpu_info"), UUIDS[..2]);
    rig.fake.tell("gpus 3");
    assert_eq!(rig.read(9.0).uuids("gpu_info"), UUIDS[..2]);
    assert_eq!(rig.read(10.0).uuids("gpu_info"), UUIDS);
    // Taken away as it is to be: nothing was lost.
    rig.fake.tell("gpus 1");
    let page = rig.read(20.0);
    assert_eq!((page.uuids("gpu_info"), page.uuids("hw_status")), (UUIDS[..1].to_vec(), UUIDS[..1].to_vec()));
}

#[test]
fn none_after_some_is_a_failure() {
    let mut rig = Fake::new().service();
    rig.read(0.0);
    rig.fake.tell("gpus 0");
    rig.check_error(10.0, false, "gpu: no visible GPU is left");
    rig.check_error(11.0, false, "gpu: no visible GPU is left");
    rig.fake.tell("gpus 2");
    assert_eq!(rig.read(12.0).uuids("gpu_info"), UUIDS[..2]);
}

#[test]
fn a_library_that_is_over_is_entered_anew_in_the_next_cycle() {
    for code in [code::UNINITIALIZED, code::DRIVER_NOT_LOADED, code::VERSION_MISMATCH] {
        let mut rig = Fake::new().service();
        rig.read(0.0);
        rig.fake.tell(&format!("over {code}"));
        assert!(!rig.error(1.0).is_no_data(), "{code}");
        let page = rig.read(2.0);
        check_well(&page, 0);
        check_well(&page, 1);
        assert_eq!((rig.fake.tell("entered"), rig.fake.calls("nvmlInit_v2")), (1, 2));
    }
}

#[test]
fn one_that_was_lost_before_anybody_looked_is_shown_by_its_number() {
    let mut rig = Fake::new().agent();
    rig.fake.tell("lost 1");
    let page = rig.read(0.0);
    check_well(&page, 0);
    assert_eq!(page.lines(&["hw_status{hw_name=\"1\",", "hw_state=\"failed\""]).len(), 1);
    assert_eq!(page.lines(&["hw_name=\"1\""]).len(), 3);
    rig.fake.tell("back 1");
    let page = rig.read(10.0);
    check_well(&page, 1);
    assert_eq!(page.lines(&["hw_status{hw_name"]), [""; 0]);
    // All of them: there are GPUs, and they are not well.
    let mut rig = Fake::new().service();
    ["lost 0", "lost 1"].iter().for_each(|order| {
        rig.fake.tell(order);
    });
    assert_eq!(rig.read(0.0).lines(&["hw_state=\"failed\"", "} 1"]).len(), 2);
}
