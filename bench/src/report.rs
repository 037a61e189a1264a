//! Measures, and shows what was found: on the terminal, as JSON, in the documents.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::arguments::Wanted;
use crate::driver::{self, FULL, QUICK};
use crate::machine::Machine;
use crate::results::{Results, Row, Spread};
use crate::shares;
use crate::summary;
use crate::workload::NANOSECONDS;

/// The tables of the documents stand between these, and are never typed.
const MARKS: [&str; 2] = ["<!-- measured: begin -->\n", "<!-- measured: end -->\n"];

/// Measures what is wanted and shows it where it is wanted.
pub fn measure(wanted: &Wanted) -> Result<(), String> {
    let no_instructions = driver::no_callgrind();
    if let Some(reason) = &no_instructions {
        if wanted.write.is_some() {
            return Err(format!("{reason}; the documents show instructions too, so they stay as they are"));
        }
        eprintln!("no instructions, only nanoseconds and allocations: {reason}");
    }
    let effort = if wanted.quick { QUICK } else { FULL };
    let seed = wanted.seed.unwrap_or_else(seed_of_now);
    let only = wanted.only.as_deref().unwrap_or_default();
    let rows = driver::measure(effort, seed, only, no_instructions.is_none())?;
    let (summary, peers) = (summary::of(&rows), summary::peers(&rows));
    let results =
        Results { machine: Machine::here(), rounds: effort.rounds, seed, no_instructions, summary, peers, rows };
    println!("{}\n{}", text(&results), summary::text(&results.summary));
    if let Some(path) = &wanted.json {
        results.write(path)?;
    }
    wanted.write.as_deref().map_or(Ok(()), |folder| write(folder, &results))
}

fn seed_of_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64)
}

/// The tables, as the terminal shows them.
#[must_use]
pub fn text(results: &Results) -> String {
    let rows: Vec<_> = results.rows.iter().collect();
    joined(vec![measured(results), shares::text(results), shares::callsites(results), table(&rows)])
}

/// The tables of `docs/overhead.md`: what ours cost.
fn overhead(results: &Results) -> String {
    let rows: Vec<_> = results.rows.iter().filter(|row| !summary::has_peers(&row.workload)).collect();
    joined(vec![measured(results), shares::text(results), shares::callsites(results), table(&rows)])
}

/// The tables of `docs/performance.md`: the same work, done by ours and by others.
fn performance(results: &Results) -> String {
    let rows: Vec<_> = results.rows.iter().filter(|row| summary::has_peers(&row.workload)).collect();
    joined(vec![measured(results), summary::text(&results.summary), table(&rows)])
}

fn measured(results: &Results) -> String {
    format!("Measured on {}; nanoseconds are medians of {} processes.\n", results.machine, results.rounds)
}

fn joined(parts: Vec<String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn table(rows: &[&Row]) -> String {
    let mut text = "### Every operation\n\nIn brackets the quartiles. Instructions and allocations are those of \
                    the thread that does it; nanoseconds are those of the whole process.\n\n"
        .to_owned();
    text += "| operation | done by | ns of CPU | instructions | allocations |\n|---|---|---:|---:|---:|\n";
    let mut headings = Headings::default();
    for row in rows {
        let heading = headings.of(row);
        let Row { subject, unit, value, .. } = row;
        let unit = if unit == NANOSECONDS { String::new() } else { format!(" {unit}") };
        let Spread { lower_quartile, median, upper_quartile } = *value;
        let [lower, middle, upper] = [lower_quartile, median, upper_quartile].map(figures);
        let [instructions, allocations] =
            [row.instructions, row.allocations].map(|count| count.map_or_else(|| "–".to_owned(), figures));
        writeln!(text, "| {heading} | {subject} | {middle}{unit} ({lower}–{upper}) | {instructions} | {allocations} |")
            .expect("invariant: writing to a String does not fail");
    }
    text
}

/// Says of each workload what it is, in the first of its lines.
#[derive(Debug, Default)]
pub(crate) struct Headings<'a>(Option<&'a str>);

impl<'a> Headings<'a> {
    pub(crate) fn of(&mut self, row: &'a Row) -> String {
        let is_new = self.0.replace(&row.workload) != Some(&row.workload);
        if is_new { format!("**{}**: {}", row.workload, row.operation) } else { String::new() }
    }
}

/// As many figures as mean something: none after the point from 100 on.
#[must_use]
pub fn figures(value: f64) -> String {
    match value.abs() {
        0.0..0.005 => "0".to_owned(),
        0.005..9.995 => trimmed(&format!("{value:.2}")),
        9.995..99.95 => trimmed(&format!("{value:.1}")),
        _ => format!("{value:.0}"),
    }
}

fn trimmed(number: &str) -> String {
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn write(folder: &Path, results: &Results) -> Result<(), String> {
    write_into(&folder.join("overhead.md"), &overhead(results))?;
    write_into(&folder.join("performance.md"), &performance(results))
}

fn write_into(path: &Path, text: &str) -> Result<(), String> {
    let document = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let [begin, end] = MARKS.map(str::trim_end);
    let replaced = replaced(&document, text)
        .ok_or_else(|| format!("{} has no lines {begin} and {end}, one after the other", path.display()))?;
    std::fs::write(path, replaced).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// The document with another text between its marks; nothing where it has none.
fn replaced(document: &str, text: &str) -> Option<String> {
    let [begin, end] = MARKS;
    let (before, rest) = document.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let document = "head\n<!-- measured: begin -->\nold\n<!-- measured: end -->\ntail\n";
        let expected = "head\n<!-- measured: begin -->\n\nnew\n\n<!-- measured: end -->\ntail\n";
        assert_eq!(replaced(document, "new\n").as_deref(), Some(expected));
        assert_eq!(replaced("head\n", "new"), None);
    }

    #[test]
    fn figures_are_as_many_as_mean_something() {
        let shown = [0.001, 0.25, 1.0, 9.999, 42.04, 99.96, 1234.5].map(figures);
        assert_eq!(shown, ["0", "0.25", "1", "10", "42", "100", "1234"]);
    }
}
