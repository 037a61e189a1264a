//! What a setting was set to.

use std::fmt;
use std::time::Duration;

use crate::mask::{MASK, masked};

/// A value that was understood. It is shown without its secrets, with `Debug` as well.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// On or off.
    Switch(bool),
    /// A whole number, in the unit of its setting.
    Whole(u64),
    /// A number that is finite, in the unit of its setting.
    Number(f64),
    /// How long.
    Interval(Duration),
    /// A text, a path, or one of the words that there are to choose from.
    Text(String),
    /// Names, in the order given.
    Names(Vec<String>),
    /// What is not to be shown.
    Secret(Secret),
}

/// A text that is shown nowhere: who needs it asks for it by name.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whom it is meant; not for logs, errors or pages.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Value {
    /// On or off, where it is a switch.
    #[must_use]
    pub fn switch(&self) -> Option<bool> {
        match self {
            Self::Switch(is_on) => Some(*is_on),
            _ => None,
        }
    }

    /// How long, where it is an interval.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        match self {
            Self::Interval(interval) => Some(*interval),
            _ => None,
        }
    }

    /// The whole number, where it is one.
    #[must_use]
    pub fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The text as it stands, where it is one that is no secret.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The names, where it is a list of them.
    #[must_use]
    pub fn names(&self) -> Option<&[String]> {
        match self {
            Self::Names(names) => Some(names),
            _ => None,
        }
    }

    /// The secret, where it is one.
    #[must_use]
    pub fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Secret(secret) => Some(secret),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(is_on) => write!(f, "{is_on}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Interval(interval) => write!(f, "{interval:?}"),
            Self::Text(text) => f.write_str(&masked(text)),
            Self::Names(names) => f.write_str(&masked(&names.join(","))),
            Self::Secret(secret) => write!(f, "{secret}"),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}
