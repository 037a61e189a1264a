//! The report of a run, as JSON: what a run leaves behind when it ends, and what later runs know of it.

use crate::analysis::{Analysis, Limits};
use crate::error::Error;
use crate::progress::{PastRun, PastRuns, Progress};
use crate::state::{RunState, Window};

/// The version that is written, and the latest that is read.
pub const VERSION: u64 = 1;

/// All that is known of a run.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Report {
    /// The report's version.
    pub phasemeter_report: u64,
    /// How far it came.
    pub progress: Progress,
    /// Where its time went.
    pub analysis: Analysis,
    /// What later runs need to know of it.
    pub past: PastRun,
    /// What happened when, for plots.
    pub windows: Vec<Window>,
}

/// What is read back.
#[derive(serde::Deserialize)]
struct Head {
    phasemeter_report: u64,
    past: Option<PastRun>,
    progress: Option<OfPipeline>,
}

#[derive(serde::Deserialize)]
struct OfPipeline {
    pipeline: String,
}

impl Report {
    /// The report at a time since the Unix epoch.
    #[must_use]
    pub fn of(state: &RunState, past: &PastRuns, limits: &Limits, now_unix_ns: u64) -> Self {
        Self {
            phasemeter_report: VERSION,
            progress: Progress::of(state, past, now_unix_ns),
            analysis: Analysis::of(state, past, limits, now_unix_ns),
            past: PastRun::of(state),
            windows: state.timeline.as_slice().to_vec(),
        }
    }

    /// As text, a field a line.
    #[must_use]
    pub fn to_json(&self) -> String {
        // It fails for maps whose keys are no strings, and there are none.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// What a report says of its run to later ones. The name is for messages.
///
/// # Errors
///
/// The text is no report, or one of a later version.
pub fn past_run(text: &str, name: &str) -> Result<PastRun, Error> {
    let head = head(text, name)?;
    head.past.ok_or_else(|| Error::no_report(name, "it lacks its field `past`"))
}

/// The same where it is of this pipeline; `None` where it is of another one.
///
/// # Errors
///
/// As [`past_run`].
pub fn past_run_of(text: &str, name: &str, pipeline: &str) -> Result<Option<PastRun>, Error> {
    let head = head(text, name)?;
    let is_of_it = head.progress.is_some_and(|progress| progress.pipeline == pipeline);
    let past = head.past.ok_or_else(|| Error::no_report(name, "it lacks its field `past`"))?;
    Ok(is_of_it.then_some(past))
}

fn head(text: &str, name: &str) -> Result<Head, Error> {
    let head: Head = serde_json::from_str(text).map_err(|error| Error::no_report(name, &error.to_string()))?;
    if head.phasemeter_report > VERSION {
        return Err(Error::newer(name, head.phasemeter_report, VERSION));
    }
    Ok(head)
}
