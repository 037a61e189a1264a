//! Prometheus and promtool for the tests: named by the environment, unpacked earlier, unpacked now, or on the PATH.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;

/// Names the binary to use instead of looking for one.
pub(crate) const PROMETHEUS: &str = "PHASEMETER_PROMETHEUS";
/// Names the binary to use instead of looking for one.
pub(crate) const PROMTOOL: &str = "PHASEMETER_PROMTOOL";

/// Two binaries that run on this machine.
pub(crate) struct Servers {
    pub(crate) prometheus: PathBuf,
    pub(crate) promtool: PathBuf,
    versions: [String; 2],
}

/// Finds them, or brings them under `target/servers`.
pub(crate) fn bring() -> Result<Servers, String> {
    if let (Some(prometheus), Some(promtool)) = (std::env::var_os(PROMETHEUS), std::env::var_os(PROMTOOL)) {
        return Servers::checked(prometheus.into(), promtool.into());
    }
    let folder = target_folder().join("servers");
    let suites = ["sid".to_owned(), apt::machine_suite().unwrap_or_else(|| "stable".into())];
    let unpacked = |suite: &String| Servers::below(&folder.join(suite));
    if let Some(servers) = suites.iter().find_map(|suite| unpacked(suite).ok()) {
        return Ok(servers);
    }
    let mut tried = Vec::new();
    match apt::missing() {
        Some(missing) => tried.push(missing),
        None => {
            for suite in &suites {
                println!("unpacking Debian {suite}'s prometheus below {}", folder.display());
                match bring_from(suite, &folder).and_then(|()| unpacked(suite)) {
                    Ok(servers) => return Ok(servers),
                    Err(reason) => tried.push(format!("Debian {suite}: {reason}")),
                }
            }
        }
    }
    Servers::checked("prometheus".into(), "promtool".into()).map_err(|reason| {
        tried.push(format!("on the PATH: {reason}"));
        let tried = tried.join("\n       ");
        format!("no Prometheus: install `prometheus` and `promtool`, or name them in {PROMETHEUS} and {PROMTOOL}\n       {tried}")
    })
}

/// In sid promtool is a package of its own; in older suites it comes with prometheus.
fn bring_from(suite: &str, folder: &Path) -> Result<(), String> {
    let into = folder.join(suite);
    apt::unpack(suite, &["prometheus", "promtool"], &into).or_else(|_| apt::unpack(suite, &["prometheus"], &into))
}

impl Servers {
    fn below(folder: &Path) -> Result<Self, String> {
        Self::checked(folder.join("usr/bin/prometheus"), folder.join("usr/bin/promtool"))
    }

    /// Only what runs counts: an unpacked binary may want a newer libc.
    fn checked(prometheus: PathBuf, promtool: PathBuf) -> Result<Self, String> {
        let versions = [version(&prometheus)?, version(&promtool)?];
        Ok(Self { prometheus: absolute(prometheus)?, promtool: absolute(promtool)?, versions })
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{PROMETHEUS}={}  # {}", self.prometheus.display(), self.versions[0])?;
        write!(f, "{PROMTOOL}={}  # {}", self.promtool.display(), self.versions[1])
    }
}

/// Tests run in other folders than we do.
fn absolute(path: PathBuf) -> Result<PathBuf, String> {
    if path.components().count() == 1 {
        return Ok(path);
    }
    std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()))
}

fn version(program: &Path) -> Result<String, String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("{} --version: {} {reason}", program.display(), output.status));
    }
    // Older ones print it to stderr.
    let text = [output.stdout, output.stderr].concat();
    let first = String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned();
    Ok(first.split(" (").next().unwrap_or_default().to_owned())
}

fn target_folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
