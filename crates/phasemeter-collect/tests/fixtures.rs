//! The collectors over fixtures: whole, truncated, missing, forbidden, absurd, and of other kernels.

mod cpu;
mod own;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use phasemeter_collect::{Collector, Error, KNOWN, Options, Roots, known_among};
use phasemeter_core::{Moment, Samples, Snapshot, catalogue, encode};

/// A little after the fixtures' process began.
const AT: Moment = Moment { now_ns: 10_000_000_000, unix_ns: 1_700_000_200_000_000_000 };

fn fixtures(host: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(host)
}

/// A copy of a host that a test may damage; removed at the end.
struct Damaged(PathBuf);

impl Damaged {
    fn new(test: &str, host: &str) -> Self {
        let root = std::env::temp_dir().join(format!("phasemeter-collect-{test}-{}", std::process::id()));
        copy(&fixtures(host), &root);
        Self(root)
    }

    fn write(&self, file: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(file), text).expect("a writable temporary folder");
    }

    fn remove(&self, file: &str) {
        let path = self.0.join(file);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    fn roots(&self) -> Roots {
        Roots::below(&self.0)
    }
}

impl Drop for Damaged {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable temporary folder");
    for entry in fs::read_dir(from).expect("the fixtures are there").map(|entry| entry.expect("an entry").path()) {
        let copied = to.join(entry.file_name().expect("an entry has a name"));
        if entry.is_dir() {
            copy(&entry, &copied);
        } else {
            fs::copy(&entry, &copied).expect("a writable temporary folder");
        }
    }
}

fn collector(name: &str, roots: &Roots) -> Box<dyn Collector> {
    let found = known_among(KNOWN, [name]).expect("it is known");
    (found[0].make)(roots, &Options::default())
}

fn text(samples: Samples) -> String {
    let mut text = String::new();
    encode::text(&Snapshot::new(samples), &mut text);
    text
}

/// The lines that a collector gives, without comments.
fn read(name: &str, roots: &Roots) -> Result<Vec<String>, Error> {
    let mut samples = Samples::default();
    collector(name, roots).sample(AT, &mut samples)?;
    Ok(text(samples).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

#[track_caller]
fn check_failure(name: &str, roots: &Roots, expected: &str) {
    let error = read(name, roots).expect_err("it cannot be understood");
    assert!(!error.is_no_data() && error.to_string().contains(expected), "{error}");
}

/// Lines of which the beginning is one of these.
fn of<'a>(lines: &'a [String], begin: &str) -> Vec<&'a str> {
    lines.iter().filter(|line| line.starts_with(begin)).map(String::as_str).collect()
}

/// Compares with a file of the repository, or writes it: `UPDATE_GOLDEN=1 cargo test -p phasemeter-collect`.
#[track_caller]
fn check_golden(golden: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&path, actual).expect("a writable folder");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{golden} is not as it was");
}

/// Everything but file systems, which no fixture can have: their space is the test machine's.
fn whole(host: &str) -> Samples {
    let mut samples = Samples::default();
    for known in KNOWN.iter().filter(|known| known.name != "filesystem") {
        let read = collector(known.name, &Roots::below(fixtures(host))).sample(AT, &mut samples);
        assert!(read.as_ref().is_ok_and(|()| true) || read.is_err_and(|error| error.is_no_data()), "{}", known.name);
    }
    // Not of the fixtures, but of whoever runs the test.
    let mut kept = Samples::default();
    for (metric, series) in samples.iter().filter(|(metric, _)| **metric != catalogue::PROCESS_CONTEXT_SWITCHES) {
        kept.push(metric, series.labels.clone(), series.value.clone());
    }
    kept
}

#[test]
fn a_whole_host_gives_every_series() {
    check_golden("host.txt", &text(whole("host")));
}

#[test]
fn a_second_look_gives_utilisation_and_peaks() {
    let damaged = Damaged::new("second", "host");
    let mut collector = collector("cpu", &damaged.roots());
    collector.sample(AT, &mut Samples::default()).expect("it is whole");
    // A hundred ticks later, 25 of them idle or waiting for storage.
    damaged.write("proc/stat", "cpu  20060 300 5010 170020 1505 205 400 600 900 0\ncpu0 1 2 3 4\nbtime 1700000000\n");
    let mut samples = Samples::default();
    let later = Moment { now_ns: AT.now_ns + 1_000_000_000, ..AT };
    collector.sample(later, &mut samples).expect("it is whole");
    let text = text(samples);
    for line in [
        "system_cpu_utilization_ratio 0.75",
        "system_cpu_utilization_max_ratio{window=\"1m\"} 0.75",
        "system_cpu_utilization_mean_ratio{window=\"1m\"} 0.75",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} in {text}");
    }
}

#[test]
fn where_nothing_is_there_is_no_data_and_no_failure() {
    let nowhere = Roots::below("/there is no such folder");
    for known in KNOWN {
        let error = read(known.name, &nowhere).expect_err("there is nothing to read");
        assert!(error.is_no_data(), "{}: {error}", known.name);
    }
}

#[test]
fn a_truncated_file_is_a_failure_that_names_it() {
    for (name, file, expected) in [
        ("process", "proc/self/stat", "the process's counters from \"42 (tru"),
        ("process", "proc/self/statm", "two page counts from \"42 (tru"),
        ("process", "proc/self/limits", "Max open files from \"42 (tru"),
        ("process", "proc/self/io", "six counters from \"42 (tru"),
        ("process", "proc/self/status", "VmHWM from \"42 (tru"),
        ("process", "proc/stat", "the line btime from \"42 (tru"),
        ("cpu", "proc/stat", "the line cpu from \"42 (tru"),
        ("memory", "proc/meminfo", "MemTotal, MemFree, Buffers and Cached from \"42 (tru"),
        ("memory", "proc/vmstat", "pgfault"),
        ("load", "proc/loadavg", "three load averages from \"42 (tru"),
        ("disk", "proc/diskstats", "fourteen columns a device from \"42 (tru"),
        ("network", "proc/self/net/dev", "sixteen columns an interface from \"42 (tru"),
        ("pressure", "proc/pressure/io", "lines of some and full from \"42 (tru"),
        ("cgroup", "sys/fs/cgroup/system.slice/documents.service/cpu.stat", "counters of CPU time from \"42 (tru"),
        ("cgroup", "sys/fs/cgroup/system.slice/documents.service/memory.current", "a number of bytes from \"42 (tru"),
        ("cgroup", "sys/fs/cgroup/system.slice/cpu.max", "a quota and a period from \"42 (tru"),
    ] {
        let damaged = Damaged::new(&format!("truncated-{}", file.replace('/', "-")), "host");
        damaged.write(file, "42 (tru");
        check_failure(name, &damaged.roots(), expected);
    }
}

#[test]
fn absurd_numbers_are_failures_and_never_wrapped() {
    let beyond = "99999999999999999999";
    for (name, file, text) in [
        ("cpu", "proc/stat", format!("cpu {beyond} 1 2 3\n")),
        ("memory", "proc/meminfo", format!("MemTotal: {beyond} kB\nMemFree: 1 kB\nBuffers: 1 kB\nCached: 1 kB\n")),
        (
            "memory",
            "proc/meminfo",
            "MemTotal: 1 kB\nMemFree: 18014398509481983 kB\nBuffers: 18014398509481983 kB\nCached: 9 kB\n".into(),
        ),
        ("load", "proc/loadavg", "-1.0 2.0 3.0 1/2 3\n".into()),
        ("disk", "proc/diskstats", format!("8 0 sda {beyond} 0 0 0 0 0 0 0 0 0 0\n")),
        ("network", "proc/self/net/dev", format!("Receive\nbytes\neth0: {beyond} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n")),
        ("process", "proc/self/statm", format!("{beyond} 1\n")),
    ] {
        let damaged = Damaged::new(&format!("absurd-{}", file.replace('/', "-")), "host");
        damaged.write(file, &text);
        let error = read(name, &damaged.roots()).expect_err("it is absurd");
        assert!(!error.is_no_data(), "{error}");
    }
}

#[test]
fn what_a_container_may_not_read_is_left_out_and_the_rest_is_shown() {
    let damaged = Damaged::new("forbidden", "host");
    damaged.remove("proc/self/io");
    damaged.remove("proc/self/limits");
    damaged.remove("proc/self/fd");
    damaged.remove("proc/vmstat");
    damaged.remove("proc/pressure/cpu");
    let process = read("process", &damaged.roots()).expect("the rest is there");
    assert!(of(&process, "process_max_fds").is_empty() && of(&process, "process_open_fds").is_empty());
    assert!(of(&process, "process_disk").is_empty() && !of(&process, "process_resident").is_empty());
    let memory = read("memory", &damaged.roots()).expect("the rest is there");
    assert!(of(&memory, "system_paging_faults").is_empty() && !of(&memory, "system_memory_usage").is_empty());
    let pressure = read("pressure", &damaged.roots()).expect("the rest is there");
    assert_eq!(of(&pressure, "host_pressure_stall_time_seconds_total").len(), 4);
}

#[test]
#[cfg(unix)]
fn permission_denied_is_no_data() {
    use std::os::unix::fs::PermissionsExt as _;
    let damaged = Damaged::new("denied", "host");
    let path = damaged.0.join("proc/loadavg");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).expect("our own file");
    // Root reads what nobody may.
    let is_root = fs::read(&path).is_ok();
    let read = read("load", &damaged.roots());
    assert!(if is_root { read.is_ok() } else { read.is_err_and(|error| error.is_no_data()) });
    let denied = Error::read(&path, std::io::ErrorKind::PermissionDenied.into());
    assert!(denied.is_no_data() && denied.to_string().contains("loadavg"), "{denied}");
}

#[test]
fn a_folder_where_a_file_should_be_is_a_failure() {
    let damaged = Damaged::new("folder", "host");
    damaged.remove("proc/loadavg");
    fs::create_dir(damaged.0.join("proc/loadavg")).expect("a writable temporary folder");
    check_failure("load", &damaged.roots(), "cannot read");
}

#[test]
fn an_old_kernel_shows_what_it_has() {
    let damaged = Damaged::new("old", "host");
    damaged.write("proc/stat", "cpu 10 20 30 40\ncpu0 10 20 30 40\nbtime 1\n");
    damaged.write("proc/meminfo", "MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 5 kB\nCached: 20 kB\n");
    damaged.write("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
    let cpu = read("cpu", &damaged.roots()).expect("it is whole");
    assert_eq!(
        of(&cpu, "system_cpu_time_seconds_total{cpu_mode=\"steal\"}"),
        ["system_cpu_time_seconds_total{cpu_mode=\"steal\"} 0"]
    );
    let memory = read("memory", &damaged.roots()).expect("it is whole");
    assert!(of(&memory, "system_memory_linux_available").is_empty());
    let pressure = read("pressure", &damaged.roots()).expect("it is whole");
    assert_eq!(of(&pressure, "host_pressure_stall_time_seconds_total{resource=\"cpu\"").len(), 1);
}

#[test]
fn version_one_of_control_groups_is_read_where_that_is_what_there_is() {
    let lines = read("cgroup", &Roots::below(fixtures("host_v1"))).expect("it is whole");
    let expected = [
        "cgroup_cpu_limit 1.5",
        "cgroup_cpu_periods_total 10",
        "cgroup_cpu_throttled_periods_total 4",
        "cgroup_cpu_throttled_time_seconds_total 0.123456789",
        "cgroup_memory_events_total{event=\"max\"} 5",
        "cgroup_memory_events_total{event=\"oom_kill\"} 3",
        // The group has none of its own, but the one above it has.
        "cgroup_memory_limit_bytes 536870912",
        "cgroup_memory_peak_bytes 350000000",
        "container_cpu_time_seconds_total{cpu_mode=\"system\"} 2.5",
        "container_cpu_time_seconds_total{cpu_mode=\"user\"} 15",
        "container_memory_available_bytes 296870912",
        "container_memory_usage_bytes 300000000",
        "container_memory_working_set_bytes 240000000",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn without_limits_none_is_shown() {
    let damaged = Damaged::new("unlimited", "host");
    damaged.write("sys/fs/cgroup/system.slice/memory.max", "max\n");
    damaged.write("sys/fs/cgroup/system.slice/documents.service/cpu.max", "max 100000\n");
    let lines = read("cgroup", &damaged.roots()).expect("it is whole");
    for absent in ["cgroup_cpu_limit", "cgroup_memory_limit", "container_memory_available"] {
        assert!(of(&lines, absent).is_empty(), "{absent}");
    }
    damaged.write("proc/self/limits", "Max open files            unlimited            unlimited            files\n");
    let lines = read("process", &damaged.roots()).expect("it is whole");
    assert!(of(&lines, "process_max_fds").is_empty() && !of(&lines, "process_open_fds").is_empty());
}

#[test]
fn a_process_that_is_moved_to_another_group_is_found_there() {
    let damaged = Damaged::new("moved", "host");
    let mut collector = collector("cgroup", &damaged.roots());
    let mut limit = || {
        let mut samples = Samples::default();
        collector
            .sample(AT, &mut samples)
            .map(|()| Snapshot::new(samples).value(&catalogue::CGROUP_CPU_LIMIT, &[]).map(|value| value.as_f64()))
    };
    assert_eq!(limit().expect("it is there"), Some(2.0));
    damaged.write("proc/self/cgroup", "0::/other.slice\n");
    fs::create_dir(damaged.0.join("sys/fs/cgroup/other.slice")).expect("a writable temporary folder");
    damaged.write("sys/fs/cgroup/other.slice/cpu.max", "50000 100000\n");
    assert_eq!(limit().expect("it is there"), Some(0.5));
}

#[test]
fn each_cpu_stands_for_itself_where_that_is_wanted() {
    let options = Options { per_cpu: true, ..Options::default() };
    let found = known_among(KNOWN, ["cpu"]).expect("it is known");
    let mut samples = Samples::default();
    (found[0].make)(&Roots::below(fixtures("host")), &options).sample(AT, &mut samples).expect("it is whole");
    let text = text(samples);
    let of_cpus =
        text.lines().filter(|line| line.starts_with("system_cpu_time_seconds_total{cpu_logical_number=")).count();
    assert_eq!((of_cpus, text.lines().filter(|line| line.starts_with("system_cpu_time")).count()), (14, 14));
}

#[test]
fn a_host_root_without_a_proc_is_refused_and_named() {
    let error = Roots::of_host("/there is no such folder").expect_err("it is no host");
    assert!(error.starts_with("/there is no such folder is no host's root: cannot read "), "{error}");
    assert!(Roots::of_host(fixtures("host")).is_ok());
}

/// Labels are those of the catalogue, and every metric of these subjects is shown by the fixtures.
#[test]
fn series_carry_the_labels_that_the_catalogue_declares_and_none_is_missing() {
    let samples = whole("host");
    for (metric, series) in samples.iter() {
        let names: Vec<_> = series.labels.iter().map(|(name, _)| name).collect();
        assert_eq!(names, metric.labels, "{}", metric.otel);
    }
    let shown: Vec<_> = samples.metrics().collect();
    // What needs a second look, a file system, or a system call.
    let elsewhere = ["utilization", "cores", "filesystem", "context_switches", "gpu"];
    let subjects =
        catalogue::SUBJECTS.iter().filter(|(subject, _)| ["Host", "Control group", "Process"].contains(subject));
    let missing: Vec<_> = subjects
        .flat_map(|(_, metrics)| *metrics)
        .filter(|metric| !shown.contains(metric) && !elsewhere.iter().any(|word| metric.otel.contains(word)))
        .map(|metric| metric.otel)
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
#[cfg(target_os = "linux")]
fn the_real_proc_is_of_this_process() {
    let lines = read("process", &Roots::default()).expect("there is a /proc");
    let value = |name: &str| -> f64 {
        let line = lines.iter().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {lines:?}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    assert!(value("process_resident_memory_bytes") > 100_000.0);
    assert!(value("process_threads") >= 1.0 && value("process_open_fds") >= 3.0);
    assert!(value("process_start_time_seconds") > 1_600_000_000.0);
}
