//! The journal of a run, in a folder: `RUN/WORKER.jsonl`, and `RUN/WORKER.report.json` when it is over. Only the thread that
//! follows the run comes here; what cannot be written is counted, and the run goes on.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use phasemeter_analysis::RunState;
use phasemeter_analysis::analysis::Limits;
use phasemeter_analysis::event::{Declared, Event, EventKind};
use phasemeter_analysis::journal::{JournalWriter, fold};
use phasemeter_analysis::progress::PastRuns;
use phasemeter_analysis::report::Report;
use phasemeter_analysis::thinning::Policy;
use phasemeter_core::{DropReason, Registry};

use super::folder;
use crate::inner::lock;
use crate::notice;

/// Where the run is written to.
pub(super) struct JournalFile {
    /// `None` where nobody named a folder.
    path: Option<InUse>,
    writer: Option<JournalWriter<File>>,
    /// What the run said of itself when it began: a file that is begun anew is to say so too.
    declared: Option<Event>,
    /// The last heartbeat, where it followed the one before too close to be written.
    left_out: Option<Event>,
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
            declared: None,
            left_out: None,
            reports: plan.report.map(Path::to_owned).into_iter().collect(),
            past: PastRuns::default(),
            failures: 0,
            is_said: false,
        };
        let Some(folder) = plan.folder else { return (journal, RunState::default()) };
        let path = InUse::take(folder, declared);
        journal.reports.insert(0, folder::report(folder, &declared.run, &declared.worker));
        let of_run = path.0.parent().unwrap_or(folder);
        journal.past = folder::past_runs(folder, of_run, &declared.pipeline);
        let before = earlier(&path.0);
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
        // Somebody may have cleared the folder: what is written to a file that has no name is lost.
        let is_gone = matches!(event.event, EventKind::Heartbeat(_))
            && self.path.as_ref().is_some_and(|path| matches!(path.0.try_exists(), Ok(false)));
        if is_gone && self.writer.take().is_some() {
            self.fail("its file is gone");
        }
        if self.writer.is_none() {
            // After a failure: what was lost is in the next heartbeat, which counts from the beginning.
            self.begin();
        }
        if let Err(error) = self.try_write(event) {
            self.writer = None;
            self.fail(&error.to_string());
        }
    }

    /// Before the end comes the last heartbeat, though it follows close: it holds all that was counted.
    fn try_write(&mut self, event: &Event) -> Result<(), phasemeter_analysis::Error> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if let (EventKind::RunEnded(_), Some(beat)) = (&event.event, self.left_out.take()) {
            writer.write_in_full(&beat)?;
        }
        let is_written = writer.write(event)?;
        if matches!(event.event, EventKind::Declared(_)) {
            self.declared = Some(event.clone());
        }
        if matches!(event.event, EventKind::Heartbeat(_)) {
            self.left_out = (!is_written).then(|| event.clone());
        }
        Ok(())
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
        let Some(InUse(path)) = &self.path else { return };
        let is_new = !path.exists();
        match append(path) {
            Ok(mut writer) => {
                let told =
                    self.declared.as_ref().filter(|_| is_new).map_or(Ok(()), |event| writer.write_in_full(event));
                self.writer = told.is_ok().then_some(writer);
            }
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

/// A journal that nobody else in the process writes.
struct InUse(PathBuf);

static IN_USE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

impl InUse {
    /// That of the worker; where another run of this process writes that, the worker is called `…-2`, and so on.
    fn take(folder: &Path, declared: &mut Declared) -> Self {
        let mut in_use = lock(&IN_USE);
        let worker = declared.worker.clone();
        let mut path = folder::journal(folder, &declared.run, &worker);
        let mut number = 2_u32;
        while !in_use.insert(path.clone()) {
            declared.worker = format!("{worker}-{number}");
            path = folder::journal(folder, &declared.run, &declared.worker);
            number += 1;
        }
        Self(path)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        lock(&IN_USE).remove(&self.0);
    }
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
