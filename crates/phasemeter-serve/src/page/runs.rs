//! Runs to look at, for those who hunt one stuck, slow or broken item: of all phases of a pipeline, in one order.

use std::cmp::Reverse;
use std::time::Duration;

use phasemeter_core::{HELD_AFTER_NS, Ran, Running, Work};

use super::format;
use super::html::Html;

/// Runs of a kind that stand on the page where nobody asked for more.
const FIRST: usize = 5;

/// How many runs of each kind are shown. The query says so: what somebody opens by hand closes when the page reloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    First,
    /// Everything that the snapshot has, which is a few of each phase: long runs of one phase hide none of another.
    All,
}

impl Shown {
    /// What a query asks for; parameters of others are theirs.
    pub(crate) fn asked(query: &str) -> Self {
        if query.split('&').any(|parameter| parameter == "runs=all") { Self::All } else { Self::First }
    }

    const fn most(self) -> usize {
        match self {
            Self::First => FIRST,
            Self::All => usize::MAX,
        }
    }
}

/// What is shown of one kind of runs.
struct Kind<R> {
    title: &'static str,
    order: &'static str,
    /// Writes a run, given its phase.
    run: fn(&mut Html, &str, &R),
}

const IN_FLIGHT: Kind<Running> = Kind { title: "in flight", order: "longest first", run: in_flight };
const SLOWEST: Kind<Ran> = Kind { title: "slowest", order: "of the runs that ended", run: slow };
const FAILED: Kind<Ran> = Kind { title: "failed", order: "latest first", run: failed };

/// Nothing where no phase has anything to look at; otherwise all kinds, so that each keeps its place.
pub(crate) fn write(html: &mut Html, work: &[&Work], shown: Shown) {
    if work.iter().all(|work| work.is_empty()) {
        return;
    }
    html.raw("<div class=\"look\">\n");
    list(html, &IN_FLIGHT, &across(work, |work| &work.oldest, |run| Reverse(run.running_ns)), shown);
    list(html, &SLOWEST, &across(work, |work| &work.slowest, |run| Reverse(run.elapsed_ns)), shown);
    list(html, &FAILED, &across(work, |work| &work.failed, |run| run.ago_ns), shown);
    html.raw("</div>\n");
}

/// The runs of all phases in one order, each with its phase.
fn across<'a, R, K: Ord>(work: &[&'a Work], of: fn(&Work) -> &Vec<R>, key: fn(&R) -> K) -> Vec<(&'a str, &'a R)> {
    let of_phase = |work: &'a Work| of(work).iter().map(|run| (&*work.phase, run));
    let mut runs: Vec<_> = work.iter().copied().flat_map(of_phase).collect();
    // Stable: what is equal stays in the order of the phases.
    runs.sort_by_key(|(_, run)| key(run));
    runs
}

fn list<R>(html: &mut Html, kind: &Kind<R>, runs: &[(&str, &R)], shown: Shown) {
    html.raw("<article>\n<h3>").raw(kind.title).raw(" <small>").raw(kind.order).raw("</small>");
    match shown {
        Shown::First if runs.len() > FIRST => {
            html.raw(" <a href=\"?runs=all\">all ").text(&runs.len().to_string()).raw("</a>");
        }
        Shown::All if runs.len() > FIRST => {
            html.raw(" <a href=\".\">first ").text(&FIRST.to_string()).raw("</a>");
        }
        Shown::First | Shown::All => {}
    }
    html.raw("</h3>\n");
    if runs.is_empty() {
        html.raw("<p>none</p>\n");
    } else {
        html.raw("<ol>\n");
        for (phase, run) in runs.iter().take(shown.most()) {
            html.raw("<li>");
            (kind.run)(html, phase, run);
            html.raw("</li>\n");
        }
        html.raw("</ol>\n");
    }
    html.raw("</article>\n");
}

fn in_flight(html: &mut Html, phase: &str, run: &Running) {
    html.raw("<b>").text(&length(run.running_ns)).raw("</b> ");
    about(html, run.item.as_deref(), phase);
    if let Some(exited_ns) = run.exited_ns {
        // For a moment that is the life of every future; for longer, something holds the span.
        let class = if exited_ns >= HELD_AFTER_NS { "odd" } else { "soft" };
        html.raw(" · <span class=\"").raw(class);
        html.raw("\" title=\"the span was left and is not closed: it is awaited, or something holds it\">left ");
        html.text(&length(exited_ns)).raw(" ago, not closed</span>");
    }
    html.raw("</p></div>");
}

fn slow(html: &mut Html, phase: &str, run: &Ran) {
    html.raw("<b>").text(&length(run.elapsed_ns)).raw("</b> ");
    about(html, run.item.as_deref(), phase);
    html.raw(" · ").text(&length(run.ago_ns)).raw(" ago");
    error(html, run);
    html.raw("</p></div>");
}

fn failed(html: &mut Html, phase: &str, run: &Ran) {
    html.raw("<b>").text(&length(run.ago_ns)).raw(" ago</b> ");
    about(html, run.item.as_deref(), phase);
    error(html, run);
    html.raw(" · after ").text(&length(run.elapsed_ns)).raw("</p></div>");
}

/// The item, and the phase at the beginning of a line below it, which stays open.
fn about(html: &mut Html, item: Option<&str>, phase: &str) {
    html.raw("<div>");
    match item.filter(|item| !item.is_empty()) {
        Some(item) => html.name(item),
        None => html.unknown(),
    };
    html.raw("<p>").name(phase);
}

fn error(html: &mut Html, run: &Ran) {
    if let Some(error_type) = &run.error_type {
        html.raw(" · <span class=\"bad\">").name(error_type).raw("</span>");
    }
}

fn length(nanos: u64) -> String {
    format::duration(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_query_that_says_so_asks_for_all() {
        for query in ["runs=all", "x=1&runs=all", "runs=all&runs=few&y"] {
            assert_eq!(Shown::asked(query), Shown::All, "{query}");
        }
        for query in ["", "runs", "runs=", "runs=few", "runs=all2", "xruns=all", "RUNS=ALL", "x=runs=all", "&&="] {
            assert_eq!(Shown::asked(query), Shown::First, "{query}");
        }
    }
}
