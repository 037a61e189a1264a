//! A real Prometheus that scrapes one address, and promtool.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
    /// Its major and minor version.
    pub version: (u32, u32),
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

/// One exemplar, and the series that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exemplar {
    /// The labels of the series.
    pub series: BTreeMap<String, String>,
    /// Its own labels.
    pub labels: BTreeMap<String, String>,
    /// As Prometheus prints it.
    pub value: String,
}

/// Which histograms it is to take from what it scrapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Histograms {
    /// As it does by itself.
    Classic,
    /// Those instead, where there are any.
    Native,
    /// Both kinds, one beside the other.
    Both,
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
        Self::taking(Histograms::Classic, target).unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// The same, with histograms of this kind.
    ///
    /// # Errors
    /// Its version is too old for them, and which it is.
    ///
    /// # Panics
    /// There is none on this machine, or it does not start.
    #[track_caller]
    pub fn taking(histograms: Histograms, target: SocketAddr) -> Result<Self, String> {
        let program = server("PHASEMETER_PROMETHEUS", "prometheus");
        let version = version(&program);
        let (features, options) = switches(histograms, version)
            .ok_or_else(|| format!("Prometheus {version:?} cannot take {histograms:?}"))?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let configuration = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}\n\
             scrape_configs: [{{job_name: {JOB}, {options}static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(&configuration, text).expect("a file in a temporary folder");
        let mut command = Command::new(program);
        command.current_dir(folder.path()).arg("--config.file").arg(&configuration);
        command.arg("--storage.tsdb.path").arg(folder.path().join("data"));
        command.args([features, "--web.listen-address=127.0.0.1:0"]);
        let mut program = Program::start(&mut command);
        // It is the only one to know which port it got.
        let address = program.wait_told("address", |told| {
            let line = told.lines().find(|line| line.contains("\"Listening on\""))?;
            line.split(' ').find_map(|word| word.strip_prefix("address="))?.parse().ok()
        });
        Ok(Self { version, program, address, _folder: folder })
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

    /// All exemplars that it has of the series of a selector, sorted.
    ///
    /// # Panics
    /// It does not answer with a list of them.
    #[track_caller]
    pub fn exemplars(&self, selector: &str) -> Vec<Exemplar> {
        let path = format!("/api/v1/query_exemplars?query={}&start=0&end=9999999999", percent_encoded(selector));
        let answer = http::get(self.address, &path).unwrap_or_else(|error| panic!("{selector}: {error}"));
        let json: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body));
        exemplars(&json).unwrap_or_else(|| panic!("{selector}: {}", answer.body))
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

/// Its major and minor version.
#[track_caller]
fn version(program: &Path) -> (u32, u32) {
    let output = Command::new(program).arg("--version").output();
    let output = output.unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
    // Older ones print it to stderr.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    parse_version(&text).unwrap_or_else(|| panic!("no version in {text}"))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (_, version) = text.split_once("version ")?;
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The features to switch on, and the options of a job; nothing where the version is too old.
fn switches(histograms: Histograms, version: (u32, u32)) -> Option<(&'static str, &'static str)> {
    const EXEMPLARS: &str = "--enable-feature=exemplar-storage";
    const AND_NATIVE: &str = "--enable-feature=exemplar-storage,native-histograms";
    // First by a feature, later by an option of the job.
    let is_option = version >= (3, 8);
    match histograms {
        Histograms::Classic => Some((EXEMPLARS, "")),
        Histograms::Native if is_option => Some((EXEMPLARS, "scrape_native_histograms: true, ")),
        Histograms::Native => (version >= (2, 40)).then_some((AND_NATIVE, "")),
        Histograms::Both if is_option => {
            Some((EXEMPLARS, "scrape_native_histograms: true, always_scrape_classic_histograms: true, "))
        }
        Histograms::Both if version >= (3, 0) => Some((AND_NATIVE, "always_scrape_classic_histograms: true, ")),
        Histograms::Both => (version >= (2, 45)).then_some((AND_NATIVE, "scrape_classic_histograms: true, ")),
    }
}

/// A binary: named by a variable, as `cargo xtask test` does, otherwise unpacked earlier.
///
/// # Panics
/// There is none.
#[track_caller]
pub fn server(variable: &str, name: &str) -> PathBuf {
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
    Some(Sample { labels: labels(&json["metric"])?, value: json["value"][1].as_str()?.to_owned() })
}

fn exemplars(json: &Value) -> Option<Vec<Exemplar>> {
    let mut found = Vec::new();
    for of_series in json["data"].as_array()? {
        for one in of_series["exemplars"].as_array()? {
            let (series, labels) = (labels(&of_series["seriesLabels"])?, labels(&one["labels"])?);
            found.push(Exemplar { series, labels, value: one["value"].as_str()?.to_owned() });
        }
    }
    found.sort();
    Some(found)
}

fn labels(json: &Value) -> Option<BTreeMap<String, String>> {
    let labels = json.as_object()?.iter();
    labels.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, is_complaint: bool) {
        assert_eq!(complaints(line), if is_complaint { vec![line] } else { vec![] });
    }

    #[test]
    fn a_version_is_read_whoever_built_it() {
        assert_eq!(parse_version("prometheus, version 3.5.3+ds1 (branch: x, revision: 1)\n"), Some((3, 5)));
        assert_eq!(parse_version("prometheus, version 2.42.0+ds (branch: debian/sid)"), Some((2, 42)));
        assert_eq!(parse_version("prometheus"), None);
    }

    #[test]
    fn what_a_version_cannot_do_is_known() {
        let can = |histograms| move |version| switches(histograms, version).is_some();
        assert_eq!([(2, 39), (2, 42), (3, 5), (3, 9)].map(can(Histograms::Native)), [false, true, true, true]);
        assert_eq!([(2, 42), (2, 45), (3, 5), (3, 9)].map(can(Histograms::Both)), [false, true, true, true]);
        assert_eq!([(2, 0), (3, 9)].map(can(Histograms::Classic)), [true, true]);
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
