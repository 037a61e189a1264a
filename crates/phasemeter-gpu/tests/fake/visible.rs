//! What is shown where `CUDA_VISIBLE_DEVICES` is set. How it is read has a table beside the code.

use phasemeter_collect::{GpuOptions, Options};

use crate::rig::{Fake, Rig, UUIDS};

fn rig(fake: Fake, visible: &str, order: Option<&str>) -> Rig {
    let gpu = GpuOptions { visible: Some(visible.to_owned()), order: order.map(str::to_owned), ..fake.options().gpu };
    Rig::new(fake, &Options { gpu, ..Options::default() })
}

#[test]
fn numbers_are_places_on_the_bus_and_shown_by_the_drivers_own() {
    let fake = Fake::new();
    fake.tell("set 0 bus 200");
    fake.tell("set 1 bus 3");
    let page = rig(fake, "0", None).read(0.0);
    assert_eq!(page.uuids("hw_gpu_memory_usage_bytes"), UUIDS[1..2]);
    page.check(&["gpu_info{", "hw_name=\"1\"", "pci_bus_id=\"00000000:03:00.0\""], Some("1"));
}

#[test]
fn an_agent_shows_all_whatever_is_visible_to_it() {
    let fake = Fake::new();
    let gpu = GpuOptions { visible: Some(String::new()), ..fake.options().gpu };
    let mut rig = Rig::new(fake, &Options { gpu, is_agent: true, ..Options::default() });
    assert_eq!(rig.read(0.0).uuids("gpu_info"), UUIDS[..2]);
}

#[test]
fn where_none_is_visible_the_driver_is_not_touched() {
    for nothing in ["", "-1", "NoDevFiles"] {
        let mut rig = rig(Fake::new(), nothing, None);
        rig.check_error(0.0, true, "gpu: CUDA_VISIBLE_DEVICES shows no GPU");
        assert_eq!(rig.fake.calls("nvmlInit_v2"), 0);
    }
    let mut rig = rig(Fake::new(), "GPU-ffff", None);
    rig.check_error(0.0, true, "gpu: there is no visible GPU");
}

#[test]
fn unlike_gpus_are_not_guessed() {
    let unlike = || {
        let fake = Fake::new();
        fake.tell("text 1 model Other");
        fake
    };
    let error = rig(unlike(), "0", None).error(0.0);
    assert!(!error.is_no_data() && error.to_string().contains("CUDA_DEVICE_ORDER=PCI_BUS_ID"), "{error}");
    assert_eq!(rig(unlike(), "1", Some("PCI_BUS_ID")).read(0.0).uuids("gpu_info"), UUIDS[1..2]);
    assert_eq!(rig(unlike(), "GPU-00000001", None).read(0.0).uuids("gpu_info"), UUIDS[1..2]);
}

#[test]
fn a_mig_device_is_shown_without_the_gpu_that_it_is_part_of() {
    let fake = Fake::new();
    fake.tell("mig 1 MIG-aaaa 10 5");
    fake.tell("mig 1 MIG-bbbb 10 5");
    let page = rig(fake, "MIG-b", None).read(0.0);
    assert_eq!(page.uuids("gpu_info"), ["MIG-bbbb"]);
    assert_eq!(page.lines(&["hw_status"]), [""; 0]);
}

#[test]
fn what_is_visible_stays_so_when_a_gpu_before_it_is_lost() {
    for visible in ["1", "GPU-00000000,GPU-00000001"] {
        let mut rig = rig(Fake::new(), visible, None);
        assert!(rig.read(0.0).uuids("gpu_info").contains(&UUIDS[1]));
        rig.fake.tell("lost 0");
        for second in [1.0, 11.0, 80.0, 90.0] {
            let page = rig.read(second);
            assert_eq!(page.uuids("gpu_info"), UUIDS[1..2]);
            page.check(&["hw_status{", "\"ok\"", UUIDS[1]], Some("1"));
        }
    }
}

#[test]
fn numbers_are_not_counted_while_a_gpu_does_not_answer() {
    let fake = Fake::new();
    fake.tell("lost 0");
    let mut rig = rig(fake, "0", None);
    let error = rig.error(0.0);
    assert!(!error.is_no_data() && error.to_string().contains("cannot be counted"), "{error}");
    rig.fake.tell("back 0");
    assert_eq!(rig.read(1.0).uuids("gpu_info"), UUIDS[..1]);
}

#[test]
fn one_that_is_named_and_does_not_answer_is_a_failure_and_not_its_absence() {
    let fake = Fake::new();
    fake.tell("lost 1");
    let mut rig = rig(fake, UUIDS[1], None);
    rig.check_error(0.0, false, "gpu: a GPU does not answer, and maybe it is visible");
    rig.fake.tell("back 1");
    assert_eq!(rig.read(1.0).uuids("gpu_info"), UUIDS[1..2]);
}
