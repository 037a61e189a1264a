//! The state that a GPU is in: each has a series, and one of them is 1.

use phasemeter_core::catalogue::HW_STATUS;
use phasemeter_core::{Labels, Samples, Value};

use crate::marks::Marks;

/// How a GPU is, in the words of the conventions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Ok,
    /// It answers nothing of what it is asked, or its memory wants a reset.
    Degraded,
    /// It is lost.
    Failed,
}

/// The labels of all states of one GPU.
#[derive(Debug)]
pub(crate) struct States([(State, Labels); 3]);

impl States {
    pub(crate) fn new(marks: &Marks) -> Self {
        let states = [(State::Ok, "ok"), (State::Degraded, "degraded"), (State::Failed, "failed")];
        Self(states.map(|(state, name)| (state, marks.hardware(&[("hw_state", name)]))))
    }

    pub(crate) fn sample(&self, now: State, out: &mut Samples) {
        for (state, labels) in &self.0 {
            out.push(&HW_STATUS, labels.clone(), Value::Level(i64::from(*state == now)));
        }
    }
}
