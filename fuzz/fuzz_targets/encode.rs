//! Whatever is to be written, each format can be read as what it is: lines that a reader takes apart at the same places,
//! or messages with their lengths.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use phasemeter_core::catalogue::{ALL, PHASE_DURATION};
use phasemeter_core::encode::{encode, negotiate};
use phasemeter_core::slots::slot;
use phasemeter_core::{Exemplar, Histogram, Kind, Labels, Samples, Snapshot, Style, TraceIds, Value};

#[derive(Debug, Arbitrary)]
struct Input {
    series: Vec<Series>,
    constant: String,
    schema: i32,
    created_unix_ns: u64,
}

#[derive(Debug, Arbitrary)]
struct Series {
    metric: u8,
    labels: Vec<String>,
    number: Number,
    durations_ns: Vec<u64>,
    ids: ([u8; 16], [u8; 8]),
}

#[derive(Debug, Arbitrary)]
enum Number {
    Count(u64),
    Level(i64),
    Real(f64),
    Nanos(u64),
}

const NAMES: [&str; 3] = ["a", "b", "c"];

fn histogram(durations_ns: &[u64], (trace_id, span_id): ([u8; 16], [u8; 8])) -> Histogram {
    let mut histogram = Histogram::default();
    for value_ns in durations_ns {
        let slots = vec![(u16::try_from(slot(*value_ns)).expect("there are few slots"), 1)];
        let exemplars = vec![Exemplar { ids: TraceIds { trace_id, span_id }, value_ns: *value_ns, unix_ns: *value_ns }];
        histogram.merge(&Histogram { slots, sum_ns: *value_ns, exemplars });
    }
    histogram
}

fn snapshot(input: &Input) -> Snapshot {
    let mut samples = Samples::default();
    for series in &input.series {
        let metric = ALL.get(usize::from(series.metric)).copied().unwrap_or(&PHASE_DURATION);
        let labels = Labels::new(NAMES.into_iter().zip(&series.labels)).expect("valid names");
        let value = match (&series.number, metric.kind) {
            (_, Kind::Histogram) => Value::Histogram(Box::new(histogram(&series.durations_ns, series.ids))),
            (Number::Count(count), _) => Value::Count(*count),
            (Number::Level(level), _) => Value::Level(*level),
            (Number::Real(real), _) => Value::Real(*real),
            (Number::Nanos(nanos), _) => Value::Nanos(*nanos),
        };
        samples.push_counted(metric, labels, value, input.created_unix_ns);
    }
    Snapshot::new(samples)
}

fn written(snapshot: &Snapshot, style: &Style, accept: &str) -> Vec<u8> {
    let mut out = Vec::new();
    encode(snapshot, negotiate(accept), style, &mut out);
    out
}

/// Each line is a comment, or a name, labels whose quotes and braces close, and what is no text.
fn check_text(bytes: Vec<u8>) -> usize {
    let text = String::from_utf8(bytes).expect("it is text");
    assert!(text.is_empty() || text.ends_with('\n'));
    let samples = text.split_terminator('\n').filter(|line| !line.starts_with("# "));
    samples.map(check_line).count()
}

fn check_line(line: &str) {
    let (mut is_quoted, mut is_escaped, mut depth) = (false, false, 0);
    for letter in line.chars() {
        match letter {
            _ if is_escaped => {
                assert!(matches!(letter, '\\' | 'n' | '"'), "{line:?}");
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '{' if !is_quoted => depth += 1,
            '}' if !is_quoted => depth -= 1,
            other => assert!(is_quoted || other.is_ascii_graphic() || other == ' ', "{line:?}"),
        }
        assert!((0..=1).contains(&depth), "{line:?}");
    }
    assert!(!is_quoted && !is_escaped && depth == 0, "{line:?}");
    let value = line.rsplit(' ').next().expect("a value");
    assert!(value.parse::<f64>().is_ok(), "{line:?}");
}

/// How many messages there are, each of the length that it says.
fn messages(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while !bytes.is_empty() {
        let (mut length, mut digits) = (0_usize, 0);
        loop {
            let byte = bytes[digits];
            length |= usize::from(byte & 0x7f) << (7 * digits);
            digits += 1;
            if byte < 0x80 {
                break;
            }
        }
        bytes = &bytes[digits + length..];
        count += 1;
    }
    count
}

fuzz_target!(|input: Input| {
    let snapshot = snapshot(&input);
    let style = Style {
        constant: Labels::new([("region", &input.constant)]).expect("a valid name"),
        native_schema: input.schema,
        ..Style::default()
    };
    let plain = check_text(written(&snapshot, &style, ""));
    assert_eq!(check_text(written(&snapshot, &style, "text/plain;version=1.0.0;escaping=allow-utf-8")), plain);

    let mut open_metrics = written(&snapshot, &style, "application/openmetrics-text");
    assert!(open_metrics.ends_with(b"# EOF\n"));
    open_metrics.truncate(open_metrics.len() - b"# EOF\n".len());
    assert!(check_text(open_metrics) >= plain);

    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    assert_eq!(messages(&written(&snapshot, &style, protobuf)), snapshot.families.len());
});
