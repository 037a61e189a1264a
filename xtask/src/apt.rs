//! Unpacks Debian packages below a folder, with package state of its own: nothing is installed, and the machine's
//! package sources are read but never changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const SOURCES: &str = "/etc/apt";

/// Whether this machine can do it at all; otherwise what is missing.
pub(crate) fn missing() -> Option<String> {
    let starts = |program: &str| Command::new(program).arg("--version").output().is_ok();
    let absent: Vec<_> = ["apt-get", "dpkg-deb"].into_iter().filter(|program| !starts(program)).collect();
    (!absent.is_empty()).then(|| format!("{} not found (this is no Debian?)", absent.join(" and ")))
}

/// Downloads packages of a suite and unpacks them into `folder`, which appears only when it is whole. A package that the
/// suite does not have is left out; one at least must be there.
pub(crate) fn unpack(suite: &str, packages: &[&str], folder: &Path) -> Result<(), String> {
    let mirror = machine_mirror().ok_or("no Debian mirror in the machine's package sources")?;
    let state = folder.with_extension("apt");
    let half = folder.with_extension("half");
    for path in [&state, &half] {
        remove(path)?;
    }
    for path in ["lists/partial", "cache/archives/partial", "etc"] {
        create(&state.join(path))?;
    }
    // An index past its date is accepted, because mirrors of test machines may be frozen; signatures are checked.
    let source = format!("deb [check-valid-until=no signed-by={KEYRING}] {mirror} {suite} main\n");
    write(&state.join("etc/sources.list"), &source)?;
    write(&state.join("status"), "")?;
    apt_get(&state, &state, &["update"])?;
    let archives = state.join("cache/archives");
    let downloads: Vec<_> = packages.iter().map(|name| apt_get(&state, &archives, &["download", name])).collect();
    if downloads.iter().all(Result::is_err) {
        downloads.into_iter().collect::<Result<(), _>>()?;
    }
    create(&half)?;
    for archive in fs::read_dir(&archives).map_err(|error| say(&archives, &error))?.flatten() {
        if archive.path().extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg-deb").arg("--extract").arg(archive.path()).arg(&half))?;
        }
    }
    remove(folder)?;
    fs::rename(&half, folder).map_err(|error| say(folder, &error))?;
    remove(&state)
}

/// The suite that the machine itself runs, as `bookworm`.
pub(crate) fn machine_suite() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(name.trim_matches('"').to_owned())
}

fn machine_mirror() -> Option<String> {
    let folder = Path::new(SOURCES).join("sources.list.d");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_or_else(|_| Vec::new(), |entries| entries.flatten().map(|entry| entry.path()).collect());
    files.sort();
    files.insert(0, Path::new(SOURCES).join("sources.list"));
    files.iter().find_map(|file| mirror(&fs::read_to_string(file).ok()?))
}

/// The first Debian mirror that a file of sources names, in either of its two formats.
fn mirror(sources: &str) -> Option<String> {
    sources
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"))
        .flat_map(str::split_whitespace)
        .map(|word| word.trim_end_matches('/'))
        .find(|word| word.contains("://") && word.ends_with("/debian"))
        .map(str::to_owned)
}

fn apt_get(state: &Path, folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let at = |path: &str| state.join(path).display().to_string();
    let options = [
        format!("Dir::State={}", at("")),
        format!("Dir::State::Lists={}", at("lists")),
        format!("Dir::State::Status={}", at("status")),
        format!("Dir::Cache={}", at("cache")),
        format!("Dir::Etc::SourceList={}", at("etc/sources.list")),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
        "Acquire::Languages=none".to_owned(),
    ];
    let mut command = Command::new("apt-get");
    command.current_dir(folder).arg("--quiet=2").args(options.iter().flat_map(|option| ["--option", option]));
    run(command.args(arguments))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

fn say(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn create(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| say(path, &error))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| say(path, &error))
}

fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(say(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sources: &str, expected: Option<&str>) {
        assert_eq!(mirror(sources).as_deref(), expected);
    }

    #[test]
    fn both_formats_of_sources_are_read() {
        check("deb http://mirror.example/debian bookworm main", Some("http://mirror.example/debian"));
        check("deb [arch=amd64] https://mirror.example/debian/ sid main", Some("https://mirror.example/debian"));
        check("Types: deb\nURIs: http://mirror.example/debian\nSuites: sid", Some("http://mirror.example/debian"));
    }

    #[test]
    fn other_archives_and_comments_are_no_mirror() {
        check("# deb http://mirror.example/debian sid main", None);
        check("deb http://mirror.example/debian-security bookworm main", None);
        check("deb https://packages.example/apt tool main\nURIs: https://node.example/node_20.x", None);
        check("", None);
    }
}
