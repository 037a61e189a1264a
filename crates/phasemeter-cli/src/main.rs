//! The program `phasemeter`.
//!
//! ```text
//! main ─→ one file a subcommand ─→ the library
//!            └─→ output: stdout for what was asked for, stderr for what there is to tell
//! ```
//!
//! Exit status: 0 done; 1 something failed while it worked; 2 an argument cannot be used.

mod agent;
mod collectors;
mod config;
mod log;
mod output;
mod runs;
mod settings_file;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::output::{Problem, say};

/// Shows where time and resources go.
#[derive(Debug, Parser)]
#[command(name = "phasemeter", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Agent(agent::Arguments),
    Status(runs::status::Arguments),
    Analyze(runs::analyze::Arguments),
    Runs(runs::list::Arguments),
    Diff(runs::diff::Arguments),
    /// Print a completion script, for a shell to read when it starts
    Completions {
        /// The shell
        shell: Shell,
    },
    Config(config::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Agent(arguments) => agent::run(&arguments),
        Command::Status(arguments) => runs::status::run(&arguments),
        Command::Analyze(arguments) => runs::analyze::run(&arguments),
        Command::Runs(arguments) => runs::list::run(&arguments),
        Command::Diff(arguments) => runs::diff::run(&arguments),
        Command::Completions { shell } => completions(shell),
        Command::Config(arguments) => config::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Problem { status, message }) => {
            say(&message);
            ExitCode::from(status)
        }
    }
}

fn completions(shell: Shell) -> Result<(), Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "phasemeter", &mut script);
    output::print(&script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, is_accepted: bool) {
        let parsed = Arguments::try_parse_from(line.split(' '));
        assert_eq!(parsed.is_ok(), is_accepted, "{line}: {parsed:?}");
    }

    #[test]
    fn arguments_that_need_each_other_are_asked_for() {
        Arguments::command().debug_assert();
        check("phasemeter agent", true);
        check("phasemeter agent --once --format json --collectors cpu,load --interval 10ms", true);
        check("phasemeter agent --per-cpu --remote-file-systems --host-root /host --listen :9100 -v", true);
        check("phasemeter agent --format json", false);
        check("phasemeter agent --once --listen :9100", false);
        check("phasemeter agent --once --format yaml", false);
        check("phasemeter agents", false);
        check("phasemeter status", true);
        check("phasemeter status runs/nightly --json --lost-after 60", true);
        check("phasemeter status --json --markdown", false);
        check("phasemeter analyze runs/nightly --what-if embed=2x --what-if overlap", true);
        check("phasemeter analyze --what-if embed=fast", false);
        check("phasemeter diff a b --fail-over 10% --markdown", true);
        check("phasemeter diff a", false);
        check("phasemeter completions zsh", true);
        check("phasemeter agent --config phasemeter.yaml", true);
        check("phasemeter config check", true);
        check("phasemeter config check phasemeter.yaml", true);
        check("phasemeter config show phasemeter.yaml --json", true);
        check("phasemeter config check --json", false);
        check("phasemeter config", false);
        check("phasemeter", false);
    }
}
