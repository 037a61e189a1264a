//! No journal: the feature `journal` is off.

use std::path::Path;

use phasemeter_analysis::RunState;
use phasemeter_analysis::event::{Declared, Event};
use phasemeter_analysis::progress::PastRuns;
use phasemeter_core::Registry;

use crate::notice;

/// Where to, as far as the program says.
pub(super) struct Target<'a> {
    pub(super) folder: Option<&'a Path>,
    pub(super) report: Option<&'a Path>,
    #[allow(dead_code, reason = "without a journal there are no earlier attempts")]
    pub(super) is_attempt_said: bool,
}

/// Nothing is written.
pub(super) struct JournalFile {
    past: PastRuns,
}

impl JournalFile {
    pub(super) fn open(plan: &Target<'_>, _declared: &mut Declared) -> (Self, RunState) {
        if plan.folder.or(plan.report).is_some() {
            notice::say("a journal was asked for, but this program was built without the feature `journal`");
        }
        (Self { past: PastRuns::default() }, RunState::default())
    }

    pub(super) fn past(&self) -> &PastRuns {
        &self.past
    }

    pub(super) fn write(&mut self, _event: &Event) {}

    pub(super) fn note_failures(&mut self, _registry: &Registry) {}

    pub(super) fn finish(&mut self, _state: &RunState, _unix_ns: u64) {}
}
