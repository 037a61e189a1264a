//! Reads a journal line by line, in memory that does not depend on its length.

use std::io::{self, BufRead};

use crate::error::{Error, beginning};
use crate::event::Event;
use crate::journal::{Head, VERSION};
use crate::state::RunState;

/// A longer line is none of ours.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// How much of a journal could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Reading {
    /// Lines, the first one included.
    pub lines: u64,
    /// Lines that are no events.
    pub bad_lines: u64,
    /// The first of them, and what is wrong with it.
    pub first_bad: Option<(u64, String)>,
    /// The last line breaks off: whoever wrote it was interrupted.
    pub is_torn: bool,
}

/// A journal that is being read: an iterator over its events.
#[derive(Debug)]
pub struct Journal<R> {
    reader: R,
    name: String,
    line: Vec<u8>,
    reading: Reading,
}

impl Reading {
    /// What could not be read, in words; nothing, where all could.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let torn = if self.is_torn { "its last line breaks off, as when a process is killed" } else { "" };
        let bad = self.first_bad.as_ref().map(|(line, why)| {
            let others = match self.bad_lines {
                1 => String::new(),
                lines => format!(" and {} more", lines - 1),
            };
            format!("line {line}{others} cannot be read: {why}")
        });
        match (bad, self.is_torn) {
            (None, false) => None,
            (None, true) => Some(torn.to_owned()),
            (Some(bad), false) => Some(bad),
            (Some(bad), true) => Some(format!("{bad}; {torn}")),
        }
    }
}

/// What `next_line` found.
enum Line {
    Whole,
    Torn,
    TooLong,
    End,
}

impl<R: BufRead> Journal<R> {
    /// Reads the first line. The name is for messages.
    ///
    /// # Errors
    ///
    /// The journal is empty, of a later version or not one at all, or the reader fails.
    pub fn open(reader: R, name: &str) -> Result<Self, Error> {
        let mut journal = Self { reader, name: name.to_owned(), line: Vec::new(), reading: Reading::default() };
        let found = journal.next_line()?;
        let text = String::from_utf8_lossy(&journal.line).into_owned();
        match (found, serde_json::from_str::<Head>(&text)) {
            (Line::Whole, Ok(head)) if head.phasemeter_journal <= VERSION => Ok(journal),
            (Line::Whole, Ok(head)) => Err(Error::newer(name, head.phasemeter_journal, VERSION)),
            (Line::End, _) => Err(Error::empty(name)),
            // The process was killed while it wrote its very first line.
            (Line::Torn, _) if text.starts_with("{\"phasemeter_j") || "{\"phasemeter_j".starts_with(&*text) => {
                Err(Error::empty(name))
            }
            (Line::Whole | Line::Torn | Line::TooLong, _) => Err(Error::not_ours(name, &text)),
        }
    }

    /// The next event, after however many lines that are none.
    ///
    /// # Errors
    ///
    /// The reader fails.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.next_line()? {
                Line::End => return Ok(None),
                Line::TooLong => self.note_bad(format!("it is longer than {MAX_LINE_BYTES} bytes")),
                Line::Whole if self.line.is_empty() => {}
                found @ (Line::Whole | Line::Torn) => match serde_json::from_slice::<Event>(&self.line) {
                    Ok(event) => return Ok(Some(event)),
                    Err(_) if matches!(found, Line::Torn) => self.reading.is_torn = true,
                    // Two journals in one file, or an attempt that wrote its first line anew.
                    Err(_) if serde_json::from_slice::<Head>(&self.line).is_ok() => {}
                    Err(error) => {
                        let text = beginning(&String::from_utf8_lossy(&self.line));
                        self.note_bad(format!("{error}, in {text:?}"));
                    }
                },
            }
        }
    }

    fn note_bad(&mut self, why: String) {
        self.reading.bad_lines += 1;
        let line = self.reading.lines;
        self.reading.first_bad.get_or_insert((line, why));
    }

    /// How much of it could be read, so far.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Reads a line into `self.line`, as much of it as there may be.
    fn next_line(&mut self) -> Result<Line, Error> {
        self.line.clear();
        let mut length = 0;
        loop {
            let part = match self.reader.fill_buf() {
                Ok(part) => part,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(Error::read(&self.name, self.reading.lines, cause)),
            };
            let end = find_newline(part);
            let taken = part.get(..end.unwrap_or(part.len())).unwrap_or_default();
            let is_over = taken.is_empty() && end.is_none();
            length += taken.len();
            if length <= MAX_LINE_BYTES {
                self.line.extend_from_slice(taken);
            }
            let consumed = end.map_or(part.len(), |end| end + 1);
            self.reader.consume(consumed);
            if is_over && length == 0 {
                return Ok(Line::End);
            }
            if is_over || end.is_some() {
                self.reading.lines += 1;
                return Ok(match end {
                    _ if length > MAX_LINE_BYTES => Line::TooLong,
                    Some(_) => Line::Whole,
                    None => Line::Torn,
                });
            }
        }
    }
}

/// Sixteen bytes at a time, which compilers turn into one comparison.
fn find_newline(bytes: &[u8]) -> Option<usize> {
    let mut before = 0;
    for chunk in bytes.chunks(16) {
        if chunk.iter().fold(false, |found, byte| found | (*byte == b'\n')) {
            return chunk.iter().position(|byte| *byte == b'\n').map(|place| before + place);
        }
        before += chunk.len();
    }
    None
}

impl<R: BufRead> Iterator for Journal<R> {
    type Item = Result<Event, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}

/// The run that a journal tells of, and how much of the journal could be read.
///
/// # Errors
///
/// As [`Journal::open`] and [`Journal::next_event`].
pub fn fold(reader: impl BufRead, name: &str) -> Result<(RunState, Reading), Error> {
    let mut journal = Journal::open(reader, name)?;
    let mut state = RunState::default();
    while let Some(event) = journal.next_event()? {
        state.apply(&event);
    }
    Ok((state, journal.reading))
}
