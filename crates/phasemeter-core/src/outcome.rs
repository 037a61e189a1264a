//! How a run of a phase ended, and what became of its items.

/// How one run of a phase ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It returned, and not with an error.
    Ok,
    /// It returned an error, was marked failed, or panicked.
    Error,
    /// It was dropped before it finished. Only the exact grade can know this.
    Cancelled,
}

impl Outcome {
    /// Every outcome, in label order of no importance.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Error, Self::Cancelled];

    /// The value of the label `outcome`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }

    /// The outcome with this label value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// What became of an item, or of a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemOutcome {
    /// Processed.
    Ok,
    /// Tried, and failed.
    Error,
    /// Left out on purpose.
    Skipped,
}

impl ItemOutcome {
    /// Every outcome of an item.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Error, Self::Skipped];

    /// The value of the label `outcome`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}
