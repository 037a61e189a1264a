//! The collectors over fixtures: whole, truncated, missing, forbidden, absurd, and of other kernels.

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

/// What two and more looks at `/proc/stat`, each this long after the one before, show of one series.
#[track_caller]
fn check_looks(test: &str, series: &str, after: Duration, looks: &[(&str, Option<&str>)]) {
    let damaged = Damaged::new(test, "host");
    let options = Options { per_cpu: true, ..Options::default() };
    let mut by_cpu = (known_among(KNOWN, ["cpu"]).expect("it is known")[0].make)(&damaged.roots(), &options);
    let mut of_all = collector("cpu", &damaged.roots());
    let mut at = AT;
    for (stat, expected) in looks {
        damaged.write("proc/stat", stat);
        let mut shown = String::new();
        for collector in [&mut of_all, &mut by_cpu] {
            let mut samples = Samples::default();
            collector.sample(at, &mut samples).expect("it is whole");
            shown.push_str(&text(samples));
        }
        let value = shown.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        assert_eq!(value, *expected, "{series} of {stat:?}");
        at.now_ns += u64::try_from(after.as_nanos()).expect("a short time");
    }
}

#[test]
fn the_greatest_counters_between_two_looks_are_a_share_and_no_overflow() {
    let none = "cpu 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\n";
    let most = format!("cpu {0} {0} {0} {0} {0} {0} 0 {0}\ncpu0 {0} {0} {0} {0} {0} {0} 0 {0}\n", u64::MAX);
    let share = format!("{}", 5.0 / 7.0);
    let looks = [(none, None), (&*most, Some(&*share)), (none, Some(&*share)), (&*most, Some(&*share))];
    check_looks("greatest", "system_cpu_utilization_ratio", Duration::from_secs(1), &looks);
}

#[test]
fn idle_time_that_is_taken_back_stands_still_and_a_fall_of_seconds_is_shown() {
    let stat = |waiting: u64| format!("cpu 10 0 0 100 {waiting}\ncpu0 10 0 0 100 {waiting}\n");
    let [first, back, on, anew] = [1_500, 1_499, 1_501, 7].map(stat);
    let looks = [(&*first, Some("15")), (&*back, Some("15")), (&*on, Some("15.01")), (&*anew, Some("0.07"))];
    for series in ["{cpu_mode=\"iowait\"}", "{cpu_logical_number=\"0\",cpu_mode=\"iowait\"}"] {
        let series = format!("system_cpu_time_seconds_total{series}");
        check_looks("taken-back", &series, Duration::from_secs(1), &looks);
    }
}

#[test]
fn utilisation_waits_for_a_few_ticks_of_each_cpu_and_for_two_looks_after_a_fresh_start() {
    let stat = |user: u64, idle: u64| format!("cpu {user} 0 0 {idle}\ncpu0 1 0 0 1\ncpu1 1 0 0 1\n");
    let [first, few, enough, anew, half] =
        [(1_000, 1_000), (1_009, 1_000), (1_009, 1_001), (5, 5), (15, 15)].map(|(user, idle)| stat(user, idle));
    let looks = [(&*first, None), (&*few, None), (&*enough, Some("0.9")), (&*anew, Some("0.9")), (&*half, Some("0.5"))];
    check_looks("few-ticks", "system_cpu_utilization_ratio", Duration::from_millis(50), &looks);
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

/// Whoever opens a pipe that nobody writes to waits for ever.
#[test]
#[cfg(unix)]
fn making_a_collector_opens_nothing() {
    let damaged = Damaged::new("pipe", "host");
    for file in ["proc/1/net/dev", "proc/1/mountinfo", "proc/self/stat", "proc/self/cgroup"] {
        let path = damaged.0.join(file);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("a writable temporary folder");
        let _not_there = fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("every Unix has it");
        assert!(made.success(), "{file}");
    }
    let roots = damaged.roots();
    let (done, made) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let names: Vec<_> = KNOWN.iter().map(|known| collector(known.name, &roots).name()).collect();
        done.send(names)
    });
    let names = made.recv_timeout(Duration::from_secs(60)).expect("nobody waits for a pipe");
    assert_eq!(names.len(), KNOWN.len());
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

/// What is shown of the group's CPU limit: the fixtures' own is two CPUs, and at the top there is seven.
#[track_caller]
fn check_group(test: &str, membership: &str, mounted: &str, expected: Option<&str>) {
    let damaged = Damaged::new(&format!("group-{test}"), "host");
    damaged.write("sys/fs/cgroup/cpu.max", "700000 100000\n");
    damaged.write("proc/self/cgroup", format!("0::{membership}\n"));
    let mountinfo = format!("40 23 0:30 {mounted} /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n");
    damaged.write("proc/self/mountinfo", mountinfo);
    match expected {
        Some(limit) => {
            let lines = read("cgroup", &damaged.roots()).unwrap_or_else(|error| panic!("{test}: {error}"));
            assert_eq!(of(&lines, "cgroup_cpu_limit"), [format!("cgroup_cpu_limit {limit}")], "{test}");
        }
        None => assert!(read("cgroup", &damaged.roots()).is_err_and(|error| error.is_no_data()), "{test}"),
    }
}

#[test]
fn a_group_that_is_not_below_what_is_mounted_is_absent_and_never_another_one() {
    let own = "/system.slice/documents.service";
    check_group("whole", own, "/", Some("2"));
    check_group("own-namespace", "/", "/", Some("7"));
    check_group("gone", "/gone.slice", "/", None);
    check_group("outside", "/../other.slice", "/", None);
    check_group("above", "/system.slice/..", "/", None);
    check_group("the-mounted-one", "/docker/a", "/docker/a", Some("7"));
    check_group("below-the-mounted-one", &format!("/docker{own}"), "/docker", Some("2"));
    check_group("beside-the-mounted-one", "/docker/ab", "/docker/a", None);
    check_group("the-host's-mount-in-an-own-namespace", "/", "/../..", None);
}

#[test]
fn in_version_one_a_container_often_has_its_own_group_mounted() {
    let damaged = Damaged::new("v1-mounted", "host_v1");
    for controller in ["cpu", "cpuacct", "memory"] {
        let folder = damaged.0.join("sys/fs/cgroup").join(controller);
        fs::rename(folder.join("docker/abc"), damaged.0.join("own")).expect("a writable temporary folder");
        fs::remove_dir_all(&folder).expect("a writable temporary folder");
        fs::rename(damaged.0.join("own"), &folder).expect("a writable temporary folder");
    }
    let lines = |root: &str| {
        let line = |name: &str| format!("1 2 0:3 {root} /sys/fs/cgroup/{name} rw - cgroup cgroup rw,{name}\n");
        damaged.write("proc/self/mountinfo", ["cpu", "cpuacct", "memory"].map(line).concat());
        read("cgroup", &damaged.roots())
    };
    assert_eq!(lines("/docker/abc").expect("it is whole").len(), 13);
    assert!(lines("/docker/other").is_err_and(|error| error.is_no_data()));
}

/// The process below a real host's root is this one, seen from where it is itself.
#[test]
#[cfg(target_os = "linux")]
fn below_the_root_of_a_real_host_the_process_and_its_group_are_looked_for_where_they_are() {
    let damaged = Damaged::new("real-root", "host");
    damaged.remove("proc/self");
    std::os::unix::fs::symlink("42", damaged.0.join("proc/self")).expect("a writable temporary folder");
    copy(&fixtures("host").join("proc/self"), &damaged.0.join("proc/42"));
    let of_process = read("process", &damaged.roots()).expect("there is a /proc");
    let start = |lines: &[String]| of(lines, "process_start_time_seconds").concat();
    assert_eq!(start(&of_process), start(&read("process", &Roots::default()).expect("there is a /proc")));
    let of_group = read("cgroup", &damaged.roots()).map_err(|error| error.is_no_data());
    let limits = |lines: Vec<String>| of(&lines, "cgroup_cpu_limit").concat();
    let own = read("cgroup", &Roots::default()).map_err(|error| error.is_no_data());
    assert_eq!(of_group.map(limits), own.map(limits));
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
