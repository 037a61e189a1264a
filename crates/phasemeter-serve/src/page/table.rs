//! One table: a row a phase. Columns that no phase of the table has anything in are left out.

use std::time::Duration;

use phasemeter_core::{ItemOutcome, Outcome};

use super::document::{Common, Uptime};
use super::format;
use super::history::PhaseTally;
use super::html::Html;
use super::model::{Name, Phase};

/// Types of error shown by name.
const ERRORS_SHOWN: usize = 3;

/// A column. Its order here is its order on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    State,
    Runs,
    Items,
    Progress,
    RateNow,
    RateAverage,
    Mean,
    Busy,
    Bytes,
    Errors,
}

impl Column {
    const ALL: [Self; 10] = [
        Self::State,
        Self::Runs,
        Self::Items,
        Self::Progress,
        Self::RateNow,
        Self::RateAverage,
        Self::Mean,
        Self::Busy,
        Self::Bytes,
        Self::Errors,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Runs => "runs",
            Self::Items => "items",
            Self::Progress => "progress",
            Self::RateNow => "rate now",
            Self::RateAverage => "average rate",
            Self::Mean => "mean run",
            Self::Busy => "time spent",
            Self::Bytes => "bytes",
            Self::Errors => "errors",
        }
    }

    const fn explained(self, uptime: Uptime) -> &'static str {
        match (self, uptime) {
            (Self::State, _) => "how many runs are going on",
            (Self::Runs, _) => "runs that ended, by how they ended",
            (Self::Items, _) => "items dealt with, by what became of them",
            (Self::Progress, _) => "items dealt with over items expected",
            (Self::RateNow, _) => "over the last few seconds: items, or runs where no items are counted",
            (Self::RateAverage, Uptime::OfProcess(_)) => "count over the time since the process started",
            (Self::RateAverage, Uptime::OfEndpoint(_)) => "count over the time since this endpoint started",
            (Self::Mean, _) => "mean duration of the runs that ended",
            (Self::Busy, _) => {
                "durations of the runs that ended, added up; the bar is the share of all phases together"
            }
            (Self::Bytes, _) => "bytes dealt with, and how many a second now",
            (Self::Errors, _) => "failed runs and failed single items, by type",
        }
    }

    fn applies(self, phase: &Phase) -> bool {
        match self {
            Self::State | Self::Runs | Self::RateNow | Self::RateAverage | Self::Mean | Self::Busy => true,
            Self::Items => phase.counts_items(),
            Self::Progress => phase.progress.is_some(),
            Self::Bytes => phase.bytes > 0,
            Self::Errors => !phase.errors.is_empty(),
        }
    }
}

/// What a row is made of.
struct Row<'a> {
    name: &'a Name,
    phase: &'a Phase,
    common: &'a Common<'a>,
}

pub(crate) fn write(html: &mut Html, phases: &[(Name, Phase)], common: &Common<'_>) {
    let columns: Vec<Column> =
        Column::ALL.into_iter().filter(|column| phases.iter().any(|(_, phase)| column.applies(phase))).collect();
    html.raw("<table>\n<thead><tr><th scope=\"col\">phase</th>");
    for column in &columns {
        html.raw("<th scope=\"col\" title=\"").raw(column.explained(common.uptime)).raw("\">");
        html.raw(column.title()).raw("</th>");
    }
    html.raw("</tr></thead>\n<tbody>\n");
    for (name, phase) in phases {
        let row = Row { name, phase, common };
        html.raw("<tr>");
        row.head(html);
        for column in &columns {
            html.raw("<td data-label=\"").raw(column.title()).raw("\">");
            row.cell(html, *column);
            html.raw("</td>");
        }
        html.raw("</tr>\n");
    }
    html.raw("</tbody>\n</table>\n");
}

impl Row<'_> {
    fn head(&self, html: &mut Html) {
        html.raw("<th scope=\"row\">");
        match &self.name.phase {
            Some(phase) => html.name(phase),
            None => html.raw("<i title=\"phases beyond the limit on names, together\">other phases</i>"),
        };
        if self.common.most_time.as_ref() == Some(self.name) {
            html.raw(" <span class=\"badge most\" title=\"of all phases, added up over its workers\">most time</span>");
        }
        html.raw("</th>");
    }

    fn cell(&self, html: &mut Html, column: Column) {
        match column {
            Column::State => self.state(html),
            Column::Runs => self.runs(html),
            Column::Items => self.items(html),
            Column::Progress => self.progress(html),
            Column::RateNow => self.rate_now(html),
            Column::RateAverage => self.rate_average(html),
            Column::Mean => {
                match self.phase.mean() {
                    Some(mean) => html.text(&format::duration(mean)),
                    None => html.unknown(),
                };
            }
            Column::Busy => self.busy(html),
            Column::Bytes => self.bytes(html),
            Column::Errors => self.errors(html),
        }
    }

    fn state(&self, html: &mut Html) {
        if self.phase.active > 0 {
            html.raw("<span class=\"badge on\">active ").text(&self.phase.active.to_string()).raw("</span>");
        } else if self.phase.runs_ended() > 0 {
            html.raw("<span class=\"badge\">idle</span>");
        } else {
            html.raw("<span class=\"badge off\">not started</span>");
        }
    }

    fn runs(&self, html: &mut Html) {
        let of = |outcome| self.phase.runs.get(&outcome).copied().unwrap_or(0);
        html.text(&format::count(of(Outcome::Ok))).raw("<small> ok</small>");
        more(html, "bad", of(Outcome::Error), " error");
        more(html, "odd", of(Outcome::Cancelled), " cancelled");
    }

    fn items(&self, html: &mut Html) {
        if !self.phase.counts_items() {
            html.unknown();
            return;
        }
        let of = |outcome| self.phase.items.get(&outcome).copied().unwrap_or(0);
        html.text(&format::count(of(ItemOutcome::Ok))).raw("<small> ok</small>");
        more(html, "bad", of(ItemOutcome::Error), " failed");
        more(html, "odd", of(ItemOutcome::Skipped), " skipped");
    }

    fn progress(&self, html: &mut Html) {
        let (Some(progress), Some(expected)) = (self.phase.progress, self.phase.expected) else {
            html.unknown();
            return;
        };
        html.bar("done", progress).raw(" ").text(&format::percent(progress)).raw("<br><small>");
        html.text(&format::count(self.phase.items_done())).raw(" / ").text(&format::count(expected)).raw("</small>");
    }

    fn tally(&self) -> PhaseTally {
        PhaseTally { runs: self.phase.runs_ended(), items: self.phase.items_done(), bytes: self.phase.bytes }
    }

    /// How many a second between an earlier moment and this one.
    fn since_earlier(&self, of: fn(PhaseTally) -> u64) -> Option<f64> {
        let earlier = self.common.earlier?;
        earlier.rate(of(earlier.phase(self.name)), of(self.tally()))
    }

    /// Of items or of runs, and the unit of its rate.
    fn counted(&self) -> (fn(PhaseTally) -> u64, &'static str) {
        if self.phase.counts_items() { (|tally| tally.items, " items/s") } else { (|tally| tally.runs, " runs/s") }
    }

    fn rate_now(&self, html: &mut Html) {
        let (of, unit) = self.counted();
        rate(html, self.since_earlier(of), unit);
    }

    fn rate_average(&self, html: &mut Html) {
        let (of, unit) = self.counted();
        let (Uptime::OfProcess(length) | Uptime::OfEndpoint(length)) = self.common.uptime;
        rate(html, (!length.is_zero()).then(|| of(self.tally()) as f64 / length.as_secs_f64()), unit);
    }

    fn busy(&self, html: &mut Html) {
        if self.phase.busy == Duration::ZERO {
            html.unknown();
            return;
        }
        // All phases together took some time, since this one did.
        let share = self.phase.busy.as_secs_f64() / self.common.busy.as_secs_f64();
        html.bar("share", share).raw(" ").text(&format::duration(self.phase.busy));
        html.raw("<small> ").text(&format::percent(share)).raw("</small>");
    }

    fn bytes(&self, html: &mut Html) {
        if self.phase.bytes == 0 {
            html.unknown();
            return;
        }
        html.text(&format::bytes(self.phase.bytes as f64));
        if let Some(rate) = self.since_earlier(|tally| tally.bytes) {
            html.raw("<br><small>").text(&format::bytes(rate)).raw("/s</small>");
        }
    }

    fn errors(&self, html: &mut Html) {
        if self.phase.errors.is_empty() {
            html.unknown();
            return;
        }
        for (error_type, count) in self.phase.errors.iter().take(ERRORS_SHOWN) {
            html.raw("<span class=\"bad\">").text(&format::count(*count)).raw("</span> ").name(error_type).raw("<br>");
        }
        let hidden = self.phase.errors.len().saturating_sub(ERRORS_SHOWN);
        if hidden > 0 {
            html.raw("<small>and ").text(&hidden.to_string()).raw(" more</small>");
        }
    }
}

/// An outcome that is worth a line of its own only where there is any of it.
fn more(html: &mut Html, class: &'static str, count: u64, what: &'static str) {
    if count > 0 {
        html.raw("<br><span class=\"").raw(class).raw("\">").text(&format::count(count)).raw(what).raw("</span>");
    }
}

fn rate(html: &mut Html, rate: Option<f64>, unit: &'static str) {
    match rate {
        Some(rate) => html.text(&format::rate(rate)).raw("<small>").raw(unit).raw("</small>"),
        None => html.unknown(),
    };
}
