//! Agents as programs of their own: ours, and the one that is held against it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// Which agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agent {
    /// `phasemeter agent`, with what both read.
    Ours,
    /// The same with everything that it can read.
    OursWhole,
    /// `prometheus-node-exporter`, with the collectors that match ours.
    NodeExporter,
}

/// An agent that serves, until this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it answers scrapes.
    pub address: SocketAddr,
    /// Held, so that it has somewhere to tell.
    _stderr: BufReader<ChildStderr>,
}

const OURS: &str = "cpu,memory,load,disk,filesystem,network,pressure";

const THEIRS: [&str; 9] =
    ["cpu", "meminfo", "loadavg", "diskstats", "filesystem", "netdev", "pressure", "vmstat", "stat"];

/// Why it cannot be measured here; nothing where it can.
#[must_use]
pub fn missing() -> Option<String> {
    [Agent::Ours, Agent::NodeExporter].into_iter().find_map(|agent| agent.program().err())
}

impl Agent {
    fn program(self) -> Result<PathBuf, String> {
        let own = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        // This program lies in target/bench/release.
        let target = own.ancestors().nth(3).unwrap_or(Path::new("."));
        match self {
            Self::Ours | Self::OursWhole => {
                let agent = target.join("release/phasemeter");
                let missing = format!("{} is not there: `cargo xtask bench` builds it", agent.display());
                agent.is_file().then_some(agent).ok_or(missing)
            }
            Self::NodeExporter => {
                let name = "prometheus-node-exporter";
                let suites = std::fs::read_dir(target.join("servers")).into_iter().flatten().flatten();
                let unpacked = suites.map(|suite| suite.path().join("usr/bin").join(name));
                let mut found = unpacked.chain([PathBuf::from(name)]);
                let answers = |program: &PathBuf| {
                    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
                };
                found.find(answers).ok_or_else(|| format!("no {name}: `cargo xtask servers` brings it"))
            }
        }
    }

    fn command(self) -> Result<Command, String> {
        let mut command = Command::new(self.program()?);
        match self {
            Self::Ours => command.args(["agent", "--listen", "127.0.0.1:0", "--per-cpu", "--collectors", OURS]),
            Self::OursWhole => command.args(["agent", "--listen", "127.0.0.1:0"]),
            Self::NodeExporter => command
                .args(["--web.listen-address=127.0.0.1:0", "--web.disable-exporter-metrics"])
                .arg("--collector.disable-defaults")
                .args(THEIRS.map(|collector| format!("--collector.{collector}"))),
        };
        Ok(command)
    }

    /// Starts it, and waits until it says where it listens.
    pub fn start(self) -> Result<Running, String> {
        let mut command = self.command()?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let mut stderr = BufReader::new(child.stderr.take().expect("invariant: it is piped"));
        let mut told = String::new();
        loop {
            if let Some(address) = address(&told) {
                return Ok(Running { child, address, _stderr: stderr });
            }
            match stderr.read_line(&mut told) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Err(format!("{command:?} ended: {told}")),
            }
        }
    }
}

/// Where it listens, as ours and as the other one say it.
fn address(told: &str) -> Option<SocketAddr> {
    let ours = told.split_once("listening on http://").and_then(|(_, behind)| behind.split_once("/metrics\n"));
    let theirs =
        told.split_once("msg=\"Listening on\" address=").and_then(|(_, behind)| behind.split_once(['\n', ' ']));
    ours.or(theirs)?.0.parse().ok()
}

impl Running {
    /// CPU time that it has taken, with all of its threads that there ever were.
    #[must_use]
    pub fn cpu_time(&self) -> Duration {
        let id = i32::try_from(self.child.id()).unwrap_or_default();
        let taken = ClockId::pid_cpu_clock_id(Pid::from_raw(id)).and_then(clock_gettime);
        taken.map(Duration::from).expect("invariant: it runs, so it has a clock")
    }

    /// Its resident memory.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
        kibibytes.and_then(|text| text.parse::<u64>().ok()).expect("invariant: it runs") * 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _has_ended = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_agent_listens_is_found_in_what_it_tells() {
        let expected = "127.0.0.1:9".parse().ok();
        assert_eq!(address("phasemeter: listening on http://127.0.0.1:9/metrics\n"), expected);
        assert_eq!(address("level=INFO msg=cpu\nlevel=INFO msg=\"Listening on\" address=127.0.0.1:9\n"), expected);
        assert_eq!(address("phasemeter: listening on http://127.0.0.1:9"), None);
    }
}
