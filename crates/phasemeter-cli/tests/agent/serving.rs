//! What is served, and the end.

use std::collections::BTreeSet;

use phasemeter::catalogue::{COLLECTOR_SUCCESS, ENDPOINT_INFO, SCRAPE_DURATION};

use crate::rig::{Serving, agent, fixture};
use phasemeter_tests::program::Program;

/// What only an endpoint has to tell.
const OF_THE_ENDPOINT: [&phasemeter::Metric; 2] = [&ENDPOINT_INFO, &SCRAPE_DURATION];

fn families(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| Some(line.strip_prefix("# TYPE ")?.to_owned())).collect()
}

#[test]
fn a_scrape_has_the_families_that_are_printed_once_and_those_of_the_endpoint() {
    let root = fixture();
    let root = root.to_str().expect("its name is text");
    // As often as with a single look, so that there is a second reading soon.
    let serving = Serving::start(&["--host-root", root, "--interval", "250ms"]);
    let _first = serving.scrape_since(0.0, &["process", "cpu", "filesystem"]);
    let now = std::time::UNIX_EPOCH.elapsed().map_or(0.0, |since| since.as_secs_f64());
    let _second = serving.scrape_since(now, &["process", "cpu", "memory"]);
    let served = families(&serving.text());
    let printed = Program::start(agent(&["--once", "--host-root"]).arg(root)).ended();
    let mut expected = families(&printed.stdout);
    expected.extend(OF_THE_ENDPOINT.map(|metric| {
        let kind = "gauge"; // also of an info, in this format
        format!("{} {kind}", metric.prometheus_name())
    }));
    assert_eq!(served, expected);
}

#[test]
fn a_signal_ends_it_well() {
    for signal in [Program::terminate, Program::interrupt] {
        let serving = Serving::start(&["--collectors", "load"]);
        assert!(serving.scrape().of(&COLLECTOR_SUCCESS, &[("collector", "load")]).is_some());
        signal(&serving.program);
        let ended = serving.program.ended();
        assert_eq!((ended.status, &*ended.stdout), (Some(0), ""), "{}", ended.stderr);
        assert!(ended.stderr.ends_with("phasemeter: ended by a signal\n"), "{}", ended.stderr);
    }
}

#[test]
fn where_it_listens_and_whose_it_is_may_stand_in_the_environment() {
    let mut command = agent(&["--collectors", "load"]);
    command.env("OTEL_EXPORTER_PROMETHEUS_HOST", "localhost").env("OTEL_EXPORTER_PROMETHEUS_PORT", "0");
    command.env("OTEL_SERVICE_NAME", "rack 7");
    let mut program = Program::start(&mut command);
    let address = program.wait_told("address", |told| {
        told.split_once("listening on http://")?.1.split_once("/metrics\n")?.0.parse().ok()
    });
    let serving = Serving { program, address };
    assert!(serving.text().contains("service_name=\"rack 7\""), "{}", serving.text());
}
