//! The page around the tables: head, one section a pipeline, and the foot.

use std::collections::BTreeMap;
use std::time::Duration;

use phasemeter_core::Snapshot;
use phasemeter_core::catalogue::{PROCESS_START_TIMESTAMP, TARGET_INFO};

use super::foot;
use super::format;
use super::history::Earlier;
use super::html::Html;
use super::model::{self, Name, Pipeline, Run, seconds};
use super::runs::{self, Shown};
use super::table;

const STYLE: &str = include_str!("style.css");

/// What is asked of the page, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// Since the Unix epoch.
    pub(crate) unix: Duration,
    /// Since the endpoint started.
    pub(crate) since_start: Duration,
    /// The counts of a few seconds ago, where there are any.
    pub(crate) earlier: Option<&'a Earlier>,
    pub(crate) runs: Shown,
}

/// What all parts of a page have in common.
pub(crate) struct Common<'a> {
    pub(crate) view: View<'a>,
    /// What averages are taken over.
    pub(crate) uptime: Uptime,
    /// The time spent in all phases, added up.
    pub(crate) spent: Duration,
    pub(crate) most_time: Option<Name>,
}

/// How long it has been running, and what "it" is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Uptime {
    OfProcess(Duration),
    OfEndpoint(Duration),
}

/// The whole page.
pub(crate) fn render(snapshot: &Snapshot, view: View<'_>) -> String {
    let pipelines = model::pipelines(snapshot);
    let phases = pipelines.values().flat_map(|pipeline| &pipeline.phases);
    let common = Common {
        view,
        uptime: uptime(snapshot, view),
        spent: phases.fold(Duration::ZERO, |sum, (_, phase)| sum.saturating_add(phase.spent)),
        most_time: model::most_time(&pipelines),
    };
    let mut html = Html::default();
    head(&mut html, snapshot, &common);
    sections(&mut html, &pipelines, &common);
    foot::write(&mut html, snapshot, &common);
    html.raw("</body>\n</html>\n");
    html.finish()
}

fn uptime(snapshot: &Snapshot, view: View<'_>) -> Uptime {
    let started = snapshot.value(&PROCESS_START_TIMESTAMP, &[]).and_then(seconds);
    // A clock that was set back since then would make the process younger than nothing.
    let running = started.and_then(|started| view.unix.checked_sub(started));
    running.map_or(Uptime::OfEndpoint(view.since_start), Uptime::OfProcess)
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

fn sections(html: &mut Html, pipelines: &BTreeMap<String, Pipeline<'_>>, common: &Common<'_>) {
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
        about_pipeline(html, name, pipeline, common.view);
        if !pipeline.phases.is_empty() {
            table::write(html, &pipeline.phases, common);
        }
        runs::write(html, &pipeline.work, common.view.runs);
        html.raw("</section>\n");
    }
    html.raw("</main>\n");
}

fn about_pipeline(html: &mut Html, name: &str, pipeline: &Pipeline<'_>, view: View<'_>) {
    if !name.is_empty() || pipeline.run.is_some() {
        html.raw("<div class=\"pipeline\">\n");
        if !name.is_empty() {
            html.raw("<h2><small>pipeline</small> ").name(name).raw("</h2>\n");
        }
        if let Some(run) = &pipeline.run {
            about_run(html, run, view);
        }
        html.raw("</div>\n");
    }
    if let Some(progress) = pipeline.progress {
        html.raw("<p class=\"progress\">").bar("done", progress);
        html.raw(" <strong>").text(&format::percent(progress)).raw("</strong>");
        if let Some(eta) = pipeline.eta.filter(|_| pipeline.run.as_ref().is_some_and(|run| !run.finished)) {
            html.raw(" <small>done in about ").text(&format::duration(eta)).raw("</small>");
        }
        html.raw("</p>\n");
    }
}

fn about_run(html: &mut Html, run: &Run, view: View<'_>) {
    html.raw("<p>run ").name(&run.id);
    html.raw(if run.finished {
        " <span class=\"badge\">finished</span>"
    } else {
        " <span class=\"badge on\">running</span>"
    });
    if let Some(ago) = run.started.and_then(|started| view.unix.checked_sub(started)) {
        html.raw(" started ").text(&format::duration(ago)).raw(" ago");
    }
    html.raw("</p>\n");
}
