//! How runs lie in a folder: `FOLDER/RUN/WORKER.jsonl`, and `WORKER.report.json` beside it once the worker is done. Nobody else
//! knows this.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use phasemeter_analysis::progress::{MAX_PAST_RUNS, PastRuns};
use phasemeter_analysis::report::past_run_of;

/// The journal of a worker.
#[must_use]
pub fn journal(folder: &Path, run: &str, worker: &str) -> PathBuf {
    folder.join(file_name(run)).join(file_name(worker) + JOURNAL)
}

/// What the worker leaves when it is done.
#[must_use]
pub fn report(folder: &Path, run: &str, worker: &str) -> PathBuf {
    folder.join(file_name(run)).join(file_name(worker) + REPORT)
}

const JOURNAL: &str = ".jsonl";
const REPORT: &str = ".report.json";

/// The journals of one run, sorted; none where the folder holds none.
///
/// # Errors
/// It cannot be listed.
pub fn journals(of_run: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals: Vec<_> =
        entries(of_run)?.into_iter().filter(|path| ends_with(path, JOURNAL) && path.is_file()).collect();
    journals.sort();
    Ok(journals)
}

/// The folders of runs below, the one written to last at the end.
///
/// # Errors
/// It cannot be listed.
pub fn runs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let last_written = |of_run: PathBuf| {
        let journals = journals(&of_run).ok()?;
        let times = journals.iter().filter_map(|journal| modified(journal));
        Some((times.max()?, of_run))
    };
    let mut runs: Vec<_> = entries(folder)?.into_iter().filter(|path| path.is_dir()).filter_map(last_written).collect();
    runs.sort();
    Ok(runs.into_iter().map(|(_, of_run)| of_run).collect())
}

/// What the latest reports of other runs of this pipeline say, the latest last. One that cannot be read is passed over.
#[must_use]
pub fn past_runs(folder: &Path, except: &Path, pipeline: &str) -> PastRuns {
    let runs = entries(folder).unwrap_or_default().into_iter().filter(|path| path != except && path.is_dir());
    let reports = runs.flat_map(|of_run| entries(&of_run).unwrap_or_default());
    let mut reports: Vec<(SystemTime, PathBuf)> =
        reports.filter(|path| ends_with(path, REPORT)).filter_map(|path| Some((modified(&path)?, path))).collect();
    reports.sort();
    let read = |(_, path): &(SystemTime, PathBuf)| {
        let text = fs::read_to_string(path).ok()?;
        past_run_of(&text, &path.display().to_string(), pipeline).ok().flatten()
    };
    let mut runs: Vec<_> = reports.iter().rev().filter_map(read).take(MAX_PAST_RUNS).collect();
    runs.reverse();
    PastRuns { runs }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

fn ends_with(path: &Path, end: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(end))
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// A name that every file system takes.
fn file_name(name: &str) -> String {
    let is_taken = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-');
    let safe: String = name.chars().map(|letter| if is_taken(letter) { letter } else { '_' }).take(100).collect();
    match safe.trim_start_matches('.') {
        "" => "_".to_owned(),
        safe => safe.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_hold_nothing_that_leads_elsewhere() {
        let names =
            [("nightly", "nightly"), ("../x", "_x"), ("a/b c", "a_b_c"), ("", "_"), ("..", "_"), ("ü.1", "ü.1")];
        for (name, expected) in names {
            assert_eq!(file_name(name), expected);
        }
    }

    #[test]
    fn runs_are_folders_with_journals_the_latest_last() {
        let folder = std::env::temp_dir().join(format!("phasemeter-folder-{}", std::process::id()));
        let write = |run: &str, second: u64| {
            let path = journal(&folder, run, "w1");
            fs::create_dir_all(path.parent().expect("it has a folder")).expect("a writable temporary folder");
            let file = fs::File::create(&path).expect("a writable temporary folder");
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second);
            file.set_modified(time).expect("our own file");
        };
        write("b", 100);
        write("a", 200);
        write("c", 50);
        fs::create_dir_all(folder.join("empty")).expect("a writable temporary folder");
        let found = runs(&folder).expect("it can be listed");
        fs::remove_dir_all(&folder).expect("it was just made");
        assert_eq!(found, ["c", "b", "a"].map(|run| folder.join(run)));
    }
}
