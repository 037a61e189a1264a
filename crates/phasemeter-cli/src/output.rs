//! What is printed and what is told.

use std::io::{self, ErrorKind, Write as _};

/// Why the program ends early.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Of the process.
    pub(crate) status: u8,
    pub(crate) message: String,
}

impl Problem {
    /// An argument cannot be used.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self { status: 2, message: message.into() }
    }

    /// Arguments, variables or a file cannot be used: each of these is told on a line of its own.
    pub(crate) fn unusable_where(problems: impl Iterator<Item = String>) -> Result<(), Self> {
        let problems: Vec<_> = problems.collect();
        if problems.is_empty() { Ok(()) } else { Err(Self::unusable(problems.join("\nphasemeter: "))) }
    }

    /// Something failed while it worked.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { status: 1, message: message.into() }
    }
}

/// Prints what was asked for. A reader that went away, as `head` does, has seen enough.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Problem> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Problem::failed(format!("cannot print: {error}"))),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Tells how it goes. Nobody has to listen.
pub(crate) fn say(text: &str) {
    let _closed = writeln!(io::stderr(), "phasemeter: {text}");
}
