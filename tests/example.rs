//! The example `documents`, run as its users run it.

use std::env;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::http::{self, Response};
use crate::program::{Ended, Program};

/// The example while it serves.
#[derive(Debug)]
pub struct Serving {
    /// It itself.
    pub program: Program,
    /// Where it listens, as it told.
    pub address: SocketAddr,
}

/// The example, in an environment that says nothing to it.
///
/// # Panics
/// It was not built.
#[track_caller]
pub fn documents() -> Command {
    let program = profile_folder().join("examples").join(format!("documents{}", env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "no example at {}: build it by `cargo build -p phasemeter-examples --example documents`, or run \
         `cargo xtask test`",
        program.display()
    );
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let is_read = name.to_string_lossy().starts_with("OTEL_") || name == "MONITORING_ENABLED";
        if is_read {
            command.env_remove(name);
        }
    }
    command
}

/// Runs it over a folder to its end, on any free port.
#[track_caller]
pub fn run(folder: &Path, arguments: &[&str]) -> Ended {
    run_with(folder, arguments.iter().copied(), &[])
}

/// The same, with variables in its environment.
#[track_caller]
pub fn run_with(
    folder: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    variables: &[(&str, &str)],
) -> Ended {
    let mut command = documents();
    command.arg(folder).args(arguments).env("OTEL_EXPORTER_PROMETHEUS_PORT", "0");
    Program::start(command.envs(variables.iter().copied())).ended()
}

impl Serving {
    /// Starts it over a folder, on any free port of 127.0.0.1, and waits until it told which.
    #[track_caller]
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_command(documents().arg(folder).args(["--listen", "127.0.0.1:0"]).args(arguments))
    }

    /// Starts a command that is already told where to listen.
    #[track_caller]
    pub fn start_command(command: &mut Command) -> Self {
        let mut program = Program::start(command);
        let address = program.wait_told("address", |told| {
            let (_, behind) = told.split_once("watch it on http://")?;
            behind.split_once('\n')?.0.parse().ok()
        });
        Self { program, address }
    }

    /// Waits until the run is over and it only serves.
    #[track_caller]
    pub fn wait_done(&mut self) {
        self.program.wait_told("end of the run", |told| told.contains("serving until Ctrl-C").then_some(()));
    }

    /// What stands at a path.
    ///
    /// # Panics
    /// It does not answer.
    #[track_caller]
    pub fn get(&self, path: &str) -> Response {
        self.get_as(path, "*/*")
    }

    #[track_caller]
    fn get_as(&self, path: &str, accept: &str) -> Response {
        http::get_as(self.address, path, accept).unwrap_or_else(|error| panic!("{}{path}: {error}", self.address))
    }

    /// The body of `/metrics`.
    ///
    /// # Panics
    /// It is not answered with 200.
    #[track_caller]
    pub fn metrics(&self) -> String {
        self.metrics_as("*/*")
    }

    /// The same, as this header `Accept` wants it.
    ///
    /// # Panics
    /// It is not answered with 200.
    #[track_caller]
    pub fn metrics_as(&self, accept: &str) -> String {
        let Response { status, body, .. } = self.get_as("/metrics", accept);
        assert_eq!(status, 200, "{body}");
        body
    }
}

/// Where cargo puts what it builds: `target`.
pub(crate) fn target_folder() -> PathBuf {
    profile_folder().parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// `target/debug`: tests lie in its folder `deps`.
fn profile_folder() -> PathBuf {
    let own = env::current_exe().expect("a test knows where it lies");
    own.ancestors().nth(2).map_or_else(PathBuf::new, Path::to_owned)
}
