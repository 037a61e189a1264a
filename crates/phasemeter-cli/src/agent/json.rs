//! A snapshot as one JSON object, for scripts.

use phasemeter::catalogue::Kind;
use phasemeter::{Family, Series, Snapshot, Value};
use serde_json::{Map, json};

/// One line. Families and series are sorted as in the other formats; seconds, where time is meant; `null` where a number
/// is none.
pub(super) fn text(snapshot: &Snapshot) -> String {
    let families: Vec<_> = snapshot.families.iter().map(family).collect();
    format!("{}\n", json!({ "families": families }))
}

fn family(family: &Family) -> serde_json::Value {
    let Family { metric, series } = family;
    json!({
        "name": metric.prometheus_name(),
        "otel_name": metric.otel,
        "type": kind(metric.kind),
        "unit": metric.unit.otel(),
        "help": metric.help,
        "series": series.iter().map(one).collect::<Vec<_>>(),
    })
}

fn one(series: &Series) -> serde_json::Value {
    let labels: Map<_, _> = series.labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({ "labels": labels, "value": value(&series.value) })
}

/// Whole numbers stay whole. An agent has no histograms, nor summaries; of these it would be how many they hold.
fn value(value: &Value) -> serde_json::Value {
    match value {
        Value::Count(count) => json!(count),
        Value::Level(level) => json!(level),
        Value::Real(_) | Value::Nanos(_) | Value::Histogram(_) | Value::Buckets(_) | Value::Quantiles(_) => {
            json!(value.as_f64())
        }
    }
}

/// As OpenTelemetry calls them.
fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::UpDownCounter => "updowncounter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Info => "info",
        Kind::Summary => "summary",
        Kind::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter::Labels;
    use phasemeter::catalogue::{SYSTEM_CPU_LOGICAL_COUNT, SYSTEM_CPU_TIME, SYSTEM_CPU_UTILIZATION};

    fn family(metric: &'static phasemeter::Metric, labels: &[(&str, &str)], value: Value) -> Family {
        let labels = Labels::new(labels.iter().copied()).expect("valid names");
        Family { metric, series: vec![Series { labels, value, created_unix_ns: None }] }
    }

    #[test]
    fn numbers_labels_and_what_the_catalogue_says_are_there() {
        let families = vec![
            family(&SYSTEM_CPU_LOGICAL_COUNT, &[], Value::Level(2)),
            family(&SYSTEM_CPU_TIME, &[("cpu_mode", "a\"b")], Value::Nanos(1_500_000_000)),
            family(&SYSTEM_CPU_UTILIZATION, &[], Value::Real(f64::NAN)),
        ];
        let text = text(&Snapshot { families, ..Snapshot::default() });
        let read: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        let of = |place: usize| &read["families"][place];
        assert_eq!(of(0)["name"], json!(SYSTEM_CPU_LOGICAL_COUNT.prometheus_name()));
        assert_eq!((&of(0)["series"][0]["value"], &of(0)["unit"]), (&json!(2), &json!("{cpu}")));
        assert_eq!(of(1)["series"], json!([{ "labels": { "cpu_mode": "a\"b" }, "value": 1.5 }]));
        assert_eq!((&of(1)["type"], &of(1)["otel_name"]), (&json!("counter"), &json!(SYSTEM_CPU_TIME.otel)));
        assert_eq!(of(2)["series"][0]["value"], serde_json::Value::Null);
    }
}
