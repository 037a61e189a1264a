//! What is told at the end: to people as text, to scripts as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use phasemeter::{ItemOutcome, Outcome, PhaseReading};
use serde::Serialize;

use crate::pipeline::Tally;
use crate::query::Answer;
use crate::walk::LeftOut;

/// A run, told. Its `Display` is for people.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) directory: String,
    /// False where the run was interrupted.
    pub(crate) complete: bool,
    pub(crate) seconds: f64,
    pub(crate) files: Files,
    pub(crate) not_files: LeftOut,
    pub(crate) chunks: u64,
    /// What a panic lost after its file was read.
    pub(crate) lost: u64,
    /// Whether anything was measured: the environment can switch it off.
    pub(crate) measured: bool,
    /// In the order in which a document passes them. None where nothing was measured.
    pub(crate) phases: Vec<PhaseLine>,
    /// The folder of the store, where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<PathBuf>,
    /// Where it is served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// What the query found; none without a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answers: Option<Vec<Answer>>,
}

/// What became of the files.
#[derive(Debug, Serialize)]
pub(crate) struct Files {
    pub(crate) total: u64,
    pub(crate) ok: u64,
    pub(crate) skipped: u64,
    pub(crate) failed: BTreeMap<&'static str, FailedFiles>,
    /// How large the ok ones are.
    pub(crate) bytes: u64,
}

/// Files that failed in the same way.
#[derive(Debug, Serialize)]
pub(crate) struct FailedFiles {
    pub(crate) count: u64,
    pub(crate) example: String,
}

/// One phase of the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PhaseLine {
    pub(crate) phase: String,
    pub(crate) workers: usize,
    pub(crate) items: Items,
    /// Of all items, over the whole run.
    pub(crate) items_per_second: f64,
    /// All its runs together: with several workers it may be more than the run took. Waiting for a queue is not in it;
    /// waiting for a processor that others use is.
    pub(crate) busy_seconds: f64,
    /// Of one item.
    pub(crate) mean_seconds: f64,
    /// Of the busy time of all phases, from 0 to 1.
    pub(crate) share: f64,
}

/// Items of a phase by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Items {
    pub(crate) ok: u64,
    pub(crate) error: u64,
    pub(crate) skipped: u64,
}

impl Files {
    pub(crate) fn new(tally: &Tally) -> Self {
        let failed = tally.failed.iter().map(|(kind, failures)| {
            let example = failures.example.to_string_lossy().into_owned();
            (*kind, FailedFiles { count: failures.count, example })
        });
        let failed = failed.collect();
        Self { total: tally.files(), ok: tally.ok, skipped: tally.skipped, failed, bytes: tally.bytes }
    }
}

/// The phases of a run, in the given order, each with how many workers it had.
pub(crate) fn phase_lines(readings: &[PhaseReading], phases: &[(&str, usize)], elapsed: Duration) -> Vec<PhaseLine> {
    let per = |number: f64, of: f64| if of > 0.0 { number / of } else { 0.0 };
    let mut lines: Vec<_> = phases
        .iter()
        .filter_map(|(phase, workers)| Some((readings.iter().find(|reading| *reading.phase == **phase)?, *workers)))
        .map(|(PhaseReading { phase, counts, .. }, workers)| {
            let items = counts.items_processed() as f64;
            let busy_seconds =
                Outcome::ALL.map(|outcome| counts.durations(outcome).sum_ns).iter().sum::<u64>() as f64 / 1e9;
            let [ok, error, skipped] =
                [ItemOutcome::Ok, ItemOutcome::Error, ItemOutcome::Skipped].map(|one| counts.items(one));
            PhaseLine {
                phase: phase.to_string(),
                workers,
                items: Items { ok, error, skipped },
                items_per_second: per(items, elapsed.as_secs_f64()),
                busy_seconds,
                mean_seconds: per(busy_seconds, items),
                share: 0.0,
            }
        })
        .collect();
    let busy: f64 = lines.iter().map(|line| line.busy_seconds).sum();
    lines.iter_mut().for_each(|line| line.share = per(line.busy_seconds, busy));
    lines
}

impl Summary {
    /// The phase that the others wait for: the one whose workers were busy longest, each.
    fn slowest(&self) -> Option<&PhaseLine> {
        let each = |line: &PhaseLine| line.busy_seconds / line.workers as f64;
        self.phases.iter().filter(|line| line.busy_seconds > 0.0).max_by(|one, other| each(one).total_cmp(&each(other)))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = &self.files;
        let until = if self.complete { "" } else { ", and was then interrupted" };
        writeln!(f, "{}: {} files in {}{until}", printable(&self.directory), files.total, seconds(self.seconds))?;
        writeln!(f, "  {} ok: {} as {} chunks", files.ok, bytes(files.bytes), self.chunks)?;
        for (kind, failed) in &files.failed {
            writeln!(f, "  {} failed, {kind}: {}", failed.count, printable(&failed.example))?;
        }
        write_count(f, files.skipped, "skipped: larger than --max-file-bytes")?;
        write_count(f, self.lost, "lost in a panic: whole documents, or parts of one")?;
        write_count(f, self.not_files.symlinks, "not followed: symbolic links")?;
        write_count(f, self.not_files.special, "not opened: pipes, sockets or devices")?;
        write_count(f, self.not_files.own, "left out: files of the store itself")?;
        write_count(f, self.not_files.unreadable, "unreadable: folders")?;
        if let Some(store) = &self.store {
            writeln!(f, "  stored in {}", printable(&store.to_string_lossy()))?;
        }
        self.write_phases(f)?;
        if let Some(answers) = &self.answers {
            write!(f, "\n{}", Answers(answers))?;
        }
        match &self.url {
            Some(url) => writeln!(f, "\nOpen {url} to see the phases; Prometheus scrapes {url}/metrics."),
            None => Ok(()),
        }
    }
}

impl Summary {
    fn write_phases(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.measured {
            return writeln!(f, "\nMeasuring is switched off: nothing is known of the phases.");
        }
        let heads = ["phase", "workers", "items", "failed", "items/s", "busy", "mean", "share"];
        let [phase, workers, items, failed, rate, busy, mean, share] = heads;
        writeln!(f, "\n{phase:<9}{workers:>8}{items:>10}{failed:>8}{rate:>10}{busy:>11}{mean:>11}{share:>8}")?;
        for line in &self.phases {
            let Items { ok, error, skipped } = line.items;
            let (phase, workers, rate) = (&line.phase, line.workers, line.items_per_second);
            let (items, busy, mean) = (ok + error + skipped, seconds(line.busy_seconds), seconds(line.mean_seconds));
            let share = format!("{:.0} %", 100.0 * line.share);
            writeln!(f, "{phase:<9}{workers:>8}{items:>10}{error:>8}{rate:>10.0}{busy:>11}{mean:>11}{share:>8}")?;
        }
        let Some(slowest) = self.slowest() else { return Ok(()) };
        let each = slowest.busy_seconds / slowest.workers as f64;
        let of_run = if self.seconds > 0.0 { 100.0 * each / self.seconds } else { 0.0 };
        let whose = if slowest.workers == 1 { "its worker was" } else { "its workers were each" };
        writeln!(f, "\nThe slowest phase is {}: {whose} busy for {of_run:.0} % of the run.", slowest.phase)
    }
}

/// What a query found, for people.
pub(crate) struct Answers<'a>(pub(crate) &'a [Answer]);

impl fmt::Display for Answers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return writeln!(f, "The store holds no documents.");
        }
        for (Answer { score, path, snippet }, place) in self.0.iter().zip(1..) {
            writeln!(f, "{place}. {score:.3}  {}\n   {}", printable(path), printable(snippet))?;
        }
        Ok(())
    }
}

fn write_count(f: &mut fmt::Formatter<'_>, count: u64, of_what: &str) -> fmt::Result {
    if count > 0 { writeln!(f, "  {count} {of_what}") } else { Ok(()) }
}

/// A text that moves no cursor and breaks no line, whatever stands in a file or its name.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            printable.extend(letter.escape_default());
        } else {
            printable.push(letter);
        }
    }
    printable
}

fn seconds(seconds: f64) -> String {
    match seconds {
        0.0 => "0 s".to_owned(),
        ..1e-3 => format!("{:.1} \u{b5}s", seconds * 1e6),
        ..1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

fn bytes(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.iter().find(|(shift, _)| bytes >> shift > 0) {
        Some((shift, unit)) => format!("{:.1} {unit}", bytes as f64 / (1_u64 << shift) as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use phasemeter::{ManualClock, Meter};

    use super::*;
    use crate::pipeline::Failures;

    fn summary() -> Summary {
        let failures = Failures { count: 2, example: "/tree/a\nb".into() };
        let failed = BTreeMap::from([("not_text", failures)]);
        let tally = Tally { ok: 3, skipped: 1, failed, bytes: 3 << 19, chunks: 40, lost: 0 };
        Summary {
            directory: "/tree".to_owned(),
            complete: true,
            seconds: 4.0,
            files: Files::new(&tally),
            not_files: LeftOut { symlinks: 5, ..LeftOut::default() },
            chunks: tally.chunks,
            lost: tally.lost,
            measured: true,
            phases: phase_lines(&readings(), &[("extract", 2), ("embed", 2)], Duration::from_secs(4)),
            store: None,
            url: Some("http://127.0.0.1:9464".to_owned()),
            answers: Some(vec![Answer { score: 0.8125, path: "/tree/c".to_owned(), snippet: "two words".to_owned() }]),
        }
    }

    /// extract: 6 items in 1 s; embed: 40 in 3 s.
    fn readings() -> Vec<PhaseReading> {
        let clock = ManualClock::new();
        let meter = Meter::builder().clock(clock.clone()).pipeline("documents").build();
        let (extract, embed) = (meter.phase("extract"), meter.phase("embed"));
        {
            let phase = extract.start();
            phase.inc(3);
            phase.inc_error(2, "not_text");
            phase.skip(1);
            clock.advance(Duration::from_secs(1));
        }
        let phase = embed.start();
        phase.inc(40);
        clock.advance(Duration::from_secs(3));
        drop(phase);
        meter.phases()
    }

    #[test]
    fn people_read_counts_failures_and_where_the_time_went() {
        let expected = "\
/tree: 6 files in 4.0 s
  3 ok: 1.5 MiB as 40 chunks
  2 failed, not_text: /tree/a\\nb
  1 skipped: larger than --max-file-bytes
  5 not followed: symbolic links

phase     workers     items  failed   items/s       busy       mean   share
extract         2         6       2         2      1.0 s   166.7 ms    25 %
embed           2        40       0        10      3.0 s    75.0 ms    75 %

The slowest phase is embed: its workers were each busy for 38 % of the run.

1. 0.812  /tree/c
   two words

Open http://127.0.0.1:9464 to see the phases; Prometheus scrapes http://127.0.0.1:9464/metrics.
";
        assert_eq!(summary().to_string(), expected);
    }

    #[test]
    fn scripts_read_one_object() {
        let json = serde_json::to_value(summary()).expect("it has no odd keys");
        assert_eq!(json["files"]["failed"]["not_text"]["count"], 2);
        assert_eq!(json["files"]["failed"]["not_text"]["example"], "/tree/a\nb");
        assert_eq!(json["phases"][0]["items"], serde_json::json!({ "ok": 3, "error": 2, "skipped": 1 }));
        assert_eq!((&json["answers"][0]["path"], json.get("store")), (&"/tree/c".into(), None));
    }

    #[test]
    fn without_measuring_the_files_are_told_all_the_same() {
        let text = Summary { measured: false, phases: Vec::new(), complete: false, ..summary() }.to_string();
        assert!(text.starts_with("/tree: 6 files in 4.0 s, and was then interrupted\n"), "{text}");
        assert!(text.contains("Measuring is switched off"), "{text}");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.0, 1.5e-6, 0.25, 90.0].map(seconds), ["0 s", "1.5 \u{b5}s", "250.0 ms", "90.0 s"]);
        assert_eq!([0, 1023, 1024, 5 << 30].map(bytes), ["0 B", "1023 B", "1.0 KiB", "5.0 GiB"]);
    }

    #[test]
    fn nothing_in_a_file_reaches_the_terminal_as_a_command() {
        assert_eq!(printable("a\u{1b}[2Jb\tc\u{9b}"), "a\\u{1b}[2Jb\\tc\\u{9b}");
    }
}
