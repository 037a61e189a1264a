//! The foot of the page: the process, what it runs on, and phasemeter itself.

mod resources;

use phasemeter_core::catalogue::{
    COLLECTOR_INFO, DROPPED, LEVEL_INFO, OVERFLOW, PROCESS_CPU_SECONDS, PROCESS_MAX_FILE_DESCRIPTORS,
    PROCESS_MEMORY_USAGE, PROCESS_OPEN_FILE_DESCRIPTORS, PROCESS_THREADS, SCRAPE_DURATION, SERIES, SPANS_ENABLED,
};
use phasemeter_core::{Metric, Snapshot, Value};

use super::document::{Common, Uptime};
use super::format;
use super::html::Html;
use super::model::{seconds, whole};

pub(crate) fn write(html: &mut Html, snapshot: &Snapshot, common: &Common<'_>) {
    html.raw("<footer>\n");
    process(html, snapshot, common);
    resources::write(html, snapshot);
    ourselves(html, snapshot);
    html.raw("</footer>\n");
}

fn process(html: &mut Html, snapshot: &Snapshot, common: &Common<'_>) {
    let value = |metric: &Metric| snapshot.value(metric, &[]);
    let mut facts = Facts::new(html, "process");
    if let Some(cpu) = value(&PROCESS_CPU_SECONDS).map(Value::as_f64) {
        facts.add(
            "CPU",
            "of one core, now; on average before there is anything to compare with",
            &cpu_share(cpu, common),
        );
    }
    if let Some(resident) = value(&PROCESS_MEMORY_USAGE) {
        facts.add("memory", "resident", &format::bytes(resident.as_f64()));
    }
    if let Some(open) = value(&PROCESS_OPEN_FILE_DESCRIPTORS) {
        let limit = value(&PROCESS_MAX_FILE_DESCRIPTORS).map(|max| format!(" of {}", format::count(whole(max))));
        facts.add("descriptors", "open", &(format::count(whole(open)) + &limit.unwrap_or_default()));
    }
    if let Some(threads) = value(&PROCESS_THREADS) {
        facts.add("threads", "", &format::count(whole(threads)));
    }
    facts.finish();
}

fn cpu_share(cpu_seconds: f64, common: &Common<'_>) -> String {
    let then = common.view.earlier.and_then(|earlier| Some((earlier.ago.as_secs_f64(), earlier.tally.cpu_seconds?)));
    match (then, common.uptime) {
        (Some((ago, then)), _) if cpu_seconds >= then => format::percent((cpu_seconds - then) / ago),
        (_, Uptime::OfProcess(length)) if !length.is_zero() => {
            format::percent(cpu_seconds / length.as_secs_f64()) + " on average"
        }
        (_, Uptime::OfProcess(_) | Uptime::OfEndpoint(_)) => "–".to_owned(),
    }
}

fn ourselves(html: &mut Html, snapshot: &Snapshot) {
    let mut facts = Facts::new(html, "phasemeter itself");
    if snapshot.value(&SPANS_ENABLED, &[]).is_some_and(|value| whole(value) == 0) {
        facts.warn("plain phase spans are hidden by a filter", SPANS_ENABLED.help, "and not measured");
    }
    let level = snapshot.series(&LEVEL_INFO).first().and_then(|series| series.labels.value("level"));
    match level {
        None | Some("basic") => {}
        Some("off") => facts.warn("level", "nothing is measured now; counts stay where they are", "off"),
        Some(level) => facts.add("level", LEVEL_INFO.help, level),
    }
    if let Some(series) = snapshot.value(&SERIES, &[]) {
        facts.add("phases kept", SERIES.help, &format::count(whole(series)));
    }
    if let Some(took) = snapshot.value(&SCRAPE_DURATION, &[]).and_then(seconds) {
        facts.add("scrape", "how long the previous one took", &format::duration(took));
    }
    for (metric, label, what) in [(&DROPPED, "reason", "dropped"), (&OVERFLOW, "limit", "overflow")] {
        for series in snapshot.series(metric).iter().filter(|series| whole(&series.value) > 0) {
            let which = series.labels.value(label).unwrap_or_default();
            facts.warn(what, metric.help, &format!("{} {which}", format::count(whole(&series.value))));
        }
    }
    for series in snapshot.series(&COLLECTOR_INFO) {
        let [collector, state] = ["collector", "state"].map(|name| series.labels.value(name).unwrap_or_default());
        if !matches!(state, "ok" | "no_data" | "pending") {
            facts.warn(state, "collector", collector);
        }
    }
    facts.finish();
}

/// One line of small facts; a line without any is left out.
struct Facts<'a> {
    html: &'a mut Html,
    title: &'static str,
    begun: bool,
}

impl<'a> Facts<'a> {
    fn new(html: &'a mut Html, title: &'static str) -> Self {
        Self { html, title, begun: false }
    }

    fn add(&mut self, what: &str, explained: &str, value: &str) {
        self.begin();
        self.html.raw("<span title=\"").text(explained).raw("\">").text(what);
        self.html.raw(" <b>").text(value).raw("</b></span>\n");
    }

    fn warn(&mut self, what: &str, explained: &str, value: &str) {
        self.begin();
        self.html.raw("<span class=\"bad\" title=\"").text(explained).raw("\">").text(what);
        self.html.raw(" <b>").text(value).raw("</b></span>\n");
    }

    fn begin(&mut self) {
        if !self.begun {
            self.html.raw("<p class=\"facts\"><em>").raw(self.title).raw("</em>\n");
            self.begun = true;
        }
    }

    fn finish(self) {
        if self.begun {
            self.html.raw("</p>\n");
        }
    }
}
