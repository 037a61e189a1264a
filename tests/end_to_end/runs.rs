//! What a run makes of its files: the same in every mode, whatever becomes of them meanwhile, and it can be searched.

use std::fs;
use std::path::Path;

use phasemeter_core::catalogue::{PHASE_BYTES, PHASE_ERRORS, PHASE_EXPECTED_ITEMS, PHASE_ITEMS, PHASE_RUNS};
use phasemeter_tests::example::{Serving, documents, run, run_with};
use phasemeter_tests::program::{Ended, Program};
use phasemeter_tests::tree::{Failed, MAX_FILE_BYTES, SHORT, SHORT_TEXT, Tree};
use phasemeter_tests::waiting::wait_for;
use serde_json::Value;

#[track_caller]
fn object(ended: &Ended) -> Value {
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
    serde_json::from_str(&ended.stdout).expect("one object")
}

/// Takes out what two runs need not have in common, once it was found to be a number from 0 up.
#[track_caller]
fn without_times(mut summary: Value) -> Value {
    let take = |object: &mut Value, names: &[&str]| {
        for name in names {
            let number = object.as_object_mut().and_then(|object| object.remove(*name));
            assert!(number.as_ref().and_then(Value::as_f64).is_some_and(|number| number >= 0.0), "{name}: {number:?}");
        }
    };
    take(&mut summary, &["seconds"]);
    for phase in summary["phases"].as_array_mut().into_iter().flatten() {
        take(phase, &["items_per_second", "busy_seconds", "mean_seconds", "share"]);
    }
    summary
}

#[track_caller]
fn check(tree: &Tree, workers: u64, arguments: &[&str]) {
    let workers_argument = workers.to_string();
    let own = ["--once", "--json", "--max-file-bytes", MAX_FILE_BYTES, "--workers", &workers_argument];
    let summary = object(&run(&tree.root(), &[own.as_slice(), arguments].concat()));
    assert_eq!(without_times(summary), tree.expected.summary(&tree.root(), workers), "{workers} {arguments:?}");
}

#[test]
fn the_summary_counts_what_is_there_in_both_modes_and_by_any_number_of_workers() {
    let tree = Tree::mixed();
    check(&tree, 1, &[]);
    check(&tree, 2, &["--sequential"]);
    check(&tree, 8, &[]);
    check(&tree, 8, &["--sequential"]);
}

/// Lines of `/metrics` that count.
fn counts(tree: &Tree, arguments: &[&str]) -> Vec<String> {
    let own = ["--max-file-bytes", MAX_FILE_BYTES];
    let mut serving = Serving::start(&tree.root(), &[own.as_slice(), arguments].concat());
    serving.wait_done();
    let names = [&PHASE_ITEMS, &PHASE_BYTES, &PHASE_RUNS, &PHASE_ERRORS].map(|metric| metric.prometheus_name() + "{");
    let body = serving.metrics();
    let lines = body.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    lines.map(str::to_owned).collect()
}

#[test]
fn both_modes_count_the_same() {
    let tree = Tree::mixed();
    let streaming = counts(&tree, &[]);
    assert!(streaming.len() > 3 * 3 * 4, "{streaming:#?}");
    assert_eq!(streaming, counts(&tree, &["--sequential"]));
}

#[test]
fn an_empty_folder_is_a_complete_run() {
    let tree = Tree::empty();
    check(&tree, 2, &[]);
    check(&tree, 2, &["--sequential"]);
}

#[test]
fn files_that_vanish_are_not_found_and_no_other_is_lost() {
    let tree = Tree::slow(4);
    let mut serving = Serving::start(&tree.root(), &["--workers", "1", "--json"]);
    let found = format!(
        "{}{{phase=\"extract\",pipeline=\"documents\"}} {}\n",
        PHASE_EXPECTED_ITEMS.prometheus_name(),
        tree.expected.files()
    );
    wait_for("count of all files", || {
        let body = serving.metrics();
        if body.contains(&found) { Ok(()) } else { Err(body) }
    });
    let vanishing: Vec<_> = (SHORT / 2..SHORT).map(|number| tree.root().join(format!("b/{number:03}"))).collect();
    vanishing.iter().for_each(|path| fs::remove_file(path).expect("it was there"));
    serving.wait_done();
    let url = format!("http://{}", serving.address);
    serving.program.interrupt();
    let mut summary = without_times(object(&serving.program.ended()));

    // How many of them were read before they vanished is chance; that each is counted is not.
    let not_found = &summary["files"]["failed"]["not_found"];
    let example = vanishing.iter().find(|path| not_found["example"].as_str() == path.to_str()).cloned();
    let count = not_found["count"].as_u64().unwrap_or(0);
    let failed = Failed { count, bytes: 0, example: example.unwrap_or_else(|| panic!("{summary}")) };
    let mut expected = tree.expected.clone();
    expected.failed.insert("not_found", failed);
    expected.ok -= count;
    expected.chunks -= count;
    expected.bytes -= count * SHORT_TEXT.len() as u64;
    assert_eq!(summary.as_object_mut().and_then(|summary| summary.remove("url")), Some(url.into()));
    assert_eq!(summary, expected.summary(&tree.root(), 1));
}

#[test]
fn a_word_that_stands_in_one_document_finds_it_at_once_and_later() {
    let tree = Tree::mixed();
    let store = tempfile::tempdir().expect("a temporary folder");
    let out = store.path().join("made by the run");
    let path = |number: u64| tree.root().join(format!("texts/{:02}/{number:03}.txt", number % 7));
    let is_first = |answers: &Value, number| {
        let first = &answers[0];
        assert_eq!(first["path"].as_str().map(Path::new), Some(&*path(number)), "{answers}");
        let snippet = first["snippet"].as_str().unwrap_or_default();
        assert!(snippet.contains(&format!("marker{number}x")), "{answers}");
    };

    let own = ["--once", "--json", "--query", "Marker77x", "words", "--out"].map(Into::into);
    let summary = object(&run_with(&tree.root(), own.into_iter().chain([out.clone().into_os_string()]), &[]));
    is_first(&summary["answers"], 77);
    assert_eq!(summary["store"].as_str().map(Path::new), Some(&*out));

    let ask = |words: &[&str]| {
        let mut command = documents();
        Program::start(command.args(["--query-only", "--out"]).arg(&out).arg("--query").args(words)).ended()
    };
    is_first(&object(&ask(&["marker5x", "--json"])), 5);
    let answered = ask(&["marker119x"]);
    assert_eq!((answered.status, &*answered.stderr), (Some(0), ""));
    let first = answered.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("1. ") && first.ends_with("texts/00/119.txt"), "{}", answered.stdout);
}
