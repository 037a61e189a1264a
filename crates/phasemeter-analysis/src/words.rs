//! Numbers as people read them.

/// A share as a percentage with one decimal.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// So many items.
pub(crate) fn items(count: u64) -> String {
    if count == 1 { "1 item".to_owned() } else { format!("{count} items") }
}

/// A change as a percentage, with its sign; as a factor, where it is a large one.
pub(crate) fn change(share: f64) -> String {
    if share >= 9.0 {
        return format!("×{:.0}", share + 1.0);
    }
    format!("{:+.0} %", share * 100.0)
}

/// A duration in its two largest units.
pub(crate) fn duration(ns: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let seconds_ns = 1_000_000_000;
    if ns < 60 * seconds_ns {
        return short(ns);
    }
    let seconds = ns.saturating_add(seconds_ns / 2) / seconds_ns;
    let pairs = UNITS.windows(2).find_map(|pair| match pair {
        [(large, large_name), (small, small_name)] if seconds >= *large => {
            let rest = seconds % large / small;
            Some(if rest == 0 {
                format!("{} {large_name}", seconds / large)
            } else {
                format!("{} {large_name} {rest} {small_name}", seconds / large)
            })
        }
        _ => None,
    });
    pairs.unwrap_or_else(|| format!("{seconds} s"))
}

fn short(ns: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    match UNITS.into_iter().find(|(unit_ns, _)| ns >= *unit_ns) {
        Some((unit_ns, name)) => {
            let value = ns as f64 / unit_ns as f64;
            if value < 10.0 { format!("{value:.1} {name}") } else { format!("{value:.0} {name}") }
        }
        None => format!("{ns} ns"),
    }
}

/// A rate in the unit in which it is above one.
pub(crate) fn rate(per_s: f64) -> String {
    let (value, unit) = match per_s {
        rate if rate >= 1.0 => (rate, "s"),
        rate if rate * 60.0 >= 1.0 => (rate * 60.0, "min"),
        rate => (rate * 3_600.0, "h"),
    };
    if value < 100.0 { format!("{value:.1}/{unit}") } else { format!("{value:.0}/{unit}") }
}

/// The time of day in UTC, and the date before it where it is another day than `today_unix_ns`'s.
pub(crate) fn clock_time(unix_ns: u64, today_unix_ns: u64) -> String {
    let seconds = unix_ns / 1_000_000_000;
    let (day, today) = (seconds / 86_400, today_unix_ns / 1_000_000_000 / 86_400);
    let time = format!("{:02}:{:02}", seconds % 86_400 / 3_600, seconds % 3_600 / 60);
    if day == today { time } else { format!("{} {time}", date(day)) }
}

/// The date of a day since the Unix epoch, by Howard Hinnant's method: years begin in March, so that February's last day
/// is the year's.
fn date(day: u64) -> String {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        const S: u64 = 1_000_000_000;
        let shown = [0, 1_500, 2_500_000, 45 * S, 9_680 * S, 86_400 * S, 90_061 * S, 120 * S].map(duration);
        assert_eq!(shown, ["0 ns", "1.5 µs", "2.5 ms", "45 s", "2 h 41 min", "1 d", "1 d 1 h", "2 min"]);
    }

    #[test]
    fn rates_have_the_unit_in_which_they_are_above_one() {
        assert_eq!([48.0, 0.12, 0.001, 1234.5].map(rate), ["48.0/s", "7.2/min", "3.6/h", "1234/s"]);
    }

    #[test]
    fn times_of_another_day_have_their_date() {
        let noon = 1_767_268_800_000_000_000;
        assert_eq!(clock_time(noon, noon), "12:00");
        assert_eq!(clock_time(noon + 86_400_000_000_000, noon), "2026-01-02 12:00");
        let leap_day = 1_709_208_000_000_000_000;
        assert_eq!(clock_time(leap_day, noon), "2024-02-29 12:00");
    }
}
