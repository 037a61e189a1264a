//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "bench", about = "What phasemeter costs.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Subcommand)]
pub(crate) enum Task {
    /// Measure everything, each number in a process of its own.
    All(Wanted),
    /// Print the names of everything that is measured.
    List,
    /// Print the nanoseconds of CPU that one operation takes, in this process.
    #[command(hide = true)]
    Time { name: String, slices: usize },
    /// Do it so many times and print nothing: for callgrind.
    #[command(hide = true)]
    Repeat { name: String, turns: u64 },
    /// Print how often one operation allocates.
    #[command(hide = true)]
    Allocate { name: String, turns: u64 },
}

/// What to measure, and where to.
#[derive(Args, Debug, Clone, Default)]
pub struct Wanted {
    /// Fewer and shorter processes: under three minutes.
    #[arg(long)]
    pub quick: bool,
    /// Also write the results as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write the tables into the documents of this folder, between their two marks.
    #[arg(long, value_name = "FOLDER")]
    pub write: Option<PathBuf>,
    /// Only what has this in its name, as in `list`.
    #[arg(long, value_name = "PART", conflicts_with = "write")]
    pub only: Option<String>,
    /// What the order of the processes is drawn from; otherwise the time.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
}
