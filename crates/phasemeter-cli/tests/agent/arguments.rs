//! What cannot be used is refused with status 2 and a message that names it, before anything is read.

use std::net::TcpListener;

use phasemeter::Collectors;
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
