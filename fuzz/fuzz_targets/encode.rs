//! Whatever names and values come, every format is written, and the text formats break no line in two.

#![no_main]

use libfuzzer_sys::fuzz_target;
use phasemeter_core::encode::{Style, encode, negotiate};
use phasemeter_core::{Limits, Moment, Outcome, Registry, Samples, Snapshot};

const ACCEPTED: [&str; 3] = [
    "text/plain;version=1.0.0;escaping=allow-utf-8",
    "application/openmetrics-text;version=1.0.0",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
];

fuzz_target!(|input: (String, String, String, String, u64)| {
    let (pipeline, phase, label, value, elapsed_ns) = input;
    let registry = Registry::new(Limits::default(), Moment::default);
    let cell = registry.labelled_phase(Some(&pipeline), &phase, &[(&label, &value)]);
    cell.record(Outcome::Ok, elapsed_ns);
    cell.add_errors(&value, 1);
    let mut samples = Samples::default();
    registry.sample(Moment::default(), &mut samples);
    let snapshot = Snapshot::new(samples);
    for accept in ACCEPTED {
        let mut body = Vec::new();
        encode(&snapshot, negotiate(accept), &Style::default(), &mut body);
        assert!(!body.is_empty());
        if let Ok(text) = std::str::from_utf8(&body).map_err(|_| assert!(accept.contains("protobuf"))) {
            let is_line = |line: &str| line.starts_with("# ") || line.starts_with(|first: char| first.is_alphabetic());
            assert!(accept.contains("protobuf") || text.split_terminator('\n').all(is_line), "{text}");
        }
    }
});
