//! One row of a table: what a phase has in each column.

use std::collections::BTreeMap;
use std::time::Duration;

use phasemeter_core::catalogue::{PHASE_CPU_TIME, PHASE_HELD, PHASE_OLDEST_START_TIMESTAMP};
use phasemeter_core::{Allocated, Effort, ItemOutcome, Outcome, Profile, WaitingFor};

use super::document::{Common, Uptime};
use super::format;
use super::history::PhaseTally;
use super::html::Html;
use super::model::{Name, Phase};
use super::table::Column;

/// Types of error shown by name.
const ERRORS_SHOWN: usize = 3;

/// What a row is made of.
pub(crate) struct Row<'a> {
    pub(crate) name: &'a Name,
    pub(crate) phase: &'a Phase,
    pub(crate) common: &'a Common<'a>,
}

impl Row<'_> {
    pub(crate) fn head(&self, html: &mut Html) {
        html.raw("<th scope=\"row\">");
        match &self.name.phase {
            Some(phase) => html.name(phase),
            None => html.raw("<i title=\"phases beyond the limit on names, together\">other phases</i>"),
        };
        if self.common.most_time.as_ref() == Some(self.name) {
            html.raw(" <span class=\"badge most\" title=\"of all phases, added up over its workers\">most time</span>");
        }
        // The label of the other phases says no more than that.
        for (name, value) in self.name.further.iter().filter(|_| self.name.phase.is_some()) {
            html.raw(" <small class=\"label\">").text(name).raw("=").name(value).raw("</small>");
        }
        html.raw("</th>");
    }

    pub(crate) fn cell(&self, html: &mut Html, column: Column) {
        match column {
            Column::State => self.state(html),
            Column::Runs => self.runs(html),
            Column::Items => self.items(html),
            Column::Progress => self.progress(html),
            Column::Rate => self.rate(html),
            Column::Spent => self.spent(html),
            Column::Effort => self.effort(html),
            Column::Bytes => self.bytes(html),
            Column::Errors => self.errors(html),
        }
    }

    fn state(&self, html: &mut Html) {
        if self.phase.active > 0 {
            html.raw("<span class=\"badge on\">active ").text(&self.phase.active.to_string()).raw("</span>");
            self.oldest(html);
        } else if self.phase.runs_ended() > 0 {
            html.raw("<span class=\"badge\">idle</span>");
        } else {
            html.raw("<span class=\"badge off\">not started</span>");
        }
        if self.phase.held > 0 {
            html.raw("<br><span class=\"badge held\" title=\"").text(PHASE_HELD.help).raw("\">held ");
            html.text(&self.phase.held.to_string()).raw("</span>");
        }
    }

    /// For how long the oldest run has been going on, where that is long enough to be read.
    fn oldest(&self, html: &mut Html) {
        let length = self.phase.oldest_start.and_then(|started| self.common.view.unix.checked_sub(started));
        if let Some(length) = length.filter(|length| *length >= Duration::from_secs(1)) {
            html.raw("<br><small title=\"").text(PHASE_OLDEST_START_TIMESTAMP.help).raw("\">");
            html.raw(if self.phase.active > 1 { "oldest " } else { "for " });
            html.text(&format::duration(length)).raw("</small>");
        }
    }

    fn runs(&self, html: &mut Html) {
        let of = |outcome| self.phase.runs.get(&outcome).copied().unwrap_or(0);
        html.text(&format::count(of(Outcome::Ok))).raw("<small> ok</small>");
        more(html, "bad", of(Outcome::Error), " error");
        more(html, "odd", of(Outcome::Cancelled), " cancelled");
    }

    fn items(&self, html: &mut Html) {
        let of = |outcome| self.phase.items.get(&outcome).copied().unwrap_or(0);
        if self.phase.counts_items() {
            html.text(&format::count(of(ItemOutcome::Ok))).raw("<small> ok</small>");
            more(html, "bad", of(ItemOutcome::Error), " failed");
            more(html, "odd", of(ItemOutcome::Skipped), " skipped");
        } else if self.phase.units.is_empty() {
            html.unknown();
        }
        for (index, (unit, counts)) in self.phase.units.iter().enumerate() {
            if index > 0 || self.phase.counts_items() {
                html.raw("<br>");
            }
            units(html, unit, counts);
        }
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
        let earlier = self.common.view.earlier?;
        earlier.rate(of(earlier.phase(self.name)), of(self.tally()))
    }

    /// Of items or of runs, and the unit of its rate.
    fn counted(&self) -> (fn(PhaseTally) -> u64, &'static str) {
        if self.phase.counts_items() { (|tally| tally.items, " items/s") } else { (|tally| tally.runs, " runs/s") }
    }

    fn rate(&self, html: &mut Html) {
        let (of, unit) = self.counted();
        match self.since_earlier(of) {
            Some(now) => html.text(&format::rate(now)).raw("<small>").raw(unit).raw("</small>"),
            None => html.unknown(),
        };
        let (Uptime::OfProcess(length) | Uptime::OfEndpoint(length)) = self.common.uptime;
        if !length.is_zero() {
            let average = of(self.tally()) as f64 / length.as_secs_f64();
            html.raw("<br><small>average ").text(&format::rate(average)).raw("</small>");
        }
    }

    fn spent(&self, html: &mut Html) {
        if self.phase.spent == Duration::ZERO {
            html.unknown();
            return;
        }
        // All phases together took some time, since this one did.
        let share = self.phase.spent.as_secs_f64() / self.common.spent.as_secs_f64();
        html.bar("share", share).raw(" ").text(&format::duration(self.phase.spent));
        html.raw("<small> ").text(&format::percent(share)).raw("</small>");
        if let Some(mean) = self.phase.mean() {
            html.raw("<br><small>mean ").text(&format::duration(mean)).raw("</small>");
        }
    }

    fn effort(&self, html: &mut Html) {
        let total_ns =
            |effort: &Effort| effort.waiting_ns.iter().fold(effort.busy_ns, |sum, ns| sum.saturating_add(*ns));
        let Some((effort, total_ns)) =
            self.phase.effort.map(|effort| (effort, total_ns(&effort))).filter(|(_, total_ns)| *total_ns > 0)
        else {
            html.unknown();
            return;
        };
        let share = |ns: u64| ns as f64 / total_ns as f64;
        let length = |ns| format::duration(Duration::from_nanos(ns));
        html.bar("share", share(effort.busy_ns)).raw(" <span title=\"").text(&length(effort.busy_ns)).raw("\">");
        html.text(&format::percent(share(effort.busy_ns))).raw("<small> busy</small></span>");
        // What would read as 0 % says nothing.
        let waiting = WaitingFor::ALL.into_iter().zip(effort.waiting_ns).filter(|(_, ns)| share(*ns) >= 0.005);
        for (waiting_for, ns) in waiting {
            html.raw("<br><small title=\"").text(&length(ns)).raw("\">").text(&format::percent(share(ns)));
            html.raw(match waiting_for {
                WaitingFor::Input => " for input",
                WaitingFor::Output => " for output",
                WaitingFor::Other => " pending",
            });
            html.raw("</small>");
        }
        profile(html, effort.profile.unwrap_or_default());
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

/// What was dealt with in a unit of its own, in smaller letters than items.
fn units(html: &mut Html, unit: &str, counts: &BTreeMap<ItemOutcome, u64>) {
    let of = |outcome| counts.get(&outcome).copied().unwrap_or(0);
    html.raw("<small>").text(&format::count(of(ItemOutcome::Ok))).raw(" ").name(unit);
    more(html, "bad", of(ItemOutcome::Error), " failed");
    more(html, "odd", of(ItemOutcome::Skipped), " skipped");
    html.raw("</small>");
}

/// What only level profiling measures.
fn profile(html: &mut Html, profile: Profile) {
    if let Some(cpu_ns) = profile.cpu_ns {
        let length = format::duration(Duration::from_nanos(cpu_ns));
        html.raw("<br><small title=\"").text(PHASE_CPU_TIME.help).raw("\">CPU ").text(&length).raw("</small>");
    }
    if let Some(Allocated { allocations, bytes }) = profile.allocated {
        html.raw("<br><small title=\"").text(&format::count(allocations)).raw(" allocations\">");
        html.text(&format::bytes(bytes as f64)).raw(" allocated</small>");
    }
}
