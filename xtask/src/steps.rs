//! Runs steps one after the other, says how long each took, and stops at the first that fails.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

/// One thing that must hold.
pub(crate) struct Step {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it checks.
    pub(crate) about: &'static str,
    /// Checks it.
    pub(crate) check: Box<dyn Fn() -> Result<Verdict, String>>,
}

/// What came of a step that did not fail.
pub(crate) enum Verdict {
    Holds,
    /// It could not be checked here, and why.
    Skipped(String),
}

impl Step {
    /// A step that is one command.
    pub(crate) fn command(name: &'static str, about: &'static str, line: &'static str) -> Self {
        Self { name, about, check: Box::new(move || run_command(line, &[])) }
    }
}

/// Runs all steps, or those that are named.
pub(crate) fn run(steps: Vec<Step>, names: &[String]) -> Result<(), String> {
    let known: Vec<_> = steps.iter().map(|step| step.name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("no step {unknown:?}; there are {}", known.join(", ")));
    }
    let mut summary = String::new();
    for step in steps.iter().filter(|step| names.is_empty() || names.iter().any(|name| name == step.name)) {
        println!("── {}: {}", step.name, step.about);
        let started = Instant::now();
        let result = (step.check)();
        let elapsed = started.elapsed();
        let verdict = match &result {
            Ok(Verdict::Holds) => "ok".to_owned(),
            Ok(Verdict::Skipped(reason)) => format!("skipped: {reason}"),
            Err(_) => "FAILED".to_owned(),
        };
        summarise(&mut summary, step.name, elapsed, &verdict);
        if let Err(message) = result {
            println!("\n{summary}");
            return Err(format!("{message}\n       again: cargo xtask test {}", step.name));
        }
    }
    println!("\n{summary}");
    Ok(())
}

fn summarise(summary: &mut String, name: &str, elapsed: Duration, verdict: &str) {
    writeln!(summary, "{name:<16} {:>7.1} s  {verdict}", elapsed.as_secs_f64())
        .expect("invariant: writing to a String does not fail");
}

/// Runs a command that is given as a line of words, with variables in front: `RUSTDOCFLAGS="-D warnings" cargo doc`.
pub(crate) fn run_command(line: &str, variables: &[(&str, &str)]) -> Result<Verdict, String> {
    let mut words = line.split_whitespace();
    let program = words.next().expect("invariant: a line names its program");
    let mut command = Command::new(program);
    command.args(words).envs(variables.iter().copied());
    let status = command.status().map_err(|error| format!("{line}: cannot start: {error}"))?;
    if status.success() { Ok(Verdict::Holds) } else { Err(format!("{line}: {status}")) }
}
