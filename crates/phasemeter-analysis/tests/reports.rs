//! What users read, kept in files that a change has to show itself in, and the journals that they are made of.
//! `UPDATE_GOLDEN=1 cargo test -p phasemeter-analysis --all-features --test reports` writes them anew.
#![cfg(feature = "json")]

mod story;

use std::path::Path;
use std::sync::Mutex;

use phasemeter_analysis::analysis::{Limits, WhatIf};
use phasemeter_analysis::event::{Declared, PhaseDeclared};
use phasemeter_analysis::fleet::FleetLimits;
use phasemeter_analysis::journal::{self, JournalWriter};
use phasemeter_analysis::progress::{PastRun, PastRuns};
use phasemeter_analysis::render::{self, Form, Viewer};
use phasemeter_analysis::report::{self, Report};
use phasemeter_analysis::thinning::Policy;
use phasemeter_analysis::{Analysis, Comparison, EventKind, Fleet, Progress, RunState};
use phasemeter_core::Outcome;
use story::{Story, declared, on, phase_of, unix_ns, workloads};

/// Compares with a file beside the tests, or writes it.
#[track_caller]
fn check(golden: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(golden);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, actual).unwrap_or_else(|error| panic!("cannot write {golden}: {error}"));
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {golden}: {error}"));
    let differs = expected.lines().zip(actual.lines()).enumerate().find(|(_, (golden, now))| golden != now);
    let update = "UPDATE_GOLDEN=1 cargo test -p phasemeter-analysis --all-features --test reports";
    assert!(expected == actual, "{golden} differs: {differs:?}\nIf that is meant: {update}");
}

fn journal_of(story: &Story) -> String {
    let policy = Policy { heartbeat_ns: 0, ..Policy::default() };
    let mut journal = JournalWriter::begin(Vec::new(), "memory", policy).expect("memory takes it");
    for event in story.events() {
        journal.write(&event).expect("memory takes it");
    }
    String::from_utf8(journal.into_inner()).expect("it is text")
}

/// One fixture is written at a time, and none is read meanwhile.
static FIXTURES: Mutex<()> = Mutex::new(());

/// A journal that lies beside the tests, as a program has left it that ran so.
#[track_caller]
fn fixture(name: &str, story: &Story) -> RunState {
    let _alone = FIXTURES.lock();
    check(&format!("fixtures/{name}"), &journal_of(story));
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name));
    let (state, reading) = journal::fold(text.expect("it is there").as_slice(), name).expect("it is ours");
    assert_eq!((reading.bad_lines, reading.is_torn), (0, false));
    state
}

fn analysed(state: &RunState) -> Analysis {
    Analysis::of(state, &PastRuns::default(), &Limits::default(), state.clock.last_unix_ns)
}

#[test]
fn the_analysis_of_three_phases_is_as_it_was() {
    let analysis = analysed(&fixture("seed.jsonl", &workloads::seed()));
    check("golden/seed.txt", &render::analysis(&analysis, Form::Plain));
}

#[test]
fn the_analysis_of_workload_a_is_as_it_was() {
    let analysis = analysed(&fixture("workload-a.jsonl", &workloads::a()));
    let mut text = render::analysis(&analysis, Form::Plain);
    text += "\nWhat if\n";
    for question in ["extract=2x", "embed=2x", "overlap", "workers:extract=48", "extract=2x,overlap"] {
        let asked: WhatIf = question.parse().expect("it is understood");
        text += &format!("  {}\n", render::answer(&analysis.what_if(&asked).expect("answered")));
    }
    check("golden/workload-a.txt", &text);
    check("golden/workload-a.md", &render::analysis(&analysis, Form::Markdown));
}

#[test]
fn the_analysis_of_workload_b_is_as_it_was() {
    let analysis = analysed(&fixture("workload-b.jsonl", &workloads::b()));
    check("golden/workload-b.txt", &render::analysis(&analysis, Form::Plain));
    let json = serde_json::to_string_pretty(&analysis).expect("it is plain data");
    check("golden/workload-b.json", &(json + "\n"));
}

/// Twenty minutes of an hour that has to be over after forty.
fn late() -> Story {
    let phases = [phase_of("extract", 60, 2), on("gpu", PhaseDeclared { ..phase_of("embed", 60, 1) })];
    let limit = Declared { deadline_unix_ns: Some(unix_ns(2_400.0)), ..declared(&phases) };
    let mut story = Story::of(limit);
    for number in 0..60_u32 {
        let at = f64::from(number / 2) * 20.0;
        story = story.run("extract", number % 2, at, at + 20.0);
    }
    for number in 0..10_u32 {
        let at = 600.0 + f64::from(number) * 60.0;
        story = story.run("embed", 2, at, at + 60.0);
    }
    story.begin("embed", 2, 1_200.0, Some("paper-71"));
    story
}

#[test]
fn the_status_of_a_late_run_is_as_it_was() {
    let state = late().state();
    let viewer = Viewer { now_unix_ns: unix_ns(1_230.0), utc_offset_s: 0 };
    let progress = Progress::of(&state, &PastRuns::default(), viewer.now_unix_ns);
    check("golden/status.txt", &render::progress(&progress, &viewer, Form::Plain));
    check("golden/status.md", &render::progress(&progress, &viewer, Form::Markdown));
}

#[test]
fn a_run_that_will_be_forty_minutes_late_says_so() {
    let mut story =
        Story::of(Declared { deadline_unix_ns: Some(unix_ns(3_600.0)), ..declared(&[phase_of("embed", 100, 1)]) });
    for number in 0..50_u32 {
        story = story.run("embed", 0, f64::from(number) * 60.0, f64::from(number + 1) * 60.0);
    }
    let viewer = Viewer { now_unix_ns: unix_ns(3_000.0), utc_offset_s: 0 };
    let progress = Progress::of(&story.state(), &PastRuns::default(), viewer.now_unix_ns);
    let text = render::progress(&progress, &viewer, Form::Plain);
    assert!(text.contains("\nmisses the limit by 40 min (15:00)\n"), "{text}");
}

#[test]
fn the_status_of_many_workers_is_as_it_was() {
    let worker = |name: &str| Declared { worker: name.to_owned(), ..declared(&[phase_of("embed", 100, 1)]) };
    let count = |name: &str, done: u32| {
        let mut story = Story::of(worker(name));
        for number in 1..=done {
            story = story.counted(f64::from(number), "embed", u64::from(number));
        }
        story
    };
    let mut killed = count("w2", 10);
    killed.begin("embed", 0, 100.0, Some("paper|17\u{1b}[2J"));
    let killed = killed.at(120.0, EventKind::Note("still here".to_owned()));
    let states = [
        count("w1", 100).over(100.0, Outcome::Ok).state(),
        killed.state(),
        count("w3", 24).counted(290.0, "embed", 25).state(),
    ];
    let viewer = Viewer { now_unix_ns: unix_ns(300.0), utc_offset_s: 3_600 };
    let fleet = Fleet::of(&states, &PastRuns::default(), &FleetLimits::default(), viewer.now_unix_ns);
    let fleet = fleet.expect("they are of one run");
    check("golden/fleet.txt", &render::fleet(&fleet, &viewer, Form::Plain));
    check("golden/fleet.md", &render::fleet(&fleet, &viewer, Form::Markdown));
}

#[test]
fn a_comparison_is_as_it_was() {
    let base = fixture("workload-a.jsonl", &workloads::a());
    let slower = {
        let story = Story::new(&[on("cpu", phase_of("extract", 1_000, 36)), on("gpu", phase_of("embed", 1_000, 8))]);
        let beats = [
            workloads::beat("extract", 1_000, 5_400.0, 36, [0.97, 0.03, 0.0]),
            workloads::beat("embed", 0, 0.0, 8, [0.0; 3]),
        ];
        let story = story.beat(5_400.0, &beats, None);
        let embed = workloads::beat("embed", 1_000, 5_616.0, 8, [0.72, 0.02, 0.26]);
        story.beat(11_016.0, &[embed], None).over(11_016.0, Outcome::Ok).state()
    };
    let comparison = Comparison::of(&analysed(&base), &analysed(&slower), &Limits::default()).expect("one pipeline");
    check("golden/diff.txt", &render::diff(&comparison, Form::Plain));
    check("golden/diff.md", &render::diff(&comparison, Form::Markdown));
}

#[test]
fn a_journal_that_breaks_off_anywhere_says_what_can_be_said() {
    for story in [workloads::a(), workloads::b(), late()] {
        let text = journal_of(&story);
        let head = text.find('\n').expect("it has a first line") + 1;
        for length in (head..text.len()).step_by(997) {
            let (state, _) = journal::fold(&text.as_bytes()[..length], "cut").expect("its first line is whole");
            let viewer = Viewer { now_unix_ns: state.clock.last_unix_ns + 600_000_000_000, utc_offset_s: 0 };
            let analysis = Analysis::of(&state, &PastRuns::default(), &Limits::default(), viewer.now_unix_ns);
            assert!(!analysis.verdict.is_empty() && !render::analysis(&analysis, Form::Plain).contains("NaN"));
            let progress = Progress::of(&state, &PastRuns::default(), viewer.now_unix_ns);
            assert!(!render::progress(&progress, &viewer, Form::Plain).contains("NaN"));
            let fleet = Fleet::of(&[state], &PastRuns::default(), &FleetLimits::default(), viewer.now_unix_ns);
            assert_eq!(fleet.expect("it is one run").lost, 1);
        }
    }
}

#[test]
fn a_report_is_read_as_a_past_run() {
    let state = fixture("workload-a.jsonl", &workloads::a());
    let report = Report::of(&state, &PastRuns::default(), &Limits::default(), state.clock.last_unix_ns);
    let text = report.to_json();
    let past = report::past_run(&text, "report.json").expect("it is ours");
    assert_eq!(past, PastRun::of(&state));
    let again = Analysis::of(&state, &PastRuns { runs: vec![past] }, &Limits::default(), state.clock.last_unix_ns);
    assert_eq!(again.advice, report.analysis.advice, "as fast as it was itself");
    for (text, is_ours) in [("", false), ("{}", false), ("[1]", false), ("{\"phasemeter_report\":2}", true)] {
        let error = report::past_run(text, "report.json").expect_err(text);
        assert!(error.is_newer() == is_ours && error.is_not_ours() != is_ours, "{error}");
        assert!(error.to_string().contains("report.json"), "{error}");
    }
}

#[test]
fn names_of_others_cannot_break_a_table_or_command_a_terminal() {
    let story = Story::new(&[]).run("a|b\u{1b}[2J\n*x*", 0, 0.0, 100.0).over(100.0, Outcome::Ok);
    let analysis = analysed(&story.state());
    let plain = render::analysis(&analysis, Form::Plain);
    assert!(!plain.contains('\u{1b}') && plain.contains("a|b\u{FFFD}[2J\u{FFFD}*x*"), "{plain}");
    let markdown = render::analysis(&analysis, Form::Markdown);
    assert!(markdown.contains("| a\\|b\u{FFFD}\\[2J \\*x\\* |"), "{markdown}");
}
