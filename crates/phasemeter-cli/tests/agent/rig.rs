//! The agent as a program, and its text as numbers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use phasemeter::Metric;
use phasemeter::catalogue::COLLECTOR_LAST_SUCCESS_TIMESTAMP;
use phasemeter_tests::http;
use phasemeter_tests::program::{Ended, Program};
use phasemeter_tests::waiting::wait_for;

/// The agent, in an environment that says nothing to it.
pub(crate) fn agent(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phasemeter"));
    for (name, _) in std::env::vars_os() {
        if ["OTEL_", "PHASEMETER_", "MONITORING_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.arg("agent").args(arguments);
    command
}

/// Runs it to its end.
#[track_caller]
pub(crate) fn run(arguments: &[&str]) -> Ended {
    Program::start(&mut agent(arguments)).ended()
}

/// A host in a folder.
pub(crate) fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../phasemeter-collect/tests/fixtures/host")
}

/// The agent while it serves.
pub(crate) struct Serving {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
}

impl Serving {
    /// Starts it on any free port of 127.0.0.1.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut program = Program::start(agent(arguments).args(["--listen", "127.0.0.1:0"]));
        let address = program.wait_told("address", |told| {
            let (_, behind) = told.split_once("listening on http://")?;
            behind.split_once("/metrics\n")?.0.parse().ok()
        });
        Self { program, address }
    }

    /// The body of `/metrics`.
    #[track_caller]
    pub(crate) fn text(&self) -> String {
        let response = http::get(self.address, "/metrics").unwrap_or_else(|error| panic!("{}: {error}", self.address));
        assert_eq!(response.status, 200, "{}", response.body);
        response.body
    }

    #[track_caller]
    pub(crate) fn scrape(&self) -> Scrape {
        Scrape::read(&self.text())
    }

    /// A scrape in which these collectors have read since that moment, which is in seconds since the Unix epoch.
    #[track_caller]
    pub(crate) fn scrape_since(&self, seconds: f64, collectors: &[&str]) -> Scrape {
        wait_for("readings of every collector", || {
            let scrape = self.scrape();
            let has_read = |collector: &&&str| {
                let at = scrape.of(&COLLECTOR_LAST_SUCCESS_TIMESTAMP, &[("collector", **collector)]);
                at.is_some_and(|at| at > seconds)
            };
            match collectors.iter().find(|collector| !has_read(collector)) {
                None => Ok(scrape),
                Some(collector) => Err(format!("{collector} has not read")),
            }
        })
    }
}

/// The labels of a series, sorted.
pub(crate) type Labels = BTreeMap<String, String>;

/// Every series of a body in the text format.
#[derive(Debug)]
pub(crate) struct Scrape(BTreeMap<(String, Labels), f64>);

impl Scrape {
    #[track_caller]
    pub(crate) fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.map(|line| series(line).unwrap_or_else(|| panic!("no series: {line}"))).collect())
    }

    /// The series of one name.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = (&Labels, f64)> {
        self.0.iter().filter(move |((own, _), _)| own == name).map(|((_, labels), value)| (labels, *value))
    }

    /// The one series of ours with these labels among its own.
    pub(crate) fn of(&self, metric: &Metric, labels: &[(&str, &str)]) -> Option<f64> {
        let name = metric.prometheus_name();
        let mut found = self.named(&name).filter(|(own, _)| has(own, labels));
        let value = found.next().map(|(_, value)| value);
        assert!(found.next().is_none(), "more than one {name} with {labels:?}");
        value
    }
}

/// Whether these are among them.
pub(crate) fn has(labels: &Labels, wanted: &[(&str, &str)]) -> bool {
    wanted.iter().all(|(name, value)| labels.get(*name).is_some_and(|own| own == value))
}

/// `name{label="value",…} number`.
fn series(line: &str) -> Option<((String, Labels), f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let mut read = Labels::new();
    let mut rest = labels.strip_suffix('}')?;
    while !rest.is_empty() {
        let (label, behind) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut letters = behind.char_indices();
        rest = loop {
            match letters.next()? {
                (_, '\\') => value.push(match letters.next()?.1 {
                    'n' => '\n',
                    letter => letter,
                }),
                (end, '"') => break behind.get(end + 1..)?,
                (_, letter) => value.push(letter),
            }
        };
        rest = rest.strip_prefix(',').unwrap_or(rest);
        read.insert(label.to_owned(), value);
    }
    Some(((name.to_owned(), read), value.parse().ok()?))
}

#[test]
fn a_series_is_read_with_all_that_its_labels_may_hold() {
    let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(series("a 1.5"), Some((("a".to_owned(), Labels::new()), 1.5)));
    let read = series(r#"a_b{c="d, \"e\"}\\ \n",f=""} 2e3"#);
    assert_eq!(read, Some((("a_b".to_owned(), labels(&[("c", "d, \"e\"}\\ \n"), ("f", "")])), 2_000.0)));
    assert_eq!(series("a{b=\"c} 1"), None);
}
