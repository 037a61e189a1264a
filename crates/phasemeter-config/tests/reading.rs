//! What is taken: the seed's file as it stands, and the strongest of four sources.

use std::time::Duration;

use phasemeter_config::{Chosen, Config, File, Origin, Reading, Secret, Setting, Sources, Value, settings};

const SEED: &str = include_str!("fixtures/seed.yaml");

fn file(text: &str) -> File<'_> {
    File { name: "a.yaml", bytes: text.as_bytes() }
}

fn read(flags: &[(&'static Setting, &str)], variables: &[(&str, &str)], text: Option<&str>) -> Reading {
    let environment = |name: &str| variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
    Config::read(&Sources { flags, environment: &environment, file: text.map(file) })
}

#[test]
fn the_seeds_file_is_taken_as_it_stands() {
    let Reading { config, problems } = read(&[], &[], Some(SEED));
    assert_eq!(problems, []);
    let text = |text: &str| Value::Text(text.to_owned());
    let expected = [
        (&settings::LOG_INTERVAL, Value::Whole(10), 4),
        (&settings::SHOW_ETA, Value::Switch(true), 5),
        (&settings::SHOW_RATE, Value::Switch(true), 6),
        (&settings::TRACK_CPU, Value::Switch(true), 9),
        (&settings::TRACK_MEMORY, Value::Switch(true), 10),
        (&settings::TRACK_GPU, Value::Switch(true), 11),
        (&settings::SAMPLE_INTERVAL, Value::Interval(Duration::from_secs(1)), 12),
        (&settings::ERROR_RATE_THRESHOLD, Value::Number(0.05), 15),
        (&settings::THROUGHPUT_MIN, Value::Number(10.0), 16),
        (&settings::GPU_MEMORY_MAX, Value::Number(20.0), 17),
        (&settings::LOG_LEVEL, text("INFO"), 20),
        (&settings::LOG_FORMAT, text("json"), 21),
        (&settings::LOG_FILE, text("pipeline.log"), 22),
        (&settings::LOG_ROTATION, text("daily"), 23),
        (&settings::LOG_RETENTION, Value::Whole(30), 24),
    ];
    for (setting, value, line) in &expected {
        let chosen = config.of(setting);
        assert_eq!(chosen.value.as_ref(), Some(value), "{}", setting.key);
        assert_eq!(chosen.origin, Origin::File { name: "a.yaml".to_owned(), line: *line }, "{}", setting.key);
    }
    let of_file = config.all().filter(|chosen| chosen.origin != Origin::Default);
    assert_eq!(of_file.count(), expected.len());
}

#[test]
fn the_seeds_variables_are_taken_as_they_stand() {
    let variables = [
        ("MONITORING_ENABLED", "true"),
        ("MONITORING_LOG_LEVEL", "INFO"),
        ("MONITORING_INTERVAL", "5"),
        ("ALERT_ERROR_RATE", "0.05"),
        ("ALERT_THROUGHPUT_MIN", "10"),
        ("ALERT_GPU_MEMORY_MAX", "20"),
        ("SLACK_WEBHOOK_URL", "https://..."),
        ("EMAIL_ALERTS", "true"),
    ];
    let Reading { config, problems } = read(&[], &variables, None);
    assert_eq!(problems, []);
    let by_variable = |chosen: &Chosen| match chosen.origin {
        Origin::Variable(name) => Some((name, chosen.to_string())),
        Origin::Default | Origin::File { .. } | Origin::Flag(_) => None,
    };
    let told: Vec<_> = config.all().filter_map(by_variable).collect();
    assert_eq!(told.len(), variables.len());
    for (name, value) in told {
        let said = variables.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
        let shown = match name {
            "MONITORING_INTERVAL" => Some("5s"),
            "SLACK_WEBHOOK_URL" => Some("***"),
            _ => said,
        };
        assert_eq!(Some(&*value), shown, "{name}");
    }
}

/// What each source says of the interval of readings: a flag, our variable, the seed's, the file.
type Said = [Option<&'static str>; 4];

#[test]
fn a_flag_is_stronger_than_the_environment_that_than_the_file_and_that_than_the_default() {
    let (flag, ours, seeds, of_file) = (Some("1ms"), Some("2ms"), Some("3ms"), Some("4ms"));
    let table: &[(Said, &str, &str)] = &[
        ([None, None, None, None], "1s", "default"),
        ([None, None, None, of_file], "4ms", "a.yaml:3"),
        ([None, None, seeds, None], "3ms", "MONITORING_INTERVAL"),
        ([None, None, seeds, of_file], "3ms", "MONITORING_INTERVAL"),
        ([None, ours, None, None], "2ms", "PHASEMETER_INTERVAL"),
        ([None, ours, None, of_file], "2ms", "PHASEMETER_INTERVAL"),
        ([None, ours, seeds, None], "2ms", "PHASEMETER_INTERVAL"),
        ([None, ours, seeds, of_file], "2ms", "PHASEMETER_INTERVAL"),
        ([None, Some(" "), Some(""), of_file], "4ms", "a.yaml:3"),
        ([flag, None, None, None], "1ms", "--interval"),
        ([flag, None, None, of_file], "1ms", "--interval"),
        ([flag, None, seeds, None], "1ms", "--interval"),
        ([flag, None, seeds, of_file], "1ms", "--interval"),
        ([flag, ours, None, None], "1ms", "--interval"),
        ([flag, ours, None, of_file], "1ms", "--interval"),
        ([flag, ours, seeds, None], "1ms", "--interval"),
        ([flag, ours, seeds, of_file], "1ms", "--interval"),
        ([flag, Some("never"), Some("never"), of_file], "1ms", "--interval"),
    ];
    for (said, value, origin) in table {
        let [flag, ours, seeds, of_file] = said;
        let flags: Vec<_> = flag.map(|text| (&settings::SAMPLE_INTERVAL, text)).into_iter().collect();
        let variables: Vec<_> = [("PHASEMETER_INTERVAL", *ours), ("MONITORING_INTERVAL", *seeds)]
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
            .collect();
        let text = of_file.map(|text| format!("monitoring:\n  resources:\n    sample_interval: {text}\n"));
        let Reading { config, problems } = read(&flags, &variables, text.as_deref());
        let chosen = config.of(&settings::SAMPLE_INTERVAL);
        assert_eq!((&*chosen.to_string(), &*chosen.origin.to_string()), (*value, *origin), "{said:?}");
        assert_eq!(problems, [], "{said:?}");
    }
}

/// A text that is a value of each setting, unlike its default.
fn sample(setting: &Setting) -> &'static str {
    match setting.key {
        "monitoring.level" => "detailed",
        "monitoring.logging.level" => "DEBUG",
        "monitoring.logging.format" => "json",
        "monitoring.logging.rotation" => "hourly",
        "monitoring.service.attributes" => "team=red",
        "monitoring.notifications.slack_webhook_url" => "https://example.org",
        "monitoring.alerts.error_rate_threshold" => "0.5",
        _ => match setting.default {
            Some("true") => "false",
            Some("false") => "true",
            _ => "7",
        },
    }
}

/// A file that says one thing.
fn file_of(setting: &Setting) -> String {
    let mut text = String::new();
    for (depth, name) in setting.key.split('.').enumerate() {
        text += &format!("\n{:indent$}{name}:", "", indent = 2 * depth);
    }
    text + " " + sample(setting)
}

#[test]
fn every_setting_is_taken_from_every_source_that_it_names() {
    for setting in settings::ALL {
        let check = |reading: Reading, origin: &str| {
            assert_eq!(reading.problems, [], "{}", setting.key);
            let chosen = reading.config.of(setting);
            assert_eq!(chosen.origin.to_string(), origin, "{}", setting.key);
            assert_ne!(chosen.value, read(&[], &[], None).config.of(setting).value, "{}", setting.key);
        };
        let line = 1 + setting.key.split('.').count();
        check(read(&[], &[], Some(&file_of(setting))), &format!("a.yaml:{line}"));
        for name in setting.variables {
            check(read(&[], &[(name, sample(setting))], Some(&file_of(setting))), name);
        }
        if let (Some(flag), Some(variable)) = (setting.flag, setting.variables.first()) {
            check(read(&[(setting, sample(setting))], &[(variable, sample(setting))], None), flag);
        }
    }
}

#[test]
fn forms_of_yaml_that_mean_the_same_are_the_same() {
    let names = |text: &str| {
        let Reading { config, problems } = read(&[], &[], Some(text));
        assert_eq!(problems, [], "{text}");
        config.of(&settings::COLLECTORS).value.as_ref().and_then(Value::names).map(<[String]>::to_vec)
    };
    let expected = Some(vec!["cpu".to_owned(), "load".to_owned()]);
    for text in [
        "monitoring: {resources: {collectors: [cpu, load]}}",
        "monitoring:\n  resources:\n    collectors:\n    - cpu\n    - \"load\"\n",
        "\u{feff}# a comment\n---\nmonitoring:\r\n  resources:\r\n    collectors: cpu, load\r\n...\n",
    ] {
        assert_eq!(names(text), expected, "{text}");
    }
}

#[test]
fn a_section_in_which_all_is_commented_out_says_nothing() {
    for text in ["monitoring:\n", "monitoring:\n  alerts:\n    # throughput_min: 10\n  logging: {}\n"] {
        let Reading { config, problems } = read(&[], &[], Some(text));
        assert_eq!(problems, [], "{text}");
        assert!(config.all().all(|chosen| chosen.origin == Origin::Default), "{text}");
    }
}

#[test]
fn secrets_are_kept_and_shown_nowhere() {
    let secret = "https://hooks.example.org/T0/B0/s3cr3t";
    let text = format!(
        "monitoring:\n  notifications:\n    slack_webhook_url: {secret}\n  service:\n    attributes: api_token=s3cr3t,a=b\n  \
         run_dir: sftp://me:s3cr3t@host/runs\n"
    );
    let reading = read(&[], &[], Some(&text));
    assert_eq!(reading.problems, []);
    let config = &reading.config;
    let value = |setting: &'static Setting| config.of(setting).value.as_ref();
    assert_eq!(value(&settings::SLACK_WEBHOOK_URL).and_then(Value::secret).map(Secret::reveal), Some(secret));
    assert_eq!(value(&settings::SERVICE_ATTRIBUTES).and_then(Value::text), Some("api_token=s3cr3t,a=b"));
    for setting in [&settings::SLACK_WEBHOOK_URL, &settings::SERVICE_ATTRIBUTES, &settings::RUN_DIR] {
        let chosen = config.of(setting);
        assert!(chosen.to_string().contains("***"), "{chosen}");
        assert!(!format!("{chosen} {:?} {reading:?} {reading:#?}", chosen.value).contains("s3cr3t"), "{}", setting.key);
    }
}
