//! `init()` in a program without a subscriber. A process of its own, because the subscriber is the process's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use phasemeter::Phase;

static BEFORE: Phase = Phase::new("before");
static AFTER: Phase = Phase::new("after");

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the endpoint listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers in UTF-8");
    answer
}

#[test]
fn init_sets_up_layer_and_endpoint_and_a_second_one_is_the_same() {
    // Whatever holds 9464 on this machine, the endpoint finds a port.
    BEFORE.run(|phase| phase.items(3));
    let first = phasemeter::init();
    let address = first.endpoint().address().expect("a free port");
    let second = phasemeter::init();
    assert_eq!(second.endpoint().address(), Some(address));

    AFTER.run(|phase| phase.items(2));
    tracing::info_span!("plain", phase.name = "plain", phase.items = 4).in_scope(|| ());

    drop(first);
    let answer = get(address, "/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for (phase, items) in [("before", 3), ("after", 2), ("plain", 4)] {
        let line = format!("phase_items_total{{outcome=\"ok\",phase=\"{phase}\",pipeline=\"unknown_service:");
        let found = answer.lines().find(|own| own.starts_with(&line)).unwrap_or_else(|| panic!("{phase} in {answer}"));
        assert!(found.ends_with(&format!("\"}} {items}")), "{found}");
    }
    assert!(answer.contains("\nprocess_threads "), "{answer}");
    assert!(answer.contains(&format!("phasemeter_endpoint_info{{address=\"{address}\"")), "{answer}");
    assert!(get(address, "/").contains("plain"));
    assert!(get(address, "/healthz").ends_with("ok\n"));

    assert!(!second.endpoint().linger(Duration::from_millis(1)), "nobody scraped");
    let scraper = std::thread::spawn({
        let meter = second.meter().clone();
        move || {
            while meter.snapshot().families.is_empty() {}
            get(address, "/metrics")
        }
    });
    let lingered = second.endpoint().linger(Duration::from_secs(30)) || second.endpoint().scrapes() == 2;
    assert!(lingered);
    assert!(scraper.join().expect("it does not panic").contains("phase_runs_total"));
    drop(second);
    assert!(TcpStream::connect(address).is_err(), "the last guard closes the endpoint");
}
