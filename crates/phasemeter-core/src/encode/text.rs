//! The Prometheus text format 0.0.4.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::{Family, Histogram, Kind, Labels, Snapshot, Value};

/// The content type of [`text`].
pub const TEXT_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes a snapshot in the text format 0.0.4, families sorted by name, series by labels.
pub fn text(snapshot: &Snapshot, out: &mut String) {
    let mut families: Vec<(String, &Family)> =
        snapshot.families.iter().map(|family| (family.metric.prometheus_name(), family)).collect();
    families.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, family) in families {
        write_family(&name, family, out).expect("invariant: writing to a String does not fail");
    }
}

fn write_family(name: &str, family: &Family, out: &mut String) -> fmt::Result {
    out.push_str("# HELP ");
    out.push_str(name);
    out.push(' ');
    escape_help(family.metric.help, out);
    writeln!(out, "\n# TYPE {name} {}", type_name(family.metric.kind))?;
    for series in &family.series {
        match &series.value {
            Value::Count(count) => write_line(out, name, &series.labels, count)?,
            Value::Level(level) => write_line(out, name, &series.labels, level)?,
            Value::Real(real) => write_line(out, name, &series.labels, &Number(*real))?,
            Value::Nanos(nanos) => write_line(out, name, &series.labels, &Seconds(*nanos))?,
            Value::Histogram(histogram) => write_histogram(out, name, &series.labels, histogram)?,
        }
    }
    Ok(())
}

fn write_line(out: &mut String, name: &str, labels: &Labels, value: &dyn Display) -> fmt::Result {
    match labels.text() {
        "" => writeln!(out, "{name} {value}"),
        text => writeln!(out, "{name}{{{text}}} {value}"),
    }
}

fn write_histogram(out: &mut String, name: &str, labels: &Labels, histogram: &Histogram) -> fmt::Result {
    let text = labels.text();
    let comma = if text.is_empty() { "" } else { "," };
    for (bound, cumulated) in histogram.buckets() {
        match bound {
            Some(bound) => {
                writeln!(out, "{name}_bucket{{{text}{comma}le=\"{}\"}} {cumulated}", Seconds(bound))?;
            }
            None => writeln!(out, "{name}_bucket{{{text}{comma}le=\"+Inf\"}} {cumulated}")?,
        }
    }
    write_line(out, &format!("{name}_sum"), labels, &Seconds(histogram.sum_ns))?;
    write_line(out, &format!("{name}_count"), labels, &histogram.count())
}

const fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Histogram => "histogram",
        Kind::UpDownCounter | Kind::Gauge | Kind::Info => "gauge",
    }
}

fn escape_help(help: &str, out: &mut String) {
    for character in help.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

/// Nanoseconds written as seconds, every digit kept and no trailing zero.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if nanos == 0 {
            return write!(f, "{seconds}");
        }
        let (mut fraction, mut digits) = (nanos, 9);
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{seconds}.{fraction:0digits$}")
    }
}

/// A float as Prometheus writes the values that are no number.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            f.write_str("NaN")
        } else if self.0.is_infinite() {
            f.write_str(if self.0 > 0.0 { "+Inf" } else { "-Inf" })
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(nanos: u64, expected: &str) {
        assert_eq!(Seconds(nanos).to_string(), expected);
    }

    #[test]
    fn seconds_keep_every_digit() {
        check(0, "0");
        check(1, "0.000000001");
        check(10_000, "0.00001");
        check(1_500_000_000, "1.5");
        check(86_400_000_000_000, "86400");
        check(u64::MAX, "18446744073.709551615");
    }

    #[test]
    fn what_is_no_number_is_written_as_prometheus_reads_it() {
        assert_eq!(Number(f64::NAN).to_string(), "NaN");
        assert_eq!(Number(f64::INFINITY).to_string(), "+Inf");
        assert_eq!(Number(f64::NEG_INFINITY).to_string(), "-Inf");
        assert_eq!(Number(0.25).to_string(), "0.25");
    }
}
