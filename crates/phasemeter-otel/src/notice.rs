//! One line a minute at most, about what goes wrong and when it goes well again. Pure: time comes in.

use std::time::{Duration, Instant};

const BETWEEN: Duration = Duration::from_secs(60);

/// What was said, and what was kept back since.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    last: Option<Instant>,
    kept_back: u64,
    is_failing: bool,
}

impl Notices {
    /// What to say of a push that did not come through, or not as a whole.
    pub(crate) fn trouble(&mut self, now: Instant, endpoint: &str, reason: &str) -> Option<String> {
        self.is_failing = true;
        if !self.may_say(now) {
            self.kept_back += 1;
            return None;
        }
        let others = match std::mem::take(&mut self.kept_back) {
            0 => String::new(),
            others => format!(" ({others} more since the last line)"),
        };
        Some(format!("OTLP to {endpoint}: {reason}{others}"))
    }

    /// What to say of a push that came through.
    pub(crate) fn well(&mut self, now: Instant, endpoint: &str) -> Option<String> {
        if !self.is_failing || !self.may_say(now) {
            return None;
        }
        (self.is_failing, self.kept_back) = (false, 0);
        Some(format!("OTLP to {endpoint} comes through again"))
    }

    fn may_say(&mut self, now: Instant) -> bool {
        let may = self.last.is_none_or(|last| now.saturating_duration_since(last) >= BETWEEN);
        if may {
            self.last = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_failures_is_sixty_lines() {
        let (start, mut notices) = (Instant::now(), Notices::default());
        let said = (0..3_600)
            .filter_map(|second| notices.trouble(start + Duration::from_secs(second), "http://a", "it is away"));
        let said: Vec<_> = said.collect();
        assert_eq!(said.len(), 60);
        assert_eq!(said[0], "OTLP to http://a: it is away");
        assert_eq!(said[1], "OTLP to http://a: it is away (59 more since the last line)");
    }

    #[test]
    fn that_it_goes_well_again_is_said_once_and_not_within_the_minute() {
        let (start, mut notices) = (Instant::now(), Notices::default());
        assert_eq!(notices.well(start, "http://a"), None);
        assert!(notices.trouble(start, "http://a", "it is away").is_some());
        let second = Duration::from_secs(1);
        assert_eq!(notices.well(start + second, "http://a"), None);
        let well = notices.well(start + BETWEEN, "http://a");
        assert_eq!(well.as_deref(), Some("OTLP to http://a comes through again"));
        assert_eq!(notices.well(start + 3 * BETWEEN, "http://a"), None);
    }
}
