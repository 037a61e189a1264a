//! What the library tells through `tracing`, on stderr. A subscriber of its own: there is nothing to configure, and one
//! that formats is ten crates.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_global_default;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::output::say;

/// What becomes of the library's notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Log {
    /// They are dropped: the program itself tells how the collectors are.
    Silent,
    /// Warnings are told.
    Warnings,
    /// And that a collector has no data.
    Verbose,
}

impl Log {
    /// From here on.
    pub(crate) fn install(self) {
        let first = set_global_default(self);
        debug_assert!(first.is_ok(), "a second log");
    }

    fn level(self) -> Level {
        match self {
            Self::Silent | Self::Warnings => Level::WARN,
            Self::Verbose => Level::INFO,
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Neither is the question whether somebody listens, which comes before an event.
        !metadata.is_span() && metadata.target() == "phasemeter" && *metadata.level() <= self.level()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level()))
    }

    fn event(&self, event: &Event<'_>) {
        if *self != Self::Silent {
            let mut message = Message::default();
            event.record(&mut message);
            say(&message.0);
        }
    }

    // No span is enabled.
    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let _written = write!(self.0, "{value:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_of_the_library_are_enabled_and_nothing_else_is() {
        let enabled = |log: Log| {
            tracing::subscriber::with_default(log, || {
                [
                    tracing::enabled!(target: "phasemeter", Level::WARN),
                    tracing::enabled!(target: "phasemeter", Level::INFO),
                    tracing::enabled!(target: "another", Level::WARN),
                ]
            })
        };
        assert_eq!(enabled(Log::Silent), [true, false, false]);
        assert_eq!(enabled(Log::Warnings), [true, false, false]);
        assert_eq!(enabled(Log::Verbose), [true, true, false]);
    }
}
