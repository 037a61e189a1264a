//! Phase *extract*: the text of one file. UTF-8, and UTF-16 where a byte order mark says so.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use phasemeter::Phase;

/// One item a file.
pub(crate) static EXTRACT: Phase = Phase::new("extract");

/// A file that could be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Extracted {
    Text {
        text: String,
        /// The size of the file.
        bytes: u64,
    },
    /// Larger than allowed, and so skipped.
    TooLarge,
}

/// Why a file has no text.
#[derive(Debug)]
pub(crate) enum ExtractError {
    NotText,
    Read(io::Error),
}

/// Extracts the text of one file. Every call is one run of the phase, and one item: ok, error or skipped.
pub(crate) fn extract(path: &Path, max_bytes: u64) -> Result<Extracted, ExtractError> {
    EXTRACT.run(|phase| {
        phase.item(path.display()); // shown while it runs, and afterwards where it was slow or failed; never a label
        let content = read(path, max_bytes);
        match &content {
            Ok(None) => phase.skip(1),
            Ok(Some(bytes)) => {
                phase.items(1);
                phase.bytes(bytes.len());
            }
            Err(_) => phase.items(1),
        }
        let extracted = content.map_err(ExtractError::Read).and_then(|content| match content {
            None => Ok(Extracted::TooLarge),
            Some(bytes) => {
                let size = bytes.len() as u64;
                decode(bytes).map(|text| Extracted::Text { text, bytes: size }).ok_or(ExtractError::NotText)
            }
        });
        // Without this the label would say `documents::extract::ExtractError`: exact, and of little use on a dashboard.
        extracted.inspect_err(|error| phase.fail(error.kind()))
    })
}

/// The whole file, or nothing where it is too large. It may grow, shrink or vanish while it is read.
fn read(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        // To open a pipe would wait for its writer.
        return Err(io::Error::other("not a regular file any more"));
    }
    if metadata.len() > max_bytes {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max_bytes).then_some(bytes))
}

/// Text, or nothing where it is none: a NUL stands in no text, and in nearly all of what is not.
fn decode(mut bytes: Vec<u8>) -> Option<String> {
    let text = match bytes.as_slice() {
        [0xFF, 0xFE, units @ ..] => utf_16(units, u16::from_le_bytes)?,
        [0xFE, 0xFF, units @ ..] => utf_16(units, u16::from_be_bytes)?,
        [0xEF, 0xBB, 0xBF, ..] => String::from_utf8(bytes.split_off(3)).ok()?,
        _ => String::from_utf8(bytes).ok()?,
    };
    (!text.as_bytes().contains(&0)).then_some(text)
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks();
    let text = char::decode_utf16(pairs.iter().copied().map(unit)).collect::<Result<_, _>>().ok()?;
    rest.is_empty().then_some(text)
}

impl ExtractError {
    /// What metrics and summary call it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NotText => "not_text",
            Self::Read(error) if error.kind() == io::ErrorKind::NotFound => "not_found",
            Self::Read(error) if error.kind() == io::ErrorKind::PermissionDenied => "permission_denied",
            Self::Read(_) => "io",
        }
    }
}

impl fmt::Display for ExtractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => f.write_str("neither UTF-8 nor UTF-16 text"),
            Self::Read(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ExtractError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Option<&str>) {
        assert_eq!(decode(bytes.to_vec()).as_deref(), expected, "{bytes:x?}");
    }

    #[track_caller]
    fn kind_of(path: &Path) -> &'static str {
        ExtractError::Read(read(path, 100).expect_err("it cannot be read")).kind()
    }

    #[test]
    fn utf_8_is_text_with_or_without_a_mark() {
        check(b"", Some(""));
        check("na\u{ef}ve \u{1F600}".as_bytes(), Some("na\u{ef}ve \u{1F600}"));
        check(b"\xEF\xBB\xBFmarked", Some("marked"));
        check(b"\xEF\xBB", None);
    }

    #[test]
    fn utf_16_is_text_where_a_mark_says_so() {
        check(b"\xFF\xFEh\0i\0\x3D\xD8\x00\xDE", Some("hi\u{1F600}"));
        check(b"\xFE\xFF\0h\0i\xD8\x3D\xDE\x00", Some("hi\u{1F600}"));
        check(b"\xFF\xFE", Some(""));
        check(b"h\0i\0", None);
    }

    #[test]
    fn what_is_broken_is_no_text() {
        check(b"a\0b", None);
        check(b"\x80", None);
        check(b"\xC3\x28", None);
        check(b"\xFF\xFEh\0i", None); // an odd byte
        check(b"\xFF\xFE\x00\xD8a\0", None); // half a pair
        check(b"\xFF\xFE\0\0h\0\0\0", None); // UTF-32, whose mark begins like that of UTF-16
    }

    #[test]
    fn a_file_at_the_limit_is_read_and_one_byte_more_is_skipped() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        fs::write(&path, "1234567").expect("a file");
        assert_eq!(read(&path, 7).expect("it can be read"), Some(b"1234567".to_vec()));
        assert_eq!(read(&path, 6).expect("it can be read"), None);
        assert_eq!(read(&path, u64::MAX).expect("it can be read"), Some(b"1234567".to_vec()));
    }

    #[test]
    fn a_file_that_vanished_is_not_found() {
        assert_eq!(kind_of(Path::new("/there is no such file")), "not_found");
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_may_not_be_read_is_denied() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secret");
        fs::write(&path, "text").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("it is ours");
        if File::open(&path).is_ok() {
            eprintln!("not tested: this user may read everything");
            return;
        }
        assert_eq!(kind_of(&path), "permission_denied");
    }

    #[test]
    #[cfg(unix)]
    fn what_became_a_pipe_a_folder_or_a_link_is_an_error_and_never_waits() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(kind_of(folder.path()), "io");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path(), &link).expect("a link");
        assert_eq!(kind_of(&link), "io");
        let pipe = folder.path().join("pipe");
        match std::process::Command::new("mkfifo").arg(&pipe).status() {
            Ok(status) if status.success() => assert_eq!(kind_of(&pipe), "io"),
            other => eprintln!("not tested: no mkfifo here: {other:?}"),
        }
    }
}
