//! Where something was said, and what is wrong with it.

use std::fmt;

use crate::setting::Setting;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of a file, from 1.
    File {
        /// What the file is called.
        name: String,
        /// Where its key stands.
        line: usize,
    },
    /// A variable of the environment.
    Variable(&'static str),
    /// A flag of the command line.
    Flag(&'static str),
}

/// Something that cannot be used: where it stands, what it is, and what was expected. No secret is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// Where it stands.
    pub origin: Origin,
    /// What it was meant for, where that is known.
    pub setting: Option<&'static Setting>,
    message: String,
}

impl Problem {
    pub(crate) fn new(origin: Origin, setting: Option<&'static Setting>, message: impl Into<String>) -> Self {
        Self { origin, setting, message: message.into() }
    }

    /// Whether the file says it: then nothing of the file should be relied on.
    #[must_use]
    pub fn is_of_file(&self) -> bool {
        matches!(self.origin, Origin::File { .. })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

impl std::error::Error for Problem {}
