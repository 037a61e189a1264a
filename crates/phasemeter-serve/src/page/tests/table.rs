//! One row a phase, or a set of labels of a phase.

use std::time::Instant;

use phasemeter_core::catalogue::{PROCESS_CPU_SECONDS, PROCESS_START_TIMESTAMP};
use phasemeter_core::{Allocated, Effort, ItemOutcome, Outcome, Profile, Value};

use super::super::{History, tally};
use super::*;

#[test]
fn a_row_tells_what_became_of_runs_and_items() {
    let registry = registry();
    let embed = registry.phase(None, "embed");
    embed.set_expected(400);
    embed.record(Outcome::Ok, 3 * SECOND_NS);
    embed.record(Outcome::Error, SECOND_NS);
    embed.record(Outcome::Cancelled, 2 * SECOND_NS);
    let _flight = embed.begin(NOW.now_ns);
    for (outcome, items) in [(ItemOutcome::Ok, 90), (ItemOutcome::Error, 6), (ItemOutcome::Skipped, 4)] {
        assert!(embed.add_items(outcome, items));
    }
    assert!(embed.add_bytes(ItemOutcome::Ok, 3_400_000));
    for (error_type, count) in [("rare", 1), ("often", 9), ("b", 2), ("a", 2)] {
        embed.add_errors(error_type, count);
    }
    let cells = row(&page(samples(&registry)), "embed");
    let expected = [
        "active 1",
        "1 ok 1 error 1 cancelled",
        "90 ok 6 failed 4 skipped",
        "25 % 100 / 400",
        "– average 1.00",
        "6 s 100 % mean 2 s",
        "3.4 MB",
        "9 often 2 a 2 b and 1 more",
    ];
    assert_eq!(cells, expected);
}

#[test]
fn columns_that_nobody_fills_are_left_out() {
    let registry = registry();
    let _declared = registry.phase(None, "store");
    assert_eq!(row(&page(samples(&registry)), "store"), ["not started", "0 ok", "– average 0", "–"]);
}

#[test]
fn averages_are_since_the_process_started_where_that_is_known() {
    let registry = registry();
    let parse = registry.phase(None, "parse");
    (0..500).for_each(|_| parse.record(Outcome::Ok, 1));
    let since_endpoint = page(samples(&registry));
    assert_eq!(row(&since_endpoint, "parse")[2], "– average 5.00");
    assert!(since_endpoint.contains("average: since this endpoint started\""));

    let started = with(samples(&registry), &PROCESS_START_TIMESTAMP, &[], Value::Nanos(9_000 * SECOND_NS));
    let since_process = page(started);
    assert_eq!(row(&since_process, "parse")[2], "– average 0.50");
    assert!(since_process.contains("average: since the process started\""));
}

#[test]
fn rates_are_what_was_counted_since_a_few_seconds_ago() {
    let registry = registry();
    let (items, runs) = (registry.phase(None, "items"), registry.phase(None, "runs"));
    assert!(items.add_items(ItemOutcome::Ok, 1_000));
    let (history, start) = (History::default(), Instant::now());
    let at = |seconds, cpu_ns| {
        let read = with(samples(&registry), &PROCESS_CPU_SECONDS, &[], Value::Nanos(cpu_ns));
        let snapshot = Snapshot::new(read);
        let earlier = history.compare(start + Duration::from_secs(seconds), tally(&snapshot));
        render(&snapshot, View { earlier: earlier.as_ref(), ..VIEW })
    };
    let first = at(0, 0);
    assert_eq!(row(&first, "items")[3], "– average 10");

    assert!(items.add_items(ItemOutcome::Error, 50) && items.add_bytes(ItemOutcome::Ok, 4_000));
    (0..3).for_each(|_| runs.record(Outcome::Ok, 1));
    let second = at(4, 6 * SECOND_NS);
    assert_eq!(row(&second, "items")[3], "12.5 items/s average 10.5");
    assert_eq!(row(&second, "items").last().map(String::as_str), Some("4 kB 1 kB/s"));
    assert_eq!(row(&second, "runs")[3], "0.75 runs/s average 0.03");
    check(&second, &["CPU 150 %"]);

    // A phase that is born between two views had counted nothing before.
    registry.phase(None, "born").record(Outcome::Ok, 1);
    assert_eq!(row(&at(8, 6 * SECOND_NS), "born")[3], "0.25 runs/s average 0.01");
}

#[test]
fn the_phase_with_the_most_time_is_marked_once() {
    let registry = registry();
    registry.phase(None, "fast").record(Outcome::Ok, SECOND_NS);
    let alone = page(samples(&registry));
    assert!(!alone.contains("most time"));
    registry.phase(Some("other"), "slow").record(Outcome::Error, 3 * SECOND_NS);
    let both = page(samples(&registry));
    assert_eq!(both.matches(">most time<").count(), 1);
    assert_eq!(row(&both, "slow most time")[3], "3 s 75 % mean 3 s");
    assert_eq!(row(&both, "fast")[3], "1 s 25 % mean 1 s");
}

#[test]
fn phases_beyond_the_limit_stand_together_and_are_counted() {
    let registry = Registry::new(Limits { phases: 1, ..Limits::default() }, || NOW);
    for phase in ["one", "two", "three"] {
        registry.phase(Some("acid"), phase).record(Outcome::Ok, 1);
    }
    check(&page(samples(&registry)), &["other phases", "2 ok", "phases kept 1", "overflow 2 phases"]);
}

#[test]
fn the_state_says_for_how_long_and_what_is_held() {
    let registry = registry();
    let (exact, plain) = (registry.phase(None, "exact"), registry.phase(None, "plain"));
    let _fresh = registry.phase(None, "fresh").begin(NOW.now_ns);
    let _one = exact.begin(ago(724));
    let flights = [ago(200), ago(100)].map(|started_ns| plain.begin(started_ns));
    flights[0].set_exited(Some(ago(60)));
    flights[1].set_exited(Some(ago(59)));
    let page = page(samples(&registry));
    let state = |phase| row(&page, phase).swap_remove(0);
    assert_eq!(state("exact"), "active 1 for 12 m 04 s");
    assert_eq!(state("plain"), "active 2 oldest 3 m 20 s held 1");
    assert_eq!(state("fresh"), "active 1");
    assert!(page.contains("title=\"Plain spans of the phase that exited over a minute ago and are not closed"));
}

#[test]
fn sets_of_labels_are_rows_of_their_own() {
    let registry = registry();
    let of = |labels: &[(&str, &str)]| registry.labelled_phase(None, "embed", labels);
    let (small, large) = (of(&[("model", "small"), ("device", "cpu")]), of(&[("model", "large"), ("device", "cpu")]));
    let (history, start) = (History::default(), Instant::now());
    let at = |seconds| {
        let snapshot = Snapshot::new(samples(&registry));
        let earlier = history.compare(start + Duration::from_secs(seconds), tally(&snapshot));
        render(&snapshot, View { earlier: earlier.as_ref(), ..VIEW })
    };
    of(&[]).record(Outcome::Ok, SECOND_NS);
    let _first = at(0);

    for (cell, runs) in [(&small, 4), (&large, 8)] {
        (0..runs).for_each(|_| cell.record(Outcome::Ok, SECOND_NS));
        cell.record(Outcome::Error, SECOND_NS);
        cell.add_errors(if runs == 4 { "io" } else { "timeout" }, 1);
        cell.add_effort(&Effort { busy_ns: runs, waiting_ns: [8, 0, 0], profile: None });
        assert!(cell.add_bytes(ItemOutcome::Ok, 100 * runs));
    }
    let page = at(4);
    let check = |head, cells: [&str; 7]| assert_eq!(row(&page, head), cells);
    let small = ["1.25 runs/s average 0.05", "5 s 33 % mean 1 s", "33 % busy 67 % for input", "400 B 100 B/s"];
    check("embed device=cpu model=small", ["idle", "4 ok 1 error", small[0], small[1], small[2], small[3], "1 io"]);
    let large = ["2.25 runs/s average 0.09", "9 s 60 % mean 1 s", "50 % busy 50 % for input", "800 B 200 B/s"];
    check(
        "embed most time device=cpu model=large",
        ["idle", "8 ok 1 error", large[0], large[1], large[2], large[3], "1 timeout"],
    );
    check("embed", ["idle", "1 ok", "0 runs/s average 0.01", "1 s 7 % mean 1 s", "–", "–", "–"]);
}

#[test]
fn a_phase_that_runs_with_labels_only_has_no_row_without_them() {
    let registry = registry();
    let (plain, labelled) = (registry.phase(None, "embed"), [("model", "small")]);
    let _labelled = registry.labelled_phase(None, "embed", &labelled);
    let rows = || page(samples(&registry)).matches("<tr>").count() - 1;
    assert_eq!(rows(), 1);
    plain.set_expected(3);
    assert_eq!(rows(), 2);
    let _declared = registry.phase(None, "store");
    assert_eq!(rows(), 3);
}

#[test]
fn units_stand_below_the_items() {
    let registry = registry();
    let (pages, tokens) = (registry.phase(None, "pages"), registry.phase(None, "tokens"));
    let _none = registry.phase(None, "none");
    assert!(pages.add_items(ItemOutcome::Ok, 7) && pages.add_units("pages", ItemOutcome::Ok, 12_345));
    for (outcome, count) in [(ItemOutcome::Ok, 5), (ItemOutcome::Error, 2), (ItemOutcome::Skipped, 1)] {
        assert!(tokens.add_units("tokens", outcome, count) && tokens.add_units("lines", outcome, 2 * count));
    }
    let page = page(samples(&registry));
    let items = |phase| row(&page, phase).swap_remove(2);
    assert_eq!(items("pages"), "7 ok 12.3 k pages");
    assert_eq!(items("tokens"), "10 lines 4 failed 2 skipped 5 tokens 2 failed 1 skipped");
    assert_eq!(items("none"), "–");
}

#[test]
fn effort_is_shown_where_it_is_measured() {
    let registry = registry();
    let (detailed, profiled) = (registry.phase(None, "detailed"), registry.phase(None, "profiled"));
    let _unmeasured = registry.phase(None, "unmeasured");
    detailed.add_effort(&Effort { busy_ns: 600, waiting_ns: [300, 99, 1], profile: None });
    let allocated = Some(Allocated { allocations: 12, bytes: 3_400 });
    let profile = Some(Profile { cpu_ns: Some(SECOND_NS / 2), allocated });
    profiled.add_effort(&Effort { busy_ns: SECOND_NS, waiting_ns: [0, 0, SECOND_NS], profile });
    let page = page(samples(&registry));
    let effort = |phase| row(&page, phase).swap_remove(4);
    assert_eq!(effort("detailed"), "60 % busy 30 % for input 10 % for output");
    assert_eq!(effort("profiled"), "50 % busy 50 % pending CPU 500 ms 3.4 kB allocated");
    assert_eq!(effort("unmeasured"), "–");
}
