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
}

impl Error {
    pub(crate) fn read(path: &Path, cause: io::Error) -> Self {
        Self { path: path.to_owned(), kind: Kind::Read(cause) }
    }

    /// What was expected, and the beginning of what stood there.
    pub(crate) fn parse(path: &Path, what: &'static str, text: &str) -> Self {
        let text = text.chars().take(80).collect();
        Self { path: path.to_owned(), kind: Kind::Parse { what, text } }
    }

    /// The source is not there, or not for us to read: no failure, there is just nothing to show.
    #[must_use]
    pub fn is_no_data(&self) -> bool {
        use io::ErrorKind::{NotFound, PermissionDenied, Unsupported};
        matches!(&self.kind, Kind::Read(cause) if matches!(cause.kind(), NotFound | PermissionDenied | Unsupported))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.kind {
            Kind::Read(cause) => write!(f, "cannot read {path}: {cause}"),
            Kind::Parse { what, text } => write!(f, "cannot parse {what} from {text:?} in {path}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Read(cause) => Some(cause),
            Kind::Parse { .. } => None,
        }
    }
}
