//! What a program reads back.

use phasemeter_collect::GpuReading;
use phasemeter_core::Snapshot;

use crate::rig::{Fake, UUIDS, at, code};

fn first() -> GpuReading {
    GpuReading {
        uuid: UUIDS[0].to_owned(),
        index: 0,
        mig: None,
        memory_used_bytes: Some(10 << 30),
        memory_total_bytes: Some(80 << 30),
        utilization: Some(0.42),
        power_watts: Some(251.5),
        energy_joules: Some(1234.5),
        temperature: Some(55.0),
    }
}

#[test]
fn readings_are_those_of_the_samples_and_what_is_not_known_is_none() {
    let mut rig = Fake::new().service();
    rig.fake.answer("1", "nvmlDeviceGetTemperature", code::NOT_SUPPORTED);
    rig.fake.tell("mig 1 MIG-aaaa 4096 1024");
    let samples = rig.sample(at(0.0)).expect("it is well");
    let second = GpuReading {
        uuid: UUIDS[1].to_owned(),
        index: 1,
        memory_used_bytes: Some(11 << 30),
        energy_joules: Some(1234.501),
        temperature: None,
        ..first()
    };
    let part = GpuReading {
        uuid: "MIG-aaaa".to_owned(),
        index: 1,
        mig: Some(0),
        memory_used_bytes: Some(1024),
        memory_total_bytes: Some(4096),
        ..GpuReading::default()
    };
    let expected = [first(), second, part];
    assert_eq!(GpuReading::of_samples(&samples), expected);
    assert_eq!(GpuReading::of_snapshot(&Snapshot::new(samples)), expected);
}

#[test]
fn a_gpu_that_is_lost_has_no_reading() {
    let mut rig = Fake::new().service();
    rig.read(0.0);
    rig.fake.tell("lost 1");
    let page = rig.read(1.0);
    assert_eq!(GpuReading::of_snapshot(&page.snapshot), [first()]);
}
