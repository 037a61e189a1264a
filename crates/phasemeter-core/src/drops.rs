//! What was refused or corrected, counted by reason: nothing is lost in silence.

use crate::sync::{AtomicU64, COUNT};

/// Why a value was not taken as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// A count that is negative, not a number, not whole, or beyond 2^53.
    InvalidCount,
    /// A duration that is negative, not finite, or beyond 584 years.
    InvalidDuration,
    /// An outcome field that holds none of `ok`, `error`, `cancelled`.
    InvalidOutcome,
    /// A label value over its length limit; it was shortened, its rest replaced by a hash.
    LabelShortened,
    /// A further label of a phase that Prometheus does not take, that phases have already, or that stands twice.
    InvalidLabel,
    /// A metric of another library whose name no scraper takes: an empty one, or with a character that is no text.
    InvalidName,
    /// A value of a `metric!`, or of another library, that is not finite, or negative where a counter adds it.
    InvalidValue,
    /// A metric whose name another one has, of another kind or from elsewhere: it is left out, and never merged.
    MetricClash,
    /// A series, or a name, of another library beyond the limit of those that are kept.
    SeriesLimit,
    /// A source of other metrics panicked while it was read; what it had is missing from that scrape.
    SourcePanicked,
    /// A run counted its items live and declared them as well; the live count stands.
    CountedTwice,
    /// A position before the last one; the count stands.
    PositionBack,
    /// A plain span that closed without ever being entered: nothing ran.
    NeverEntered,
    /// A second Meter of the process with another configuration; the first one's stands.
    SecondConfiguration,
    /// A connection beyond the endpoint's limit, answered with 503.
    ConnectionRefused,
    /// A line of a run's journal, or its report, that could not be written.
    JournalFailed,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 16] = [
        Self::InvalidCount,
        Self::InvalidDuration,
        Self::InvalidOutcome,
        Self::LabelShortened,
        Self::InvalidLabel,
        Self::InvalidName,
        Self::InvalidValue,
        Self::MetricClash,
        Self::SeriesLimit,
        Self::SourcePanicked,
        Self::CountedTwice,
        Self::PositionBack,
        Self::NeverEntered,
        Self::SecondConfiguration,
        Self::ConnectionRefused,
        Self::JournalFailed,
    ];

    /// The value of the label `reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidCount => "invalid_count",
            Self::InvalidDuration => "invalid_duration",
            Self::InvalidOutcome => "invalid_outcome",
            Self::LabelShortened => "label_shortened",
            Self::InvalidLabel => "invalid_label",
            Self::InvalidName => "invalid_name",
            Self::InvalidValue => "invalid_value",
            Self::MetricClash => "metric_clash",
            Self::SeriesLimit => "series_limit",
            Self::SourcePanicked => "source_panicked",
            Self::CountedTwice => "counted_twice",
            Self::PositionBack => "position_back",
            Self::NeverEntered => "never_entered",
            Self::SecondConfiguration => "second_configuration",
            Self::ConnectionRefused => "connection_refused",
            Self::JournalFailed => "journal_failed",
        }
    }
}

/// A counter for each [`DropReason`].
#[derive(Debug, Default)]
pub struct Drops([AtomicU64; DropReason::ALL.len()]);

impl Drops {
    /// Counts one.
    pub fn count(&self, reason: DropReason) {
        self.0[reason as usize].fetch_add(1, COUNT);
    }

    /// How many so far.
    #[must_use]
    pub fn total(&self, reason: DropReason) -> u64 {
        self.0[reason as usize].load(COUNT)
    }
}
