//! CPU counters over several looks: corrected, begun anew, as great as can be, and too soon.

use super::*;

/// What two and more looks at `/proc/stat`, each this long after the one before, show of one series.
#[track_caller]
fn check_looks(test: &str, series: &str, after: Duration, looks: &[(&str, Option<&str>)]) {
    let damaged = Damaged::new(test, "host");
    let options = Options { per_cpu: true, ..Options::default() };
    let mut by_cpu = (known_among(KNOWN, ["cpu"]).expect("it is known")[0].make)(&damaged.roots(), &options);
    let mut of_all = collector("cpu", &damaged.roots());
    let mut at = AT;
    for (stat, expected) in looks {
        damaged.write("proc/stat", stat);
        let mut shown = String::new();
        for collector in [&mut of_all, &mut by_cpu] {
            let mut samples = Samples::default();
            collector.sample(at, &mut samples).expect("it is whole");
            shown.push_str(&text(samples));
        }
        let value = shown.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        assert_eq!(value, *expected, "{series} of {stat:?}");
        at.now_ns += u64::try_from(after.as_nanos()).expect("a short time");
    }
}

#[test]
fn the_greatest_counters_between_two_looks_are_a_share_and_no_overflow() {
    let none = "cpu 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\n";
    let most = format!("cpu {0} {0} {0} {0} {0} {0} 0 {0}\ncpu0 {0} {0} {0} {0} {0} {0} 0 {0}\n", u64::MAX);
    let share = format!("{}", 5.0 / 7.0);
    let looks = [(none, None), (&*most, Some(&*share)), (none, Some(&*share)), (&*most, Some(&*share))];
    check_looks("greatest", "system_cpu_utilization_ratio", Duration::from_secs(1), &looks);
}

#[test]
fn idle_time_that_is_taken_back_stands_still_and_a_fall_of_seconds_is_shown() {
    let stat = |waiting: u64| format!("cpu 10 0 0 100 {waiting}\ncpu0 10 0 0 100 {waiting}\n");
    let [first, back, on, anew] = [1_500, 1_499, 1_501, 7].map(stat);
    let looks = [(&*first, Some("15")), (&*back, Some("15")), (&*on, Some("15.01")), (&*anew, Some("0.07"))];
    for series in ["{cpu_mode=\"iowait\"}", "{cpu_logical_number=\"0\",cpu_mode=\"iowait\"}"] {
        let series = format!("system_cpu_time_seconds_total{series}");
        check_looks("taken-back", &series, Duration::from_secs(1), &looks);
    }
}

#[test]
fn utilisation_waits_for_a_few_ticks_of_each_cpu_and_for_two_looks_after_a_fresh_start() {
    let stat = |user: u64, idle: u64| format!("cpu {user} 0 0 {idle}\ncpu0 1 0 0 1\ncpu1 1 0 0 1\n");
    let [first, few, enough, anew, half] =
        [(1_000, 1_000), (1_009, 1_000), (1_009, 1_001), (5, 5), (15, 15)].map(|(user, idle)| stat(user, idle));
    let looks = [(&*first, None), (&*few, None), (&*enough, Some("0.9")), (&*anew, Some("0.9")), (&*half, Some("0.5"))];
    check_looks("few-ticks", "system_cpu_utilization_ratio", Duration::from_millis(50), &looks);
}
