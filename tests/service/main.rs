//! The example `service` under load, by a generator that counts for itself, and a real Prometheus: what hey was answered
//! is what Prometheus has, to the last request, whatever the log's filter says.
//!
//! ```text
//! main (the filters, and how it ends) ─→ rig ─→ running (the example) ←─ hey (the load)
//!                                         └──→ counted (what Prometheus has)
//! ```

mod counted;
mod hey;
mod rig;
mod running;

use std::net::TcpListener;

use phasemeter_tests::program::Program;

use crate::hey::Load;
use crate::rig::{Rig, STRAW, Told};
use crate::running::{Running, service};

/// The whole under one filter of the log.
#[track_caller]
fn log_of_exact_counts(log: Option<&str>) -> (Told, String) {
    let mut rig = Rig::start(log);
    rig.all_at_once();
    rig.in_flight();
    rig.check();
    rig.log()
}

#[track_caller]
fn check_lines(log: &str, with: &str, expected: u64) {
    assert_eq!(log.lines().filter(|line| line.contains(with)).count() as u64, expected, "lines with {with:?}");
}

#[test]
fn counts_are_exact_where_the_log_holds_nothing() {
    let (_, log) = log_of_exact_counts(None);
    assert_eq!(log, "");
}

#[test]
fn counts_are_exact_where_the_log_holds_warnings() {
    let (told, log) = log_of_exact_counts(Some("warn"));
    check_lines(&log, "not indexed: ", told.without_words);
    check_lines(&log, " WARN ", log.lines().count() as u64);
}

#[test]
fn counts_are_exact_where_the_log_holds_every_request() {
    let (told, log) = log_of_exact_counts(Some("debug"));
    check_lines(&log, "not indexed: ", told.without_words);
    check_lines(&log, "finished processing request", told.accepted() + told.found + told.refused());
    check_lines(&log, "refused: ", told.refused());
}

#[test]
fn ctrl_c_lets_requests_and_queued_documents_finish() {
    let mut running = Running::start(None, &[]);
    let post = |query: &str| {
        let url = running.url(&format!("/documents{query}"));
        Load::start(4, 4, &["-m", "POST", "-d", STRAW, &url]).answers().only(202)
    };
    let accepted = post("?delay_ms=300") + post("");
    let search = Load::start(3, 3, &[&running.url("/search?q=straw&delay_ms=2000")]);
    running.wait_searching(3);
    running.program.interrupt();
    running.program.wait_told("end", |told| told.contains("stopping: ").then_some(()));
    assert_eq!(search.answers().only(200), 3);
    let ended = running.program.ended();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.ends_with(&format!("stopped: {accepted} documents indexed, 0 could not be\n")),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_second_ctrl_c_waits_for_nothing() {
    let mut running = Running::start(None, &[]);
    let search = Load::start(1, 1, &[&running.url("/search?q=straw&delay_ms=60000")]);
    running.wait_searching(1);
    running.program.interrupt();
    running.program.wait_told("end", |told| told.contains("stopping: ").then_some(()));
    running.program.interrupt();
    assert_eq!(running.program.ended().status, Some(130));
    assert_eq!(search.answers().failed, 1);
}

#[test]
fn addresses_that_cannot_be_used_are_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    for (option, address) in [("--listen", &*address), ("--listen", "nowhere"), ("--metrics", "a b:1")] {
        let mut command = service();
        command.env("OTEL_EXPORTER_PROMETHEUS_PORT", "0").args([option, address]);
        let ended = Program::start(&mut command).ended();
        assert_eq!(ended.status, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(option) && ended.stderr.contains(address), "{}", ended.stderr);
    }
}
