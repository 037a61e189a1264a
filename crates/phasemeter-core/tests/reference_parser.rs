//! The reference parser, which is a package of Python's, reads our golden files as we do. Where there is no Python, or
//! the package cannot be had, the test says so and passes; not with `PHASEMETER_REFERENCE_PARSER=required`.

mod exposition;
mod open_metrics_text;

use std::path::{Path, PathBuf};
use std::process::Command;

use exposition::Reading;

const PACKAGE: &str = "prometheus-client==0.26.0";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Output of a command, or why there is none.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// The folder in which the package is, brought there where it is not.
fn package() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python");
    let import =
        || Command::new("python3").args(["-c", "import prometheus_client"]).env("PYTHONPATH", &folder).output();
    if !import().is_ok_and(|output| output.status.success()) {
        let install = ["-m", "pip", "install", "--quiet", "--no-input", "--target"];
        output(Command::new("python3").args(install).arg(&folder).arg(PACKAGE))?;
    }
    Ok(folder)
}

/// How much of everything there is in a file, by the reading of ours.
fn totals(families: usize, samples: usize, runs: u64, exemplars: usize, created: usize) -> String {
    format!("{families} {samples} {runs} {exemplars} {created}")
}

fn of_text() -> String {
    let text = std::fs::read_to_string(golden("exposition.txt")).expect("a golden file");
    let families = exposition::parse(&text).expect("well formed");
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    let runs = families.iter().filter(|family| family.name == "phase_runs_total").flat_map(|family| &family.series);
    let runs = runs.map(|series| match &series.reading {
        Reading::Plain(count) => count.parse::<u64>().expect("a count"),
        other @ (Reading::Histogram { .. } | Reading::Summary { .. }) => panic!("{other:?} is no counter"),
    });
    totals(families.len(), samples, runs.sum(), 0, 0)
}

fn of_open_metrics() -> String {
    let text = std::fs::read_to_string(golden("open_metrics.txt")).expect("a golden file");
    let families = open_metrics_text::parse(&text).expect("well formed");
    let samples = || families.iter().flat_map(|family| &family.samples);
    let runs = families.iter().filter(|family| family.name == "phase_runs").flat_map(|family| &family.samples);
    let runs =
        runs.filter(|sample| sample.suffix == "_total").map(|sample| sample.value.parse::<u64>().expect("a count"));
    let exemplars = samples().filter(|sample| sample.exemplar.is_some()).count();
    let created = samples().filter(|sample| sample.suffix == "_created").count();
    totals(families.len(), samples().count(), runs.sum(), exemplars, created)
}

#[test]
fn the_reference_parser_reads_as_much_as_we_do() {
    let folder = match package() {
        Ok(folder) => folder,
        Err(reason) => {
            let is_required = std::env::var_os("PHASEMETER_REFERENCE_PARSER").is_some_and(|value| value == "required");
            assert!(!is_required, "{reason}");
            println!("skipped: no reference parser: {reason}");
            return;
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference_parser.py");
    let files = ["exposition.txt", "open_metrics.txt"].map(golden);
    let read = output(Command::new("python3").arg(script).args(files).env("PYTHONPATH", folder));
    let read = read.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.lines().collect::<Vec<_>>(), [of_text(), of_open_metrics()]);
}
