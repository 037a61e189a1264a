//! What a scrape costs: per line of many series, over HTTP, in memory, and while somebody records.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::peers::{EXPOSING, Exposing, Exposition, LINES, metrics, ours};
use crate::results::median;
use crate::workload::{Pace, Program, Turns, Workload, turns};

/// Scrapes of one process, over HTTP.
const SCRAPES: usize = 3;

/// Series for everything that is not measured per line.
const SERIES: usize = 10_000;

pub(super) fn workloads() -> Vec<Workload> {
    let over_http = "CPU of a scrape over HTTP of as many lines as 10 000 series have, without the client's";
    let scrape = Workload::new("scrape_10k", over_http)
        .in_unit("ms")
        .number(ours::NAME, || scraped_ms(ours::serve(SERIES)))
        .number(metrics::NAME, || scraped_ms(metrics::serve(SERIES)))
        .pace(Pace::Long);
    let slow_record = "99th percentile of a record, clock included, while 1 000 series are scraped again and again";
    let slow_record = Workload::new("record_while_scraped", slow_record)
        .in_unit("ns of the wall")
        .number(ours::NAME, || slow_record_ns(ours::fill_lines(1_000)));
    let size =
        Workload::new("series_size", "one series in memory; ours is a phase, with everything that is shown of one")
            .in_unit("bytes")
            .number(ours::NAME, || bytes_of_a_series(ours::fill_phases));
    vec![
        encode("encode_1k", "a line of 1 000 series with 16 lines", 1_000).pace(Pace::Long),
        encode("encode_100k", "a line of 100 000 series with 16 lines", 100_000).pace(Pace::Huge),
        scrape,
        by_all(slow_record, |fill| slow_record_ns(fill(1_000))).pace(Pace::Long),
        by_all(size, bytes_of_a_series).pace(Pace::Long).program(Program::Live),
    ]
}

/// One number more for each of the others.
fn by_all(workload: Workload, number: fn(fn(usize) -> Exposition) -> f64) -> Workload {
    EXPOSING.into_iter().fold(workload, |workload, Exposing { name, fill }| workload.number(name, move || number(fill)))
}

fn encode(name: &'static str, operation: &'static str, series: usize) -> Workload {
    let own = [
        Exposing { name: ours::NAME, fill: ours::fill_lines },
        Exposing { name: "phasemeter, encoder alone", fill: ours::fill_snapshot },
        Exposing { name: "phasemeter, encoder alone of others' buckets", fill: ours::fill_buckets },
    ];
    own.into_iter()
        .chain(EXPOSING)
        .fold(Workload::new(name, operation), |workload, Exposing { name, fill }| {
            workload.subject(name, || (), move || written(fill(series)))
        })
        .operations_per_turn(series as u64 * LINES)
}

fn written(Exposition { mut write, .. }: Exposition) -> Turns {
    turns(move || {
        write(&mut |text| {
            black_box(text);
        });
    })
}

/// Milliseconds of CPU of one scrape, without what the client takes that reads it.
fn scraped_ms(address: SocketAddr) -> f64 {
    scrape(address);
    let own = || clock_gettime(ClockId::ThreadCPUTime);
    let all = || clock_gettime(ClockId::ProcessCPUTime);
    let seconds = |time: rustix::time::Timespec| time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    let mut scraped: Vec<f64> = (0..SCRAPES)
        .map(|_| {
            let before = [all(), own()].map(seconds);
            scrape(address);
            let after = [own(), all()].map(seconds);
            let ([all_before, own_before], [own_after, all_after]) = (before, after);
            ((all_after - all_before) - (own_after - own_before)) * 1e3
        })
        .collect();
    median(&mut scraped).expect("there were scrapes")
}

/// Everything is there at last: whoever serves begins a moment after it says that it did.
pub(super) fn scrape(address: SocketAddr) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut connection = loop {
        match TcpStream::connect(address) {
            Ok(connection) => break connection,
            Err(error) => assert!(Instant::now() < deadline, "{address}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("it listens");
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).expect("it answers");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer.get(..200).unwrap_or(&answer)));
}

/// The 99th percentile of what one record takes while another thread shows everything again and again.
fn slow_record_ns(Exposition { mut write, record }: Exposition) -> f64 {
    const RECORDS: usize = 100_000;
    let is_over = AtomicBool::new(false);
    let mut taken: Vec<u128> = std::thread::scope(|scope| {
        scope.spawn(|| {
            // Relaxed: a scrape more changes nothing.
            while !is_over.load(Ordering::Relaxed) {
                write(&mut |text| {
                    black_box(text);
                });
            }
        });
        let taken = (0..RECORDS).map(|_| {
            let begun = Instant::now();
            record(black_box(0.025));
            begun.elapsed().as_nanos()
        });
        let taken = taken.collect();
        is_over.store(true, Ordering::Relaxed);
        taken
    });
    taken.sort_unstable();
    taken.get(RECORDS * 99 / 100).map_or(f64::NAN, |taken| *taken as f64)
}

fn bytes_of_a_series(fill: fn(usize) -> Exposition) -> f64 {
    let live = || {
        let stats = stats_alloc::INSTRUMENTED_SYSTEM.stats();
        stats.bytes_allocated as f64 - stats.bytes_deallocated as f64
    };
    let before = live();
    let filled = fill(SERIES);
    let bytes = live() - before;
    drop(filled);
    assert!(bytes > 0.0, "this program does not know what is live: start bench-live");
    bytes / SERIES as f64
}
