//! What is shown of GPUs that are well: values, what they do not know, and how often they are asked.

use crate::rig::{Fake, UUIDS, code, unix_us};

#[test]
fn a_service_shows_its_own_process_and_nothing_that_only_an_agent_shows() {
    let mut rig = Fake::new().service();
    rig.read(0.0);
    let page = rig.read(1.0);
    let own = std::process::id().to_string();
    page.check(&["process_gpu_memory_usage_bytes{", UUIDS[0]], Some("3221225472"));
    assert!(page.lines(&["process_gpu_memory_usage_bytes{"]).iter().all(|line| line.contains(&own)));
    for of_an_agent in ["gpu_nvlink", "gpu_sm_", "gpu_tensor", "gpu_dram", "gpu_xid"] {
        assert_eq!(page.lines(&[of_an_agent]), [""; 0]);
    }
    assert_eq!((rig.fake.tell("sets"), rig.fake.tell("readings")), (0, 0));
    let agent = Fake::new().agent().read(0.0);
    assert_eq!(agent.lines(&["process_gpu_memory_usage_bytes{", UUIDS[0]]).len(), 2);
}

#[test]
fn what_a_gpu_does_not_know_has_no_series_and_is_asked_once() {
    let mut rig = Fake::new().service();
    rig.fake.answer("0", "nvmlDeviceGetTemperature", code::NOT_SUPPORTED);
    rig.fake.answer("0", "nvmlDeviceGetClockInfo", code::NOT_SUPPORTED);
    rig.fake.tell("unset 0 82");
    for second in 0..3 {
        let page = rig.read(f64::from(second));
        page.check(&["hw_temperature_celsius", "\"gpu\",hw_type", UUIDS[0]], None);
        page.check(&["hw_temperature_celsius", "\"memory\"", UUIDS[0]], None);
        page.check(&["hw_temperature_celsius", "location=\"gpu\"", UUIDS[1]], Some("56"));
        page.check(&["hw_temperature_celsius", "location=\"memory\"", UUIDS[1]], Some("61"));
        assert_eq!(page.lines(&["gpu_clock_hertz{"]).len(), 4);
    }
    assert_eq!(rig.fake.calls("nvmlDeviceGetTemperature"), 1 + 3);
    assert_eq!(rig.fake.calls("nvmlDeviceGetClockInfo"), 4 + 3 * 4);
    // Entered anew, it is asked anew.
    rig.fake.answer("0", "nvmlDeviceGetTemperature", code::OK);
    rig.read(3.0).check(&["hw_temperature_celsius", "location=\"gpu\"", UUIDS[0]], None);
    rig.fake.tell(&format!("over {}", code::UNINITIALIZED));
    rig.error(4.0);
    rig.read(5.0).check(&["hw_temperature_celsius", "location=\"gpu\"", UUIDS[0]], Some("55"));
}

#[test]
fn an_old_driver_without_newer_functions_gives_what_it_has() {
    let missing = [
        "nvmlDeviceGetMemoryInfo_v2",
        "nvmlDeviceGetFieldValues",
        "nvmlDeviceGetSamples",
        "nvmlDeviceGetNumFans",
        "nvmlGpmQueryDeviceSupport",
        "nvmlGpmSampleFree",
        "nvmlEventSetFree",
        "nvmlDeviceGetMigMode",
    ];
    let mut rig = Fake::without(&missing).agent();
    rig.read(0.0);
    let page = rig.read(1.0);
    page.check(&["hw_gpu_utilization_ratio{", "general", UUIDS[0]], Some("0.42"));
    page.check(&["hw_power_watts{", UUIDS[0]], Some("250"));
    page.check(&["hw_status{", "\"ok\"", UUIDS[0]], Some("1"));
    for gone in ["hw_gpu_memory_usage", "hw_fan", "gpu_sm", "hw_errors", "gpu_throttle_time"] {
        assert_eq!(page.lines(&[gone]), [""; 0], "{gone}");
    }
    assert_eq!((rig.fake.tell("sets"), rig.fake.tell("readings")), (0, 0));
}

#[test]
fn what_costs_much_is_asked_seldom_and_shown_all_the_time() {
    let mut rig = Fake::new().service();
    for tenth in 0..=100 {
        if tenth == 5 {
            rig.fake.tell("set 0 temperature 99");
            rig.fake.tell("set 0 fan 99");
            rig.fake.tell("set 0 utilization 99");
        }
        let page = rig.read(f64::from(tenth) / 10.0);
        let is_new = |from| tenth >= from;
        let expect = |name: &str, is_new, old, new| page.check(&[name, UUIDS[0]], Some(if is_new { new } else { old }));
        expect("task=\"general\"", is_new(5), "0.42", "0.99");
        expect("location=\"gpu\"", is_new(10), "55", "99");
        expect("hw_fan_speed_ratio{", is_new(100), "0.3", "0.99");
    }
    let calls = |function| rig.fake.calls(function) / 2;
    assert_eq!(calls("nvmlDeviceGetUtilizationRates"), 101);
    assert_eq!(calls("nvmlDeviceGetMemoryInfo_v2"), 101);
    assert_eq!(calls("nvmlDeviceGetTemperature"), 11);
    assert_eq!(calls("nvmlDeviceGetFanSpeed_v2"), 2);
    assert_eq!(calls("nvmlDeviceGetVbiosVersion"), 1);
    assert_eq!(rig.fake.calls("nvmlDeviceGetCount_v2"), 2);
    assert_eq!(rig.fake.calls("nvmlInit_v2"), 1);
}

#[test]
fn busy_time_is_every_sample_of_the_driver_once_and_peaks_are_between_two_readings() {
    let mut rig = Fake::new().service();
    let busy = ["gpu_busy_time_seconds_total{", UUIDS[0]];
    let max = ["gpu_utilization_max_ratio{", UUIDS[0]];
    rig.read(0.0).check(&busy, None);
    rig.fake.tell(&format!("sample 0 {} 100", unix_us(0.9)));
    let page = rig.read(1.0);
    page.check(&busy, Some("0"));
    page.check(&max, None);
    // A quarter of a second wholly at work, and the rest of the second idle: no reading sees it.
    for (seconds, percent) in [(1.25, 0), (1.5, 100), (1.75, 0), (1.9, 0)] {
        rig.fake.tell(&format!("sample 0 {} {percent}", unix_us(seconds)));
    }
    let page = rig.read(2.0);
    page.check(&busy, Some("0.25"));
    page.check(&max, Some("1"));
    page.check(&["gpu_utilization_mean_ratio{", UUIDS[0]], Some("0.25"));
    // Nothing new; what was last seen is told once more.
    rig.read(3.0).check(&busy, Some("0.25"));
    // Late, out of order, and again what was told.
    for (seconds, percent) in [(3.9, 50), (2.9, 100)] {
        rig.fake.tell(&format!("sample 0 {} {percent}", unix_us(seconds)));
    }
    rig.read(4.0).check(&busy, Some("1.75"));
    rig.read(70.0).check(&max, None);
}

#[test]
fn without_samples_busy_time_is_utilisation_over_time() {
    let mut rig = Fake::new().service();
    rig.fake.answer("0", "nvmlDeviceGetSamples", code::NOT_SUPPORTED);
    let busy = ["gpu_busy_time_seconds_total{", UUIDS[0]];
    rig.read(0.0).check(&busy, Some("0"));
    rig.fake.tell("set 0 utilization 50");
    rig.read(0.5).check(&busy, Some("0.25"));
    let page = rig.read(2.5);
    page.check(&busy, Some("1.25"));
    page.check(&["gpu_utilization_max_ratio{", UUIDS[0]], Some("0.5"));
}

#[test]
fn a_gpu_that_counts_no_energy_has_it_from_its_power() {
    let mut rig = Fake::new().service();
    rig.fake.answer("0", "nvmlDeviceGetTotalEnergyConsumption", code::NOT_SUPPORTED);
    let page = rig.read(0.0);
    page.check(&["hw_energy_joules_total{", UUIDS[0]], Some("0"));
    page.check(&["hw_energy_joules_total{", UUIDS[1]], Some("1234.501"));
    page.check(&["hw_power_watts{", UUIDS[0]], Some("251.5"));
    rig.fake.tell("field 0 186 100000");
    rig.read(1.0).check(&["hw_energy_joules_total{", UUIDS[0]], Some("175.75"));
    // It tells no instant any more, only an average.
    rig.fake.tell("unset 0 186");
    rig.fake.tell("set 0 power 300000");
    let page = rig.read(3.0);
    page.check(&["hw_energy_joules_total{", UUIDS[0]], Some("575.75"));
    page.check(&["hw_power_watts{", UUIDS[0]], Some("300"));
    page.check(&["gpu_power_max_watts{", UUIDS[0]], Some("300"));
}

#[test]
fn a_gpu_that_is_divided_shows_its_parts_by_their_own_uuids() {
    let mut rig = Fake::new().agent();
    rig.fake.tell("mig 0 MIG-aaaa 10737418240 1073741824");
    rig.fake.tell("mig 0 MIG-bbbb 21474836480 5368709120");
    // As GPUs that are divided do.
    rig.fake.answer("0", "nvmlDeviceGetUtilizationRates", code::NOT_SUPPORTED);
    rig.read(0.0);
    let page = rig.read(1.0);
    assert_eq!(page.uuids("hw_gpu_memory_usage_bytes"), [UUIDS[0], UUIDS[1], "MIG-aaaa", "MIG-bbbb"]);
    let part = ["hw_id=\"MIG-bbbb\",hw_name=\"0:1\""];
    page.check(&["hw_gpu_memory_usage_bytes{", part[0]], Some("5368709120"));
    page.check(&["hw_gpu_memory_limit_bytes{", part[0]], Some("21474836480"));
    page.check(&["hw_gpu_memory_utilization_ratio{", part[0]], Some("0.25"));
    page.check(&["gpu_memory_usage_max_bytes{", part[0]], Some("5368709120"));
    page.check(&["gpu_info{", part[0], &format!("mig_parent=\"{}\"", UUIDS[0]), "MIG 1g.10gb"], Some("1"));
    // A part has nothing of its own but memory.
    assert_eq!(page.lines(&["hw_power", "MIG-"]), [""; 0]);
    page.check(&["hw_gpu_utilization_ratio{", "general", UUIDS[0]], None);
    // Put together again.
    rig.fake.tell("whole 0");
    assert_eq!(rig.read(11.0).uuids("hw_gpu_memory_usage_bytes"), UUIDS[..2]);
}

#[test]
fn a_call_that_fails_leaves_a_gap_and_no_zero() {
    let mut rig = Fake::new().service();
    let used = ["hw_gpu_memory_usage_bytes{", UUIDS[0]];
    rig.read(0.0).check(&used, Some("10737418240"));
    rig.fake.answer("0", "nvmlDeviceGetMemoryInfo_v2", code::UNKNOWN);
    let page = rig.read(1.0);
    page.check(&used, None);
    page.check(&["hw_status{", "\"ok\"", UUIDS[0]], Some("1"));
    rig.fake.answer("0", "nvmlDeviceGetMemoryInfo_v2", code::OK);
    rig.read(2.0).check(&used, Some("10737418240"));
}

#[test]
fn a_gpu_that_answers_nothing_is_degraded_and_all_of_them_are_a_failure() {
    let mut rig = Fake::new().service();
    rig.read(0.0);
    let often = ["nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetUtilizationRates"];
    often.iter().for_each(|function| rig.fake.answer("0", function, code::UNKNOWN));
    let page = rig.read(0.5);
    page.check(&["hw_status{", "\"degraded\"", UUIDS[0]], Some("1"));
    assert_eq!(page.lines(&[UUIDS[0]]).len(), 3, "nothing but its state");
    page.check(&["hw_gpu_memory_usage_bytes{", UUIDS[1]], Some("11811160064"));
    often.iter().for_each(|function| rig.fake.answer("1", function, code::UNKNOWN));
    rig.check_error(0.8, false, "gpu: Utilization: an internal driver error occurred");
    assert_eq!(rig.fake.tell("entered"), 0);
    often.iter().for_each(|function| ["0", "1"].iter().for_each(|gpu| rig.fake.answer(gpu, function, code::OK)));
    rig.read(1.8).check(&["hw_status{", "\"ok\"", UUIDS[0]], Some("1"));
}

#[test]
fn rows_that_wait_to_be_replaced_degrade_a_gpu() {
    let mut rig = Fake::new().service();
    rig.fake.tell("field 1 144 1");
    let page = rig.read(0.0);
    for (state, first, second) in [("ok", "1", "0"), ("degraded", "0", "1"), ("failed", "0", "0")] {
        let state = format!("hw_state=\"{state}\"");
        page.check(&["hw_status{", &state, UUIDS[0]], Some(first));
        page.check(&["hw_status{", &state, UUIDS[1]], Some(second));
    }
}

#[test]
fn links_are_counted_in_bytes_where_the_gpu_does_so_and_otherwise_in_kibibytes() {
    let mut rig = Fake::new().agent();
    rig.fake.tell("field 1 202 7000");
    rig.fake.tell("field 1 204 9000");
    let page = rig.read(0.0);
    for (gpu, direction, bytes) in
        [(0, "transmit", "2097152"), (0, "receive", "1048576"), (1, "transmit", "7000"), (1, "receive", "9000")]
    {
        page.check(&["gpu_nvlink_io_bytes_total{", direction, UUIDS[gpu]], Some(bytes));
    }
}

#[test]
fn bytes_over_pcie_go_on_where_the_drivers_count_begins_again() {
    let mut rig = Fake::new().service();
    let received = ["hw_gpu_io_bytes_total{", "receive", UUIDS[0]];
    for (second, count, total) in
        [(0.0, 4_294_967_000_u64, "4294967000"), (1.0, 704, "4294968000"), (2.0, 1_704, "4294969000")]
    {
        rig.fake.tell(&format!("field 0 198 {count}"));
        rig.read(second).check(&received, Some(total));
    }
}

#[test]
fn performance_counters_are_of_the_time_between_two_readings() {
    let mut rig = Fake::new().agent();
    rig.fake.tell("set 1 counters 0");
    // A question that failed is asked again.
    rig.fake.answer("0", "nvmlGpmQueryDeviceSupport", code::UNKNOWN);
    rig.read(0.0);
    rig.fake.answer("0", "nvmlGpmQueryDeviceSupport", code::OK);
    rig.read(1.0).check(&["gpu_sm_active_ratio{"], None);
    let page = rig.read(2.0);
    for (name, share) in
        [("sm_active", "0.5"), ("sm_occupancy", "0.25"), ("tensor_active", "0.12"), ("dram_active", "0.75")]
    {
        page.check(&[&format!("gpu_{name}_ratio{{")], Some(share));
    }
    assert_eq!((rig.fake.tell("readings"), rig.fake.calls("nvmlGpmQueryDeviceSupport")), (1, 3));
    drop(rig.gpu);
    assert_eq!(rig.fake.tell("readings"), 0);
}
