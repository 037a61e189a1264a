//! The runs to look at, below the table of their pipeline.

use std::sync::Arc;

use phasemeter_core::{HELD_AFTER_NS, MAX_ENDED, PhaseCell, Verdict};

use super::*;

fn page(registry: &Registry, runs: Shown) -> String {
    let snapshot = Snapshot { work: registry.work(NOW), ..Snapshot::new(samples(registry)) };
    render(&snapshot, View { runs, ..VIEW })
}

/// The heading and the runs of a kind, without tags.
#[track_caller]
fn list(page: &str, title: &str) -> (String, Vec<String>) {
    let after = page.split_once(&format!("<h3>{title} ")).expect("a list of this kind").1;
    let (heading, after) = after.split_once("</h3>").expect("an end of the heading");
    let list = after.split_once("</article>").expect("an end of the list").0;
    (plain(heading), list.split("<li>").skip(1).map(|run| plain(&run.replace("<p>", " "))).collect())
}

fn begin(cell: &PhaseCell, item: &str, started_ns: u64) -> phasemeter_core::Flight {
    let flight = cell.begin(started_ns);
    flight.set_item(item.into());
    flight
}

/// A run that took so many seconds and ended so many seconds ago.
fn ran(cell: &PhaseCell, item: &str, (elapsed, ended): (u64, u64), verdict: Verdict<'_>) {
    let flight = begin(cell, item, ago(ended + elapsed));
    flight.end(verdict, elapsed * SECOND_NS, ago(ended));
}

#[test]
fn without_runs_there_is_nothing_to_look_at() {
    let registry = registry();
    let _declared = registry.phase(None, "embed");
    for shown in [Shown::First, Shown::All] {
        assert!(!page(&registry, shown).contains("class=\"look\""));
    }
}

#[test]
fn runs_of_all_phases_stand_in_one_order_and_every_kind_keeps_its_place() {
    let registry = registry();
    let (extract, embed) = (registry.phase(None, "extract"), registry.phase(None, "embed"));
    let _flights = [begin(&extract, "a.pdf", ago(30)), begin(&embed, "b.pdf", ago(90)), extract.begin(ago(60))];
    ran(&extract, "slow.pdf", (20, 100), Verdict::Ok);
    ran(&embed, "slower.pdf", (40, 50), Verdict::Cancelled);
    let shown = page(&registry, Shown::First);
    let (heading, in_flight) = list(&shown, "in flight");
    assert_eq!(heading, "longest first");
    assert_eq!(in_flight, ["1 m 30 s b.pdf embed", "1 m 00 s – extract", "30 s a.pdf extract"]);
    let slowest = ["40 s slower.pdf embed · 50 s ago", "20 s slow.pdf extract · 1 m 40 s ago"];
    assert_eq!(list(&shown, "slowest").1, slowest);
    assert!(list(&shown, "failed").1.is_empty());
    check(&shown, &["failed latest first\nnone"]);

    ran(&extract, "broken.pdf", (2, 10), Verdict::Error("io"));
    ran(&embed, "late.pdf", (1, 5), Verdict::Error("timeout"));
    let shown = page(&registry, Shown::First);
    let failed = ["5 s ago late.pdf embed · timeout · after 1 s", "10 s ago broken.pdf extract · io · after 2 s"];
    assert_eq!(list(&shown, "failed").1, failed);
    assert_eq!(list(&shown, "slowest").1[2], "2 s broken.pdf extract · 10 s ago · io");
}

#[test]
fn runs_stand_below_their_own_pipeline() {
    let registry = registry();
    for pipeline in ["one", "two"] {
        let cell = registry.phase(Some(pipeline), "embed");
        ran(&cell, &format!("{pipeline}.pdf"), (1, 1), Verdict::Ok);
    }
    let shown = page(&registry, Shown::First);
    let sections: Vec<_> = shown.split("<section>").skip(1).collect();
    for (section, item) in sections.iter().zip(["one.pdf", "two.pdf"]) {
        assert_eq!(list(section, "slowest").1, [format!("1 s {item} embed · 1 s ago")]);
    }
    assert_eq!(sections.len(), 2);
}

#[test]
fn a_span_that_was_left_says_so() {
    let registry = registry();
    let cell = registry.phase(None, "embed");
    let flights = [begin(&cell, "a.pdf", ago(300)), begin(&cell, "b.pdf", ago(200))];
    flights[0].set_exited(Some(ago(120)));
    flights[1].set_exited(Some(NOW.now_ns - HELD_AFTER_NS + 1));
    let shown = page(&registry, Shown::First);
    let left = [
        "5 m 00 s a.pdf embed · left 2 m 00 s ago, not closed",
        "3 m 20 s b.pdf embed · left 1 m 00 s ago, not closed",
    ];
    assert_eq!(list(&shown, "in flight").1, left);
    let marked = |class| shown.matches(&format!("class=\"{class}\" title=\"the span was left")).count();
    assert_eq!((marked("odd"), marked("soft")), (1, 1));
}

#[test]
fn five_of_each_kind_stand_open_and_a_link_opens_all() {
    let registry = registry();
    let cell = registry.phase(None, "embed");
    let _flights: Vec<_> = (1..=30).map(|number| begin(&cell, &format!("{number}.pdf"), ago(number))).collect();
    (1..=30).for_each(|number| ran(&cell, &format!("{number}.pdf"), (number, number), Verdict::Error("io")));
    let (first, all) = (page(&registry, Shown::First), page(&registry, Shown::All));
    for (kind, order) in
        [("in flight", "longest first"), ("slowest", "of the runs that ended"), ("failed", "latest first")]
    {
        let ((closed, few), (open, every)) = (list(&first, kind), list(&all, kind));
        assert_eq!((closed, open), (format!("{order} all 20"), format!("{order} first 5")));
        assert_eq!(every.len(), MAX_ENDED);
        assert_eq!(few, every[..5]);
    }
    assert_eq!(first.matches("href=\"?runs=all\"").count(), 3);
    assert_eq!(all.matches("href=\".\"").count(), 3);
    // The page comes again as it was asked for.
    assert!(all.contains("<meta http-equiv=\"refresh\" content=\"2\">"));
}

#[test]
fn long_runs_of_one_phase_hide_none_of_another_where_all_are_shown() {
    let registry = registry();
    let (long, short) = (registry.phase(None, "long"), registry.phase(None, "short"));
    (0..30).for_each(|_| ran(&long, "book.pdf", (100, 1), Verdict::Ok));
    ran(&short, "note.txt", (1, 1), Verdict::Ok);
    let (heading, slowest) = list(&page(&registry, Shown::All), "slowest");
    assert_eq!((&*heading, slowest.len()), ("of the runs that ended first 5", 21));
    assert_eq!(slowest[20], "1 s note.txt short · 1 s ago");
}

#[test]
fn items_of_anybody_stay_text() {
    let registry = registry();
    let cell = registry.phase(None, "embed");
    let hostile = "</li></title><script>alert('1')</script>\"onmouseover=\"x\u{202e}fdp.exe\n";
    let _flights = [begin(&cell, hostile, ago(1)), begin(&cell, "", ago(2)), begin(&cell, "–", ago(3))];
    ran(&cell, hostile, (1, 1), Verdict::Error(hostile));
    let long: Arc<str> = "x".repeat(256).into();
    ran(&cell, &long, (2, 2), Verdict::Ok);
    let shown = page(&registry, Shown::All);
    assert!(!shown.contains("<script") && !shown.contains("\"onmouseover") && !shown.contains('\u{202e}'));
    assert_eq!(shown.matches(&format!("title=\"{long}\">{long}</bdi>")).count(), 1);
    let (_, in_flight) = list(&shown, "in flight");
    assert_eq!(in_flight[..2], ["3 s – embed", "2 s – embed"]);
    assert!(in_flight[2].starts_with("1 s &lt;/li&gt;&lt;/title&gt;&lt;script&gt;"));
    assert_eq!(list(&shown, "failed").1.len(), 1);
}
