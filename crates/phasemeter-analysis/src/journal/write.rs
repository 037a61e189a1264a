//! Writes a journal, an event a line, each in one piece.

use std::io::Write;

use crate::error::Error;
use crate::event::Event;
use crate::journal::{Head, VERSION};
use crate::thinning::{Policy, Thinning};

/// A journal that is being written. It leaves out what the policy says, and never breaks a line in two by itself: each
/// is handed to the writer whole, so a file opened for appending keeps lines apart.
#[derive(Debug)]
pub struct JournalWriter<W> {
    writer: W,
    name: String,
    thinning: Thinning,
    line: Vec<u8>,
}

impl<W: Write> JournalWriter<W> {
    /// Begins a journal with its first line. The name is for messages.
    ///
    /// # Errors
    ///
    /// The writer fails.
    pub fn begin(writer: W, name: &str, policy: Policy) -> Result<Self, Error> {
        let mut journal = Self::resume(writer, name, policy);
        journal.write_line(&Head { phasemeter_journal: VERSION })?;
        Ok(journal)
    }

    /// Goes on with a journal that has its first line; see [`close_torn_line`](Self::close_torn_line).
    #[must_use]
    pub fn resume(writer: W, name: &str, policy: Policy) -> Self {
        Self { writer, name: name.to_owned(), thinning: Thinning::new(policy), line: Vec::new() }
    }

    /// Closes a line that an earlier attempt left torn. Empty lines are no harm, but a torn one would take the next
    /// with it.
    ///
    /// # Errors
    ///
    /// The writer fails.
    pub fn close_torn_line(&mut self) -> Result<(), Error> {
        self.writer.write_all(b"\n").map_err(|cause| Error::write(&self.name, cause))
    }

    /// Writes an event, unless it is thinned out; whether it was written.
    ///
    /// # Errors
    ///
    /// The writer fails.
    pub fn write(&mut self, event: &Event) -> Result<bool, Error> {
        let is_written = self.thinning.admits(event);
        if is_written {
            self.write_line(event)?;
        }
        Ok(is_written)
    }

    /// Writes an event whatever the policy says: the last heartbeat, which is to hold all that was counted.
    ///
    /// # Errors
    ///
    /// The writer fails.
    pub fn write_in_full(&mut self, event: &Event) -> Result<(), Error> {
        self.write_line(event)
    }

    /// How many events were left out.
    #[must_use]
    pub fn thinned(&self) -> u64 {
        self.thinning.thinned
    }

    /// What is written to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.writer
    }

    fn write_line(&mut self, value: &impl serde::Serialize) -> Result<(), Error> {
        self.line.clear();
        let failed = |cause| Error::write(&self.name, cause);
        serde_json::to_writer(&mut self.line, value).map_err(|error| failed(error.into()))?;
        self.line.push(b'\n');
        self.writer.write_all(&self.line).map_err(failed)
    }
}
