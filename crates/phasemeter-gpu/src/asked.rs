//! What one device is asked, and what it does not know: that is asked once, until the library is entered anew.

use std::collections::BTreeSet;

use nvml_wrapper::Device;
use nvml_wrapper::error::NvmlError;

use crate::library::{Meaning, meaning};
use crate::raw::{CounterReading, Handle};

/// A device that answers.
pub(crate) struct Asked {
    handle: Handle,
    unsupported: BTreeSet<Question>,
    /// It said that it has performance counters.
    has_counters: bool,
    tally: Tally,
}

/// How it went.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    answers: usize,
    /// What was last failed to be answered.
    failure: Option<String>,
}

impl Tally {
    /// Whether all that was asked failed.
    pub(crate) fn is_silence(&self) -> bool {
        self.answers == 0 && self.failure.is_some()
    }

    pub(crate) fn into_failure(self) -> Option<String> {
        self.failure
    }
}

/// What can be asked. What has no answer is remembered by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    Clock(u8),
    Counters,
    Decoder,
    Encoder,
    Energy,
    Fan(u32),
    Fans,
    Field(u32),
    Fields,
    Memory,
    Power,
    PowerLimit,
    Processes,
    Temperature,
    Throttle,
    Utilization,
    UtilizationSamples,
    Vbios,
}

/// Why there is no use in asking on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// This device is lost.
    Lost,
    /// The library has to be entered anew.
    Over(String),
}

/// A number that the driver keeps by its own number, and of which part of the device it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    id: u32,
    scope: u32,
}

impl Field {
    /// Of the device.
    pub(crate) const fn new(id: u32) -> Self {
        Self { id, scope: 0 }
    }

    /// Of all links of the device together.
    pub(crate) const fn of_all_links(id: u32) -> Self {
        Self { id, scope: u32::MAX }
    }
}

impl Asked {
    pub(crate) fn new(handle: Handle) -> Self {
        Self { handle, unsupported: BTreeSet::new(), has_counters: false, tally: Tally::default() }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How it went since this was asked before.
    pub(crate) fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    pub(crate) fn is_unsupported(&self, question: Question) -> bool {
        self.unsupported.contains(&question)
    }

    /// The answer; `None` where there is none.
    pub(crate) fn ask<T>(
        &mut self,
        question: Question,
        call: impl FnOnce(&Device<'_>) -> Result<T, NvmlError>,
    ) -> Result<Option<T>, Trouble> {
        if self.is_unsupported(question) {
            return Ok(None);
        }
        let answer = call(&self.handle.device());
        self.judge(question, answer)
    }

    /// The values of fields, asked for at once.
    pub(crate) fn fields<const N: usize>(&mut self, wanted: [Field; N]) -> Result<[Option<u64>; N], Trouble> {
        let mut values = [None; N];
        if self.is_unsupported(Question::Fields) {
            return Ok(values);
        }
        let places: Vec<_> = (0..N).filter(|place| !self.is_unsupported(Question::Field(wanted[*place].id))).collect();
        if places.is_empty() {
            return Ok(values);
        }
        let pairs: Vec<_> = places.iter().map(|place| (wanted[*place].id, wanted[*place].scope)).collect();
        let answers = self.handle.fields(&pairs);
        // By position: drivers have given fields other numbers in their answers.
        for (place, answer) in places.into_iter().zip(self.judge(Question::Fields, answers)?.into_iter().flatten()) {
            values[place] = self.judge(Question::Field(wanted[place].id), answer)?;
        }
        Ok(values)
    }

    /// The GPU's performance counters as they stand now.
    pub(crate) fn counters(&mut self) -> Result<Option<CounterReading>, Trouble> {
        if self.is_unsupported(Question::Counters) {
            return Ok(None);
        }
        if !self.has_counters {
            let support = self.handle.device().gpm_support();
            let support = support.and_then(|has| if has { Ok(()) } else { Err(NvmlError::NotSupported) });
            self.has_counters = self.judge(Question::Counters, support)?.is_some();
        }
        if !self.has_counters {
            return Ok(None);
        }
        let answer = CounterReading::take(&self.handle);
        self.judge(Question::Counters, answer)
    }

    pub(crate) fn judge<T>(&mut self, question: Question, answer: Result<T, NvmlError>) -> Result<Option<T>, Trouble> {
        let error = match answer {
            Ok(value) => {
                self.tally.answers += 1;
                return Ok(Some(value));
            }
            Err(error) => error,
        };
        match meaning(&error) {
            Meaning::Unsupported => {
                self.unsupported.insert(question);
            }
            Meaning::Nothing => {}
            Meaning::Failed => self.tally.failure = Some(format!("{question:?}: {error}")),
            Meaning::Lost => return Err(Trouble::Lost),
            Meaning::Over => return Err(Trouble::Over(error.to_string())),
        }
        Ok(None)
    }
}
