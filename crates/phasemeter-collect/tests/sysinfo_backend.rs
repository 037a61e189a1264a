//! The backend through sysinfo, on whatever system this is; on Linux against the native collectors of the same process,
//! read before and after.

use std::time::{Duration, Instant};

use phasemeter_collect::{Collector, KNOWN, KNOWN_HERE, Known, Options, Roots, SYSINFO_KNOWN, known_among};
use phasemeter_core::catalogue::{
    self, PROCESS_CPU_SECONDS, PROCESS_MEMORY_USAGE, SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_CPU_UTILIZATION,
    SYSTEM_MEMORY_LIMIT,
};
use phasemeter_core::{Moment, Samples, Snapshot, Value};

fn made(known: &[Known], name: &str) -> Box<dyn Collector> {
    let found = known_among(known, [name]).expect("it is known");
    (found[0].make)(&Roots::default(), &Options::default())
}

fn now() -> Moment {
    static BEGUN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).expect("less than 584 years");
    let begun = BEGUN.get_or_init(Instant::now);
    Moment { now_ns: nanos(begun.elapsed()), unix_ns: nanos(std::time::UNIX_EPOCH.elapsed().expect("after 1970")) }
}

/// `None` where the system has no such data.
fn sampled(collector: &mut dyn Collector) -> Option<Snapshot> {
    let mut out = Samples::default();
    match collector.sample(now(), &mut out) {
        Ok(()) => Some(Snapshot::new(out)),
        Err(error) if error.is_no_data() => None,
        Err(error) => panic!("{}: {error}", collector.name()),
    }
}

#[test]
fn each_series_is_of_the_catalogue_with_the_labels_declared_there() {
    let mut count = 0;
    for known in SYSINFO_KNOWN {
        let mut collector = (known.make)(&Roots::default(), &Options::default());
        assert_eq!(collector.name(), known.name);
        // What is of the time between two samples is in the second.
        let _first = sampled(&mut *collector);
        for family in sampled(&mut *collector).unwrap_or_default().families {
            let metric = family.metric;
            assert!(catalogue::ALL.iter().any(|own| std::ptr::eq(*own, metric)), "{}", metric.otel);
            for series in family.series {
                let names: Vec<_> = series.labels.iter().map(|(name, _)| name).collect();
                assert_eq!(names, metric.labels, "{}", metric.otel);
                assert!(series.value.as_f64().is_finite(), "{} {}", metric.otel, series.labels.text());
                count += 1;
            }
        }
    }
    assert!(count > 12, "only {count} series");
}

#[test]
fn every_system_has_a_process_cpus_and_memory() {
    for (name, metrics) in [
        ("process", &[&PROCESS_CPU_SECONDS, &PROCESS_MEMORY_USAGE][..]),
        ("cpu", &[&SYSTEM_CPU_LOGICAL_COUNT]),
        ("memory", &[&SYSTEM_MEMORY_LIMIT]),
    ] {
        let snapshot = sampled(&mut *made(SYSINFO_KNOWN, name)).unwrap_or_else(|| panic!("{name} has no data"));
        for metric in metrics {
            assert!(snapshot.value(metric, &[]).is_some(), "{}", metric.otel);
        }
    }
}

#[test]
fn collectors_are_called_as_the_native_ones_are() {
    for name in ["process", "cpu", "memory", "load", "disk", "network"] {
        for list in [KNOWN, SYSINFO_KNOWN] {
            assert_eq!(known_among(list, [name]).expect("it is known").len(), 1);
        }
    }
}

#[test]
fn only_linux_has_collectors_of_its_own() {
    let names = |list: &[Known]| list.iter().map(|known| known.name).collect::<Vec<_>>();
    let expected = if cfg!(target_os = "linux") { KNOWN } else { SYSINFO_KNOWN };
    assert_eq!(names(KNOWN_HERE), names(expected));
}

#[test]
fn the_first_answer_on_utilization_is_none_and_the_next_comes_when_sysinfo_has_read_again() {
    let mut cpu = made(SYSINFO_KNOWN, "cpu");
    let mut utilization = || sampled(&mut *cpu)?.value(&SYSTEM_CPU_UTILIZATION, &[]).map(Value::as_f64);
    let begun = Instant::now();
    let share = loop {
        if let Some(share) = utilization() {
            break share;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it never comes");
    };
    assert!(begun.elapsed() >= sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
    assert!((0.0..=1.0).contains(&share), "{share}");
    // This loop has kept one CPU from being idle all the time.
    assert!(share > 0.0, "{share}");
}

#[cfg(target_os = "linux")]
mod against_native {
    use std::sync::Barrier;

    use phasemeter_core::catalogue::{
        PROCESS_DISK_IO, PROCESS_MAX_FILE_DESCRIPTORS, PROCESS_MEMORY_VIRTUAL, PROCESS_START_TIMESTAMP,
        SYSTEM_CPU_TIME, SYSTEM_DISK_IO, SYSTEM_FILESYSTEM_LIMIT, SYSTEM_FILESYSTEM_USAGE, SYSTEM_LOAD_1M,
        SYSTEM_LOAD_5M, SYSTEM_LOAD_15M, SYSTEM_MEMORY_AVAILABLE, SYSTEM_MEMORY_USAGE, SYSTEM_NETWORK_ERRORS,
        SYSTEM_NETWORK_IO, SYSTEM_NETWORK_PACKETS, SYSTEM_PAGING_USAGE,
    };
    use phasemeter_core::{Metric, Series};

    use super::*;

    fn native(name: &str) -> Snapshot {
        sampled(&mut *made(KNOWN, name)).unwrap_or_default()
    }

    fn all_of<'a>(snapshot: &'a Snapshot, metric: &Metric) -> &'a [Series] {
        let family = snapshot.families.iter().find(|family| std::ptr::eq(family.metric, metric));
        family.map_or(&[], |family| &family.series)
    }

    fn value(snapshot: &Snapshot, metric: &Metric, series: &Series) -> Option<f64> {
        let found = all_of(snapshot, metric).iter().find(|own| own.labels == series.labels)?;
        Some(found.value.as_f64())
    }

    fn plain(snapshot: &Snapshot, metric: &'static Metric) -> f64 {
        snapshot.value(metric, &[]).map(Value::as_f64).unwrap_or_else(|| panic!("no {}", metric.otel))
    }

    /// Every series that both have lies between the readings before and after, or so near. How many there were.
    #[track_caller]
    fn bracketed(metric: &Metric, [before, between, after]: [&Snapshot; 3], tolerance: f64) -> usize {
        let common = all_of(between, metric).iter().filter_map(|series| {
            let (before, after) = (value(before, metric, series)?, value(after, metric, series)?);
            Some((series, before.min(after), before.max(after)))
        });
        let check = |(series, low, high): (&Series, f64, f64)| {
            let read = series.value.as_f64();
            let is_within = (low - tolerance..=high + tolerance).contains(&read);
            assert!(is_within, "{}{{{}}}: {low} ≤ {read} ≤ {high}", metric.otel, series.labels.text());
        };
        common.map(check).count()
    }

    /// Keeps a CPU busy until the process's clock, which goes by ticks, has moved on.
    fn work() {
        let spent = || plain(&native("process"), &PROCESS_CPU_SECONDS);
        let begun = spent();
        while spent() < begun + 0.03 {}
    }

    /// So that the process has written. Not into a temporary folder, which may be of memory.
    fn write_something() {
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("sysinfo_backend");
        std::fs::write(&path, [1; 65_536]).expect("the target folder can be written to");
        std::fs::remove_file(path).expect("it was written");
    }

    fn three(name: &str, sysinfo: &mut dyn Collector) -> [Snapshot; 3] {
        work();
        let before = native(name);
        work();
        let between = sampled(sysinfo).unwrap_or_default();
        work();
        [before, between, native(name)]
    }

    #[test]
    fn counters_lie_between_the_native_ones_before_and_after() {
        for (name, counters) in [
            ("process", &[&PROCESS_CPU_SECONDS, &PROCESS_DISK_IO][..]),
            ("network", &[&SYSTEM_NETWORK_IO, &SYSTEM_NETWORK_PACKETS, &SYSTEM_NETWORK_ERRORS]),
            ("disk", &[&SYSTEM_DISK_IO]),
        ] {
            let mut sysinfo = made(SYSINFO_KNOWN, name);
            // Twice: what was taken as the difference to a refresh before would be small now, or nothing.
            write_something();
            let _first = sampled(&mut *sysinfo);
            let readings = three(name, &mut *sysinfo);
            let readings = readings.each_ref();
            for metric in counters {
                let compared = bracketed(metric, readings, 0.0);
                // A container may show no disk of its own, and the kernel no reads and writes of a process.
                let is_known = all_of(readings[0], metric).iter().any(|series| series.value.as_f64() > 0.0);
                let may_lack = std::ptr::eq(*metric, &SYSTEM_DISK_IO) || !is_known;
                assert!(compared > 0 || may_lack, "{} is not compared", metric.otel);
            }
        }
    }

    #[test]
    fn memory_is_what_the_kernel_says_give_or_take_what_moved_meanwhile() {
        let mut memory = made(SYSINFO_KNOWN, "memory");
        let readings = three("memory", &mut *memory);
        let readings = readings.each_ref();
        let total = plain(readings[0], &SYSTEM_MEMORY_LIMIT);
        // Other programs take and give back memory, and 60 ms are not long enough for a fiftieth of the whole.
        let tolerance = total / 50.0;
        assert_eq!(bracketed(&SYSTEM_MEMORY_LIMIT, readings, 0.0), 1);
        assert_eq!(bracketed(&SYSTEM_MEMORY_AVAILABLE, readings, tolerance), 1);
        assert_eq!(bracketed(&SYSTEM_PAGING_USAGE, readings, tolerance), 2);
        let [native, sysinfo, _] = readings;
        let state = |snapshot: &Snapshot, state| {
            let value = snapshot.value(&SYSTEM_MEMORY_USAGE, &[("system_memory_state", state)]);
            value.map(Value::as_f64).unwrap_or_else(|| panic!("no memory that is {state}"))
        };
        assert!((state(native, "free") - state(sysinfo, "free")).abs() < tolerance);
        // To sysinfo everything is used that is not available.
        let used = state(sysinfo, "used");
        assert!((used - (total - plain(native, &SYSTEM_MEMORY_AVAILABLE))).abs() < tolerance);
        assert_eq!(used + state(sysinfo, "free") + state(sysinfo, "cached"), total);
    }

    #[test]
    fn the_process_and_the_load_are_as_the_native_ones_have_them() {
        let mut process = made(SYSINFO_KNOWN, "process");
        let readings = three("process", &mut *process);
        let readings = readings.each_ref();
        let [before, between, _] = readings;
        // Other tests of this process allocate meanwhile.
        let tolerance = plain(before, &PROCESS_MEMORY_USAGE) / 20.0;
        assert_eq!(bracketed(&PROCESS_MEMORY_USAGE, readings, tolerance), 1);
        // Each thread of the tests reserves an arena.
        assert_eq!(bracketed(&PROCESS_MEMORY_VIRTUAL, readings, plain(before, &PROCESS_MEMORY_VIRTUAL)), 1);
        let limits = all_of(before, &PROCESS_MAX_FILE_DESCRIPTORS).len();
        assert_eq!(bracketed(&PROCESS_MAX_FILE_DESCRIPTORS, readings, 0.0), limits);
        // sysinfo leaves out the fraction of a second, of the start and of the boot before it.
        let start = |snapshot| plain(snapshot, &PROCESS_START_TIMESTAMP);
        assert!((0.0..=2.0).contains(&(start(before) - start(between))), "{} {}", start(before), start(between));

        let mut load = made(SYSINFO_KNOWN, "load");
        let readings = three("load", &mut *load);
        for metric in [&SYSTEM_LOAD_1M, &SYSTEM_LOAD_5M, &SYSTEM_LOAD_15M] {
            assert_eq!(bracketed(metric, readings.each_ref(), 0.0), 1, "{}", metric.otel);
        }
    }

    /// Time that was idle, and all of it.
    fn cpu_seconds() -> [f64; 2] {
        let snapshot = native("cpu");
        let series = all_of(&snapshot, &SYSTEM_CPU_TIME);
        let is_idle = |series: &&Series| ["idle", "iowait"].contains(&series.labels.value("cpu_mode").unwrap_or(""));
        let sum = |series: &mut dyn Iterator<Item = &Series>| series.map(|series| series.value.as_f64()).sum();
        [sum(&mut series.iter().filter(is_idle)), sum(&mut series.iter())]
    }

    #[test]
    fn utilization_is_of_the_time_between_two_readings() {
        let mut cpu = made(SYSINFO_KNOWN, "cpu");
        let first = cpu_seconds();
        let _none = sampled(&mut *cpu);
        let first_after = cpu_seconds();
        // Sooner than sysinfo reads again, it would repeat what it said.
        let (second, share, second_after) = loop {
            let before = cpu_seconds();
            let share = sampled(&mut *cpu).and_then(|read| read.value(&SYSTEM_CPU_UTILIZATION, &[]).map(Value::as_f64));
            if let Some(share) = share {
                break (before, share, cpu_seconds());
            }
        };
        let passed = |place: usize| {
            let [shortest, longest] = [second[place] - first_after[place], second_after[place] - first[place]];
            (shortest, longest)
        };
        let ((idle_least, idle_most), (all_least, all_most)) = (passed(0), passed(1));
        let (low, high) = (1.0 - idle_most / all_least, 1.0 - idle_least / all_most);
        // sysinfo computes with 24 bits.
        assert!((low - 1e-3..=high + 1e-3).contains(&share), "{low} ≤ {share} ≤ {high}");
    }

    #[test]
    fn two_that_read_at_once_do_not_disturb_each_other() {
        for (name, metric) in [("process", &PROCESS_CPU_SECONDS), ("network", &SYSTEM_NETWORK_IO)] {
            let before = native(name);
            let together = Barrier::new(2);
            let read = || {
                let mut sysinfo = made(SYSINFO_KNOWN, name);
                together.wait();
                (0..50).map(|_| sampled(&mut *sysinfo).unwrap_or_default()).collect::<Vec<_>>()
            };
            let read: Vec<Snapshot> = std::thread::scope(|scope| {
                let threads = [scope.spawn(read), scope.spawn(read)];
                threads.into_iter().flat_map(|thread| thread.join().expect("it reads")).collect()
            });
            let after = native(name);
            assert_eq!(read.len(), 100);
            for between in &read {
                assert!(bracketed(metric, [&before, between, &after], 0.0) > 0, "{}", metric.otel);
            }
        }
    }

    #[test]
    fn space_is_what_the_file_system_says_and_its_states_add_up() {
        let snapshot = sampled(&mut *made(SYSINFO_KNOWN, "filesystem")).expect("it has a root at least");
        for limit in all_of(&snapshot, &SYSTEM_FILESYSTEM_LIMIT) {
            let of = |name| limit.labels.value(name).unwrap_or_default();
            let mount = of("system_filesystem_mountpoint");
            let states = all_of(&snapshot, &SYSTEM_FILESYSTEM_USAGE).iter();
            let states = states.filter(|series| series.labels.value("system_filesystem_mountpoint") == Some(mount));
            assert_eq!(states.map(|series| series.value.as_f64()).sum::<f64>(), limit.value.as_f64(), "{mount}");
            let space = nix::sys::statvfs::statvfs(mount).expect("it is mounted");
            assert_eq!(space.blocks() as f64 * space.fragment_size() as f64, limit.value.as_f64(), "{mount}");
        }
    }
}
