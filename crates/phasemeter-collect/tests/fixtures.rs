//! The collectors over fixtures: whole, truncated and missing.

use std::fs;
use std::path::{Path, PathBuf};

use phasemeter_collect::{Collector as _, Process, Roots, default_collectors, sample_all};
use phasemeter_core::{Samples, Snapshot, encode};

fn fixtures() -> Roots {
    Roots { proc: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proc") }
}

/// A copy of the fixtures that a test may damage; removed at the end.
struct Damaged(PathBuf);

impl Damaged {
    fn new(test: &str, damage: impl FnOnce(&Path)) -> Self {
        let root = std::env::temp_dir().join(format!("phasemeter-collect-{test}-{}", std::process::id()));
        copy(&fixtures().proc, &root);
        damage(&root);
        Self(root)
    }

    fn roots(&self) -> Roots {
        Roots { proc: self.0.clone() }
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

/// The lines that the default collectors give, without comments.
fn lines(roots: &Roots) -> Vec<String> {
    let mut samples = Samples::default();
    sample_all(&mut default_collectors(roots), &mut samples);
    let mut text = String::new();
    encode::text(&Snapshot::new(samples), &mut text);
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn a_whole_proc_gives_every_process_metric() {
    let expected = [
        "phasemeter_collector_success{collector=\"process\"} 1",
        "process_cpu_seconds_total 2",
        "process_max_fds 1024",
        "process_open_fds 4",
        "process_resident_memory_bytes 2048000",
        "process_start_time_seconds 1700000123.45",
        "process_threads 7",
        "process_virtual_memory_bytes 8192000",
    ];
    assert_eq!(lines(&fixtures()), expected);
}

#[test]
fn without_a_proc_there_is_no_data_and_no_failure() {
    let nowhere = Roots { proc: "/there is no such folder".into() };
    assert!(lines(&nowhere).is_empty());
    let error = Process::new(&nowhere).sample(&mut Samples::default()).expect_err("there is nothing to read");
    assert!(error.is_no_data(), "{error}");
}

#[test]
fn a_truncated_file_is_a_failure_that_names_it_and_leaves_no_half_of_a_sample() {
    for (file, expected) in [
        ("self/stat", "the process's counters from \"42 (tru"),
        ("self/statm", "two page counts from \"42 (tru"),
        ("self/limits", "Max open files from \"42 (tru"),
        ("stat", "the line btime from \"42 (tru"),
    ] {
        let truncate = |root: &Path| fs::write(root.join(file), "42 (tru").expect("a writable temporary folder");
        let damaged = Damaged::new(&file.replace('/', "-"), truncate);
        assert_eq!(lines(&damaged.roots()), ["phasemeter_collector_success{collector=\"process\"} 0"], "{file}");
        let error = Process::new(&damaged.roots()).sample(&mut Samples::default()).expect_err("it is truncated");
        assert!(!error.is_no_data() && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_process_without_a_limit_on_descriptors_says_nothing_of_one() {
    let unlimited = |root: &Path| {
        let text = "Max open files            unlimited            unlimited            files\n";
        fs::write(root.join("self/limits"), text).expect("a writable temporary folder");
    };
    let damaged = Damaged::new("unlimited", unlimited);
    let lines = lines(&damaged.roots());
    assert!(lines.iter().any(|line| line.starts_with("process_open_fds")));
    assert!(!lines.iter().any(|line| line.starts_with("process_max_fds")));
}

#[test]
#[cfg(target_os = "linux")]
fn the_real_proc_is_of_this_process() {
    let lines = lines(&Roots::default());
    let value = |name: &str| -> f64 {
        let line = lines.iter().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {lines:?}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{line}"))
    };
    assert!(value("process_resident_memory_bytes") > 100_000.0);
    assert!(value("process_threads") >= 1.0 && value("process_open_fds") >= 3.0);
    assert!(value("process_start_time_seconds") > 1_600_000_000.0);
}
