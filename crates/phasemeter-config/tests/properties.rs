//! 1. No file and no variable makes it panic, and a problem of a file names one of its lines.
//! 2. A file that is made of the settings' own values is taken whole.
//! 3. A secret that a file holds is in no message and in no form of `Debug`.

use phasemeter_config::{Config, File, Origin, Sources, settings};
use proptest::prelude::*;

fn check(bytes: &[u8]) {
    let file = Some(File { name: "a.yaml", bytes });
    let reading = Config::read(&Sources { file, ..Sources::default() });
    let lines = bytes.split(|byte| *byte == b'\n').count() + bytes.iter().filter(|byte| **byte == b'\r').count();
    for problem in &reading.problems {
        let Origin::File { line, .. } = &problem.origin else { panic!("{problem}") };
        assert!((1..=lines + 1).contains(line), "{problem} in a file of {lines} lines");
        assert!(!problem.to_string().contains('\n'), "{problem}");
    }
}

/// Text of what YAML is made of, so that the parser gets far.
fn yaml_like() -> impl Strategy<Value = String> {
    let keys = settings::ALL.iter().flat_map(|setting| setting.key.split('.')).collect::<Vec<_>>();
    let marks = [
        ":",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "\t",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "'",
        "#",
        " # ",
        "&a ",
        "*a",
        "!!str ",
        "|\n",
        ">-\n",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "? ",
        "~",
        "true",
        "1.5",
        "10ms",
        "\u{feff}",
        "\r\n",
        "\\",
        "<<",
        "ä",
    ];
    let word = prop_oneof![proptest::sample::select(keys), proptest::sample::select(marks.to_vec())];
    proptest::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

/// A file with values as variables have them.
fn file_of(values: &[String]) -> String {
    let mut text = "monitoring:\n".to_owned();
    let mut section = "";
    for (setting, value) in settings::ALL.iter().zip(values) {
        let path: Vec<_> = setting.key.split('.').collect();
        match path[..] {
            [_, name] => text += &format!("  {name}: {value}\n"),
            [_, own, name] => {
                if own != section {
                    text += &format!("  {own}:\n");
                }
                section = own;
                text += &format!("    {name}: {value}\n");
            }
            _ => panic!("{} is deeper than others", setting.key),
        }
    }
    text
}

proptest! {
    #[test]
    fn bytes_of_every_kind_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }

    #[test]
    fn text_of_every_kind_is_read(text in "\\PC*") {
        check(text.as_bytes());
    }

    #[test]
    fn what_looks_like_yaml_is_read(text in yaml_like()) {
        check(text.as_bytes());
        check(format!("monitoring:\n  {text}").as_bytes());
        check(format!("monitoring:\n  progress:\n    show_eta: {text}").as_bytes());
    }

    #[test]
    fn variables_of_every_kind_are_read(text in "\\PC*") {
        let environment = |_: &str| Some(text.clone());
        let reading = Config::read(&Sources { environment: &environment, ..Sources::default() });
        assert_eq!(reading.config.all().count(), settings::ALL.len());
    }

    #[test]
    fn a_file_of_defaults_is_taken_whole(number in 1_u64..65_536) {
        let values = settings::ALL.iter().map(|setting| match (setting.default, setting.key) {
            (Some(text), _) => text.to_owned(),
            (None, "monitoring.alerts.error_rate_threshold") => "0.5".to_owned(),
            (None, "monitoring.service.attributes") => "a=b".to_owned(),
            (None, "monitoring.notifications.slack_webhook_url") => "https://example.org".to_owned(),
            (None, _) => number.to_string(),
        });
        let text = file_of(&values.collect::<Vec<_>>());
        let file = Some(File { name: "a.yaml", bytes: text.as_bytes() });
        let reading = Config::read(&Sources { file, ..Sources::default() });
        prop_assert_eq!(&reading.problems, &[]);
        prop_assert!(reading.config.all().all(|chosen| chosen.origin != Origin::Default));
    }

    #[test]
    fn a_secret_is_in_no_message(secret in "s3cr3t[a-z/@:?=&]{0,20}", scheme in "(https://)?") {
        let text = format!("monitoring:\n  notifications:\n    slack_webhook_url: '{scheme}{secret}'\n    slack_token: '{secret}'\n");
        let file = Some(File { name: "a.yaml", bytes: text.as_bytes() });
        let reading = Config::read(&Sources { file, ..Sources::default() });
        prop_assert!(!reading.problems.is_empty());
        let shown = reading.problems.iter().map(ToString::to_string).collect::<String>();
        let forms = format!("{reading:?} {shown}");
        prop_assert!(!forms.contains("s3cr3t"), "{}", forms);
    }
}
