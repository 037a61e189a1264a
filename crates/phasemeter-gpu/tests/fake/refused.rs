//! Drivers that are not there, or not as they should be.

use std::time::Duration;

use phasemeter_collect::{GpuOptions, Options};

use crate::rig::{Fake, Rig, UUIDS, code};

#[test]
fn a_library_that_is_not_there_is_no_data_and_looked_for_again_every_ten_seconds() {
    let fake = Fake::new();
    let later = fake.path.with_extension("later.so");
    let gpu = GpuOptions { library: Some(later.clone()), ..GpuOptions::default() };
    let mut rig = Rig::new(fake, &Options { gpu, ..Options::default() });
    let error = rig.error(0.0);
    assert!(error.is_no_data() && error.to_string().starts_with("gpu: cannot load the driver's library"), "{error}");
    assert!(error.to_string().contains(&later.display().to_string()), "{error}");
    std::fs::copy(&rig.fake.path, &later).expect("a writable temporary folder");
    let early = rig.error(9.0);
    let shown = rig.read(10.0);
    std::fs::remove_file(&later).expect("it was just copied");
    assert_eq!((early.is_no_data(), early.to_string()), (true, error.to_string()));
    assert_eq!(shown.uuids("gpu_info"), UUIDS[..2]);
}

#[test]
fn a_driver_that_is_not_loaded_is_no_data_until_it_is() {
    let mut rig = Fake::new().service();
    rig.fake.answer("all", "nvmlInit_v2", code::DRIVER_NOT_LOADED);
    let reason = format!("gpu: NVIDIA driver is not loaded ({})", rig.fake.path.display());
    rig.check_error(0.0, true, &reason);
    rig.fake.answer("all", "nvmlInit_v2", code::OK);
    assert_eq!(rig.read(10.0).uuids("gpu_info"), UUIDS[..2]);
    // Once GPUs were seen it is no answer that there is no driver.
    rig.fake.answer("all", "nvmlInit_v2", code::DRIVER_NOT_LOADED);
    rig.fake.tell(&format!("over {}", code::DRIVER_NOT_LOADED));
    rig.check_error(11.0, false, "gpu: NVIDIA driver is not loaded");
    rig.check_error(12.0, false, &reason);
    rig.fake.answer("all", "nvmlInit_v2", code::OK);
    assert_eq!(rig.read(13.0).uuids("gpu_info"), UUIDS[..2]);
}

#[test]
fn a_driver_of_another_version_is_a_failure_and_entered_anew_in_the_next_cycle() {
    let mut rig = Fake::new().service();
    rig.fake.answer("all", "nvmlInit_v2", code::VERSION_MISMATCH);
    let reason = format!("gpu: RM detects a driver/library version mismatch ({})", rig.fake.path.display());
    for second in 0..3 {
        rig.check_error(f64::from(second), false, &reason);
    }
    assert_eq!(rig.fake.calls("nvmlInit_v2"), 3);
    rig.fake.answer("all", "nvmlInit_v2", code::OK);
    assert_eq!(rig.read(3.0).uuids("gpu_info"), UUIDS[..2]);
    // While it runs, as when a driver is replaced.
    rig.fake.tell(&format!("over {}", code::VERSION_MISMATCH));
    rig.check_error(4.0, false, "gpu: RM detects a driver/library version mismatch");
    assert_eq!(rig.fake.tell("entered"), 0);
    assert_eq!(rig.read(5.0).uuids("gpu_info"), UUIDS[..2]);
}

#[test]
fn a_library_that_cannot_be_left_is_refused_without_a_panic_and_only_once() {
    let mut rig = Fake::without(&["nvmlShutdown"]).service();
    for second in 0..3 {
        rig.check_error(f64::from(second), false, "gpu: the driver's library has no nvmlShutdown");
    }
    assert_eq!(rig.fake.calls("nvmlInit_v2"), 1);
    let mut rig = Fake::without(&["nvmlInit_v2"]).service();
    assert!(!rig.error(0.0).is_no_data());
}

#[test]
fn without_gpus_there_is_no_data() {
    let mut rig = Fake::new().service();
    rig.fake.tell("gpus 0");
    rig.check_error(0.0, true, "gpu: there is no visible GPU");
    rig.fake.tell("gpus 1");
    assert_eq!(rig.read(10.0).uuids("gpu_info"), UUIDS[..1]);
}

#[test]
fn gpus_that_are_not_for_us_are_not_shown() {
    let mut rig = Fake::new().service();
    rig.fake.answer("0", "nvmlDeviceGetHandleByIndex_v2", code::NO_PERMISSION);
    let page = rig.read(0.0);
    assert_eq!(page.uuids("gpu_info"), UUIDS[1..2]);
    assert_eq!(page.lines(&["hw_name=\"0\""]), [""; 0]);
}

/// Reads at these seconds, and how often the library was entered after each.
#[track_caller]
fn check_release(after: Duration, expected: &[(f64, u64)]) {
    let fake = Fake::new();
    let gpu = GpuOptions { release_after: Some(after), ..fake.options().gpu };
    let mut rig = Rig::new(fake, &Options { gpu, is_agent: true, ..Options::default() });
    for (second, entered) in expected {
        assert_eq!(rig.read(*second).uuids("gpu_info"), UUIDS[..2]);
        assert_eq!(rig.fake.tell("entered"), *entered, "after {second} s");
    }
    assert_eq!(rig.fake.calls("nvmlEventSetCreate"), 0, "who waits for events is in the library");
}

#[test]
fn the_library_is_left_between_readings_that_are_far_apart() {
    check_release(Duration::from_secs(5), &[(0.0, 0), (1.0, 1), (2.0, 1), (7.0, 0), (12.0, 0), (12.5, 1)]);
    check_release(Duration::ZERO, &[(0.0, 0), (0.1, 0), (0.2, 0)]);
}

#[test]
fn what_adds_up_goes_on_adding_up_while_the_library_is_left() {
    let fake = Fake::new();
    let gpu = GpuOptions { release_after: Some(Duration::ZERO), ..fake.options().gpu };
    let mut rig = Rig::new(fake, &Options { gpu, ..Options::default() });
    for (second, busy) in [(10.0, "0"), (20.0, "5"), (30.0, "10")] {
        rig.fake.tell(&format!("sample 0 {} 50", crate::rig::unix_us(second)));
        rig.read(second).check(&["gpu_busy_time_seconds_total{", UUIDS[0]], Some(busy));
    }
}
