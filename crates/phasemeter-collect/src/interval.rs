//! How long an interval is that somebody wrote down.

use std::fmt;
use std::time::Duration;

/// What was written is no interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalError {
    text: String,
    why: &'static str,
}

/// `10ms`, `1s`, `2m`, `1h`; a number alone is seconds, and may have a fraction.
///
/// # Errors
/// It is no number with one of these units, is 0, or longer than a day.
pub fn parse_interval(text: &str) -> Result<Duration, IntervalError> {
    let trimmed = text.trim();
    let refuse = |why| IntervalError { text: trimmed.to_owned(), why };
    let number = trimmed.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let seconds = match &trimmed[number.len()..] {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err(refuse("its unit is none of ms, s, m, h")),
    };
    let number: f64 = number.trim_end().parse().map_err(|_| refuse("it should be as 10ms, 1s or 2m"))?;
    let seconds = number * seconds;
    if !(seconds.is_finite() && seconds >= 0.0) {
        return Err(refuse("it should be as 10ms, 1s or 2m"));
    }
    let interval = Duration::try_from_secs_f64(seconds).map_err(|_| refuse("it is longer than a day"))?;
    match interval {
        Duration::ZERO => Err(refuse("an interval of 0 never ends")),
        interval if interval > Duration::from_secs(86_400) => Err(refuse("it is longer than a day")),
        interval => Ok(interval),
    }
}

impl fmt::Display for IntervalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no interval: {}", self.text, self.why)
    }
}

impl std::error::Error for IntervalError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, milliseconds: u64) {
        assert_eq!(parse_interval(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }

    #[test]
    fn a_number_alone_is_seconds_and_units_are_understood() {
        check("1", 1_000);
        check("0.5", 500);
        check(" 10ms ", 10);
        check("15 s", 15_000);
        check("1m", 60_000);
        check("1h", 3_600_000);
        check("1e1", 10_000);
    }

    #[test]
    fn what_is_none_is_refused_and_named() {
        for text in ["", "ms", "0", "0ms", "-1s", "1d", "NaN", "inf", "1 2", "25h", "1e300", "ten"] {
            let error = parse_interval(text).expect_err(text);
            assert!(error.to_string().starts_with(&format!("{text:?} is no interval: ")), "{error}");
        }
    }
}
