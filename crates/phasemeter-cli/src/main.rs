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
mod settings_file;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Config(config::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Agent(arguments) => agent::run(&arguments),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

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
        check("phasemeter agent --config phasemeter.yaml", true);
        check("phasemeter config check", true);
        check("phasemeter config check phasemeter.yaml", true);
        check("phasemeter config show phasemeter.yaml --json", true);
        check("phasemeter config check --json", false);
        check("phasemeter config", false);
        check("phasemeter", false);
    }
}
