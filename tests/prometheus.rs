//! A real Prometheus that scrapes one address, and promtool.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::example::target_folder;
use crate::http::{self, percent_encoded};
use crate::program::Program;
use crate::waiting::wait_for;

/// A Prometheus with a configuration and data of its own. It ends when it is dropped.
#[derive(Debug)]
pub struct Prometheus {
    program: Program,
    address: SocketAddr,
    // Dropped behind the program, which writes into it.
    _folder: TempDir,
}

/// What Prometheus holds at one moment, whatever is scraped later.
#[derive(Debug)]
pub struct Moment<'a> {
    prometheus: &'a Prometheus,
    /// Since the Unix epoch, as Prometheus writes it.
    seconds: String,
}

/// One series at one moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sample {
    /// All labels, the metric's name as `__name__`.
    pub labels: BTreeMap<String, String>,
    /// As Prometheus prints it: `NaN` is a value as well.
    pub value: String,
}

/// The job that everything scraped belongs to.
pub const JOB: &str = "documents";

impl Prometheus {
    /// Starts one that scrapes `target` twice a second.
    ///
    /// # Panics
    /// There is none on this machine, or it does not start.
    #[track_caller]
    pub fn scraping(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let configuration = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\n\
             scrape_configs: [{{job_name: {JOB}, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(&configuration, text).expect("a file in a temporary folder");
        let mut command = Command::new(server("PHASEMETER_PROMETHEUS", "prometheus"));
        command.current_dir(folder.path()).arg("--config.file").arg(&configuration);
        command.arg("--storage.tsdb.path").arg(folder.path().join("data"));
        let mut program = Program::start(command.arg("--web.listen-address=127.0.0.1:0"));
        // It is the only one to know which port it got.
        let address = program.wait_told("address", |told| {
            let line = told.lines().find(|line| line.contains("\"Listening on\""))?;
            line.split(' ').find_map(|word| word.strip_prefix("address="))?.parse().ok()
        });
        Self { program, address, _folder: folder }
    }

    /// The moment of its first scrape, from now on, that was answered and fulfils a condition: an expression that has
    /// series then.
    ///
    /// # Panics
    /// There is none in time.
    #[track_caller]
    pub fn scraped(&self, condition: &str) -> Moment<'_> {
        // All samples of a scrape have its time, and come to be seen together.
        let seconds = wait_for(&format!("scrape with {condition}"), || {
            let answer = self.ask(&format!("query={}", percent_encoded("timestamp(up == 1)")))?;
            let seconds = match answer.as_slice() {
                [one] => one.value.clone(),
                _ => return Err(self.target_error()),
            };
            let moment = Moment { prometheus: self, seconds };
            if moment.query(condition).is_empty() {
                Err(format!("none at {}", moment.seconds))
            } else {
                Ok(moment.seconds)
            }
        });
        Moment { prometheus: self, seconds }
    }

    /// Waits until it has tried to scrape, whether somebody answered or not. It takes some seconds to begin.
    ///
    /// # Panics
    /// It does not try in time.
    #[track_caller]
    pub fn wait_tried(&self) {
        wait_for("attempt to scrape", || match self.ask("query=up")?.as_slice() {
            [] => Err(self.program.stderr()),
            [..] => Ok(()),
        });
    }

    /// What it told of samples that it could not take.
    pub fn complaints(&self) -> Vec<String> {
        complaints(&self.program.stderr())
    }

    /// Why its last attempt failed.
    fn target_error(&self) -> String {
        let targets = http::get(self.address, "/api/v1/targets").map_err(|error| error.to_string());
        let json = targets.and_then(|targets| serde_json::from_str(&targets.body).map_err(|error| error.to_string()));
        json.map_or_else(|error| error, |json: Value| json["data"]["activeTargets"][0]["lastError"].to_string())
    }

    fn ask(&self, query: &str) -> Result<Vec<Sample>, String> {
        let answer = http::get(self.address, &format!("/api/v1/query?{query}")).map_err(|error| error.to_string())?;
        let json: Value = serde_json::from_str(&answer.body).map_err(|error| format!("{error}: {}", answer.body))?;
        let result = json["data"]["result"].as_array().ok_or_else(|| answer.body.clone())?;
        let mut samples = result.iter().map(sample).collect::<Option<Vec<_>>>().ok_or_else(|| answer.body.clone())?;
        samples.sort();
        Ok(samples)
    }
}

impl Moment<'_> {
    /// All series that an expression has, sorted.
    ///
    /// # Panics
    /// Prometheus does not understand the expression.
    #[track_caller]
    pub fn query(&self, expression: &str) -> Vec<Sample> {
        let query = format!("query={}&time={}", percent_encoded(expression), self.seconds);
        self.prometheus.ask(&query).unwrap_or_else(|reason| panic!("{expression}: {reason}"))
    }
}

/// What `promtool check metrics` says to a body.
///
/// # Panics
/// There is no promtool on this machine.
#[track_caller]
pub fn promtool_check(body: &str) -> Output {
    let mut command = Command::new(server("PHASEMETER_PROMTOOL", "promtool"));
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    // It reads everything before it writes anything.
    child.stdin.take().expect("it is piped").write_all(body.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends once its input does")
}

/// A binary: named by a variable, as `cargo xtask test` does, otherwise unpacked earlier.
#[track_caller]
fn server(variable: &str, name: &str) -> PathBuf {
    if let Some(named) = env::var_os(variable) {
        return named.into();
    }
    let folder = target_folder().join("servers");
    let suites = fs::read_dir(&folder).map_or_else(|_| Vec::new(), |entries| entries.flatten().collect());
    let mut found: Vec<_> = suites.iter().map(|suite| suite.path().join("usr/bin").join(name)).collect();
    found.sort();
    // An unpacked binary may want another libc than this machine has.
    let runs =
        |program: &PathBuf| Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success());
    found.into_iter().find(runs).unwrap_or_else(|| {
        panic!("no {name} below {}: `cargo xtask test` brings it, or {variable} names one", folder.display())
    })
}

/// Lines about a scrape that are warnings or worse, as versions 2 and 3 write them.
fn complaints(told: &str) -> Vec<String> {
    let is_bad = |line: &str| ["level=warn", "level=error"].iter().any(|level| line.contains(level));
    let lines = told.lines().filter(|line| line.contains("scrape_pool=") && is_bad(&line.to_lowercase()));
    lines.map(str::to_owned).collect()
}

fn sample(json: &Value) -> Option<Sample> {
    let labels = json["metric"].as_object()?.iter();
    let labels = labels.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    Some(Sample { labels: labels.collect::<Option<_>>()?, value: json["value"][1].as_str()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, is_complaint: bool) {
        assert_eq!(complaints(line), if is_complaint { vec![line] } else { vec![] });
    }

    #[test]
    fn warnings_of_a_scrape_are_complaints() {
        let said = "msg=\"Error on ingesting out-of-order samples\" scrape_pool=documents num_dropped=1";
        check(&format!("time=2026-01-01T00:00:00Z level=WARN source=scrape.go:1884 {said}"), true);
        check(&format!("ts=2023-01-01T00:00:00Z caller=scrape.go:1743 level=warn {said}"), true);
        check(&format!("time=2026-01-01T00:00:00Z level=INFO {said}"), false);
        check("level=WARN msg=\"no limit of descriptors\"", false);
    }
}
