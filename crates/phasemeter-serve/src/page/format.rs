//! Numbers as people read them. Pure; a rounded number never reads 1000 of a unit.

use std::time::Duration;

/// `9999`, `12.3 k`, `3.4 M`.
pub(crate) fn count(count: u64) -> String {
    if count < 10_000 {
        count.to_string()
    } else {
        scaled(count as f64, 1e3, &["", " k", " M", " G", " T", " P", " E"])
    }
}

/// `512 B`, `3.4 MB`.
pub(crate) fn bytes(bytes: f64) -> String {
    if bytes < 999.5 {
        format!("{bytes:.0} B")
    } else {
        scaled(bytes, 1e3, &[" B", " kB", " MB", " GB", " TB", " PB", " EB"])
    }
}

/// `0`, `0.25`, `12.3`, `1.2 k`: how many a second.
pub(crate) fn rate(rate: f64) -> String {
    if rate <= 0.0 {
        "0".to_owned()
    } else if rate < 0.01 {
        "<0.01".to_owned()
    } else if rate < 9.995 {
        format!("{rate:.2}")
    } else {
        scaled(rate, 1e3, &["", " k", " M", " G", " T", " P"])
    }
}

/// `42 %`; a share that is not whole is never shown as one that is.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 99.0 && percent < 100.0 { "99 %".to_owned() } else { format!("{percent:.0} %") }
}

/// `850 ns`, `12 µs`, `12.3 ms`, `3 m 05 s`, `1 h 02 m`, `3 d 04 h`.
pub(crate) fn duration(length: Duration) -> String {
    let seconds = length.as_secs_f64();
    if seconds < 59.95 {
        return scaled(length.as_nanos() as f64, 1e3, &[" ns", " µs", " ms", " s"]);
    }
    let whole = seconds.round() as u64;
    let (minutes, hours, days) = (whole / 60, whole / 3_600, whole / 86_400);
    match (days, hours) {
        (0, 0) => format!("{minutes} m {:02} s", whole % 60),
        (0, _) => format!("{hours} h {:02} m", minutes % 60),
        (_, _) => format!("{days} d {:02} h", hours % 24),
    }
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter().peekable();
    while let Some(unit) = units.next() {
        // What would be rounded up to a whole step is shown in the next unit.
        if value < step - 0.5 || units.peek().is_none() {
            let decimals = usize::from(value < 99.95 && value.fract() != 0.0);
            return format!("{value:.decimals$}{unit}");
        }
        value /= step;
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_counts_are_exact_and_large_ones_keep_three_digits() {
        let shown = [0, 9_999, 10_000, 12_345, 99_949, 99_951, 999_499, 999_500, 12_345_678, u64::MAX].map(count);
        let expected = ["0", "9999", "10 k", "12.3 k", "99.9 k", "100 k", "999 k", "1.0 M", "12.3 M", "18.4 E"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn bytes_have_their_unit() {
        let shown = [0.0, 999.0, 999.7, 1_000.0, 3_400_000.0, 5e12].map(bytes);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "1 kB", "3.4 MB", "5 TB"]);
    }

    #[test]
    fn small_rates_are_not_rounded_away() {
        let shown = [0.0, -1.0, 0.001, 0.25, 9.99, 9.999, 12.34, 1_234.0].map(rate);
        assert_eq!(shown, ["0", "0", "<0.01", "0.25", "9.99", "10.0", "12.3", "1.2 k"]);
    }

    #[test]
    fn durations_have_the_units_that_fit() {
        let shown = |nanos| duration(Duration::from_nanos(nanos));
        let second = 1_000_000_000;
        assert_eq!([850, 12_000, 12_345_678].map(shown), ["850 ns", "12 µs", "12.3 ms"]);
        assert_eq!([second, 59_900_000_000, 59_999_000_000].map(shown), ["1 s", "59.9 s", "1 m 00 s"]);
        assert_eq!([185 * second, 3_720 * second].map(shown), ["3 m 05 s", "1 h 02 m"]);
        assert_eq!([86_400 * 3 * second + 4 * 3_600 * second].map(shown), ["3 d 04 h"]);
        assert_eq!(shown(0), "0 ns");
    }

    #[test]
    fn almost_done_is_not_done() {
        assert_eq!([0.0, 0.426, 0.999, 1.0, 1.2].map(percent), ["0 %", "43 %", "99 %", "100 %", "120 %"]);
    }
}
