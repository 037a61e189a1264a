//! What there is to say of a setting. It is declared in [`settings`](crate::settings), and nowhere else.

use std::fmt;

use crate::shape::Shape;

/// Something that can be told to phasemeter. There are those of [`settings`](crate::settings), and no others.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct Setting {
    /// Where it stands in a file, as `monitoring.resources.sample_interval`.
    pub key: &'static str,
    /// The flag that says it, where a program has one.
    pub flag: Option<&'static str>,
    /// Variables that say it; the first one that is set counts.
    pub variables: &'static [&'static str],
    /// What can be a value of it.
    pub shape: Shape,
    /// Its value where nobody says one, as a variable would say it.
    pub default: Option<&'static str>,
    /// What its number counts.
    pub unit: Option<&'static str>,
    /// What it says, in words.
    pub meaning: &'static str,
    /// Who goes by it.
    pub uses: &'static [Use],
    /// Its value is shown nowhere.
    pub is_secret: bool,
}

/// Who goes by a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// `phasemeter agent`, wherever it was said.
    Agent,
    /// The Meter of a program, where a variable says it: not yet where a file does.
    Library,
    /// Nothing yet: it is read and checked, and this is what will use it.
    Later(&'static str),
}

impl Setting {
    /// With no other source than a file, and without a default.
    pub(crate) const fn new(key: &'static str, shape: Shape) -> Self {
        Self {
            key,
            flag: None,
            variables: &[],
            shape,
            default: None,
            unit: None,
            meaning: "",
            uses: &[],
            is_secret: false,
        }
    }

    pub(crate) const fn flag(self, flag: &'static str) -> Self {
        Self { flag: Some(flag), ..self }
    }

    pub(crate) const fn variables(self, variables: &'static [&'static str]) -> Self {
        Self { variables, ..self }
    }

    pub(crate) const fn default(self, text: &'static str) -> Self {
        Self { default: Some(text), ..self }
    }

    pub(crate) const fn unit(self, unit: &'static str) -> Self {
        Self { unit: Some(unit), ..self }
    }

    pub(crate) const fn used_by(self, uses: &'static [Use]) -> Self {
        Self { uses, ..self }
    }

    pub(crate) const fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    pub(crate) const fn meaning(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }

    /// Whether `phasemeter agent` goes by it.
    #[must_use]
    pub fn is_of_agent(&self) -> bool {
        self.uses.contains(&Use::Agent)
    }

    /// Who goes by it, as a list in words.
    #[must_use]
    pub fn used(&self) -> String {
        self.uses.iter().map(Use::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent => f.write_str("used by phasemeter agent"),
            Self::Library => f.write_str("used by programs from the environment, from a file in a later version"),
            Self::Later(what) => write!(f, "read and checked; used by {what} from a later version"),
        }
    }
}
