//! What cannot be used is refused with status 2 and a message that names it, before anything is read.

use std::net::TcpListener;

use phasemeter::catalogue::{SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_LOAD_1M};
use phasemeter::{Collectors, Metric};
use phasemeter_tests::program::{Ended, Program};

use crate::rig::{agent, fixture, run};

#[track_caller]
fn check(ended: &Ended, message: &str) {
    assert_eq!((ended.status, &*ended.stdout), (Some(2), ""), "{}", ended.stderr);
    assert_eq!(ended.stderr, format!("phasemeter: {message}\n"));
}

/// The same, said by a variable.
#[track_caller]
fn with(name: &str, value: &str) -> Ended {
    Program::start(agent(&["--once"]).env(name, value)).ended()
}

fn known() -> String {
    Collectors::known().map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

#[test]
fn an_unknown_collector_is_told_with_those_that_are_known() {
    let expected = format!("there is no collector \"gpus\": known are {}, or all of them", known());
    check(&run(&["--once", "--collectors", "cpu,gpus"]), &format!("--collectors: {expected}"));
    check(&with("PHASEMETER_COLLECTORS", "cpu,gpus"), &format!("PHASEMETER_COLLECTORS: {expected}"));
    check(
        &run(&["--once", "--collectors", ""]),
        &format!("--collectors: it names no collector: known are {}, or all of them", known()),
    );
}

#[test]
fn an_interval_of_nothing_or_of_no_known_unit_is_refused() {
    check(&run(&["--interval", "0"]), "--interval: \"0\" is no interval: an interval of 0 never ends");
    check(&run(&["--interval", "-1s"]), "--interval: \"-1s\" is no interval: it should be as 10ms, 1s or 2m");
    check(
        &with("PHASEMETER_INTERVAL", "5 weeks"),
        "PHASEMETER_INTERVAL: \"5 weeks\" is no interval: its unit is none of ms, s, m, h",
    );
}

#[test]
fn an_interval_of_every_form_is_taken() {
    for interval in ["1", "0.5", "10ms", "1m"] {
        let ended = run(&["--once", "--collectors", "load", "--interval", interval]);
        assert_eq!(ended.status, Some(0), "{interval}: {}", ended.stderr);
    }
}

#[test]
fn a_host_root_without_a_proc_is_refused() {
    let empty = tempfile::tempdir().expect("a temporary folder");
    let root = empty.path().to_str().expect("its name is text");
    let why = format!("{root} is no host's root: cannot read {root}/proc/stat: No such file or directory (os error 2)");
    check(&run(&["--once", "--host-root", root]), &format!("--host-root: {why}"));
    check(&with("PHASEMETER_HOST_ROOT", root), &format!("PHASEMETER_HOST_ROOT: {why}"));
}

#[test]
fn a_flag_is_stronger_than_the_environment() {
    let root = fixture();
    let mut command = agent(&["--once", "--collectors", "load", "--interval", "10ms", "--host-root"]);
    command.arg(&root).env("PHASEMETER_COLLECTORS", "gpus").env("PHASEMETER_INTERVAL", "0");
    command.env("PHASEMETER_HOST_ROOT", "/there is no such folder");
    let ended = Program::start(&mut command).ended();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
}

#[test]
fn a_file_is_weaker_than_the_environment_and_that_than_a_flag() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("settings.yaml");
    let root = fixture();
    let text = format!("monitoring:\n  resources:\n    collectors: [gpus]\n    host_root: {}\n", root.display());
    std::fs::write(&path, text).expect("it can be written");
    let name = path.to_str().expect("its name is text");
    let no_gpus = format!(
        "{name}:3: monitoring.resources.collectors: there is no collector \"gpus\": known are {}, or all of them",
        known()
    );
    check(&run(&["--once", "--config", name]), &no_gpus);
    check(&with("PHASEMETER_CONFIG", name), &no_gpus);

    let once = |arguments: &[&str], variable: Option<&str>| {
        let mut command = agent(&["--once", "--interval", "10ms", "--config", name]);
        command.args(arguments).envs(variable.map(|value| ("PHASEMETER_COLLECTORS", value)));
        let ended = Program::start(&mut command).ended();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        let shows = |metric: &Metric| ended.stdout.contains(&format!("\n{} ", metric.prometheus_name()));
        (shows(&SYSTEM_CPU_LOGICAL_COUNT), shows(&SYSTEM_LOAD_1M))
    };
    assert_eq!(once(&[], Some("load")), (false, true));
    assert_eq!(once(&["--collectors", "cpu"], Some("load")), (true, false));
}

#[test]
fn a_file_of_settings_that_is_not_there_is_refused() {
    let why = "cannot read /nowhere.yaml: No such file or directory (os error 2)";
    check(&run(&["--once", "--config", "/nowhere.yaml"]), why);
    check(&with("PHASEMETER_CONFIG", "/nowhere.yaml"), &format!("PHASEMETER_CONFIG: {why}"));
}

#[test]
fn a_port_that_is_taken_is_no_reason_to_take_another() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let ended = run(&["--collectors", "load", "--listen", &address]);
    assert_eq!((ended.status, &*ended.stdout), (Some(2), ""), "{}", ended.stderr);
    for named in [&*format!("{address} is taken"), "--listen"] {
        assert!(ended.stderr.contains(named), "{named} is not in {}", ended.stderr);
    }
    let port = address.rsplit_once(':').expect("it has a port").1;
    let mut by_environment = agent(&["--collectors", "load"]);
    let ended = Program::start(by_environment.env("OTEL_EXPORTER_PROMETHEUS_PORT", port)).ended();
    assert_eq!(ended.status, Some(2), "{}", ended.stderr);
    for named in [&*format!("{address} is taken"), "OTEL_EXPORTER_PROMETHEUS_PORT", "--listen"] {
        assert!(ended.stderr.contains(named), "{named} is not in {}", ended.stderr);
    }
}

#[test]
fn an_address_or_a_port_that_is_none_is_quoted() {
    let ended = run(&["--listen", "localhost:http"]);
    assert_eq!(ended.status, Some(2));
    assert!(ended.stderr.contains("\"localhost:http\" is no address"), "{}", ended.stderr);
    check(
        &with("OTEL_EXPORTER_PROMETHEUS_PORT", "http"),
        "OTEL_EXPORTER_PROMETHEUS_PORT: \"http\" is no port: it should be from 0 to 65535",
    );
}

#[test]
fn other_arguments_are_refused() {
    for arguments in [&["--format", "json"][..], &["--once", "--format", "yaml"], &["--once", "--listen", ":0"], &["x"]]
    {
        let ended = run(arguments);
        assert_eq!((ended.status, &*ended.stdout), (Some(2), ""), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn the_names_are_listed_with_what_each_reads() {
    for word in ["list", "help"] {
        let ended = run(&["--collectors", word]);
        assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
        let names: Vec<_> = ended.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, Collectors::known().map(|(name, _)| name).collect::<Vec<_>>());
    }
}
