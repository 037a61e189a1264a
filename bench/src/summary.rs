//! The numbers that are held against what is to be reached, each by one name: ours flat, and those of each peer.
//!
//! `encode_line_…` is all of a scrape, read, sorted and written, as it is with the peers; `encoder_alone_…` is of a
//! snapshot that stands. Ratios are of the former.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::peers::{measured, metrics, ours, prometheus};
use crate::report::figures;
use crate::results::Row;
use crate::workload::on_two_threads;
use crate::workloads::AGENT;

/// By name; nothing where it was not measured. Times are of CPU, ratios are ours divided by theirs.
pub type Summary = BTreeMap<String, Option<f64>>;

/// The same measures of each peer, where it has them.
pub type Peers = BTreeMap<String, BTreeMap<String, f64>>;

const FLOOR: &str = "a layer that does nothing, filtered";

const SPAN: &str = "phasemeter, span";

const RUN: &str = "phasemeter, run";

/// Names, and which median each is.
const MEDIANS: [(&str, &str, &str); 37] = [
    ("span_floor_ns", "one_phase", FLOOR),
    ("span_floor_unfiltered_ns", "one_phase", "a layer that does nothing"),
    ("span_layer_ns", "one_phase", SPAN),
    ("span_layer_2t_ns", "one_phase", "phasemeter, span, 2 threads"),
    ("span_floor_2t_ns", "one_phase", "a layer that does nothing, filtered, 2 threads"),
    ("run_ns", "one_phase", RUN),
    ("run_2t_ns", "one_phase", "phasemeter, run, 2 threads"),
    ("unrelated_callsite_ns", "unwanted_span", "basic"),
    ("unrelated_callsite_floor_ns", "unwanted_span", "the log alone"),
    ("guard_ns", "guard", "basic, no subscriber"),
    ("guard_2t_ns", "guard", "basic, no subscriber, 2 threads"),
    ("record_1t_ns", "record", ours::NAME),
    ("record_2t_ns", "record", "phasemeter, 2 threads"),
    ("record_seat_1t_ns", "record", "phasemeter, seat"),
    ("record_seat_2t_ns", "record", "phasemeter, seat, 2 threads"),
    ("record_while_scraped_p99_ns", "record_while_scraped", ours::NAME),
    ("nested_floor_ns", "nested", FLOOR),
    ("nested_ns", "nested", SPAN),
    ("late_record_floor_ns", "late_record", FLOOR),
    ("late_record_ns", "late_record", SPAN),
    ("dynamic_labels_floor_ns", "dynamic_labels", FLOOR),
    ("dynamic_labels_ns", "dynamic_labels", SPAN),
    ("async_task_floor_ns", "async_task", FLOOR),
    ("async_task_span_ns", "async_task", SPAN),
    ("async_task_future_ns", "async_task", "phasemeter, future"),
    ("churn_scrape_ns", "churn", ours::NAME),
    ("encode_line_1k_ns", "encode_1k", ours::NAME),
    ("encode_line_100k_ns", "encode_100k", ours::NAME),
    ("encoder_alone_line_1k_ns", "encode_1k", "phasemeter, encoder alone"),
    ("scrape_10k_cpu_ms", "scrape_10k", ours::NAME),
    ("bytes_per_series", "series_size", ours::NAME),
    ("agent_scrape_cpu_us", "agent_scrape", AGENT),
    ("agent_second_cpu_us", "agent_second", AGENT),
    ("agent_unscraped_second_cpu_us", "agent_second", "phasemeter agent, nobody scrapes"),
    ("agent_resident_mb", "agent_memory", AGENT),
    ("host_sample_ns", "host_sample", "everything"),
    ("host_sample_crowd_added_us", "host_sample_crowd", ours::NAME),
];

/// What a workload is called in the names of measures, and what its numbers are in.
const MEASURES: [(&str, &str, &str); 14] = [
    ("one_phase", "span", "ns"),
    ("record", "record", "ns"),
    ("record_while_scraped", "record_while_scraped_p99", "ns"),
    ("nested", "nested", "ns"),
    ("late_record", "late_record", "ns"),
    ("dynamic_labels", "dynamic_labels", "ns"),
    ("async_task", "async_task", "ns"),
    ("encode_1k", "encode_line_1k", "ns"),
    ("encode_100k", "encode_line_100k", "ns"),
    ("scrape_10k", "scrape_10k_cpu", "ms"),
    ("series_size", "bytes_per_series", ""),
    ("agent_scrape", "agent_scrape_cpu", "us"),
    ("agent_second", "agent_second_cpu", "us"),
    ("agent_memory", "agent_resident", "mb"),
];

/// Ours, beside peers and floors.
#[must_use]
pub fn of(rows: &[Row]) -> Summary {
    let row =
        |workload: &str, subject: &str| rows.iter().find(|row| row.workload == workload && row.subject == subject);
    let median = |workload: &str, subject: &str| row(workload, subject).map(|row| row.value.median);
    let beside = |workload: &str, peer: &str| Some(median(workload, ours::NAME)? / median(workload, peer)?);
    let beside_node_exporter = |workload: &str| Some(median(workload, AGENT)? / median(workload, "node_exporter")?);
    let added = |of: fn(&Row) -> Option<f64>| Some(of(row("one_phase", SPAN)?)? - of(row("one_phase", FLOOR)?)?);
    let allocations = |subject: &str| row("one_phase", subject).and_then(|row| row.allocations);
    let computed = [
        ("span_added_instructions", added(|row| row.instructions)),
        ("span_allocations", allocations(SPAN)),
        ("run_allocations", allocations(RUN)),
        ("encode_vs_measured", beside("encode_1k", measured::NAME)),
        ("encode_vs_prometheus", beside("encode_1k", prometheus::NAME)),
        ("agent_scrape_vs_node_exporter", beside_node_exporter("agent_scrape")),
        ("agent_second_vs_node_exporter", beside_node_exporter("agent_second")),
        ("scrape_10k_vs_metrics_exporter", beside("scrape_10k", metrics::NAME)),
    ];
    let medians = MEDIANS.map(|(name, workload, subject)| (name, median(workload, subject)));
    medians.into_iter().chain(computed).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The crates of others, by the words that subjects begin with, and their measures. A second word of a subject tells
/// several ways of one crate apart, as `span_metricslayer_ns`.
#[must_use]
pub fn peers(rows: &[Row]) -> Peers {
    let mut peers = Peers::new();
    for (workload, measure, unit) in MEASURES {
        for row in rows.iter().filter(|row| row.workload == workload && is_peer(&row.subject)) {
            let (name, measure) = named(&row.subject, measure);
            let values = peers.entry(name).or_default();
            let unit = if unit.is_empty() { String::new() } else { format!("_{unit}") };
            values.insert(format!("{measure}{unit}"), row.value.median);
            let counts = [("instructions", row.instructions), ("allocations", row.allocations)];
            values.extend(counts.into_iter().filter_map(|(count, value)| Some((format!("{measure}_{count}"), value?))));
        }
    }
    peers
}

/// Whether others do the same work.
#[must_use]
pub fn has_peers(workload: &str) -> bool {
    workload == "churn" || MEASURES.iter().any(|(own, ..)| *own == workload)
}

fn is_peer(subject: &str) -> bool {
    !["phasemeter", "a layer", "nobody", "the values"].iter().any(|ours| subject.starts_with(ours))
}

/// The crate, and the measure with its way and its threads.
fn named(subject: &str, measure: &str) -> (String, String) {
    let two_threads = on_two_threads("");
    let (subject, threads) = match subject.strip_suffix(&two_threads) {
        Some(subject) => (subject, "_2t"),
        None if measure == "record" => (subject, "_1t"),
        None => (subject, ""),
    };
    let (name, way) = subject.split_once(", ").unwrap_or((subject, ""));
    let way: String =
        way.split(' ').filter(|word| !word.is_empty()).map(|word| format!("_{}", word.to_lowercase())).collect();
    (name.to_owned(), format!("{measure}{way}{threads}"))
}

/// Ours, a line each.
#[must_use]
pub fn text(summary: &Summary) -> String {
    let mut text = "### In short\n\n| measure | |\n|---|---:|\n".to_owned();
    for (name, value) in summary.iter().filter_map(|(name, value)| Some((name, (*value)?))) {
        writeln!(text, "| {name} | {} |", figures(value)).expect("invariant: writing to a String does not fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Spread;
    use crate::workloads;

    #[test]
    fn every_measure_is_of_something_that_is_measured() {
        let names: Vec<_> = workloads::all().iter().flat_map(|workload| workload.names().collect::<Vec<_>>()).collect();
        for (measure, workload, subject) in MEDIANS {
            assert!(names.contains(&format!("{workload}/{subject}")), "{measure}: {workload}/{subject}");
        }
        for (workload, measure, _) in MEASURES {
            assert!(names.iter().any(|name| name.starts_with(&format!("{workload}/"))), "{measure}: {workload}");
        }
    }

    #[test]
    fn a_peer_is_named_by_its_crate_and_its_way() {
        let row = |workload: &str, subject: &str, median| Row {
            workload: workload.to_owned(),
            operation: String::new(),
            subject: subject.to_owned(),
            unit: "ns".to_owned(),
            value: Spread { lower_quartile: median, median, upper_quartile: median },
            instructions: None,
            allocations: None,
        };
        let rows = [
            row("one_phase", "tracing-opentelemetry, MetricsLayer, 2 threads", 7.0),
            row("encode_1k", measured::NAME, 8.0),
            row("encode_1k", ours::NAME, 2.0),
            row("record", measured::NAME, 9.0),
        ];
        let peers = peers(&rows);
        assert_eq!(peers["tracing-opentelemetry"]["span_metricslayer_2t_ns"], 7.0);
        assert_eq!((peers["measured"]["encode_line_1k_ns"], peers["measured"]["record_1t_ns"]), (8.0, 9.0));
        assert_eq!(peers.len(), 2);
        assert_eq!((of(&rows)["encode_vs_measured"], of(&rows)["guard_ns"]), (Some(0.25), None));
    }
}
