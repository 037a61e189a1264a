//! A file of settings: which one, and its bytes.

use std::fs::File as Opened;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use phasemeter_config::{File, MAX_FILE_BYTES};

use crate::output::Problem;

/// The variable that names a file, where no argument does.
pub(crate) const VARIABLE: &str = "PHASEMETER_CONFIG";

/// What it is called in the current folder, where nobody names one.
pub(crate) const USUAL_NAME: &str = "phasemeter.yaml";

/// A file that was read.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    /// As it was named.
    pub(crate) name: String,
    bytes: Vec<u8>,
}

impl SettingsFile {
    /// The file that an argument names, or else the variable; no other.
    pub(crate) fn named(
        argument: Option<&Path>,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Problem> {
        if let Some(path) = argument {
            return Self::read(path).map(Some).map_err(|cause| cannot_read("", path, &cause));
        }
        match look_up(VARIABLE).filter(|name| !name.trim().is_empty()).map(PathBuf::from) {
            Some(path) => {
                Self::read(&path).map(Some).map_err(|cause| cannot_read(&format!("{VARIABLE}: "), &path, &cause))
            }
            None => Ok(None),
        }
    }

    /// That, or else the file of the usual name in this folder, where it is there.
    pub(crate) fn named_or_in(
        folder: &Path,
        argument: Option<&Path>,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, Problem> {
        if let Some(named) = Self::named(argument, look_up)? {
            return Ok(Some(named));
        }
        match Self::read(&folder.join(USUAL_NAME)) {
            Ok(file) => Ok(Some(Self { name: USUAL_NAME.to_owned(), ..file })),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cannot_read("", Path::new(USUAL_NAME), &cause)),
        }
    }

    /// One byte more than a file of settings may have shows that it is none.
    fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        Opened::open(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(Self { name: path.display().to_string(), bytes })
    }

    /// As whoever understands it wants it.
    pub(crate) fn as_file(&self) -> File<'_> {
        File { name: &self.name, bytes: &self.bytes }
    }
}

fn cannot_read(by: &str, path: &Path, cause: &io::Error) -> Problem {
    Problem::unusable(format!("{by}cannot read {}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[track_caller]
    fn name_of(found: Result<Option<SettingsFile>, Problem>) -> Option<String> {
        found.expect("it can be read").map(|file| file.name)
    }

    #[test]
    fn an_argument_is_stronger_than_the_variable_and_that_than_the_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "monitoring:\n").expect("it can be written");
            path
        };
        assert_eq!(name_of(SettingsFile::named_or_in(folder.path(), None, nothing)), None);
        let (argument, variable, _) = (file("a.yaml"), file("b.yaml"), file(USUAL_NAME));
        let of_variable = |name: &str| (name == VARIABLE).then(|| variable.display().to_string());
        let found = SettingsFile::named_or_in(folder.path(), Some(&argument), of_variable);
        assert_eq!(name_of(found), Some(argument.display().to_string()));
        let found = SettingsFile::named_or_in(folder.path(), None, of_variable);
        assert_eq!(name_of(found), Some(variable.display().to_string()));
        let empty = |name: &str| (name == VARIABLE).then(|| " ".to_owned());
        let found = SettingsFile::named_or_in(folder.path(), None, empty);
        assert_eq!(name_of(found), Some(USUAL_NAME.to_owned()));
        assert_eq!(name_of(SettingsFile::named(None, nothing)), None);
    }

    #[test]
    fn a_file_that_is_named_and_not_there_is_told_with_who_named_it() {
        let nowhere = Path::new("/there is no such file");
        let why = "cannot read /there is no such file: No such file or directory (os error 2)";
        let refused = |found: Result<Option<SettingsFile>, Problem>| found.expect_err("it is not there");
        assert_eq!(refused(SettingsFile::named(Some(nowhere), nothing)), Problem::unusable(why));
        let of_variable = |_: &str| Some(nowhere.display().to_string());
        let expected = Problem::unusable(format!("PHASEMETER_CONFIG: {why}"));
        assert_eq!(refused(SettingsFile::named(None, of_variable)), expected);
    }
}
