//! The page as a whole: snapshots and times in, HTML out.

mod document;
mod runs;
mod table;

use std::time::Duration;

use phasemeter_core::{Labels, Limits, Metric, Moment, Registry, Samples, Snapshot, Value};

use super::{Shown, View, render};

const SECOND_NS: u64 = 1_000_000_000;
/// The clock of the runs, and the wall clock.
const NOW: Moment = Moment { now_ns: 1_000 * SECOND_NS, unix_ns: 10_000 * SECOND_NS };
/// The same moment; the endpoint has been there for a hundred seconds. It is the first view.
const VIEW: View<'static> = View {
    unix: Duration::from_nanos(NOW.unix_ns),
    since_start: Duration::from_secs(100),
    earlier: None,
    runs: Shown::First,
};

/// When the clock of the runs was this many seconds younger.
const fn ago(seconds: u64) -> u64 {
    NOW.now_ns - seconds * SECOND_NS
}

fn registry() -> Registry {
    let registry = Registry::new(Limits::default(), || NOW);
    registry.name_base_pipeline("acid");
    registry
}

fn samples(registry: &Registry) -> Samples {
    let mut samples = Samples::default();
    registry.sample(NOW, &mut samples);
    samples
}

fn with(mut samples: Samples, metric: &'static Metric, labels: &[(&str, &str)], value: Value) -> Samples {
    samples.push(metric, Labels::new(labels.iter().copied()).expect("valid"), value);
    samples
}

fn page(samples: Samples) -> String {
    render(&Snapshot::new(samples), VIEW)
}

/// The cells of the row that is headed so, without tags: what somebody reads, from left to right.
#[track_caller]
fn row(page: &str, head: &str) -> Vec<String> {
    let headed = |row: &&str| row.split_once("</th>").is_some_and(|(own, _)| plain(own) == head);
    let row = page.split("<tr>").find(headed).expect("a row with this head");
    let row = row.split_once("</tr>").expect("an end of the row").0;
    row.split("<td").skip(1).map(|cell| plain(&format!("<td{cell}"))).collect()
}

fn plain(html: &str) -> String {
    let mut text = html.replace("<br>", " ");
    while let Some((before, tag)) = text.split_once('<') {
        let after = tag.split_once('>').map_or("", |(_, after)| after);
        text = format!("{before}{after}");
    }
    text.trim().to_owned()
}

#[track_caller]
fn check(page: &str, holds: &[&str]) {
    let text = plain(page.split_once("<body>").expect("a body").1);
    for wanted in holds {
        assert!(text.contains(wanted), "no {wanted:?} in\n{text}");
    }
}
