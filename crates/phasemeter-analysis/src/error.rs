//! The one error of this crate: opaque, with predicates.

use std::{fmt, io};

/// Why an input was refused. The message names the input and the way out.
#[derive(Debug)]
pub struct Error(Kind);

#[derive(Debug)]
#[cfg_attr(not(feature = "json"), allow(dead_code, reason = "some are of journals, which are read as JSON"))]
enum Kind {
    Read { journal: String, line: u64, cause: io::Error },
    Write { journal: String, cause: io::Error },
    Empty { journal: String },
    NotOurs { journal: String, text: String },
    NoReport { name: String, why: String },
    Newer { journal: String, version: u64, known: u64 },
    WhatIf { text: String, why: String },
    Comparison(String),
    Fleet(String),
    Variable { name: String, value: String },
}

/// The beginning of a text that may be long.
pub(crate) fn beginning(text: &str) -> String {
    let mut beginning: String = text.chars().take(60).collect();
    if beginning.len() < text.len() {
        beginning.push('…');
    }
    beginning
}

#[cfg_attr(not(feature = "json"), allow(dead_code, reason = "some are of journals, which are read as JSON"))]
impl Error {
    pub(crate) fn read(journal: &str, line: u64, cause: io::Error) -> Self {
        Self(Kind::Read { journal: journal.to_owned(), line, cause })
    }

    pub(crate) fn write(journal: &str, cause: io::Error) -> Self {
        Self(Kind::Write { journal: journal.to_owned(), cause })
    }

    pub(crate) fn empty(journal: &str) -> Self {
        Self(Kind::Empty { journal: journal.to_owned() })
    }

    pub(crate) fn not_ours(journal: &str, text: &str) -> Self {
        Self(Kind::NotOurs { journal: journal.to_owned(), text: beginning(text) })
    }

    pub(crate) fn no_report(name: &str, why: &str) -> Self {
        Self(Kind::NoReport { name: name.to_owned(), why: why.to_owned() })
    }

    pub(crate) fn newer(journal: &str, version: u64, known: u64) -> Self {
        Self(Kind::Newer { journal: journal.to_owned(), version, known })
    }

    pub(crate) fn what_if(text: &str, why: String) -> Self {
        Self(Kind::WhatIf { text: beginning(text), why })
    }

    pub(crate) fn comparison(why: String) -> Self {
        Self(Kind::Comparison(why))
    }

    pub(crate) fn fleet(why: String) -> Self {
        Self(Kind::Fleet(why))
    }

    pub(crate) fn variable(name: &str, value: &str) -> Self {
        Self(Kind::Variable { name: name.to_owned(), value: beginning(value) })
    }

    /// The journal holds nothing: its process may just have begun, or was killed before it wrote a line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Kind::Empty { .. })
    }

    /// It is no journal and no report of ours.
    #[must_use]
    pub fn is_not_ours(&self) -> bool {
        matches!(self.0, Kind::NotOurs { .. } | Kind::NoReport { .. })
    }

    /// The journal, or the report, was written by a later version.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        matches!(self.0, Kind::Newer { .. })
    }

    /// What would be, was asked in a way that is not understood, or of a phase that is not there.
    #[must_use]
    pub fn is_what_if(&self) -> bool {
        matches!(self.0, Kind::WhatIf { .. })
    }

    /// Two runs have nothing to be compared by.
    #[must_use]
    pub fn is_comparison(&self) -> bool {
        matches!(self.0, Kind::Comparison(_))
    }

    /// Journals are of no run, or of several.
    #[must_use]
    pub fn is_fleet(&self) -> bool {
        matches!(self.0, Kind::Fleet(_))
    }

    /// A scheduler's variable is not what it should be.
    #[must_use]
    pub fn is_variable(&self) -> bool {
        matches!(self.0, Kind::Variable { .. })
    }

    /// The reader or the writer failed.
    #[must_use]
    pub fn is_io(&self) -> bool {
        matches!(self.0, Kind::Read { .. } | Kind::Write { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Read { journal, line, cause } => write!(f, "cannot read {journal} behind line {line}: {cause}"),
            Kind::Write { journal, cause } => write!(f, "cannot write to {journal}: {cause}"),
            Kind::Empty { journal } => write!(
                f,
                "{journal} is empty: its process has just begun, or was killed before it wrote a line; look again in 5 s"
            ),
            Kind::NotOurs { journal, text } => write!(
                f,
                "{journal} is no journal of phasemeter: line 1 should be {{\"phasemeter_journal\":1}} and is {text:?}; \
                 give the folder of a run, or one of its .jsonl files"
            ),
            Kind::NoReport { name, why } => {
                write!(f, "{name} is no report of phasemeter ({why}): give the report.json that a run has left")
            }
            Kind::Newer { journal, version, known } => write!(
                f,
                "{journal} says in line 1 that it is of version {version}, and this program reads up to {known}: update \
                 phasemeter where you read it"
            ),
            Kind::WhatIf { text, why } => write!(f, "cannot answer what if {text:?}: {why}"),
            Kind::Comparison(why) => write!(f, "cannot compare these runs: {why}"),
            Kind::Variable { name, value } => {
                write!(f, "{name} is {value:?} and should be a whole number: set it to one, or unset it")
            }
            Kind::Fleet(why) => write!(f, "cannot say how the run of this folder is: {why}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Read { cause, .. } | Kind::Write { cause, .. } => Some(cause),
            Kind::Empty { .. } | Kind::NotOurs { .. } | Kind::NoReport { .. } | Kind::Newer { .. } => None,
            Kind::WhatIf { .. } | Kind::Comparison(_) | Kind::Fleet(_) | Kind::Variable { .. } => None,
        }
    }
}
