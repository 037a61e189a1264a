//! What a program says of a run that is followed, and what it is told.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use phasemeter_analysis::Progress;
use phasemeter_analysis::event::{EventKind, Flow, PhaseDeclared};

use super::plan::Checkpoint;
use crate::clock::nanos;
use crate::run::{Run, RunBuilder};

/// What a run that is followed may be told before it starts; with the feature `progress`.
impl RunBuilder {
    /// Leaves a journal and a report below this folder, as `RUN/WORKER.jsonl`, for `phasemeter status` and `analyze`; with the
    /// feature `journal`. `PHASEMETER_RUN_DIR` says it where the program does not.
    pub fn journal(mut self, folder: impl Into<PathBuf>) -> Self {
        self.plan.folder = Some(folder.into());
        self
    }

    /// Leaves the report here as well.
    pub fn report(mut self, file: impl Into<PathBuf>) -> Self {
        self.plan.report = Some(file.into());
        self
    }

    /// Who this process is among the workers of the run, the same for each attempt; else `PHASEMETER_WORKER`, the scheduler's
    /// task or rank, or the host's name and the process's number.
    pub fn worker(mut self, name: impl Into<String>) -> Self {
        self.plan.worker = Some(name.into());
        self
    }

    /// Which part of the work this is, where another worker may take it over.
    pub fn shard(mut self, part: impl Into<String>) -> Self {
        self.plan.shard = Some(part.into());
        self
    }

    /// Which attempt at the run this is, from 1; otherwise one more than the worker's journal knows.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.plan.attempt = Some(attempt);
        self
    }

    /// When it has to be over; otherwise Slurm's limit, where there is one.
    pub fn deadline(mut self, deadline: SystemTime) -> Self {
        self.plan.deadline_unix_ns = deadline.duration_since(UNIX_EPOCH).ok().map(nanos);
        self
    }

    /// How the phases follow each other; otherwise it is seen from what happens.
    pub fn flow(mut self, flow: Flow) -> Self {
        self.plan.flow = Some(flow);
        self
    }

    /// A phase of the run, with what is known of it: in the order in which they begin.
    pub fn phase(mut self, phase: PhaseDeclared) -> Self {
        self.plan.phases.push(phase);
        self
    }

    /// Called once on a thread of ours, when so much time is left before the deadline: to save what is done.
    pub fn before_deadline(mut self, before: Duration, call: impl FnOnce() + Send + 'static) -> Self {
        self.plan.checkpoint = Some(Checkpoint { before, call: Box::new(call) });
        self
    }
}

/// What a run that is followed may be told and asked; with the feature `progress`.
impl Run {
    /// How far it is and when it will be done, as of a second ago at most; `None` before the first look.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.following().and_then(super::Following::progress)
    }

    /// No time passes until it is resumed: rates and estimates leave the pause out.
    pub fn pause(&self) {
        self.say(EventKind::Paused);
    }

    /// The run goes on.
    pub fn resume(&self) {
        self.say(EventKind::Resumed);
    }

    /// A line for whoever reads the journal.
    pub fn note(&self, text: impl Into<String>) {
        self.say(EventKind::Note(text.into()));
    }

    fn say(&self, event: EventKind) {
        if self.following().is_some_and(|following| !following.say(event)) {
            self.note_unsaid();
        }
    }
}
