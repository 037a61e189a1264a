//! The endpoint over raw sockets: what it answers, what it refuses, and what it survives.

mod client;

use std::io::Write as _;
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use client::{Client, Fake, quick, start, start_with};
use phasemeter_serve::{Config, Limits, OnBusy};

/// Sends these bytes on a connection of its own, and looks at the status and at what is somewhere in the answer.
#[track_caller]
fn check(request: &str, status: u16, holds: &[&str]) {
    let (server, _source) = start();
    let mut client = Client::to(server.local_addr());
    client.send(request);
    let answer = client.answer();
    assert_eq!(answer.status, status, "{request:?}");
    for text in holds {
        assert!(answer.text().contains(text), "{request:?}: no {text:?} in\n{}", answer.text());
    }
    assert!(answer.head.contains("Cache-Control: no-store") && answer.head.contains("nosniff"));
    assert!(!answer.head.contains("Access-Control"));
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

#[test]
fn the_three_paths_are_there() {
    check(&get("/metrics"), 200, &["Content-Type: text/fake", "up 1\n", "accept=\"\""]);
    check(&get("/metrics?a=b"), 200, &["up 1\n"]);
    check(&get("http://somewhere:1/metrics"), 200, &["up 1\n"]);
    check(&get("/healthz"), 200, &["text/plain", "ok\n"]);
    check(
        &get("/"),
        200,
        &["text/html", "Content-Security-Policy: default-src 'none'", "No phase has been declared yet"],
    );
}

#[test]
fn the_page_shows_all_runs_where_its_query_asks_for_them() {
    check(&get("/"), 200, &["5.pdf", "href=\"?runs=all\""]);
    check(&get("/?other=1&runs=all"), 200, &["5.pdf", "6.pdf", "href=\".\""]);
}

#[test]
fn every_accept_header_reaches_the_source() {
    let head = "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: a/b;q=0.5\r\naccept: c/d\r\n\r\n";
    check(head, 200, &["accept=\"a/b;q=0.5, c/d\""]);
}

#[test]
fn what_is_not_there_is_told_apart() {
    check(&get("/nothing"), 404, &["/metrics, /healthz or /"]);
    check(&get("/metrics/"), 404, &[]);
    check("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405, &["Allow: GET, HEAD\r\n"]);
    check("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405, &["Allow: GET, HEAD\r\n"]);
}

#[test]
fn what_is_no_request_is_refused_and_the_connection_ends() {
    check("nonsense\r\n\r\n", 400, &["Connection: close"]);
    check("GET / HTTP/1.1\r\n\r\n", 400, &["Host"]);
    check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, &["Connection: close"]);
    check(&format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(20_000)), 431, &["Connection: close"]);
    check("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n", 413, &["Connection: close"]);
    check("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501, &["Connection: close"]);
}

#[test]
fn head_has_the_length_and_no_body() {
    let (server, _source) = start();
    let mut client = Client::to(server.local_addr());
    client.send("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.head().contains("Content-Length: 3\r\n"));
    // Were there a body, the next answer would not begin here.
    client.send(&get("/healthz"));
    assert_eq!(client.answer().body, "ok\n");
}

fn get_accepting(method: &str, path: &str, encoding: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {encoding}\r\n\r\n")
}

#[test]
fn a_long_body_comes_as_gzip_to_who_takes_it_and_is_the_same() {
    let (server, source) = start();
    source.padding.store(100_000, Ordering::Relaxed);
    let mut client = Client::to(server.local_addr());
    for path in ["/metrics", "/"] {
        client.send(&get_accepting("GET", path, "identity"));
        let plain = client.answer();
        client.send(&get_accepting("GET", path, "gzip, deflate, br"));
        let coded = client.answer();
        assert!(!plain.head.contains("Content-Encoding"), "{}", plain.head);
        assert!(coded.head.contains("Content-Encoding: gzip\r\n"), "{}", coded.head);
        // The page may have a second more.
        assert!(coded.body == plain.body || path == "/", "{}", coded.body);
        assert!(coded.body.len() > 2 * coded.wire_bytes, "{} from {}", coded.body.len(), coded.wire_bytes);
        for answer in [plain, coded] {
            assert!(answer.head.contains("Accept-Encoding\r\n"), "{}", answer.head);
        }
    }
}

#[test]
fn head_has_the_length_of_what_get_sends() {
    let (server, source) = start();
    source.padding.store(100_000, Ordering::Relaxed);
    let mut client = Client::to(server.local_addr());
    for encoding in ["gzip", "gzip;q=0"] {
        client.send(&get_accepting("GET", "/metrics", encoding));
        let answer = client.answer();
        client.send(&get_accepting("HEAD", "/metrics", encoding));
        assert_eq!(client.head(), answer.head);
    }
}

#[test]
fn what_is_short_or_went_wrong_comes_as_it_is() {
    let (server, source) = start();
    let mut client = Client::to(server.local_addr());
    for (path, status) in [("/metrics", 200), ("/healthz", 200), ("/nothing", 404)] {
        client.send(&get_accepting("GET", path, "gzip"));
        let answer = client.answer();
        assert_eq!((answer.status, answer.head.contains("Content-Encoding")), (status, false));
        assert_eq!(answer.head.contains("Vary: Accept, Accept-Encoding\r\n"), path == "/metrics");
    }
    source.panics.store(true, Ordering::Relaxed);
    client.send(&get_accepting("GET", "/metrics", "gzip"));
    assert_eq!(client.answer().status, 500);
}

#[test]
fn a_connection_is_used_again() {
    let (server, _source) = start();
    let mut client = Client::to(server.local_addr());
    for _ in 0..3 {
        client.send(&get("/metrics"));
        let answer = client.answer();
        assert!(answer.status == 200 && answer.head.contains("Connection: keep-alive"));
    }
    client.skip_rest();
    assert_eq!(server.scrapes(), 3);
}

#[test]
fn pipelined_requests_are_answered_in_order_and_bodies_skipped() {
    let (server, _source) = start();
    let mut client = Client::to(server.local_addr());
    let post = "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\nGET / HTTP/9.9";
    client.send(&[&get("/healthz"), post, &get("/nothing"), &get("/metrics")].concat());
    let statuses: Vec<_> = (0..4).map(|_| client.answer().status).collect();
    assert_eq!(statuses, [200, 405, 404, 200]);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let (server, _source) = start();
    let mut client = Client::to(server.local_addr());
    for byte in get("/healthz").bytes() {
        client.stream.write_all(&[byte]).expect("sent");
    }
    assert_eq!(client.answer().body, "ok\n");
}

#[test]
fn a_body_that_is_held_back_is_asked_for() {
    let (server, _source) = start();
    let mut client = Client::to(server.local_addr());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 100 "));
    client.send("body");
    assert_eq!(client.answer().status, 405);
}

#[test]
fn a_connection_ends_where_the_client_wants_it() {
    let (server, _source) = start();
    for request in ["GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /healthz HTTP/1.0\r\n\r\n"] {
        let mut client = Client::to(server.local_addr());
        client.send(request);
        assert_eq!(client.answer().body, "ok\n");
        assert!(client.ends_here(), "{request:?}");
    }
}

#[test]
fn a_client_that_sends_all_and_shuts_its_side_is_answered() {
    let (server, _source) = start();
    let mut client = Client::to(server.local_addr());
    client.send(&get("/healthz"));
    client.stream.shutdown(Shutdown::Write).expect("shut");
    assert_eq!(client.answer().body, "ok\n");
    assert!(client.ends_here());
}

#[test]
fn a_head_that_drips_is_cut_off() {
    let (server, _source) = start_with(Limits { head: Duration::from_millis(100), ..quick() });
    let mut client = Client::to(server.local_addr());
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\n");
    // Each piece comes in time; the deadline is for all of them. A write fails once the server has closed.
    while began.elapsed() < Duration::from_secs(10) && !client.has_answer_within(Duration::from_millis(20)) {
        let _ = client.stream.write_all(b"X: y\r\n");
    }
    assert_eq!(client.answer().status, 408);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_body_that_never_comes_is_cut_off() {
    let (server, _source) = start_with(Limits { head: Duration::from_millis(50), ..quick() });
    let mut client = Client::to(server.local_addr());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.answer().status, 408);
}

#[test]
fn silent_clients_are_let_go() {
    let short = Duration::from_millis(50);
    let (server, _source) = start_with(Limits { head: short, idle: short, ..quick() });
    assert!(Client::to(server.local_addr()).ends_here(), "one that never spoke");
    let mut client = Client::to(server.local_addr());
    client.send(&get("/healthz"));
    assert_eq!(client.answer().status, 200);
    assert!(client.ends_here(), "one that spoke once");
}

#[test]
fn a_client_that_does_not_read_is_let_go() {
    let (server, source) = start_with(Limits { connections: 1, write: Duration::from_millis(100), ..quick() });
    source.padding.store(64 << 20, Ordering::Relaxed);
    let mut stuck = Client::to(server.local_addr());
    stuck.send(&get("/metrics"));
    // The only place is free again once the stuck client has lost it.
    let deadline = Instant::now() + Duration::from_secs(20);
    let served = std::iter::from_fn(|| (Instant::now() < deadline).then(|| status_of(server.local_addr())));
    assert!(served.into_iter().any(|status| status == Some(200)));
    assert_eq!(server.scrapes(), 0);
}

fn status_of(address: std::net::SocketAddr) -> Option<u16> {
    let mut client = Client::to(address);
    client.send(&get("/healthz"));
    client.try_answer().map(|answer| answer.status)
}

#[test]
fn the_connection_beyond_the_limit_is_turned_away_and_counted() {
    let (server, source) = start_with(Limits::default());
    // A 100-continue proves that a connection has its place, and keeps it busy.
    let mut held: Vec<_> = (0..64)
        .map(|_| {
            let mut client = Client::to(server.local_addr());
            client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
            assert!(client.head().starts_with("HTTP/1.1 100 "));
            client
        })
        .collect();
    let mut client = Client::to(server.local_addr());
    client.send(&get("/metrics"));
    let answer = client.answer();
    assert!(answer.status == 503 && answer.head.contains("Retry-After: 1"));
    source.wait_refused(1);
    let first = held.first_mut().expect("one of 64");
    first.send("body");
    let answer = first.answer();
    // More than half of the places were taken.
    assert!(answer.status == 405 && answer.head.contains("Connection: close"));
}

#[test]
fn a_busy_port_is_left_to_its_owner() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    let config = Config::default().listen("localhost", port);
    let server = config.clone().start(Arc::new(Fake::default())).expect("another port");
    assert_eq!(server.moved_from().map(ToString::to_string), Some(format!("localhost:{port}")));
    assert_ne!(server.local_addr().port(), port);
    assert_eq!(status_of(server.local_addr()), Some(200));

    let error = config.on_busy(OnBusy::Fail).start(Arc::new(Fake::default())).expect_err("taken");
    assert!(error.is_busy() && !error.is_address());
    let message = error.to_string();
    assert!(message.contains(&format!("localhost:{port}")), "{message}");
    assert!(message.contains("name a free port"), "{message}");
}

#[test]
fn a_host_of_elsewhere_is_no_address() {
    // 192.0.2.0/24 is for documentation: no machine has it.
    let error = Config::default().listen("192.0.2.1", 0).start(Arc::new(Fake::default())).expect_err("not ours");
    assert!(error.is_address() && error.to_string().contains("192.0.2.1:0"));
    assert!(error.to_string().contains("name an address of this machine"));
    let error = Config::default().listen("no host", 1).start(Arc::new(Fake::default())).expect_err("no name");
    assert!(error.is_address());
}

#[test]
fn names_and_both_families_of_addresses_can_be_listened_on() {
    for host in ["localhost", "127.0.0.1", "0.0.0.0", "::1", "[::1]", "::"] {
        match Config::default().listen(host, 0).start(Arc::new(Fake::default())) {
            Ok(server) => {
                assert_eq!(server.moved_from(), None);
                assert_eq!(status_of(client::reachable(server.local_addr())), Some(200), "{host}");
            }
            // A machine may be without IPv6.
            Err(error) => assert!(host.contains(':') && error.is_address(), "{error}"),
        }
    }
}

#[test]
fn a_panic_of_the_source_is_answered_and_survived() {
    let (server, source) = start();
    let mut client = Client::to(server.local_addr());
    for path in ["/metrics", "/"] {
        source.panics.store(true, Ordering::Relaxed);
        client.send(&get(path));
        assert_eq!(client.answer().status, 500);
        source.panics.store(false, Ordering::Relaxed);
        client.send(&get(path));
        assert_eq!(client.answer().status, 200);
    }
    client.skip_rest();
    assert_eq!(server.scrapes(), 1);
}

#[test]
fn only_a_scrape_from_now_on_ends_the_wait() {
    let (server, _source) = start();
    let mut client = Client::to(server.local_addr());
    for request in [get("/"), get("/metrics"), "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()] {
        client.send(&request);
        client.head();
        client.skip_rest();
        assert!(!server.wait_for_scrape(Duration::from_millis(20)));
        client = Client::to(server.local_addr());
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.wait_for_scrape(Duration::from_secs(20)));
        while !waiting.is_finished() {
            client.send(&get("/metrics"));
            assert_eq!(client.answer().status, 200);
        }
        assert!(waiting.join().expect("no panic"));
    });
}

#[test]
fn dropping_is_quick_whatever_the_clients_do() {
    let (server, source) = start_with(Limits::default());
    let address = server.local_addr();
    let silent = Client::to(address);
    let mut idle = Client::to(address);
    idle.send(&get("/healthz"));
    assert_eq!(idle.answer().status, 200);
    let mut half = Client::to(address);
    half.send("GET / HT");
    let began = Instant::now();
    drop(server);
    assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    assert!(silent.ends_here() && idle.ends_here() && half.ends_here());
    assert_eq!(Arc::strong_count(&source), 1, "no thread is left");
    drop(TcpListener::bind(address).expect("the port is free again"));
}

#[test]
fn dropping_takes_two_seconds_at_most_with_a_stuck_reader_and_a_stuck_source() {
    let (server, source) = start_with(Limits::default());
    source.padding.store(64 << 20, Ordering::Relaxed);
    let mut stuck = Client::to(server.local_addr());
    stuck.send(&get("/metrics"));
    assert!(stuck.has_answer_within(Duration::from_secs(20)));
    let held = source.hold();
    let mut inside = Client::to(server.local_addr());
    inside.send(&get("/"));
    source.wait_inside();
    let began = Instant::now();
    drop(server);
    assert!(began.elapsed() < Duration::from_millis(2_200), "{:?}", began.elapsed());
    drop(held);
}

#[test]
fn no_bytes_bring_it_down() {
    let (server, _source) = start();
    let mut state: u64 = 7;
    for _ in 0..50 {
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(300)
        .collect();
        let mut client = Client::to(server.local_addr());
        client.stream.write_all(&noise).expect("sent");
        client.stream.shutdown(Shutdown::Write).expect("shut");
        client.skip_rest();
    }
    assert_eq!(status_of(server.local_addr()), Some(200));
}
