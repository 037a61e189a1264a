//! `phasemeter config`, run as its users run it.

use std::path::{Path, PathBuf};
use std::process::Command;

use phasemeter_tests::program::{Ended, Program};
use serde_json::{Value, json};

/// The program in a folder, in an environment that says nothing to it but this.
fn run_in(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phasemeter"));
    command.env_clear().envs(variables.iter().copied()).current_dir(folder).arg("config").args(arguments);
    Program::start(&mut command).ended()
}

/// A folder with one file in it.
fn folder(name: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(name), text).expect("it can be written");
    folder
}

fn seed() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../phasemeter-config/tests/fixtures/seed.yaml");
    std::fs::read_to_string(path).expect("the fixture is there")
}

#[test]
fn the_seeds_file_passes_and_what_nothing_goes_by_yet_is_told() {
    let folder = folder("phasemeter.yaml", &seed());
    let ended = run_in(folder.path(), &[], &["check"]);
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.first(), Some(&"phasemeter.yaml can be used: it says 15 settings"));
    // Of these the agent goes by the interval alone.
    assert_eq!(lines.len(), 15);
    assert_eq!(
        lines[7],
        "phasemeter.yaml:15: monitoring.alerts.error_rate_threshold: read and checked; used by phasemeter rules render from \
         a later version"
    );
    assert!(lines[1..].iter().all(|line| line.contains(" a later version")), "{lines:#?}");
}

#[test]
fn all_problems_of_file_and_variables_are_told_on_a_line_each() {
    let folder = folder(
        "a.yaml",
        "monitoring:\n  progres:\n    show_eta: true\n  resources:\n    sample_interval: soon\n    collectors: [cpu, gpus]\n",
    );
    let ended = run_in(folder.path(), &[("ALERT_ERROR_RATE", "5 %")], &["check", "a.yaml"]);
    assert_eq!((ended.status, &*ended.stdout), (Some(2), ""));
    let lines: Vec<_> = ended.stderr.lines().collect();
    let expected = [
        "phasemeter: a.yaml:2: monitoring.progres: there is no such key; the nearest known key is monitoring.progress",
        "phasemeter: a.yaml:5: monitoring.resources.sample_interval: \"soon\" is no interval: its unit is none of ms, s, m, h",
        "phasemeter: ALERT_ERROR_RATE: \"5 %\" is no such number: it should be a number from 0 to 1",
    ];
    assert_eq!(&lines[..3], expected);
    let unknown = "phasemeter: a.yaml:6: monitoring.resources.collectors: there is no collector \"gpus\": known are ";
    assert!(lines.len() == 4 && lines[3].starts_with(unknown), "{lines:#?}");
}

#[test]
fn what_a_variable_is_stronger_than_is_checked_all_the_same() {
    let text = "monitoring:\n  resources:\n    collectors: [gpus]\n";
    let folder = folder("phasemeter.yaml", text);
    let variables = [("PHASEMETER_COLLECTORS", "https://me:s3cr3t@host")];
    let ended = run_in(folder.path(), &variables, &["check"]);
    assert_eq!((ended.status, &*ended.stdout), (Some(2), ""));
    let lines: Vec<_> = ended.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    let unknown = "monitoring.resources.collectors: there is no collector \"gpus\": known are ";
    assert!(lines[0].starts_with(&format!("phasemeter: phasemeter.yaml:3: {unknown}")), "{lines:#?}");
    let unknown = "PHASEMETER_COLLECTORS: there is no collector \"https://***@host\": known are ";
    assert!(lines[1].starts_with(&format!("phasemeter: {unknown}")), "{lines:#?}");

    let json = run_in(folder.path(), &variables, &["show", "--json"]);
    assert!(json.stdout.contains("https://***@host") && !json.stdout.contains("s3cr3t"), "{}", json.stdout);

    let ended = run_in(folder.path(), &[("PHASEMETER_COLLECTORS", "default")], &["show"]);
    assert_eq!(ended.status, Some(2), "{}", ended.stderr);
    std::fs::write(folder.path().join("phasemeter.yaml"), text.replace("gpus", "cpu")).expect("it can be written");
    let ended = run_in(folder.path(), &[("PHASEMETER_COLLECTORS", "default")], &["check"]);
    assert_eq!((ended.status, &*ended.stdout), (Some(0), "phasemeter.yaml can be used: it says 1 setting\n"));
}

#[test]
fn without_a_file_there_is_nothing_to_check_and_defaults_to_show() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ended = run_in(folder.path(), &[], &["check"]);
    assert_eq!((ended.status, &*ended.stdout), (Some(2), ""));
    let expected = "there is no phasemeter.yaml in this folder: name a file, or let PHASEMETER_CONFIG name it";
    assert_eq!(ended.stderr, format!("phasemeter: {expected}\n"));

    let ended = run_in(folder.path(), &[], &["show"]);
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
    assert!(ended.stdout.lines().all(|line| line.split_whitespace().any(|word| word == "default")), "{}", ended.stdout);

    let ended = run_in(folder.path(), &[], &["check", "no.yaml"]);
    assert_eq!((ended.status, &*ended.stdout), (Some(2), ""));
    assert_eq!(ended.stderr, "phasemeter: cannot read no.yaml: No such file or directory (os error 2)\n");
}

/// Words of the line of one setting.
fn words<'text>(shown: &'text str, key: &str) -> Vec<&'text str> {
    let line = shown.lines().find(|line| line.split_whitespace().next() == Some(key));
    line.unwrap_or_else(|| panic!("{key} is not in {shown}")).split_whitespace().skip(1).take(3).collect()
}

const SECRET: &str = "https://hooks.slack.com/services/T0/B0/s3cr3t";

const VARIABLES: [(&str, &str); 3] =
    [("PHASEMETER_CONFIG", "b.yaml"), ("SLACK_WEBHOOK_URL", SECRET), ("MONITORING_INTERVAL", "5")];

#[test]
fn each_value_is_shown_with_where_it_comes_from_and_secrets_are_not() {
    let folder = folder("b.yaml", &seed());
    let ended = run_in(folder.path(), &VARIABLES, &["show"]);
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
    let shown = &ended.stdout;
    assert_eq!(words(shown, "monitoring.resources.sample_interval"), ["5s", "MONITORING_INTERVAL", "used"]);
    assert_eq!(words(shown, "monitoring.progress.log_interval"), ["10", "items", "b.yaml:4"]);
    assert_eq!(words(shown, "monitoring.notifications.slack_webhook_url"), ["***", "SLACK_WEBHOOK_URL", "read"]);
    assert_eq!(words(shown, "monitoring.run_dir"), ["-", "default", "used"]);
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[test]
fn as_json_the_same_is_there_for_scripts() {
    let folder = folder("b.yaml", &seed());
    let ended = run_in(folder.path(), &VARIABLES, &["show", "--json"]);
    assert_eq!((ended.status, &*ended.stderr), (Some(0), ""));
    assert!(!ended.stdout.contains("s3cr3t"), "{}", ended.stdout);
    let read: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
    let of = |key: &str| {
        let settings = read["settings"].as_array().expect("a list");
        settings.iter().find(|setting| setting["key"] == key).unwrap_or_else(|| panic!("{key} is not there")).clone()
    };
    let interval = of("monitoring.resources.sample_interval");
    assert_eq!((&interval["value"], &interval["unit"]), (&json!(5.0), &json!("s")));
    assert_eq!(interval["origin"], json!({ "source": "environment", "variable": "MONITORING_INTERVAL" }));
    let secret = of("monitoring.notifications.slack_webhook_url");
    assert_eq!((&secret["value"], &secret["secret"]), (&json!("***"), &json!(true)));
    let level = of("monitoring.logging.level");
    assert_eq!(level["origin"], json!({ "source": "file", "file": "b.yaml", "line": 20 }));
    assert_eq!(
        (&of("monitoring.run_dir")["value"], &of("monitoring.progress.show_eta")["value"]),
        (&Value::Null, &json!(true))
    );
}

#[test]
fn what_cannot_be_used_is_told_beside_what_is_shown() {
    let folder = folder("phasemeter.yaml", "monitoring:\n  level: loud\n");
    let ended = run_in(folder.path(), &[], &["show"]);
    assert_eq!(ended.status, Some(2));
    assert_eq!(words(&ended.stdout, "monitoring.level"), ["basic", "default", "used"]);
    assert_eq!(
        ended.stderr,
        "phasemeter: phasemeter.yaml:2: monitoring.level: \"loud\" is not known: it should be one of off, basic, detailed, \
         profiling\n"
    );
}
