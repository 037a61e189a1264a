//! What is printed once: of a fixture's root against a golden file, and of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use phasemeter::catalogue::{
    ALL, COLLECTOR_DURATION, COLLECTOR_LAST_SUCCESS_TIMESTAMP, HOST_FILESYSTEM_ERROR, PROCESS_CONTEXT_SWITCHES,
    PROCESS_CPU_UTILIZATION, PROCESS_MEMORY_USAGE, PROCESS_UPTIME, SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_CPU_UTILIZATION,
    SYSTEM_CPU_UTILIZATION_MAX, SYSTEM_FILESYSTEM_LIMIT, SYSTEM_FILESYSTEM_USAGE, SYSTEM_FILESYSTEM_UTILIZATION,
    SYSTEM_LOAD_1M, SYSTEM_MEMORY_LIMIT,
};
use phasemeter::{Collectors, Metric};
use phasemeter_tests::program::{Ended, Program};
use phasemeter_tests::prometheus::promtool_check;
use serde_json::Value;

use crate::rig::{Scrape, agent, fixture, run};

/// What no fixture decides, and so is a tilde in the golden file.
const MASKED: [(&Metric, &str); 7] = [
    (&COLLECTOR_DURATION, "how long it took this time"),
    (&COLLECTOR_LAST_SUCCESS_TIMESTAMP, "when that was"),
    (&PROCESS_CONTEXT_SWITCHES, "a system call tells it of the agent itself"),
    (&PROCESS_UPTIME, "it has grown since the fixture was made"),
    (&SYSTEM_FILESYSTEM_LIMIT, "a system call tells it of the disk that the fixture lies on"),
    (&SYSTEM_FILESYSTEM_USAGE, "the same"),
    (&SYSTEM_FILESYSTEM_UTILIZATION, "the same"),
];

/// What promtool has against names that are OpenTelemetry's.
const KNOWN_FINDINGS: [(&Metric, &str); 1] =
    [(&SYSTEM_CPU_LOGICAL_COUNT, "non-histogram and non-summary metrics should not have \"_count\" suffix")];

fn masked(text: &str) -> String {
    let names: Vec<_> = MASKED.iter().map(|(metric, _)| metric.prometheus_name()).collect();
    let line = |line: &str| {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        match line.rsplit_once(' ') {
            Some((series, _)) if names.iter().any(|own| own == name) => format!("{series} ~\n"),
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

/// Compares with a file of the repository, or writes it: `UPDATE_GOLDEN=1 cargo test -p phasemeter-cli`.
#[track_caller]
fn check_golden(golden: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&path, actual).expect("a writable folder");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let only_in = |one: &str, other: &str, sign: &str| -> String {
        let other: BTreeSet<_> = other.lines().collect();
        one.lines().filter(|line| !other.contains(line)).map(|line| format!("{sign} {line}\n")).collect()
    };
    let (lost, new) = (only_in(&expected, actual, "-"), only_in(actual, &expected, "+"));
    assert!(actual == expected, "{golden} is not as it was, or in another order:\n{lost}{new}");
}

fn over_the_fixture(arguments: &[&str]) -> Ended {
    let mut command = agent(&["--once", "--host-root"]);
    Program::start(command.arg(fixture()).args(arguments)).ended()
}

/// Everything that a fixture decides: which GPUs there are, the driver of this machine does.
fn of_files() -> String {
    let names = Collectors::known().map(|(name, _)| name).filter(|name| *name != "gpu");
    names.collect::<Vec<_>>().join(",")
}

#[test]
fn a_whole_host_is_printed_as_ever_and_nothing_is_told() {
    let ended = over_the_fixture(&["--collectors", &of_files()]);
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
    check_golden("host.txt", &masked(&ended.stdout));
    let tildes = ended.stdout.lines().filter(|line| line.contains('~')).count();
    assert_eq!(tildes, 0, "a tilde is a mask");
}

#[test]
fn promtool_finds_nothing_but_what_is_known() {
    for ended in [over_the_fixture(&[]), run(&["--once"]), run(&["--once", "--per-cpu", "--remote-file-systems"])] {
        let checked = promtool_check(&ended.stdout);
        let found = String::from_utf8(checked.stderr).expect("it is text");
        let known: Vec<_> =
            KNOWN_FINDINGS.iter().map(|(metric, finding)| format!("{} {finding}", metric.prometheus_name())).collect();
        assert_eq!(found.lines().collect::<Vec<_>>(), known);
    }
}

#[test]
fn every_family_of_this_machine_is_in_the_catalogue() {
    let ended = run(&["--once"]);
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let known: BTreeSet<_> = ALL.iter().map(|metric| metric.prometheus_name()).collect();
    let families: Vec<_> = families(&ended.stdout).collect();
    assert!(families.len() > 40, "{families:?}");
    let unknown: Vec<_> = families.iter().filter(|name| !known.contains(**name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let of_phases: Vec<_> =
        families.iter().filter(|name| name.starts_with("phase_") || name.starts_with("pipeline_")).collect();
    assert!(of_phases.is_empty(), "{of_phases:?}");
}

fn families(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
}

#[test]
#[cfg(target_os = "linux")]
fn this_machine_is_read_twice_so_that_there_are_shares_and_peaks() {
    let scrape = Scrape::read(&run(&["--once"]).stdout);
    let metrics = [
        &SYSTEM_CPU_UTILIZATION,
        &SYSTEM_CPU_UTILIZATION_MAX,
        &PROCESS_CPU_UTILIZATION,
        &PROCESS_MEMORY_USAGE,
        &SYSTEM_MEMORY_LIMIT,
        &SYSTEM_LOAD_1M,
    ];
    for metric in metrics {
        let labels: &[_] = if metric.labels.is_empty() { &[] } else { &[("window", "1m")] };
        assert!(scrape.of(metric, labels).is_some_and(f64::is_finite), "{}", metric.otel);
    }
    let utilization = scrape.of(&SYSTEM_CPU_UTILIZATION, &[]).expect("it was read twice");
    assert!((0.0..=1.0).contains(&utilization), "{utilization}");
}

#[test]
fn only_what_was_asked_for_is_read() {
    let ended = over_the_fixture(&["--collectors", "load, memory"]);
    let scrape = Scrape::read(&ended.stdout);
    assert!(scrape.of(&SYSTEM_LOAD_1M, &[]).is_some() && scrape.of(&SYSTEM_MEMORY_LIMIT, &[]).is_some());
    for absent in [&PROCESS_MEMORY_USAGE, &HOST_FILESYSTEM_ERROR, &SYSTEM_CPU_LOGICAL_COUNT] {
        assert_eq!(scrape.named(&absent.prometheus_name()).count(), 0, "{}", absent.otel);
    }
}

/// A fixture of which one file says something else.
fn damaged(file: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copied = Command::new("cp").args(["-R", "--"]).arg(fixture().join(".")).arg(folder.path()).status();
    assert!(copied.is_ok_and(|status| status.success()), "cp");
    fs::write(folder.path().join(file), text).expect("a writable temporary folder");
    folder
}

#[test]
fn a_collector_that_fails_is_named_and_the_others_are_printed() {
    let root = damaged("proc/loadavg", "many");
    let ended = run(&["--once", "--host-root", root.path().to_str().expect("its name is text")]);
    assert_eq!(ended.status, Some(1), "{}", ended.stderr);
    let file = root.path().join("proc/loadavg");
    let expected = format!(
        "phasemeter: the collector load has failed: cannot parse three load averages from \"many\" in {}\n\
         phasemeter: not read: load\n",
        file.display()
    );
    assert_eq!(ended.stderr, expected);
    let scrape = Scrape::read(&ended.stdout);
    assert!(scrape.of(&SYSTEM_MEMORY_LIMIT, &[]).is_some());
    assert_eq!(scrape.of(&SYSTEM_LOAD_1M, &[]), None);
}

#[test]
fn what_is_not_there_is_no_failure_and_told_only_where_that_is_wanted() {
    let root = damaged("proc/loadavg", "");
    fs::remove_file(root.path().join("proc/loadavg")).expect("it was just written");
    let root = root.path().to_str().expect("its name is text");
    let ended = run(&["--once", "--collectors", "cpu,load", "--host-root", root]);
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
    let ended = run(&["--once", "--collectors", "cpu,load", "--host-root", root, "--verbose"]);
    assert_eq!(ended.status, Some(0));
    assert!(ended.stderr.starts_with("phasemeter: the collector load has no data: cannot read "), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1);
}

#[test]
fn the_other_formats_hold_the_same_families() {
    let text = over_the_fixture(&[]).stdout;
    let of_text: BTreeSet<_> = families(&text).collect();
    let json: Value = serde_json::from_str(&over_the_fixture(&["--format", "json"]).stdout).expect("it is JSON");
    let families_of_json = json["families"].as_array().expect("a list of families");
    let of_json: BTreeSet<_> = families_of_json.iter().filter_map(|family| family["name"].as_str()).collect();
    assert_eq!(of_json, of_text);
    let limit = families_of_json.iter().find(|family| family["otel_name"] == SYSTEM_MEMORY_LIMIT.otel);
    let in_text = Scrape::read(&text).of(&SYSTEM_MEMORY_LIMIT, &[]);
    assert_eq!(limit.and_then(|family| family["series"][0]["value"].as_f64()), in_text);

    let open_metrics = over_the_fixture(&["--format", "open-metrics"]).stdout;
    assert!(open_metrics.ends_with("# EOF\n"), "{open_metrics}");
    assert_eq!(families(&open_metrics).count(), of_text.len());
}

#[test]
#[cfg(unix)]
fn a_reader_that_goes_away_has_seen_enough() {
    for arguments in [&["--once"][..], &["--collectors", "list"]] {
        let mut command = agent(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), &b""[..]), "{arguments:?}");
    }
}
