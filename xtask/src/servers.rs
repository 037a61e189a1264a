//! Programs that the tests run: named by the environment, unpacked earlier, unpacked now, or on the PATH.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt;

/// A program of Debian's.
struct Program {
    /// What it is called. So is its package, where it has one of its own.
    name: &'static str,
    /// Names the binary to use instead of looking for one.
    variable: &'static str,
    /// How it is asked what it is.
    question: &'static str,
    /// What stands in its answer, whichever its version is, and whether it knows that option.
    answer: &'static str,
}

const VERSION: &str = "--version";

/// A new one is a line here.
const PROGRAMS: [Program; 5] = [
    Program { name: "prometheus", variable: "PHASEMETER_PROMETHEUS", question: VERSION, answer: "prometheus, version" },
    // In older suites it comes with prometheus.
    Program { name: "promtool", variable: "PHASEMETER_PROMTOOL", question: VERSION, answer: "promtool, version" },
    Program { name: "hey", variable: "PHASEMETER_HEY", question: VERSION, answer: "Usage: hey" },
    Program {
        name: "prometheus-node-exporter",
        variable: "PHASEMETER_NODE_EXPORTER",
        question: VERSION,
        answer: "node_exporter, version",
    },
    // Debian's does not know its version, but an older one does not know this option either.
    Program {
        name: "victoria-metrics",
        variable: "PHASEMETER_VICTORIA_METRICS",
        question: "--help",
        answer: "-opentelemetry.usePrometheusNaming",
    },
];

/// Binaries that run on this machine, one for each program.
pub(crate) struct Servers(Vec<Found>);

struct Found {
    variable: &'static str,
    path: PathBuf,
    answer: String,
}

/// Finds them, or brings them under `target/servers`.
pub(crate) fn bring() -> Result<Servers, String> {
    let folder = target_folder().join("servers");
    let suites = ["sid".to_owned(), apt::machine_suite().unwrap_or_else(|| "stable".into())];
    let folders = suites.each_ref().map(|suite| folder.join(suite));
    let is_complete = || PROGRAMS.iter().all(|program| program.named().is_some() || program.unpacked(&folders).is_ok());

    let mut tried = Vec::from_iter(apt::missing());
    if tried.is_empty() {
        for (suite, folder) in suites.iter().zip(&folders) {
            if is_complete() {
                break;
            }
            println!("unpacking programs of Debian {suite} below {}", folder.display());
            let unpacked = apt::unpack(suite, &PROGRAMS.map(|program| program.name), folder);
            tried.extend(unpacked.err().map(|reason| format!("Debian {suite}: {reason}")));
        }
    }
    PROGRAMS.iter().map(|program| program.find(&folders, &tried)).collect::<Result<_, _>>().map(Servers)
}

impl Program {
    fn named(&self) -> Option<PathBuf> {
        std::env::var_os(self.variable).map(PathBuf::from)
    }

    /// The one that the environment names, and no other; where it names none, one unpacked, or else on the PATH.
    fn find(&self, folders: &[PathBuf], tried: &[String]) -> Result<Found, String> {
        let Self { name, variable, .. } = self;
        if let Some(named) = self.named() {
            return self.checked(named).map_err(|reason| format!("{variable} names no {name}: {reason}"));
        }
        self.unpacked(folders).or_else(|unpacked| {
            self.checked(name.into()).map_err(|on_path| {
                let reasons = [&[unpacked, on_path], tried].concat().join("\n       ");
                format!("no {name}: install `{name}`, or name one in {variable}\n       {reasons}")
            })
        })
    }

    /// The first that runs.
    fn unpacked(&self, folders: &[PathBuf]) -> Result<Found, String> {
        let found = folders.iter().map(|folder| self.checked(folder.join("usr/bin").join(self.name)));
        found.reduce(Result::or).unwrap_or_else(|| Err("nothing was unpacked".to_owned()))
    }

    /// Only what runs counts: an unpacked binary may want a newer libc.
    fn checked(&self, path: PathBuf) -> Result<Found, String> {
        let output = Command::new(&path).arg(self.question).output();
        let output = output.map_err(|error| format!("{}: {error}", path.display()))?;
        // Some print it to stderr.
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let Some(line) = text.lines().find(|line| line.contains(self.answer)) else {
            let first = text.lines().next().unwrap_or_default();
            return Err(format!("{} {}: {} {first}", path.display(), self.question, output.status));
        };
        let answer = line.split(['(', '[']).next().unwrap_or_default().trim().to_owned();
        Ok(Found { variable: self.variable, path: absolute(path)?, answer })
    }
}

impl Servers {
    /// Tests find them by these.
    pub(crate) fn variables(&self) -> Vec<(&str, String)> {
        self.0.iter().map(|found| (found.variable, found.path.to_string_lossy().into_owned())).collect()
    }
}

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Found { variable, path, answer }) in self.0.iter().enumerate() {
            let line_end = if place > 0 { "\n" } else { "" };
            write!(f, "{line_end}{variable}={}  # {answer}", path.display())?;
        }
        Ok(())
    }
}

/// Tests run in other folders than we do.
fn absolute(path: PathBuf) -> Result<PathBuf, String> {
    if path.components().count() == 1 {
        return Ok(path);
    }
    std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// Where builds go.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const TOOL: Program =
        Program { name: "tool", variable: "PHASEMETER_NO_SUCH_TOOL", question: VERSION, answer: "tool, version" };

    /// What is found in folders that hold these scripts: in which, and what it answers.
    fn found(scripts: &[&str]) -> Result<(usize, String), String> {
        let root = std::env::temp_dir().join(format!("phasemeter-servers-{}", std::process::id()));
        let folders: Vec<_> = (0..scripts.len()).map(|number| root.join(number.to_string())).collect();
        fs::create_dir_all(&root).expect("a writable temporary folder");
        for (folder, script) in folders.iter().zip(scripts) {
            let path = folder.join("usr/bin/tool");
            fs::create_dir_all(folder.join("usr/bin")).expect("a folder in it");
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file in it");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own file");
        }
        let found = TOOL.unpacked(&folders);
        fs::remove_dir_all(&root).expect("it was just made");
        let place = |path: PathBuf| folders.iter().position(|folder| path.starts_with(folder)).expect("one of them");
        found.map(|Found { path, answer, .. }| (place(path), answer))
    }

    #[track_caller]
    fn check(scripts: &[&str], expected: Result<(usize, &str), &str>) {
        match (found(scripts), expected) {
            (Ok((place, answer)), Ok(expected)) => assert_eq!((place, &*answer), expected),
            (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
            (found, _) => panic!("{found:?} is not {expected:?}"),
        }
    }

    // One test: a script that another thread is about to start elsewhere could be busy here.
    #[test]
    fn the_first_that_runs_is_taken_whatever_its_status_and_otherwise_it_says_why_none_does() {
        check(&["echo 'tool, version 2 (built)'", "echo 'tool, version 1'"], Ok((0, "tool, version 2")));
        check(&["echo no libc >&2; exit 127", "echo 'tool, version 1' >&2; exit 2"], Ok((1, "tool, version 1")));
        check(
            &["echo 'other, version 1'", "echo 'tool: no libc' >&2; exit 127"],
            Err("exit status: 127 tool: no libc"),
        );
        check(&[], Err("nothing was unpacked"));
    }
}
