//! `cargo xtask bench`: builds what stands in `bench/`, a workspace of its own, and runs it.

use std::path::PathBuf;
use std::process::Command;

use crate::servers::{self, root, target_folder};

/// What to measure, and where to write it.
#[derive(clap::Args)]
pub(crate) struct Wanted {
    /// Fewer and shorter processes: under three minutes after the build.
    #[arg(long)]
    quick: bool,
    /// Also write the results as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables of docs/overhead.md and docs/performance.md anew.
    #[arg(long)]
    write: bool,
    /// Only what has this in its name.
    #[arg(long, value_name = "PART", conflicts_with = "write")]
    only: Option<String>,
}

/// Builds and measures.
pub(crate) fn run(wanted: &Wanted) -> Result<(), String> {
    let folder = target_folder().join("bench");
    let manifest = root().join("bench/Cargo.toml");
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--locked", "--manifest-path"]).arg(&manifest);
    status(build.env("CARGO_TARGET_DIR", &folder))?;
    // What an agent costs is measured of the program itself, beside another one.
    let mut agent = Command::new("cargo");
    agent.args(["build", "--release", "--locked", "--package", "phasemeter-cli", "--manifest-path"]);
    status(agent.arg(root().join("Cargo.toml")))?;
    if let Err(reason) = servers::bring() {
        println!("no other agent is measured: {reason}");
    }
    let mut bench = Command::new(folder.join("release/bench"));
    bench.arg("all");
    if wanted.quick {
        bench.arg("--quick");
    }
    if wanted.write {
        bench.arg("--write").arg(root().join("docs"));
    }
    if let Some(file) = &wanted.json {
        bench.arg("--json").arg(file);
    }
    if let Some(part) = &wanted.only {
        bench.arg("--only").arg(part);
    }
    status(&mut bench)
}

fn status(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{command:?}: cannot start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}
