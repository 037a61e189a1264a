//! The page around the tables: head, one section a pipeline, the process, and phasemeter itself.

use std::collections::BTreeMap;
use std::time::Duration;

use phasemeter_core::catalogue::{
    COLLECTOR_SUCCESS, DROPPED, OVERFLOW, PROCESS_CPU_TIME, PROCESS_MAX_FILE_DESCRIPTORS, PROCESS_MEMORY_USAGE,
    PROCESS_OPEN_FILE_DESCRIPTORS, PROCESS_START_TIMESTAMP, PROCESS_THREADS, SCRAPE_DURATION, SERIES, TARGET_INFO,
};
use phasemeter_core::{Metric, Snapshot, Value};

use super::format;
use super::history::Earlier;
use super::html::Html;
use super::model::{self, Name, Pipeline, Run, seconds, whole};
use super::table;

const STYLE: &str = include_str!("style.css");

/// When the page is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Since the Unix epoch.
    pub(crate) unix: Duration,
    /// Since the endpoint started.
    pub(crate) since_start: Duration,
}

/// What all tables of a page have in common.
pub(crate) struct Common<'a> {
    pub(crate) earlier: Option<&'a Earlier>,
    /// What averages are taken over.
    pub(crate) uptime: Uptime,
    /// The time spent in all phases, added up.
    pub(crate) busy: Duration,
    pub(crate) most_time: Option<Name>,
}

/// How long it has been running, and what "it" is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Uptime {
    OfProcess(Duration),
    OfEndpoint(Duration),
}

/// The whole page.
pub(crate) fn render(snapshot: &Snapshot, moment: &Moment, earlier: Option<&Earlier>) -> String {
    let pipelines = model::pipelines(snapshot);
    let phases = pipelines.values().flat_map(|pipeline| &pipeline.phases);
    let common = Common {
        earlier,
        uptime: uptime(snapshot, moment),
        busy: phases.fold(Duration::ZERO, |sum, (_, phase)| sum.saturating_add(phase.busy)),
        most_time: model::most_time(&pipelines),
    };
    let mut html = Html::default();
    head(&mut html, snapshot, &common);
    sections(&mut html, &pipelines, &common, moment);
    html.raw("<footer>\n");
    process(&mut html, snapshot, &common);
    ourselves(&mut html, snapshot);
    html.raw("</footer>\n</body>\n</html>\n");
    html.finish()
}

fn uptime(snapshot: &Snapshot, moment: &Moment) -> Uptime {
    let started = snapshot.value(&PROCESS_START_TIMESTAMP, &[]).and_then(seconds);
    // A clock that was set back since then would make the process younger than nothing.
    let running = started.and_then(|started| moment.unix.checked_sub(started));
    running.map_or(Uptime::OfEndpoint(moment.since_start), Uptime::OfProcess)
}

fn head(html: &mut Html, snapshot: &Snapshot, common: &Common<'_>) {
    let target = snapshot.series(&TARGET_INFO).first();
    let label = |name| target.and_then(|series| series.labels.value(name)).filter(|value| !value.is_empty());
    let service = label("service_name").unwrap_or("phasemeter");
    // OpenTelemetry's word for a service that nobody named; what follows it is the executable.
    let service = service.strip_prefix("unknown_service:").unwrap_or(service);
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta http-equiv=\"refresh\" content=\"2\">\n<link rel=\"icon\" href=\"data:,\">\n");
    html.raw("<title>").text(service).raw(" · phases</title>\n<style>\n").raw(STYLE).raw("</style>\n</head>\n<body>\n");
    html.raw("<header>\n<h1>").name(service);
    if let Some(version) = label("service_version") {
        html.raw(" <small>").name(version).raw("</small>");
    }
    html.raw("</h1>\n<p>");
    let (what, length) = match common.uptime {
        Uptime::OfProcess(length) => ("up ", length),
        Uptime::OfEndpoint(length) => ("endpoint up ", length),
    };
    html.raw(what).text(&format::duration(length)).raw(" · <a href=\"/metrics\">/metrics</a></p>\n</header>\n");
}

fn sections(html: &mut Html, pipelines: &BTreeMap<String, Pipeline>, common: &Common<'_>, moment: &Moment) {
    html.raw("<main>\n");
    if pipelines.values().all(|pipeline| pipeline.phases.is_empty()) {
        html.raw("<p class=\"empty\">No phase has been declared yet: a phase stands here once it is declared, ");
        html.raw("or once it first runs.</p>\n");
    }
    let mut sorted: Vec<_> = pipelines.iter().collect();
    // The ones that somebody waits for come first, what has no name comes last.
    sorted.sort_by_key(|(name, pipeline)| (pipeline.run.is_none(), name.is_empty()));
    for (name, pipeline) in sorted {
        html.raw("<section>\n");
        about_pipeline(html, name, pipeline, moment);
        if !pipeline.phases.is_empty() {
            table::write(html, &pipeline.phases, common);
        }
        html.raw("</section>\n");
    }
    html.raw("</main>\n");
}

fn about_pipeline(html: &mut Html, name: &str, pipeline: &Pipeline, moment: &Moment) {
    if !name.is_empty() || pipeline.run.is_some() {
        html.raw("<div class=\"pipeline\">\n");
        if !name.is_empty() {
            html.raw("<h2><small>pipeline</small> ").name(name).raw("</h2>\n");
        }
        if let Some(run) = &pipeline.run {
            about_run(html, run, moment);
        }
        html.raw("</div>\n");
    }
    if let Some(progress) = pipeline.progress {
        html.raw("<p class=\"progress\">").bar("done", progress);
        html.raw(" <strong>").text(&format::percent(progress)).raw("</strong></p>\n");
    }
}

fn about_run(html: &mut Html, run: &Run, moment: &Moment) {
    html.raw("<p>run ").name(&run.id);
    html.raw(if run.finished {
        " <span class=\"badge\">finished</span>"
    } else {
        " <span class=\"badge on\">running</span>"
    });
    if let Some(ago) = run.started.and_then(|started| moment.unix.checked_sub(started)) {
        html.raw(" started ").text(&format::duration(ago)).raw(" ago");
    }
    html.raw("</p>\n");
}

fn process(html: &mut Html, snapshot: &Snapshot, common: &Common<'_>) {
    let value = |metric: &Metric| snapshot.value(metric, &[]);
    let mut facts = Facts::new(html, "process");
    if let Some(cpu) = value(&PROCESS_CPU_TIME).map(Value::as_f64) {
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
    let then = common.earlier.and_then(|earlier| Some((earlier.ago.as_secs_f64(), earlier.tally.cpu_seconds?)));
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
    if let Some(series) = snapshot.value(&SERIES, &[]) {
        facts.add("phases kept", "pairs of pipeline and phase", &format::count(whole(series)));
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
    for series in snapshot.series(&COLLECTOR_SUCCESS).iter().filter(|series| whole(&series.value) == 0) {
        facts.warn("failed", "collector", series.labels.value("collector").unwrap_or_default());
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
