//! GPUs, through a driver's library that the test builds: what the agent prints, and what a program does with them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use phasemeter::catalogue::{HW_GPU_MEMORY_USAGE, HW_STATUS, PHASE_GPU_MEMORY_MAX};
use phasemeter::{Collectors, Meter};
use phasemeter_tests::program::Program;
use phasemeter_tests::waiting::wait_for;

use crate::rig::{Scrape, agent};

/// The first GPU that the library has without being told.
const FIRST: &str = "GPU-00000000-1111-2222-3333-444444444444";
const SECOND: &str = "GPU-00000001-1111-2222-3333-444444444444";

/// The fake driver's library, built now.
fn library() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    let line = "build --package phasemeter-fake-nvml --locked --offline --message-format json-render-diagnostics";
    command.args(line.split(' ')).current_dir(env!("CARGO_MANIFEST_DIR"));
    let built = command.output().expect("cargo starts");
    let text = String::from_utf8_lossy(&built.stdout);
    let is_it = |path: &&str| path.contains("fake_nvml") && Path::new(path).extension().is_some_and(|end| end == "so");
    let path = text.split('"').find(is_it);
    PathBuf::from(path.unwrap_or_else(|| panic!("not built: {}", String::from_utf8_lossy(&built.stderr))))
}

#[test]
fn the_agent_prints_every_gpu_whatever_is_visible_to_it() {
    let mut command = agent(&["--once", "--collectors", "gpu"]);
    command.env("PHASEMETER_NVML_LIBRARY", library()).env("CUDA_VISIBLE_DEVICES", "");
    let ended = Program::start(&mut command).ended();
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
    let scrape = Scrape::read(&ended.stdout);
    // Shares of a second need a second one.
    assert!(ended.stdout.contains("gpu_sm_active_ratio{"), "{}", ended.stdout);
    for (uuid, index) in [(FIRST, "0"), (SECOND, "1")] {
        let used = scrape.of(&HW_GPU_MEMORY_USAGE, &[("hw_id", uuid), ("hw_name", index)]);
        assert!(used.is_some_and(|bytes| bytes > 0.0), "{uuid}: {used:?}");
        let state = [("hw_id", uuid), ("hw_name", index), ("hw_state", "ok"), ("hw_type", "gpu")];
        assert_eq!(scrape.of(&HW_STATUS, &state), Some(1.0));
    }
}

#[test]
fn a_program_reads_its_gpus_and_windows_and_phases_have_what_they_used() {
    let collectors = Collectors::only(["gpu", "process"]).interval(Duration::from_millis(100)).nvml_library(library());
    let environment = [("CUDA_VISIBLE_DEVICES", SECOND)];
    let meter = Meter::builder().isolated().pipeline("test").environment(environment).collectors(collectors).build();
    let gpu = wait_for("a reading of the GPU", || meter.readings().gpu(0).ok_or_else(|| "none yet".to_owned()));
    assert_eq!((&*gpu.uuid, meter.readings().gpus().len()), (SECOND, 1), "only one is visible");
    assert!(gpu.memory_used_bytes.is_some_and(|bytes| bytes > 0));
    assert_eq!(meter.readings().gpu_by_uuid(FIRST), None);

    let mut window = meter.window();
    let embed = meter.phase("embed").start();
    wait_for("the GPU in the window and in the phase", || {
        let labels = [("phase", "embed"), ("pipeline", "test")];
        let of_phase = meter.snapshot().value(&PHASE_GPU_MEMORY_MAX, &labels).map(|value| value.as_f64());
        let gpus = window.so_far().gpus;
        let expected = gpu.memory_used_bytes;
        let is_there = matches!(&*gpus, [only] if only.uuid == SECOND && only.memory_peak_bytes == expected)
            && of_phase == expected.map(|bytes| bytes as f64);
        is_there.then_some(()).ok_or_else(|| format!("{gpus:?} {of_phase:?}"))
    });
    drop(embed);
}
