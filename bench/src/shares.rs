//! What the numbers mean for a program that handles items: the share of one core that each level takes.

use std::fmt::Write as _;

use phasemeter::Level;

use crate::report::{Headings, figures};
use crate::results::{Results, Row};
use crate::workloads::SHAPES;

/// Items a second: of a pipeline that calls models, and of one that only moves records.
const RATES: [f64; 2] = [48.0, 100_000.0];

/// What the original promised of a level, and what is allowed here at the higher rate, in percent of a core.
struct Allowed {
    level: Level,
    promised: &'static str,
    percent: f64,
}

const ALLOWED: [Allowed; Level::ALL.len()] = [
    // 3 ns an item.
    Allowed { level: Level::Off, promised: "0", percent: 0.03 },
    Allowed { level: Level::Basic, promised: "0.1–0.5", percent: 0.5 },
    Allowed { level: Level::Detailed, promised: "1–2", percent: 1.0 },
    Allowed { level: Level::Profiling, promised: "5–10", percent: 5.0 },
];

/// One way to measure items, at one level.
struct Share<'a> {
    row: &'a Row,
    allowed: &'a Allowed,
    /// Nanoseconds of one item, without the loop.
    ns: f64,
}

impl Share<'_> {
    fn percent(&self, rate: f64) -> f64 {
        percent(self.ns, rate)
    }

    fn is_kept(&self) -> bool {
        self.percent(RATES[1]) <= self.allowed.percent
    }
}

/// Nanoseconds an item, so many times a second, in percent of a core.
fn percent(ns: f64, rate: f64) -> f64 {
    ns * rate / 1e9 * 100.0
}

fn shares(results: &Results) -> Vec<Share<'_>> {
    let floor = results.row("floor", "nothing").map_or(0.0, |row| row.value.median);
    let share = |shape: &str, allowed: &'static Allowed| {
        let row = results.row(shape, allowed.level.as_str())?;
        Some(Share { row, allowed, ns: (row.value.median - floor).max(0.0) })
    };
    SHAPES.iter().flat_map(|shape| ALLOWED.iter().filter_map(|allowed| share(shape, allowed))).collect()
}

/// The table of shares, and what is missed; nothing where no shape was measured.
#[must_use]
pub fn text(results: &Results) -> String {
    let shares = shares(results);
    if shares.is_empty() {
        return String::new();
    }
    let [low, high] = RATES;
    let mut text = "### The share of one core\n\nWithout the loop, with everything that tracing takes.\n\n".to_owned();
    let mut headings = Headings::default();
    let rates = format!("{low} items/s | {} items/s", thousands(high));
    line(
        &mut text,
        &format!("| an item | level | ns | instructions | {rates} | allowed | it is | the original promised |"),
    );
    line(&mut text, "|---|---|---:|---:|---:|---:|---:|---|---:|");
    for share in &shares {
        let row = share.row;
        let instructions = row.instructions.map_or_else(|| "–".to_owned(), figures);
        let verdict = if share.is_kept() { "kept" } else { "**missed**" };
        let cells = [
            headings.of(row),
            share.allowed.level.to_string(),
            figures(share.ns),
            instructions,
            percents(share.percent(low)),
            percents(share.percent(high)),
            percents(share.allowed.percent),
            verdict.to_owned(),
            format!("{} %", share.allowed.promised),
        ];
        line(&mut text, &format!("| {} |", cells.join(" | ")));
    }
    text + &missed(results, &shares) + &background(results)
}

/// What takes more than is allowed, how far it is within, and what it consists of.
fn missed(results: &Results, shares: &[Share<'_>]) -> String {
    let missed: Vec<_> = shares.iter().filter(|share| !share.is_kept()).collect();
    if missed.is_empty() {
        return "\nEverything is within what is allowed.\n".to_owned();
    }
    let mut text = "\nMissed:\n\n".to_owned();
    for share in missed {
        let Allowed { level, percent: allowed, .. } = share.allowed;
        let allowed_ns = figures(allowed / 100.0 * 1e9 / RATES[1]);
        let up_to = (allowed / 100.0 * 1e9 / share.ns / 100.0).floor() * 100.0;
        let (name, ns, up_to) = (&share.row.workload, figures(share.ns), thousands(up_to));
        let [taken, allowed] = [share.percent(RATES[1]), *allowed].map(percents);
        let line_of_it = format!(
            "- `{name}` at {level}: {taken} of a core. An item takes {ns} ns, and {allowed} are {allowed_ns} ns; up to \
             {up_to} items/s it is within."
        );
        line(&mut text, &line_of_it);
    }
    text + &parts(results)
}

/// What the missed ones cannot go without.
fn parts(results: &Results) -> String {
    let parts = [
        ("clock", "monotonic", "one reading of the monotonic clock"),
        ("clock", "thread CPU time", "one reading of a thread's CPU time, which is a system call"),
        ("plain_span", "a layer that does nothing, filtered", "a span under a layer that only filters for itself"),
    ];
    let mut text = format!("\nWhat parts of them take, once an item at {} items/s:\n\n", thousands(RATES[1]));
    for (workload, subject, what) in parts {
        if let Some(row) = results.row(workload, subject) {
            let taken = percents(percent(row.value.median, RATES[1]));
            line(&mut text, &format!("- {what}: {taken} of a core ({})", cost(row)));
        }
    }
    text
}

/// How often a service is scraped, and looked at by the collectors, in seconds.
const INTERVALS: [(&str, &str, f64, &str); 2] = [
    ("scrape", "10 phases", 15.0, "a scrape of 10 phases each 15 s"),
    ("collect", "this process", 1.0, "a look of the collectors each second"),
];

/// What is taken whatever the level and however many the items.
fn background(results: &Results) -> String {
    let taken = |(workload, subject, interval, what): (&str, &str, f64, &str)| {
        let ns = results.row(workload, subject)?.value.median;
        Some(format!("{what} takes {} of a core ({} µs)", percents(percent(ns, 1.0 / interval)), figures(ns / 1e3)))
    };
    let taken: Vec<_> = INTERVALS.into_iter().filter_map(taken).collect();
    if taken.is_empty() { String::new() } else { format!("\nNot in these shares: {}.\n", taken.join(", ")) }
}

/// What callsites cost that we do not measure; nothing where they were not measured.
#[must_use]
pub fn callsites(results: &Results) -> String {
    let mut text = "### What is not measured\n\nAt level off, where nobody else wants a span:\n\n".to_owned();
    if results.row("plain_span", "off").is_none() {
        return String::new();
    }
    let off = [
        ("plain_span", "off"),
        ("run", "off, our layer"),
        ("guard", "off, our layer"),
        ("future", "off"),
        ("poll", "off"),
        ("metric", "off, our layer"),
    ];
    for row in off.into_iter().filter_map(|(workload, subject)| results.row(workload, subject)) {
        line(&mut text, &format!("- {}: {}", row.operation, cost(row)));
    }
    text += "\nBeside a log that has a filter of its own, from level INFO on:\n\n";
    line(&mut text, "| | the log alone | and a layer that wants nothing | and ours, off | and ours, basic |");
    line(&mut text, "|---|---|---|---|---|");
    let compared = ["unwanted_span", "unwanted_event", "logged_span", "logged_event", "plain_span_beside_log"];
    for workload in compared {
        let subjects = ["the log alone", "the log and a layer that wants nothing", "off", "basic"];
        let rows: Vec<_> = subjects.iter().filter_map(|subject| results.row(workload, subject)).collect();
        let Some(alone) = rows.first() else { continue };
        let costs: Vec<_> = rows.iter().map(|row| format!("{}{}", cost(row), more(row, alone))).collect();
        line(&mut text, &format!("| {} | {} |", alone.operation, costs.join(" | ")));
    }
    text
}

/// How many instructions more than the other one takes; nothing where it takes as many.
fn more(row: &Row, other: &Row) -> String {
    let more = row.instructions.zip(other.instructions).map_or(0.0, |(own, others)| own - others);
    if more.abs() < 0.5 { String::new() } else { format!(" ({more:+.0})") }
}

fn cost(row: &Row) -> String {
    let ns = format!("{} ns", figures(row.value.median));
    row.instructions.map_or_else(|| ns.clone(), |count| format!("{ns}, {} instructions", figures(count)))
}

/// A percentage with two figures.
fn percents(value: f64) -> String {
    if value <= 0.0 {
        return "0 %".to_owned();
    }
    let after_point = (1 - value.log10().floor() as i32).clamp(0, 9) as usize;
    let shown = format!("{value:.after_point$}");
    let shown = if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.') } else { &shown };
    format!("{shown} %")
}

/// A whole number with a space between thousands.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("invariant: writing to a String does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_nanoseconds_are_a_hundredth_of_a_core_at_a_hundred_thousand_a_second() {
        assert_eq!(percents(percent(100.0, 100_000.0)), "1 %");
        assert_eq!(percents(percent(100.0, 48.0)), "0.00048 %");
        assert_eq!(percents(percent(1_234.0, 100_000.0)), "12 %");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([48.0, 100_000.0, 1_234_567.0].map(thousands), ["48", "100 000", "1 234 567"]);
    }

    #[test]
    fn every_shape_is_a_workload_at_every_level() {
        let workloads = crate::workloads::all();
        for shape in SHAPES {
            let workload = workloads.iter().find(|workload| workload.name == shape);
            let names: Vec<_> =
                workload.into_iter().flat_map(|workload| &workload.subjects).map(|subject| &*subject.name).collect();
            assert_eq!(names, Level::ALL.map(Level::as_str));
        }
    }
}
