//! One table: a row a phase. Columns that no phase of the table has anything in are left out.

use super::document::{Common, Uptime};
use super::html::Html;
use super::model::{Name, Phase};
use super::row::Row;

/// A column. Its order here is its order on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    State,
    Runs,
    Items,
    Progress,
    Rate,
    Spent,
    Effort,
    Bytes,
    Errors,
}

impl Column {
    const ALL: [Self; 9] = [
        Self::State,
        Self::Runs,
        Self::Items,
        Self::Progress,
        Self::Rate,
        Self::Spent,
        Self::Effort,
        Self::Bytes,
        Self::Errors,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Runs => "runs",
            Self::Items => "items",
            Self::Progress => "progress",
            Self::Rate => "rate now",
            Self::Spent => "time spent",
            Self::Effort => "busy or waiting",
            Self::Bytes => "bytes",
            Self::Errors => "errors",
        }
    }

    const fn explained(self, uptime: Uptime) -> &'static str {
        match (self, uptime) {
            (Self::State, _) => "how many runs are going on, and for how long",
            (Self::Runs, _) => "runs that ended, by how they ended",
            (Self::Items, _) => "items and other units dealt with, by what became of them",
            (Self::Progress, _) => "items dealt with over items expected",
            (Self::Rate, Uptime::OfProcess(_)) => {
                "over the last few seconds: items, or runs where no items are counted; average: since the process started"
            }
            (Self::Rate, Uptime::OfEndpoint(_)) => {
                "over the last few seconds: items, or runs where no items are counted; average: since this endpoint started"
            }
            (Self::Spent, _) => {
                "durations of the runs that ended, added up, and their mean; the bar is the share of all phases together"
            }
            (Self::Effort, _) => {
                "what the runs that ended did: they were busy, or waited for input, for output, or pending"
            }
            (Self::Bytes, _) => "bytes dealt with, and how many a second now",
            (Self::Errors, _) => "failed runs and failed single items, by type",
        }
    }

    fn applies(self, phase: &Phase) -> bool {
        match self {
            Self::State | Self::Runs | Self::Rate | Self::Spent => true,
            Self::Items => phase.counts_items() || !phase.units.is_empty(),
            Self::Progress => phase.progress.is_some(),
            Self::Effort => phase.effort.is_some(),
            Self::Bytes => phase.bytes > 0,
            Self::Errors => !phase.errors.is_empty(),
        }
    }
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
