//! What the process spends: in windows of a program's own choosing, while phases run, and right now.
#![cfg(target_os = "linux")]

use std::hint::black_box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use phasemeter::catalogue::{
    COLLECTOR_INFO, PHASE_PROCESS_CPU_CORES_MAX, PHASE_PROCESS_CPU_TIME, PHASE_PROCESS_MEMORY_MAX, PHASE_SAMPLED_TIME,
    PROCESS_CPU_CORES, PROCESS_CPU_UTILIZATION, SYSTEM_CPU_LOGICAL_COUNT,
};
use phasemeter::{Collectors, Meter, MeterBuilder, Metric, ResourceWindow, Value};

/// All tests here are about one process, and so one comes after the other.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn builder(collectors: Collectors) -> MeterBuilder {
    Meter::builder().isolated().environment([]).pipeline("test").collectors(collectors)
}

/// Twenty readings a second, each of several of the kernel's ticks.
fn often() -> Collectors {
    Collectors::only(["process", "cpu"]).interval(Duration::from_millis(50))
}

/// A meter whose collectors have begun, so that what they themselves take is part of what was there before.
fn begun(collectors: Collectors) -> Meter {
    let meter = builder(collectors).build();
    let _begun = meter.readings();
    meter
}

/// Keeps one CPU busy until this holds.
#[track_caller]
fn busy_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} has not come");
        let until = Instant::now() + Duration::from_millis(20);
        while Instant::now() < until {
            black_box((0..1_000_u64).fold(0, |sum: u64, number| sum.wrapping_mul(31).wrapping_add(number)));
        }
    }
}

fn value(meter: &Meter, metric: &Metric, labels: &[(&str, &str)]) -> Option<f64> {
    meter.snapshot().value(metric, labels).map(Value::as_f64)
}

const GIBIBYTE: u64 = 1 << 30;

#[test]
fn a_gibibyte_that_was_allocated_is_the_peak_of_its_window() {
    let _alone = alone();
    let meter = begun(often());
    let before = meter.window().stop().memory_peak_bytes.expect("there is a /proc");
    for bytes in [GIBIBYTE, GIBIBYTE / 4] {
        let mut window = meter.window();
        let block = vec![1_u8; usize::try_from(bytes).expect("memory is wide enough")];
        black_box(&block);
        // A peak that the kernel has seen is known at once; a lower one than before is, once it was looked at.
        let off = |peak: u64| (peak as f64 - before as f64 - bytes as f64).abs() / bytes as f64;
        let is_near =
            |window: &mut ResourceWindow| window.so_far().memory_peak_bytes.is_some_and(|peak| off(peak) < 0.05);
        assert!(is_near(&mut window), "{:?} after {before}", window.so_far());
        drop(block);
        let spent = window.stop();
        assert!(spent.memory_peak_bytes.is_some_and(|peak| off(peak) < 0.05), "{spent:?}");
        assert!(spent.memory_mean_bytes <= spent.memory_peak_bytes && spent.cpu_time.is_some(), "{spent:?}");
    }
    // What was allocated before its start is not in a window.
    let after = meter.window().stop().memory_peak_bytes.expect("there is a /proc");
    assert!(after < before + GIBIBYTE / 8, "{after} after {before}");
}

#[test]
fn a_peak_between_start_and_stop_is_seen_although_nobody_asks_then() {
    let _alone = alone();
    let meter = begun(often());
    // The kernel's own peak is above this already, and so says nothing.
    black_box(vec![1_u8; 256 << 20]);
    let window = meter.window();
    let block = vec![1_u8; 128 << 20];
    let readings = || value(&meter, &phasemeter::catalogue::PROCESS_MEMORY_USAGE, &[]);
    busy_until("a reading of the block", || readings().is_some_and(|bytes| bytes > f64::from(128 << 20)));
    drop(black_box(block));
    let peak = window.stop().memory_peak_bytes.expect("there is a /proc");
    assert!(peak > 128 << 20, "{peak}");
}

#[test]
fn cpu_time_and_disk_bytes_of_a_window_are_what_was_spent_in_it() {
    let _alone = alone();
    let meter = begun(Collectors::none());
    let window = meter.window();
    let begun = Instant::now();
    busy_until("a quarter of a second", || begun.elapsed() > Duration::from_millis(250));
    let path = std::env::temp_dir().join(format!("phasemeter-window-{}", std::process::id()));
    std::fs::write(&path, vec![7_u8; 4 << 20]).expect("a writable temporary folder");
    std::fs::remove_file(&path).expect("it was just written");
    let spent = window.stop();
    let cpu = spent.cpu_time.expect("there is a /proc");
    assert!(cpu > Duration::ZERO && cpu <= spent.duration * 4, "{spent:?}");
    // On a file system in memory nothing goes to storage; what cannot be read is none.
    assert!(spent.disk_written_bytes.is_none_or(|bytes| bytes == 0 || bytes >= 4 << 20), "{spent:?}");
    assert_eq!(spent.gpus, []);
}

#[test]
fn a_busy_loop_is_one_cpu_of_the_process_and_its_share_of_the_host() {
    let _alone = alone();
    let meter = begun(often());
    busy_until("a whole CPU", || value(&meter, &PROCESS_CPU_CORES, &[]).is_some_and(|cores| cores > 0.5));
    let snapshot = meter.snapshot();
    let of = |metric: &Metric| snapshot.value(metric, &[]).map(Value::as_f64).expect("it was read");
    let (cores, share, cpus) = (of(&PROCESS_CPU_CORES), of(&PROCESS_CPU_UTILIZATION), of(&SYSTEM_CPU_LOGICAL_COUNT));
    // One thread has one CPU at most; the kernel counts in ticks, of which there are five in a reading.
    assert!(cores < 1.5, "{cores}");
    assert!((share - cores / cpus).abs() < 1e-9, "{share} of {cpus} is not {cores}");
    let readings = meter.readings();
    assert!(readings.process_cpu_cores().is_some() && readings.process_memory() > Some(1 << 20));
}

#[test]
fn what_was_spent_while_phases_ran_says_how_many_they_were() {
    let _alone = alone();
    let meter = begun(often());
    let (alone, beside) = (meter.phase("alone"), meter.phase("beside"));
    let sampled = |phase: &str, overlap: &str| {
        value(&meter, &PHASE_SAMPLED_TIME, &[("overlap", overlap), ("phase", phase), ("pipeline", "test")])
    };
    let first = alone.start();
    busy_until("time of one phase", || sampled("alone", "1") > Some(0.3));
    let second = beside.start();
    busy_until("time of two phases", || sampled("alone", "2") > Some(0.3));
    drop(second);
    drop(first);
    assert_eq!(sampled("beside", "1"), None, "it never ran alone");
    assert_eq!(sampled("beside", "2"), sampled("alone", "2"));
    let labels = [("overlap", "1"), ("phase", "alone"), ("pipeline", "test")];
    let (cpu, time) = (value(&meter, &PHASE_PROCESS_CPU_TIME, &labels), sampled("alone", "1"));
    let (cpu, time) = cpu.zip(time).expect("both were read");
    assert!(cpu > 0.0 && cpu <= time * 1.5, "{cpu} s of CPU in {time} s of one busy thread");
    let greatest = |metric| value(&meter, metric, &[("phase", "alone"), ("pipeline", "test")]);
    assert!(greatest(&PHASE_PROCESS_MEMORY_MAX) > Some(f64::from(1 << 20)));
    assert!(greatest(&PHASE_PROCESS_CPU_CORES_MAX).is_some_and(|cores| cores > 0.1 && cores < 2.0));
}

#[test]
fn a_phase_that_did_not_run_has_spent_nothing() {
    let _alone = alone();
    let meter = begun(often());
    let _declared = meter.phase("idle");
    let _running = meter.phase("running").start();
    let labels = [("overlap", "1"), ("phase", "running"), ("pipeline", "test")];
    busy_until("time of the other", || value(&meter, &PHASE_SAMPLED_TIME, &labels) > Some(0.2));
    let snapshot = meter.snapshot();
    let of_idle =
        snapshot.series(&PHASE_SAMPLED_TIME).iter().filter(|series| series.labels.value("phase") == Some("idle"));
    assert_eq!(of_idle.count(), 0);
}

#[test]
fn collectors_that_nobody_wants_are_not_there() {
    let _alone = alone();
    let states = |meter: &Meter| {
        let snapshot = meter.snapshot();
        let names = snapshot.series(&COLLECTOR_INFO).iter();
        names.filter_map(|series| series.labels.value("collector").map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(states(&builder(Collectors::only(["load"])).build()), ["load"]);
    assert_eq!(states(&builder(Collectors::none()).build()), [""; 0]);
    let environment = [("PHASEMETER_COLLECTORS", "memory")];
    assert_eq!(states(&builder(Collectors::everything()).environment(environment).build()), ["memory"]);
}
