//! `phasemeter status`, `analyze`, `runs` and `diff`, run as their users run them, over journals of real and of made-up runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::UNIX_EPOCH;

use phasemeter_tests::example::documents;
use phasemeter_tests::program::{Ended, Program};
use phasemeter_tests::tree::Tree;
use phasemeter_tests::waiting::wait_for;
use serde_json::{Value, json};
use tempfile::TempDir;

fn phasemeter(arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phasemeter"));
    Program::start(command.args(arguments).env("TZ", "UTC")).ended()
}

#[track_caller]
fn answer(arguments: &[&str]) -> String {
    let ended = phasemeter(arguments);
    assert_eq!(ended.status, Some(0), "{arguments:?}: {}", ended.stderr);
    ended.stdout
}

#[track_caller]
fn check_refused(arguments: &[&str], expected: &str) {
    let ended = phasemeter(arguments);
    assert_eq!((ended.status, &*ended.stdout), (Some(2), ""), "{arguments:?}: {}", ended.stderr);
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../phasemeter-analysis/tests/fixtures");
    folder.join(name).to_string_lossy().into_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder has a plain name")
}

/// The example over a few files, to its end.
fn finished(runs: &Path) -> PathBuf {
    let tree = Tree::mixed();
    let mut command = documents();
    command.arg(tree.root()).args(["--once", "--run-dir", text(runs)]).env("OTEL_EXPORTER_PROMETHEUS_PORT", "0");
    let ended = Program::start(&mut command).ended();
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    let mut found = fs::read_dir(runs).expect("it was made").map(|entry| entry.expect("an entry").path());
    found.next().expect("there is a run")
}

#[test]
fn the_numbers_that_must_come_out_do() {
    let seed = answer(&["analyze", &fixture("seed.jsonl"), "--what-if", "embed=2x"]);
    assert!(seed.contains("66.7 %") && seed.contains("33.3 % shorter"), "{seed}");
    let questions = ["--what-if", "extract=2x", "--what-if", "embed=2x", "--what-if", "overlap"];
    let a = answer(&[&["analyze", &*fixture("workload-a.jsonl")], &questions[..]].concat());
    for expected in
        ["extract=2x", "27.8 % shorter", "22.1 % shorter", "44.4 % shorter (×1.80)", "overlap efficiency 0.556"]
    {
        assert!(a.contains(expected), "{expected} in {a}");
    }
    let b = answer(&["analyze", &fixture("workload-b.jsonl")]);
    assert!(b.contains("store (one worker") && b.contains("scale the sink"), "{b}");
}

#[test]
fn a_run_that_came_to_its_end_is_told_by_all_of_them() {
    let folder = TempDir::new().expect("a temporary folder");
    let run = finished(folder.path());
    let status: Value = serde_json::from_str(&answer(&["status", text(folder.path()), "--json"])).expect("it is JSON");
    assert_eq!((&status["finished"], &status["active"], &status["lost"]), (&1.into(), &0.into(), &0.into()));
    let extract = status["phases"].as_array().and_then(|phases| phases.iter().find(|phase| phase["name"] == "extract"));
    let (processed, total) = extract.map(|phase| (phase["processed"].clone(), phase["total"].clone())).expect("it ran");
    assert!(processed == total && processed.as_u64() > Some(5), "{processed} of {total}");
    let analysis: Value = serde_json::from_str(&answer(&["analyze", text(&run), "--json"])).expect("it is JSON");
    assert_eq!(analysis["analysis"]["status"], "completed");
    let listed = answer(&["runs", text(folder.path())]);
    assert!(listed.lines().count() == 1 && listed.contains("100 %") && listed.contains("1 finished"), "{listed}");
    let same = answer(&["diff", text(&run), text(&run), "--fail-over", "10%"]);
    assert!(same.contains("no phase differs by more than noise"), "{same}");
}

#[test]
fn documents_killed_half_way_still_has_a_status_and_an_analysis() {
    let (folder, tree) = (TempDir::new().expect("a temporary folder"), Tree::slow(60));
    let mut command = documents();
    command
        .arg(tree.root())
        .args(["--once", "--run-dir", text(folder.path())])
        .env("OTEL_EXPORTER_PROMETHEUS_PORT", "0");
    let program = Program::start(&mut command);
    // It is at work, and its journal says so.
    wait_for("a journal that tells of items", || {
        let status = phasemeter(&["status", text(folder.path()), "--json"]);
        let status: Value =
            serde_json::from_str(&status.stdout).map_err(|error| format!("{error}: {}", status.stderr))?;
        let is_at_work = status["active"] == 1
            && status["phases"]
                .as_array()
                .is_some_and(|phases| phases.iter().any(|phase| phase["processed"].as_u64() > Some(0)));
        is_at_work.then_some(()).ok_or_else(|| status.to_string())
    });
    // Which kills it: SIGKILL leaves it no time for a word.
    drop(program);
    let lost = wait_for("a worker that is lost", || {
        let status = answer(&["status", text(folder.path()), "--lost-after", "10"]);
        if status.contains("1 lost") { Ok(status) } else { Err(status) }
    });
    assert!(lost.contains("killed at") && !lost.contains("running,"), "{lost}");
    let analysis = answer(&["analyze", text(folder.path())]);
    assert!(analysis.contains("Where the time went"), "{analysis}");
}

#[test]
fn documents_that_is_started_again_begins_from_nothing_and_ends_at_a_hundred_per_cent() {
    let (folder, tree) = (TempDir::new().expect("a temporary folder"), Tree::slow(24));
    let start = || {
        let mut command = documents();
        command.arg(tree.root()).args(["--once", "--run-dir", text(folder.path())]);
        command.env("OTEL_EXPORTER_PROMETHEUS_PORT", "0");
        Program::start(command.env("PHASEMETER_RUN_ID", "nightly").env("PHASEMETER_WORKER", "w1"))
    };
    let status = || -> Result<Value, String> {
        let status = phasemeter(&["status", text(folder.path()), "--json"]);
        serde_json::from_str(&status.stdout).map_err(|error| format!("{error}: {}", status.stderr))
    };
    let processed = |status: &Value, name: &str| {
        let phase = status["phases"].as_array().and_then(|phases| phases.iter().find(|phase| phase["name"] == name));
        phase.and_then(|phase| phase["processed"].as_u64()).unwrap_or(0)
    };
    let killed = start();
    wait_for("a journal that tells of chunks", || {
        let status = status()?;
        if processed(&status, "chunk") > 0 { Ok(()) } else { Err(status.to_string()) }
    });
    drop(killed);
    let again = start().ended();
    assert_eq!(again.status, Some(0), "{}", again.stderr);
    let status = status().expect("it is JSON");
    let worker = &status["workers"][0];
    assert_eq!((&worker["attempt"], &worker["liveness"]), (&2.into(), &"finished".into()), "{status}");
    assert_eq!((&status["overall"], &worker["overall"]), (&1.0.into(), &1.0.into()), "{status}");
    let [extract, chunk, embed, store] = ["extract", "chunk", "embed", "store"].map(|name| processed(&status, name));
    let files = status["phases"][0]["total"].as_u64();
    assert_eq!((Some(extract), chunk, embed), (files, store, store), "{status}");
    let told = again.stdout.lines().find(|line| line.contains("chunks")).unwrap_or_default();
    assert!(told.contains(&store.to_string()), "{store} in {}", again.stdout);
}

/// A journal of a worker that has done so many of a hundred, one a second, from so long ago; it has not ended.
fn journal_of(names: [&str; 3], attempt: u32, done: u64, ago_s: u64) -> String {
    let [run, worker, shard] = names;
    let now_ns = UNIX_EPOCH.elapsed().expect("it is later").as_nanos() as u64;
    let begun_ns = now_ns - ago_s * 1_000_000_000;
    let mut lines = vec![
        json!({ "phasemeter_journal": 1 }),
        json!({ "at_ns": begun_ns, "event": { "declared": {
            "pipeline": "papers", "run": run, "worker": worker, "shard": shard, "host": "node1", "attempt": attempt,
            "phases": [{ "name": "embed", "total": 100 }],
        } } }),
    ];
    lines.extend((1..=done).map(|number| {
        let counts = json!({ "ok": number });
        let at_ns = begun_ns + number * 1_000_000_000;
        json!({ "at_ns": at_ns, "event": { "counted": { "phase": "embed", "counts": counts } } })
    }));
    lines.iter().map(|line| line.to_string() + "\n").collect()
}

#[test]
fn an_analysis_stops_at_the_last_event_and_takes_each_part_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let write = |name: &str, journal: &str| {
        fs::write(folder.path().join(name), journal).expect("a writable temporary folder");
    };
    let analysis =
        || -> Value { serde_json::from_str(&answer(&["analyze", text(folder.path()), "--json"])).expect("it is JSON") };
    // The last event is 60 s old: neither silent for long, nor work that nobody told of.
    write("w2.jsonl", &journal_of(["nightly", "w2", "part"], 2, 30, 90));
    let seen = analysis();
    assert_eq!(
        (&seen["analysis"]["wall_ns"], &seen["analysis"]["is_lost"]),
        (&30_000_000_000_u64.into(), &false.into())
    );
    // An earlier attempt at the same part.
    write("w1.jsonl", &journal_of(["nightly", "w1", "part"], 1, 20, 120));
    let seen = analysis();
    assert_eq!((&seen["analysis"]["items"], &seen["analysis"]["wall_ns"]), (&30.into(), &30_000_000_000_u64.into()));
    // Another part.
    write("w3.jsonl", &journal_of(["nightly", "w3", "other"], 1, 20, 80));
    assert_eq!(analysis()["analysis"]["items"], 50);
    write("w4.jsonl", &journal_of(["weekly", "w4", "part"], 1, 20, 80));
    for subcommand in ["analyze", "status"] {
        check_refused(&[subcommand, text(folder.path())], "name one of them");
    }
}

#[test]
fn a_run_of_which_nothing_was_heard_for_long_broke_off() {
    let folder = TempDir::new().expect("a temporary folder");
    let journal = folder.path().join("w1.jsonl");
    fs::write(&journal, journal_of(["nightly", "w1", "part"], 1, 30, 3_600)).expect("a writable temporary folder");
    let told = answer(&["analyze", text(&journal)]);
    assert!(told.contains("broke off after 30 s"), "{told}");
}

#[test]
fn a_slower_run_fails_a_pull_request() {
    let folder = TempDir::new().expect("a temporary folder");
    let slower = folder.path().join("slower.jsonl");
    let base = fixture("seed.jsonl");
    // The same run, told by a clock that goes half as fast.
    let begun = 1_767_225_600_000_000_000_u64;
    let text_of_base = fs::read_to_string(&base).expect("it is a fixture");
    let first: Value = serde_json::from_str(text_of_base.lines().nth(1).expect("an event")).expect("it is JSON");
    let begun = first["at_ns"].as_u64().unwrap_or(begun);
    let stretched = text_of_base.lines().map(|line| {
        let mut event: Value = serde_json::from_str(line).expect("it is JSON");
        if let Some(at_ns) = event["at_ns"].as_u64() {
            event["at_ns"] = (begun + 2 * (at_ns - begun)).into();
        }
        event.to_string() + "\n"
    });
    fs::write(&slower, stretched.collect::<String>()).expect("a writable temporary folder");
    let compared = phasemeter(&["diff", &base, text(&slower), "--fail-over", "10%", "--markdown"]);
    assert_eq!(compared.status, Some(1), "{}{}", compared.stdout, compared.stderr);
    assert!(compared.stdout.contains('|') && compared.stderr.contains("slower by more than 10%"), "{compared:?}");
    assert_eq!(phasemeter(&["diff", text(&slower), &base, "--fail-over", "10%"]).status, Some(0));
}

#[test]
fn what_is_no_run_is_refused_and_named() {
    let folder = TempDir::new().expect("a temporary folder");
    check_refused(&["status", "/there is no such folder"], "cannot read /there is no such folder");
    check_refused(&["status", text(folder.path())], "there is no journal below");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a writable temporary folder");
        path.to_string_lossy().into_owned()
    };
    check_refused(&["analyze", &write("empty.jsonl", "")], "empty");
    check_refused(&["analyze", &write("other.jsonl", "hello\n")], "other.jsonl");
    check_refused(&["analyze", &write("newer.jsonl", "{\"phasemeter_journal\":99}\n")], "99");
    check_refused(&["analyze", &fixture("seed.jsonl"), "--what-if", "nothing=2x"], "nothing");
    check_refused(&["analyze", &fixture("seed.jsonl"), "--what-if", "embed=fast"], "no factor");
    check_refused(&["diff", &fixture("seed.jsonl"), "/nowhere"], "/nowhere");
    check_refused(
        &["diff", &fixture("workload-a.jsonl"), &fixture("workload-b.jsonl")],
        "compare runs of one pipeline",
    );
    check_refused(&["status", text(folder.path()), "--lost-after", "9"], "10..");
    check_refused(&["runs", "/there is no such folder"], "it should be a folder of runs");
}

#[test]
fn a_completion_script_names_every_subcommand() {
    let script = answer(&["completions", "bash"]);
    for subcommand in ["agent", "analyze", "completions", "diff", "runs", "status"] {
        assert!(script.contains(subcommand), "{subcommand}");
    }
}
