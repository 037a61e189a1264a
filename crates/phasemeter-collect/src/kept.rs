//! Files that are read again and again: opened once, read from their beginning each time.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;

/// A file below a root, with the memory that its text is read into.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    file: Option<File>,
    text: Vec<u8>,
}

/// What is read at a time: most files of `/proc` fit.
const CHUNK_BYTES: usize = 4096;

/// A file beyond this is none of those that we know.
const MAX_BYTES: usize = 4 << 20;

impl Kept {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, text: Vec::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What stands in it now, understood.
    ///
    /// # Errors
    /// It cannot be read, or not be understood as `what`.
    pub(crate) fn parsed<T>(&mut self, what: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
        self.read()?;
        // A name in it need not be UTF-8, and is not what we look for. Where it is, nothing is copied.
        let text = String::from_utf8_lossy(&self.text);
        parse(&text).ok_or_else(|| Error::parse(&self.path, what, &text))
    }

    /// Fills the memory. After an error it is opened anew: what it belonged to may have come back as another file.
    fn read(&mut self) -> Result<(), Error> {
        self.try_read().map_err(|cause| {
            self.file = None;
            Error::read(&self.path, cause)
        })
    }

    fn try_read(&mut self) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(File::open(&self.path)?),
        };
        let mut length = 0;
        loop {
            if self.text.len() < length + CHUNK_BYTES {
                self.text.resize(length + CHUNK_BYTES, 0);
            }
            match read_at(file, &mut self.text[length..], length as u64) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if length > MAX_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not end"));
            }
        }
        self.text.truncate(length);
        Ok(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    use std::io::{Read as _, Seek as _};
    file.seek(io::SeekFrom::Start(offset))?;
    file.read(into)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("phasemeter-kept-{test}-{}", std::process::id()));
            std::fs::create_dir_all(&path).expect("a writable temporary folder");
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _gone = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_written_later_is_read_later_from_the_same_file() {
        let folder = Folder::new("later");
        let path = folder.0.join("file");
        let long = "x".repeat(3 * CHUNK_BYTES);
        let mut kept = Kept::new(path.clone());
        let mut check = |text: &str| {
            std::fs::write(&path, text).expect("a writable folder");
            assert_eq!(kept.parsed("a text", |read| Some(read.to_owned())).expect("it is there"), text);
        };
        check("one");
        check(&long);
        check("");
        check("two");
    }

    #[test]
    fn a_file_that_is_not_there_is_no_data_until_it_is() {
        let folder = Folder::new("absent");
        let path = folder.0.join("file");
        let mut kept = Kept::new(path.clone());
        let error = kept.parsed("a text", |_| Some(())).expect_err("it is not there");
        assert!(error.is_no_data() && error.to_string().contains("file"), "{error}");
        std::fs::write(&path, [0xff, b'1']).expect("a writable folder");
        assert_eq!(kept.parsed("a text", |read| read.strip_suffix('1').map(str::len)).expect("it is there"), 3);
    }
}
