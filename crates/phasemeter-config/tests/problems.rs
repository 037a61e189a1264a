//! What is refused, and in which words.

use phasemeter_config::{Config, File, MAX_FILE_BYTES, Sources, settings};

#[track_caller]
fn check_bytes(bytes: &[u8], expected: &[&str]) {
    let file = Some(File { name: "a.yaml", bytes });
    let problems = Config::read(&Sources { file, ..Sources::default() }).problems;
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
}

/// A whole file.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    check_bytes(text.as_bytes(), expected);
}

/// One setting of a section; it stands on line 3.
#[track_caller]
fn check_setting(section: &str, line: &str, expected: &str) {
    check(
        &format!("monitoring:\n  {section}:\n    {line}\n"),
        &[&format!("a.yaml:3: monitoring.{section}.{expected}")],
    );
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_known_one() {
    check_setting(
        "resources",
        "sample_intervall: 1.0",
        "sample_intervall: there is no such key; the nearest known key is monitoring.resources.sample_interval",
    );
    check(
        "monitoring:\n  alert:\n    throughput_min: 1\n",
        &["a.yaml:2: monitoring.alert: there is no such key; the nearest known key is monitoring.alerts"],
    );
    check(
        "progress:\n  show_eta: true\n",
        &["a.yaml:1: progress: there is no such key; the nearest known key is monitoring.progress"],
    );
    check(
        "monitoring:\n  \"lev\\nel\": 1\n",
        &["a.yaml:2: \"monitoring.lev\\nel\": there is no such key; the nearest known key is monitoring.level"],
    );
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_their_lines() {
    let text = "monitoring:\n  progress:\n    log_interval: ten\n    show_etas: true\n  alerts:\n    error_rate_threshold: 5\n";
    check(
        text,
        &[
            "a.yaml:3: monitoring.progress.log_interval: \"ten\" is no such number: it should be a whole number from 1 to \
             1000000000000",
            "a.yaml:4: monitoring.progress.show_etas: there is no such key; the nearest known key is \
             monitoring.progress.show_eta",
            "a.yaml:6: monitoring.alerts.error_rate_threshold: \"5\" is no such number: it should be a number from 0 to 1",
        ],
    );
}

#[test]
fn wrong_types_are_told_with_what_was_expected() {
    check_setting("progress", "show_eta: yes", "show_eta: \"yes\" is no switch: it should be true or false");
    check_setting(
        "progress",
        "show_eta: \"true\"",
        "show_eta: the text \"true\" is no switch: it should be true or false",
    );
    check_setting("progress", "show_eta: [true]", "show_eta: a list is no switch: it should be true or false");
    check_setting("progress", "show_eta:", "show_eta: nothing is no switch: it should be true or false");
    let whole = "is no such number: it should be a whole number from 1 to 1000000000000";
    for (text, told) in
        [("1.5", "\"1.5\""), ("0", "\"0\""), ("-1", "\"-1\""), ("'10'", "the text \"10\""), ("{a: 1}", "a mapping")]
    {
        check_setting("progress", &format!("log_interval: {text}"), &format!("log_interval: {told} {whole}"));
    }
    let number = "is no such number: it should be a number from 0 to 1";
    for (text, told) in [("1.01", "\"1.01\""), (".nan", "\".nan\""), ("nan", "\"nan\""), ("~", "nothing")] {
        let expected = format!("error_rate_threshold: {told} {number}");
        check_setting("alerts", &format!("error_rate_threshold: {text}"), &expected);
    }
    check_setting("logging", "file: [a]", "file: a list is no text: it should be a text");
    check_setting("logging", "file: ''", "file: \"\" is no text: it should be a text");
    check_setting(
        "logging",
        "level: LOUD",
        "level: \"LOUD\" is not known: it should be one of TRACE, DEBUG, INFO, WARN, WARNING, ERROR",
    );
    check_setting("endpoint", "port: 65536", "port: \"65536\" is no port: it should be from 0 to 65535");
    check_setting(
        "resources",
        "sample_interval: 5d",
        "sample_interval: \"5d\" is no interval: its unit is none of ms, s, m, h",
    );
    check_setting(
        "resources",
        "sample_interval: {}",
        "sample_interval: a mapping is no interval: it should be as 10ms, 1s or 2m",
    );
    check_setting(
        "resources",
        "collectors: [cpu, [load]]",
        "collectors: a list with a list in it is no list of names: it should be names, as a list or with commas between them",
    );
    for text in ["team", "=red", "a=%G1", "a=%4", "''"] {
        let shown = text.trim_matches('\'');
        let expected = "is no list of pairs: it should be key=value,key=value with %XX escapes";
        check_setting("service", &format!("attributes: {text}"), &format!("attributes: {shown:?} {expected}"));
    }
}

#[test]
fn a_section_that_is_none_is_told_with_what_it_should_hold() {
    let expected = "is no mapping: it should hold error_rate_threshold, throughput_min, gpu_memory_max_gb";
    check("monitoring:\n  alerts: 5\n", &[&format!("a.yaml:2: monitoring.alerts: a single value {expected}")]);
    check("monitoring:\n  alerts: [1]\n", &[&format!("a.yaml:2: monitoring.alerts: a list {expected}")]);
}

#[test]
fn a_key_that_stands_twice_is_told_with_both_lines() {
    check(
        "monitoring:\n  level: basic\n  alerts:\n  level: off\n",
        &["a.yaml:4: monitoring.level stands here a second time, first on line 2"],
    );
    check("monitoring:\nmonitoring:\n", &["a.yaml:2: monitoring stands here a second time, first on line 1"]);
}

#[test]
fn a_file_without_settings_is_told_how_to_begin() {
    for text in ["", "\n# a comment\n", "---\n", "~", "\u{feff}"] {
        check(text, &["a.yaml:1: nothing stands in it: it should begin with monitoring:"]);
    }
    check("- monitoring\n", &["a.yaml:1: it is a list, no mapping: it should begin with monitoring:"]);
    check("monitoring\n", &["a.yaml:1: it is a single value, no mapping: it should begin with monitoring:"]);
}

#[test]
fn what_is_no_text_or_too_much_of_it_is_refused() {
    check_bytes(b"monitoring:\n  pipeline: caf\xe9\n", &["a.yaml:2: it is no text in UTF-8"]);
    check_bytes(b"\xff\xfem\0o\0", &["a.yaml:1: it is no text in UTF-8"]);
    let long = "#".repeat(MAX_FILE_BYTES + 1);
    check(&long, &["a.yaml:1: it is longer than 1048576 bytes, and so no file of settings"]);
    check(&long[1..], &["a.yaml:1: nothing stands in it: it should begin with monitoring:"]);
}

#[test]
fn what_of_yaml_no_setting_needs_is_refused_with_its_line() {
    check("monitoring:\n\tlevel: basic\n", &["a.yaml:2: a tab stands where the line is indented: YAML wants spaces"]);
    check(
        "monitoring:\n  progress:\n  \tshow_eta: true\n",
        &["a.yaml:3: a tab stands where the line is indented: YAML wants spaces"],
    );
    let alias = "an alias as *name is not taken: write the value itself";
    check("monitoring:\n  run_id: &a x\n  worker: *a\n", &[&format!("a.yaml:3: {alias}")]);
    check("monitoring:\n  worker: *a\n", &[&format!("a.yaml:2: {alias}")]);
    check(
        "monitoring:\n  worker: !!str 5\n",
        &["a.yaml:2: a tag as !name is not taken: the setting says what its value is"],
    );
    check("monitoring:\n---\nmonitoring:\n", &["a.yaml:2: a second document begins here: settings are one document"]);
    check("%YAML 1.2\n---\nmonitoring:\n", &["a.yaml:1: a directive as %YAML is not taken"]);
    check("monitoring:\n  [a, b]: 1\n", &["a.yaml:2: a key should be a word"]);
    let deep = format!("monitoring: {}", "[".repeat(100_000));
    check(&deep, &["a.yaml:1: there are more than 32 levels in one another"]);
}

#[test]
fn broken_yaml_is_told_with_its_line_and_never_half_taken() {
    let text = "monitoring:\n  level: off\n  pipeline: \"open\n";
    let file = Some(File { name: "a.yaml", bytes: text.as_bytes() });
    let reading = Config::read(&Sources { file, ..Sources::default() });
    assert_eq!(reading.config.of(&settings::LEVEL).to_string(), "basic");
    let [problem] = &reading.problems[..] else { panic!("{:?}", reading.problems) };
    let told = problem.to_string();
    assert!(told.starts_with("a.yaml:") && told.contains("this is no YAML: "), "{told}");
}

#[test]
fn what_a_variable_or_a_flag_says_wrong_is_told_under_its_name() {
    let environment = |name: &str| match name {
        "ALERT_ERROR_RATE" => Some("5 %".to_owned()),
        "MONITORING_ENABLED" => Some("maybe".to_owned()),
        _ => None,
    };
    let flags = [(&settings::SAMPLE_INTERVAL, "0")];
    let reading = Config::read(&Sources { flags: &flags, environment: &environment, file: None });
    let told: Vec<_> = reading.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "MONITORING_ENABLED: \"maybe\" is no switch: it should be true or false",
        "--interval: \"0\" is no interval: an interval of 0 never ends",
        "ALERT_ERROR_RATE: \"5 %\" is no such number: it should be a number from 0 to 1",
    ];
    assert_eq!(told, expected);
    assert_eq!(reading.config.of(&settings::ENABLED).to_string(), "true");
    assert!(reading.problems.iter().all(|problem| problem.setting.is_some() && !problem.is_of_file()));
}

#[test]
fn no_message_holds_a_secret() {
    check_setting(
        "notifications",
        "slack_webhook_url: hooks/s3cr3t",
        "slack_webhook_url: what is said (it is not shown) is no URL: it should be a URL that begins with https:// or \
         http://",
    );
    check_setting(
        "notifications",
        "slack_webhook_token: s3cr3t",
        "slack_webhook_token: there is no such key; the nearest known key is monitoring.notifications.slack_webhook_url",
    );
    check_setting(
        "endpoint",
        "port: https://me:s3cr3t@host",
        "port: \"https://***@host\" is no port: it should be from 0 to 65535",
    );
}

#[test]
fn a_long_text_is_quoted_in_part() {
    let expected = format!("level: \"{}\"… is not known: it should be one of TRACE", "x".repeat(80));
    let text = format!("monitoring:\n  logging:\n    level: {}\n", "x".repeat(500));
    let file = Some(File { name: "a.yaml", bytes: text.as_bytes() });
    let problems = Config::read(&Sources { file, ..Sources::default() }).problems;
    assert!(problems[0].to_string().contains(&expected), "{}", problems[0]);
}
