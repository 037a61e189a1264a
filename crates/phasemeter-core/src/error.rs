//! The one error of this crate: opaque, with predicates.

use std::fmt;

/// Why an input was refused. The message names the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    LabelName(String),
    DuplicateLabel(String),
}

impl Error {
    pub(crate) fn label_name(name: &str) -> Self {
        Self(Kind::LabelName(name.to_owned()))
    }

    pub(crate) fn duplicate_label(name: &str) -> Self {
        Self(Kind::DuplicateLabel(name.to_owned()))
    }

    /// The label's name is not one that Prometheus takes, or is reserved.
    #[must_use]
    pub fn is_label_name(&self) -> bool {
        matches!(self.0, Kind::LabelName(_))
    }

    /// The same label stands twice in one set.
    #[must_use]
    pub fn is_duplicate_label(&self) -> bool {
        matches!(self.0, Kind::DuplicateLabel(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::LabelName(name) => {
                write!(f, "{name:?} is no label name: letters, digits and _ only, no digit first, no __ first, not le")
            }
            Kind::DuplicateLabel(name) => write!(f, "the label {name:?} stands twice in one set"),
        }
    }
}

impl std::error::Error for Error {}
