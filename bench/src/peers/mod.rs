//! The same work, done by others: one file a peer. All of them have the same series and record the same values.

pub mod autometrics;
pub mod fastrace;
pub mod hotpath;
pub mod measured;
pub mod metrics;
pub mod opentelemetry;
pub mod ours;
pub mod prometheus;
pub mod prometheus_client;
pub mod prometheus_layer;
pub mod tracing_timing;

use std::net::{SocketAddr, TcpListener};

use tracing::Span;

/// Upper bounds in seconds; with +Inf, the sum and the count they are 15 lines of a histogram.
pub const BOUNDS_S: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Lines of one series: a histogram, and one of a counter.
pub const LINES: u64 = 16;

/// How many values each series holds before it is shown.
pub const VALUES: usize = 5;

/// What stands in the labels of one series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Names {
    /// One of many.
    pub pipeline: String,
    /// One of ten.
    pub phase: String,
    /// One of two.
    pub outcome: &'static str,
}

impl Names {
    /// Of the series of that number; no two are alike.
    #[must_use]
    pub fn of(series: usize) -> Self {
        Self {
            pipeline: format!("pipeline-{}", series / 20),
            phase: format!("phase-{}", (series / 2) % 10),
            outcome: if series.is_multiple_of(2) { "ok" } else { "error" },
        }
    }
}

/// Durations from a microsecond to ten seconds, in seconds: the same ones for everybody, again and again.
pub fn seconds() -> impl FnMut() -> f64 + Send {
    let mut values = drawn().into_iter().cycle();
    move || values.next().expect("invariant: a cycle has no end")
}

/// The same durations in nanoseconds.
pub fn nanoseconds() -> impl FnMut() -> u64 + Send {
    let values: Vec<_> = drawn().into_iter().map(|seconds| (seconds * 1e9) as u64).collect();
    let mut values = values.into_iter().cycle();
    move || values.next().expect("invariant: a cycle has no end")
}

/// As many as stay in the nearest cache, spread evenly over the orders of magnitude.
fn drawn() -> Vec<f64> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        1e-6 * 1e7_f64.powf((state >> 11) as f64 / (1_u64 << 53) as f64)
    };
    (0..1024).map(|_| draw()).collect()
}

/// A span as everybody gets it who reads spans.
pub(crate) fn span() -> Span {
    tracing::info_span!(
        "embed",
        pipeline.name = "acid",
        phase.name = "embed",
        phase.items = 32_u64,
        phase.outcome = "ok"
    )
}

/// The names of eight pipelines, again and again.
pub(crate) fn pipelines() -> impl FnMut() -> &'static str {
    const PIPELINES: [&str; 8] = ["acid", "base", "salt", "metal", "gas", "ore", "glass", "clay"];
    let mut pipelines = PIPELINES.into_iter().cycle();
    move || pipelines.next().expect("invariant: a cycle has no end")
}

/// Where an endpoint can listen that cannot say where it does.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound")
}

/// Shows everything to whoever looks at it.
pub type Write = Box<dyn FnMut(Shown<'_>) + Send>;

/// Looks at a whole exposition.
pub type Shown<'a> = &'a mut dyn FnMut(&[u8]);

/// Many series, and one of them to record into.
pub struct Exposition {
    /// Writes everything and hands over the text, from a buffer of its own where it takes one.
    pub write: Write,
    /// Records a duration, in seconds, into one of the series.
    pub record: Box<dyn Fn(f64) + Send>,
}

/// Somebody who shows series as text.
pub struct Exposing {
    /// What it is called in the tables.
    pub name: &'static str,
    /// So many series, each with its values.
    pub fill: fn(usize) -> Exposition,
}

/// Who shows series as text, from the one that takes longest.
pub const EXPOSING: [Exposing; 5] = [
    Exposing { name: metrics::NAME, fill: metrics::fill },
    Exposing { name: opentelemetry::NAME, fill: opentelemetry::fill },
    Exposing { name: prometheus::NAME, fill: prometheus::fill },
    Exposing { name: prometheus_client::NAME, fill: prometheus_client::fill },
    Exposing { name: measured::NAME, fill: measured::fill },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, mut exposition: Exposition, series: usize) {
        (exposition.record)(0.1);
        let mut shown = String::new();
        for _ in 0..2 {
            (exposition.write)(&mut |text| shown = String::from_utf8_lossy(text).into_owned());
        }
        let lines = shown.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(lines as u64, series as u64 * LINES, "{name}:\n{shown}");
    }

    #[test]
    fn everybody_shows_as_many_lines() {
        for Exposing { name, fill } in EXPOSING {
            check(name, fill(40), 40);
        }
        check("phasemeter", ours::fill_buckets(40), 40);
    }

    #[test]
    fn values_lie_within_the_bounds_and_come_again() {
        let mut next = seconds();
        let values: Vec<_> = (0..1024).map(|_| next()).collect();
        assert!(values.iter().all(|value| (1e-6..10.0).contains(value)), "{values:?}");
        assert_eq!(Some(&next()), values.first());
    }
}
