//! `phasemeter runs`: the runs of a folder, a line each.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use phasemeter::analysis::Fleet;
use phasemeter::analysis::fleet::FleetLimits;
use phasemeter::run_folder;
use serde_json::Value;

use super::{Output, find, viewer};
use crate::output::{Problem, say};

/// List the runs of a folder, the latest last.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder
    #[arg(default_value = "runs")]
    folder: PathBuf,

    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Problem> {
    let folder = arguments.folder.display();
    let runs = run_folder::runs(&arguments.folder)
        .map_err(|error| Problem::unusable(format!("cannot read {folder}: {error}; it should be a folder of runs")))?;
    let viewer = viewer();
    let mut fleets = Vec::with_capacity(runs.len());
    for of_run in &runs {
        let fleet = find(of_run).and_then(|found| {
            let fleet = Fleet::of(&found.states, &found.past(), &FleetLimits::default(), viewer.now_unix_ns);
            fleet.map_err(|error| Problem::unusable(format!("{}: {error}", of_run.display())))
        });
        match fleet {
            Ok(fleet) => fleets.push(fleet),
            Err(problem) => say(&problem.message),
        }
    }
    arguments.output.write(
        || fleets.iter().map(serde_json::to_value).collect::<Result<_, _>>().map(Value::Array),
        |_| fleets.iter().map(line).collect(),
    )
}

/// As `nightly-20261125  papers  45 %  1 active, 1 lost`.
fn line(fleet: &Fleet) -> String {
    let done = fleet.overall.map_or_else(|| "–".to_owned(), |overall| format!("{:.0} %", overall * 100.0));
    let mut line = String::new();
    writeln!(line, "{:<40} {:<20} {done:>6}  {}", fleet.run, fleet.pipeline, fleet.counts())
        .expect("invariant: writing to a String does not fail");
    line
}
