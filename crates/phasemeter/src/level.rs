//! How much is measured. It may change at any time.

use std::fmt;

/// How much is measured, and so what it costs. Each level measures what the ones before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Level {
    /// Nothing. Counts stay where they are, and are still shown.
    Off,
    /// Runs, durations, items, errors, what is in flight.
    #[default]
    Basic,
    /// Also how long runs were busy and what they waited for, and phases marked [`Phase::detailed`](crate::Phase::detailed).
    Detailed,
    /// Also CPU time and, with the counting allocator, allocations. Needs the feature `profiling`.
    Profiling,
}

impl Level {
    /// Every level, from nothing to everything.
    pub const ALL: [Self; 4] = [Self::Off, Self::Basic, Self::Detailed, Self::Profiling];

    /// Its name, as the variable `PHASEMETER_LEVEL` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Basic => "basic",
            Self::Detailed => "detailed",
            Self::Profiling => "profiling",
        }
    }

    /// The level with this name, in letters of any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name.trim()))
    }

    pub(crate) const fn to_bits(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self::ALL.get(usize::from(bits)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_go_there_and_back() {
        for level in Level::ALL {
            assert_eq!(Level::parse(&level.to_string().to_uppercase()), Some(level));
            assert_eq!(Level::from_bits(level.to_bits()), level);
        }
        assert_eq!(Level::parse("verbose"), None);
        assert!(Level::Off < Level::Basic && Level::Detailed < Level::Profiling);
    }
}
