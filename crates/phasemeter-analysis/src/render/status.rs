//! `status`: how far a run is, of one worker or of all.

use std::fmt::Write as _;

use crate::fleet::{Fleet, Liveness, WorkerView};
use crate::progress::{Deadline, Eta, Progress};
use crate::render::analysis::problems;
use crate::render::table::{Table, heading, in_line, point};
use crate::render::{Form, Viewer};
use crate::state::{ItemInHand, Status};
use crate::words::{duration, percent, rate};

/// So many items in hand are shown.
const SHOWN: usize = 5;

/// How far one worker's part of a run is.
#[must_use]
pub fn progress(progress: &Progress, viewer: &Viewer, form: Form) -> String {
    let mut out = String::new();
    let name = |text: &str| in_line(text, form);
    let overall = progress.overall.map_or(String::new(), |overall| format!(", {} done", percent(overall)));
    let back = if progress.went_back { " (less than before: there is more to do than was said)" } else { "" };
    let paused = match progress.paused_ns {
        0 => String::new(),
        paused_ns => format!(", without {} paused", duration(paused_ns)),
    };
    let _ = writeln!(
        out,
        "{}: {}: {}{overall}{back}, {} so far{paused}",
        name(&progress.pipeline),
        name(&progress.run),
        progress.status.as_str(),
        duration(progress.elapsed_ns)
    );
    let is_over = matches!(progress.status, Status::Completed | Status::Failed | Status::Cancelled);
    finish(progress.eta, progress.finish_unix_ns, is_over, viewer, &mut out);
    limit(progress.deadline, viewer, &mut out);
    out.push('\n');
    let mut table = Table::new(["phase", "state", "done", "items", "now", "on average", "left"]);
    for phase in &progress.phases {
        let of = phase.total.map_or(String::new(), |total| format!("/{total}"));
        table.row([
            phase.name.clone(),
            phase.status.as_str().to_owned(),
            phase.completion.map_or("–".to_owned(), percent),
            format!("{}{of}", phase.processed),
            phase.current_per_s.map_or("–".to_owned(), rate),
            phase.average_per_s.map_or("–".to_owned(), rate),
            phase.eta.filter(|eta| eta.high_ns > 0).map_or("–".to_owned(), range),
        ]);
    }
    table.write(form, &mut out);
    if !progress.in_hand.is_empty() {
        let _ = writeln!(out, "\nin hand: {}", in_line(&items(&progress.in_hand), form));
    }
    out
}

/// The median, and the range where it says more.
fn range(eta: Eta) -> String {
    let [low, median, high] = [eta.low_ns, eta.median_ns, eta.high_ns].map(duration);
    if low == high { median } else { format!("{median} ({low} to {high})") }
}

fn finish(eta: Option<Eta>, finish_unix_ns: Option<u64>, is_over: bool, viewer: &Viewer, out: &mut String) {
    let _ = match (eta, finish_unix_ns) {
        (Some(eta), Some(unix_ns)) => writeln!(out, "done in {}, at {}", range(eta), viewer.clock(unix_ns)),
        (_, Some(unix_ns)) if is_over => writeln!(out, "ended at {}", viewer.clock(unix_ns)),
        (_, _) => writeln!(out, "when it will be done is not known yet"),
    };
}

fn limit(deadline: Option<Deadline>, viewer: &Viewer, out: &mut String) {
    let Some(deadline) = deadline else { return };
    let at = viewer.clock(deadline.at_unix_ns);
    let _ = match (deadline.margin_ns, deadline.margin_at_worst_ns) {
        (Some(margin_ns), _) if margin_ns < 0 => {
            writeln!(out, "misses the limit by {} ({at})", duration(margin_ns.unsigned_abs()))
        }
        (Some(margin_ns), Some(worst_ns)) if worst_ns < 0 => writeln!(
            out,
            "may miss the limit: {} to spare, or too late by {} ({at})",
            duration(margin_ns.unsigned_abs()),
            duration(worst_ns.unsigned_abs())
        ),
        (Some(margin_ns), _) => {
            writeln!(out, "makes the limit with {} to spare ({at})", duration(margin_ns.unsigned_abs()))
        }
        (None, _) => writeln!(out, "its limit is {at}"),
    };
}

fn items(items: &[ItemInHand]) -> String {
    let shown = items.iter().take(SHOWN);
    let mut text = shown
        .map(|item| format!("{} ({}, {})", item.item, item.phase, duration(item.age_ns)))
        .collect::<Vec<_>>()
        .join(", ");
    if items.len() > SHOWN {
        let _ = write!(text, " and {} more", items.len() - SHOWN);
    }
    text
}

/// How far a run is, over all its workers.
#[must_use]
pub fn fleet(fleet: &Fleet, viewer: &Viewer, form: Form) -> String {
    let mut out = String::new();
    let name = |text: &str| in_line(text, form);
    let overall = fleet.overall.map_or("not known how far".to_owned(), |overall| format!("{} done", percent(overall)));
    let counts = fleet.counts();
    let now = fleet.items_per_s.map_or(String::new(), |per_s| format!(", {}", rate(per_s)));
    let _ = writeln!(out, "{}: {}: {overall}, {counts}{now}", name(&fleet.pipeline), name(&fleet.run));
    finish(fleet.eta, fleet.finish_unix_ns, fleet.active + fleet.silent == 0, viewer, &mut out);
    limit(fleet.deadline, viewer, &mut out);
    if let Some(slowest) = fleet.slowest.as_deref().filter(|_| fleet.active + fleet.silent > 1) {
        let _ = writeln!(out, "{} will be done last", name(slowest));
    }
    if fleet.orphaned > 0 {
        let _ = writeln!(out, "{} left with workers that work no longer", crate::words::items(fleet.orphaned));
    }
    heading("Phases", form, &mut out);
    let mut table = Table::new(["phase", "done", "items", "failed", "now"]);
    for phase in &fleet.phases {
        let of = phase.total.map_or(String::new(), |total| format!("/{total}"));
        table.row([
            phase.name.clone(),
            phase.completion.map_or("–".to_owned(), percent),
            format!("{}{of}", phase.processed),
            phase.failed.to_string(),
            phase.items_per_s.map_or("–".to_owned(), rate),
        ]);
    }
    table.write(form, &mut out);
    heading("Workers", form, &mut out);
    for worker in &fleet.workers {
        point(&in_line(&worker_line(worker, viewer), form), form, &mut out);
    }
    let all: Vec<_> = fleet
        .problems
        .iter()
        .map(|(worker, problem)| {
            let phase = problem.phase.as_deref().map_or(worker.clone(), |phase| format!("{worker}, {phase}"));
            crate::state::Problem { phase: Some(phase), ..problem.clone() }
        })
        .collect();
    problems(&all, form, &mut out);
    out
}

fn worker_line(worker: &WorkerView, viewer: &Viewer) -> String {
    let done = worker.overall.map_or(String::new(), |overall| format!(", {} done", percent(overall)));
    let attempt = if worker.attempt > 1 { format!(", attempt {}", worker.attempt) } else { String::new() };
    let seen = viewer.clock(worker.last_seen_unix_ns);
    let flight = match worker.in_flight.is_empty() {
        true => "nothing known to be in flight".to_owned(),
        false => format!("in flight: {}", items(&worker.in_flight)),
    };
    let is = match worker.liveness {
        Liveness::Active => {
            let now = worker.items_per_s.map_or(String::new(), |per_s| format!(", {}", rate(per_s)));
            let left = worker.eta.map_or(String::new(), |eta| format!(", {} left", duration(eta.median_ns)));
            format!("{}{now}{left}", worker.status.as_str())
        }
        Liveness::Silent => format!("silent since {seen}, {flight}"),
        Liveness::Lost => format!("killed at {seen}, {flight}"),
        Liveness::Finished => format!("finished at {seen}"),
        Liveness::Failed => {
            let reason = worker.reason.as_deref().map_or(String::new(), |reason| format!(": {reason}"));
            format!("{} at {seen}{reason}", worker.status.as_str())
        }
    };
    format!("{} on {}{attempt}: {is}{done}", worker.worker, worker.host)
}
