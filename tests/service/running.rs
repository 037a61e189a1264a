//! The example `service`, run as its users run it.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use phasemeter_core::catalogue::PHASE_ACTIVE;
use phasemeter_tests::http;
use phasemeter_tests::program::Program;
use phasemeter_tests::waiting::wait_for;

/// The example while it serves, on any free ports.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) program: Program,
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// Where its phases are shown.
    pub(crate) metrics: SocketAddr,
}

/// The example, in an environment that says nothing to it.
#[track_caller]
pub(crate) fn service() -> Command {
    let program = profile_folder().join("examples").join(format!("service{}", env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "no example at {}: build it by `cargo build -p phasemeter-examples --example service`, or run `cargo xtask test`",
        program.display()
    );
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["OTEL_", "PHASEMETER_", "MONITORING_", "RUST_LOG"].iter().any(|read| text.starts_with(read)) {
            command.env_remove(name);
        }
    }
    command
}

impl Running {
    /// Starts it with a log filter, or with none.
    #[track_caller]
    pub(crate) fn start(log: Option<&str>, arguments: &[&str]) -> Self {
        let mut command = service();
        command.args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]).args(arguments);
        command.envs(log.map(|log| ("RUST_LOG", log)));
        let mut program = Program::start(&mut command);
        let mut told = |before: &str| {
            program.wait_told(before, |told| told.split_once(before)?.1.split_once('\n')?.0.parse().ok())
        };
        Self { metrics: told("phases on http://"), address: told("listening on http://"), program }
    }

    /// Where a path of it is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until so many searches are in flight.
    #[track_caller]
    pub(crate) fn wait_searching(&self, searches: u64) {
        let line = format!("{}{{phase=\"search\",pipeline=\"service\"}} {searches}\n", PHASE_ACTIVE.prometheus_name());
        wait_for(&line, || {
            let body = http::get(self.metrics, "/metrics").map_err(|error| error.to_string())?.body;
            if body.contains(&line) { Ok(()) } else { Err(body) }
        });
    }
}

/// A binary: named by a variable, as `cargo xtask test` does, otherwise unpacked earlier.
#[track_caller]
pub(crate) fn binary(variable: &str, name: &str) -> PathBuf {
    let unpacked = || {
        let suites = fs::read_dir(profile_folder().parent()?.join("servers")).ok()?.flatten();
        let mut found = suites.map(|suite| suite.path().join("usr/bin").join(name));
        found.find(|path| {
            Command::new(path).arg("--version").output().is_ok_and(|output| output.status.code() != Some(127))
        })
    };
    let named = env::var_os(variable).map(PathBuf::from);
    named
        .or_else(unpacked)
        .unwrap_or_else(|| panic!("no {name}: `cargo xtask test` brings it, or {variable} names one"))
}

/// `target/debug`: tests lie in its folder `deps`.
fn profile_folder() -> PathBuf {
    let own = env::current_exe().expect("a test knows where it lies");
    own.ancestors().nth(2).map_or_else(PathBuf::new, Path::to_owned)
}
