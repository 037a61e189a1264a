//! The endpoint as a program starts it: addresses, busy ports, required ports.

use std::net::TcpListener;

use phasemeter::{Meter, Value, catalogue};

fn meter(variables: &[(&str, &str)]) -> Meter {
    Meter::builder().isolated().environment(variables.iter().copied()).build()
}

#[test]
fn a_busy_port_is_left_for_a_free_one_and_shown() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let meter = meter(&[]);
    let endpoint = meter.server().listen(&address).start().expect("there is a free port");
    let own = endpoint.address().expect("it listens").to_string();
    assert_eq!((endpoint.moved_from().as_deref(), own == address), (Some(&*address), false));
    let labels = [("address", &*own), ("wanted", &*address)];
    assert_eq!(meter.snapshot().value(&catalogue::ENDPOINT_INFO, &labels), Some(&Value::Level(1)));
    drop(endpoint);
    assert!(meter.snapshot().series(&catalogue::ENDPOINT_INFO).is_empty());
}

#[test]
fn a_busy_port_that_is_required_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let error = meter(&[]).server().listen(&address).require_listen().start().expect_err("it is taken");
    assert!(error.is_listen() && error.to_string().contains(&address), "{error}");
}

#[test]
fn an_error_names_the_variables_only_where_they_decide() {
    let meter = meter(&[("OTEL_EXPORTER_PROMETHEUS_HOST", "192.0.2.1")]);
    let error = |server: phasemeter::ServerBuilder| server.start().expect_err("no machine has it").to_string();
    assert!(error(meter.server()).contains("OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT"));
    assert!(!error(meter.server().listen("192.0.2.1:0")).contains("OTEL"));
}

#[test]
fn an_address_that_is_none_is_an_error_that_quotes_it() {
    let error = meter(&[]).server().listen("here:there").start().expect_err("it is none");
    assert!(error.is_address());
    assert_eq!(error.to_string(), "\"here:there\" is no address: it should be HOST:PORT, as 127.0.0.1:9464");
}

#[test]
fn the_environment_names_host_and_port() {
    let endpoint = meter(&[("OTEL_EXPORTER_PROMETHEUS_HOST", "::1"), ("OTEL_EXPORTER_PROMETHEUS_PORT", "0")]).serve();
    // A machine without IPv6 degrades to no endpoint; it never panics.
    if let Some(address) = endpoint.address() {
        assert!(address.is_ipv6());
    }
    let endpoint = meter(&[("OTEL_EXPORTER_PROMETHEUS_PORT", "0")]).serve();
    assert!(endpoint.address().is_some_and(|address| address.ip().is_loopback() && address.port() != 9464));
}

#[test]
fn a_host_that_cannot_be_listened_on_degrades_to_no_endpoint() {
    let endpoint = meter(&[("OTEL_EXPORTER_PROMETHEUS_HOST", "192.0.2.1")]).serve();
    assert_eq!((endpoint.address(), endpoint.scrapes()), (None, 0));
}

#[test]
fn the_resource_stands_on_target_info() {
    let variables = [("OTEL_SERVICE_NAME", "docs"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,team=red%20ones")];
    let snapshot = meter(&variables).snapshot();
    let labels = [("service_name", "docs"), ("team", "red ones")];
    assert_eq!(snapshot.value(&catalogue::TARGET_INFO, &labels), Some(&Value::Level(1)));
}

#[test]
fn how_long_a_scrape_takes_is_told_from_the_second_one_on() {
    let meter = meter(&[]);
    assert!(meter.snapshot().series(&catalogue::SCRAPE_DURATION).is_empty());
    let _first = meter.render("");
    assert_eq!(meter.snapshot().series(&catalogue::SCRAPE_DURATION).len(), 1);
}
