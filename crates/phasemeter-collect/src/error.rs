//! The one error of this crate: opaque, with predicates.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// Why a collector read nothing. The message names the file and what stood in it.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Read(io::Error),
    Parse { what: &'static str, text: String },
    Panicked,
    Other(String),
    Absent(String),
}

impl Error {
    /// Why a file could not be read.
    #[must_use]
    pub fn read(path: &Path, cause: io::Error) -> Self {
        Self { path: path.to_owned(), kind: Kind::Read(cause) }
    }

    /// What was expected, and the beginning of what stood there.
    #[must_use]
    pub fn parse(path: &Path, what: &'static str, text: &str) -> Self {
        let text = text.chars().take(80).collect();
        Self { path: path.to_owned(), kind: Kind::Parse { what, text } }
    }

    /// A source that is no file has failed: its name, and what it said.
    #[must_use]
    pub fn failed(source: &str, reason: impl Into<String>) -> Self {
        Self { path: source.into(), kind: Kind::Other(reason.into()) }
    }

    /// A source that is no file is not there: its name, and how that shows.
    #[must_use]
    pub fn absent(source: &str, reason: impl Into<String>) -> Self {
        Self { path: source.into(), kind: Kind::Absent(reason.into()) }
    }

    pub(crate) fn panicked(collector: &str) -> Self {
        Self { path: collector.into(), kind: Kind::Panicked }
    }

    /// The source is not there, or not for us to read: no failure, there is just nothing to show.
    #[must_use]
    pub fn is_no_data(&self) -> bool {
        use io::ErrorKind::{NotFound, PermissionDenied, Unsupported};
        match &self.kind {
            Kind::Read(cause) => {
                matches!(cause.kind(), NotFound | PermissionDenied | Unsupported) || is_no_such_device(cause)
            }
            Kind::Absent(_) => true,
            Kind::Parse { .. } | Kind::Panicked | Kind::Other(_) => false,
        }
    }
}

/// What the kernel says of files of a feature that is built in and switched off, as pressure: EOPNOTSUPP is
/// `Unsupported` to the standard library on some platforms only.
fn is_no_such_device(cause: &io::Error) -> bool {
    const EOPNOTSUPP: i32 = 95;
    cfg!(target_os = "linux") && cause.raw_os_error() == Some(EOPNOTSUPP)
}

/// What is not there is none; what cannot be understood is a failure.
pub(crate) fn optional<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_no_data() => Ok(None),
        Err(error) => Err(error),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Read(cause) => write!(f, "cannot read {path}: {cause}"),
            Kind::Parse { what, text } => write!(f, "cannot parse {what} from {text:?} in {path}"),
            Kind::Panicked => write!(f, "the collector {path} panicked"),
            Kind::Other(reason) | Kind::Absent(reason) => write!(f, "{path}: {reason}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Read(cause) => Some(cause),
            Kind::Parse { .. } | Kind::Panicked | Kind::Other(_) | Kind::Absent(_) => None,
        }
    }
}
