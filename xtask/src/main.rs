//! `cargo xtask test`: everything that must hold, on a machine with only Rust. `cargo xtask bench`: what it costs.
//!
//! ```text
//! main ─→ checks (which steps) ─→ steps (runs them, one after the other)
//!              └─→ servers (brings the programs that tests run)
//! ```

mod apt;
mod bench;
mod checks;
mod servers;
mod steps;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What the project does to itself.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check, or only the named ones.
    Test {
        /// Steps to run; all, in order, where none is named.
        steps: Vec<String>,
        /// Add the steps that take over a minute.
        #[arg(long)]
        full: bool,
        /// Print the steps and run none.
        #[arg(long)]
        list: bool,
    },
    /// Measure what phasemeter costs: nanoseconds, instructions (where valgrind is there) and allocations.
    Bench(bench::Wanted),
    /// Bring the programs that the tests run under target/servers, and print where they are.
    Servers,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test { list: true, full, .. } => {
            checks::steps(full).iter().for_each(|step| println!("{:<16} {}", step.name, step.about));
            Ok(())
        }
        Task::Test { steps: names, full, .. } => steps::run(checks::steps(full), &names),
        Task::Bench(wanted) => bench::run(&wanted),
        Task::Servers => servers::bring().map(|servers| println!("{servers}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
