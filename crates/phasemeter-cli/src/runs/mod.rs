//! What is read of runs by all subcommands that look at them: journals, by a name that leads to one or more.

pub(crate) mod analyze;
pub(crate) mod diff;
pub(crate) mod list;
pub(crate) mod status;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use clap::Args;
use phasemeter::analysis::analysis::Limits;
use phasemeter::analysis::journal::fold;
use phasemeter::analysis::progress::PastRuns;
use phasemeter::analysis::render::{Form, Viewer};
use phasemeter::analysis::{Analysis, Fleet, RunState};
use phasemeter::run_folder;
use serde_json::Value;

use crate::output::{Problem, print, say};

/// How a subcommand writes what it has found.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print JSON, for scripts
    #[arg(long, conflicts_with = "markdown")]
    json: bool,

    /// Print Markdown, for a pull request
    #[arg(long)]
    markdown: bool,
}

/// One run, of all its workers.
pub(crate) struct Found {
    /// Its folder; of a single journal, the one that it lies in.
    folder: PathBuf,
    /// One a worker.
    states: Vec<RunState>,
}

impl Output {
    fn form(self) -> Form {
        if self.markdown { Form::Markdown } else { Form::Plain }
    }

    /// Prints the one or the other.
    fn write(
        self,
        json: impl FnOnce() -> serde_json::Result<Value>,
        text: impl FnOnce(Form) -> String,
    ) -> Result<(), Problem> {
        if !self.json {
            return print(text(self.form()).as_bytes());
        }
        let value = json().and_then(|value| serde_json::to_string_pretty(&value));
        let value = value.map_err(|error| Problem::failed(format!("cannot write JSON: {error}")))?;
        print((value + "\n").as_bytes())
    }
}

/// A journal, the folder of a run, or a folder of runs, of which the latest is meant. What of a journal cannot be read is
/// told on stderr.
pub(crate) fn find(path: &Path) -> Result<Found, Problem> {
    if path.is_file() {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        return Ok(Found { folder, states: vec![read(path)?] });
    }
    let listed = |error: std::io::Error| {
        let path = path.display();
        Problem::unusable(format!(
            "cannot read {path}: {error}; it should be a journal, the folder of a run, or one of runs"
        ))
    };
    let mut folder = path.to_owned();
    let mut journals = run_folder::journals(path).map_err(listed)?;
    if journals.is_empty() {
        let runs = run_folder::runs(path).map_err(listed)?;
        let Some(latest) = runs.last() else {
            let path = path.display();
            return Err(Problem::unusable(format!(
                "there is no journal below {path}: a run leaves one where PHASEMETER_RUN_DIR, or `RunBuilder::journal`, names a \
                 folder"
            )));
        };
        if runs.len() > 1 {
            say(&format!("the latest of {} runs: {}", runs.len(), latest.display()));
        }
        folder.clone_from(latest);
        journals = run_folder::journals(latest).map_err(listed)?;
    }
    let mut states = Vec::with_capacity(journals.len());
    let mut broken = None;
    for journal in &journals {
        match read(journal) {
            Ok(state) => states.push(state),
            // Others may do, as where one worker has only just begun.
            Err(problem) => {
                say(&problem.message);
                broken = Some(problem);
            }
        }
    }
    match broken {
        Some(problem) if states.is_empty() => Err(problem),
        Some(_) | None => Ok(Found { folder, states }),
    }
}

fn read(path: &Path) -> Result<RunState, Problem> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Problem::unusable(format!("cannot read {name}: {error}")))?;
    let (state, reading) =
        fold(BufReader::with_capacity(1 << 16, file), &name).map_err(|error| Problem::unusable(error.to_string()))?;
    if let Some(complaint) = reading.complaint() {
        say(&format!("{name}: {complaint}"));
    }
    Ok(state)
}

impl Found {
    /// What earlier runs beside it say.
    fn past(&self) -> PastRuns {
        let pipeline = self.states.first().map_or("", |state| &state.pipeline);
        let beside = self.folder.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        run_folder::past_runs(beside, &self.folder, pipeline)
    }

    /// All its workers as one, the last attempt at each part. What happened is what is told: it stops at the last event.
    fn analysis(&self, now_unix_ns: u64) -> Result<Analysis, Problem> {
        let refused = |error| Problem::unusable(format!("{}: {error}", self.folder.display()));
        let latest: Vec<_> = Fleet::latest(&self.states).map_err(refused)?.into_iter().cloned().collect();
        let (merged, limits) = (RunState::merged(&latest), Limits::default());
        // Asked about now, a lost run says that it is lost, and one that lives takes the time since then for work.
        let is_lost = merged.is_lost(now_unix_ns, (limits.lost_after_s * 1e9) as u64);
        let at_unix_ns = if is_lost { now_unix_ns } else { merged.clock.last_unix_ns };
        Ok(Analysis::of(&merged, &self.past(), &limits, at_unix_ns))
    }
}

/// Now, and where the reader is.
fn viewer() -> Viewer {
    let now = jiff::Timestamp::now();
    let offset = jiff::tz::TimeZone::system().to_offset(now);
    let now_unix_ns = UNIX_EPOCH.elapsed().map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    Viewer { now_unix_ns, utc_offset_s: offset.seconds() }
}
