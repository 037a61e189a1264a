//! The journal of a run, in a folder: `RUN/WORKER.jsonl`, and `RUN/WORKER.report.json` when it is over. Only the thread that
//! follows the run comes here; what cannot be written is counted, and the run goes on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use phasemeter_analysis::RunState;
use phasemeter_analysis::analysis::Limits;
use phasemeter_analysis::event::{Declared, Event};
use phasemeter_analysis::journal::{JournalWriter, fold};
use phasemeter_analysis::progress::{MAX_PAST_RUNS, PastRuns};
use phasemeter_analysis::report::{Report, past_run_of};
use phasemeter_analysis::thinning::Policy;
use phasemeter_core::{DropReason, Registry};

use crate::notice;

/// Where the run is written to.
pub(super) struct JournalFile {
    /// `None` where nobody named a folder.
    path: Option<PathBuf>,
    writer: Option<JournalWriter<File>>,
    reports: Vec<PathBuf>,
    past: PastRuns,
    /// Since they were counted last.
    failures: u64,
    is_said: bool,
}

impl JournalFile {
    /// Opens it, and tells what earlier attempts of the same worker have written: it goes on from there, as the next
    /// attempt unless one was said.
    pub(super) fn open(plan: &Target<'_>, declared: &mut Declared) -> (Self, RunState) {
        let mut journal = Self {
            path: None,
            writer: None,
            reports: plan.report.map(Path::to_owned).into_iter().collect(),
            past: PastRuns::default(),
            failures: 0,
            is_said: false,
        };
        let Some(folder) = plan.folder else { return (journal, RunState::default()) };
        let of_run = folder.join(file_name(&declared.run));
        let path = of_run.join(file_name(&declared.worker) + ".jsonl");
        journal.reports.insert(0, of_run.join(file_name(&declared.worker) + ".report.json"));
        journal.past = past(folder, &of_run, &declared.pipeline);
        let before = earlier(&path);
        if before.attempt > 0 && !plan.is_attempt_said {
            declared.attempt = before.attempt.saturating_add(1);
        }
        journal.path = Some(path);
        journal.begin();
        (journal, before)
    }

    pub(super) fn past(&self) -> &PastRuns {
        &self.past
    }

    pub(super) fn write(&mut self, event: &Event) {
        if self.writer.is_none() {
            // After a failure: what was lost is in the next heartbeat, which counts from the beginning.
            self.begin();
        }
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = writer.write(event) {
            self.writer = None;
            self.fail(&error.to_string());
        }
    }

    /// Leaves the report.
    pub(super) fn finish(&mut self, state: &RunState, unix_ns: u64) {
        let text = Report::of(state, &self.past, &Limits::default(), unix_ns).to_json();
        for path in std::mem::take(&mut self.reports) {
            if let Err(error) = write_whole(&path, &text) {
                self.fail(&format!("cannot write {}: {error}", path.display()));
            }
        }
    }

    pub(super) fn note_failures(&mut self, registry: &Registry) {
        for _ in 0..std::mem::take(&mut self.failures) {
            registry.drops().count(DropReason::JournalFailed);
        }
    }

    fn begin(&mut self) {
        let Some(path) = &self.path else { return };
        match append(path) {
            Ok(writer) => self.writer = Some(writer),
            Err(error) => self.fail(&format!("cannot write {}: {error}", path.display())),
        }
    }

    fn fail(&mut self, why: &str) {
        self.failures += 1;
        if !self.is_said {
            self.is_said = true;
            notice::say(&format!("the run goes on without its journal until it can be written: {why}"));
        }
    }
}

/// Where to, as far as the program says.
pub(super) struct Target<'a> {
    pub(super) folder: Option<&'a Path>,
    pub(super) report: Option<&'a Path>,
    pub(super) is_attempt_said: bool,
}

/// What the worker's earlier attempts did; nothing where there were none, or what stands there is no journal.
fn earlier(path: &Path) -> RunState {
    let Ok(file) = File::open(path) else { return RunState::default() };
    match fold(BufReader::new(file), &path.display().to_string()) {
        Ok((state, _)) => state,
        Err(error) => {
            notice::say(&format!("earlier attempts are not known: {error}"));
            RunState::default()
        }
    }
}

fn append(path: &Path) -> io::Result<JournalWriter<File>> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    let name = path.display().to_string();
    let length = file.seek(SeekFrom::End(0))?;
    let failed = |error: phasemeter_analysis::Error| io::Error::other(error.to_string());
    if length == 0 {
        return JournalWriter::begin(file, &name, Policy::default()).map_err(failed);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    let mut writer = JournalWriter::resume(file, &name, Policy::default());
    if last != *b"\n" {
        writer.close_torn_line().map_err(failed)?;
    }
    Ok(writer)
}

/// All of it, or what stood there before.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut half = path.as_os_str().to_owned();
    half.push(format!(".{}.half", std::process::id()));
    let half = PathBuf::from(half);
    let written = File::create(&half).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&half, path));
    if renamed.is_err() {
        let _gone = fs::remove_file(&half);
    }
    renamed
}

/// The latest reports of other runs of this pipeline below the folder, the latest last. What cannot be read is passed over.
fn past(folder: &Path, of_run: &Path, pipeline: &str) -> PastRuns {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_report = |path: &PathBuf| path.to_string_lossy().ends_with(".report.json");
    let runs = entries(folder).filter(|path| path != of_run && path.is_dir());
    let mut reports: Vec<(SystemTime, PathBuf)> = runs
        .flat_map(|run| entries(&run).collect::<Vec<_>>())
        .filter(is_report)
        .filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path)))
        .collect();
    reports.sort();
    let read = |(_, path): &(SystemTime, PathBuf)| {
        let text = fs::read_to_string(path).ok()?;
        past_run_of(&text, &path.display().to_string(), pipeline).ok().flatten()
    };
    let mut runs: Vec<_> = reports.iter().rev().filter_map(read).take(MAX_PAST_RUNS).collect();
    runs.reverse();
    PastRuns { runs }
}

/// A name that every file system takes.
fn file_name(name: &str) -> String {
    let is_taken = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let safe: String = name.chars().map(|letter| if is_taken(letter) { letter } else { '_' }).take(100).collect();
    match safe.trim_start_matches('.') {
        "" => "_".to_owned(),
        safe => safe.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_hold_nothing_that_leads_elsewhere() {
        for (name, expected) in
            [("nightly", "nightly"), ("../x", "_x"), ("a/b c", "a_b_c"), ("", "_"), ("..", "_"), ("ü.1", "ü.1")]
        {
            assert_eq!(file_name(name), expected);
        }
    }
}
