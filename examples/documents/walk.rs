//! Which files there are. Every regular file is named once, as `find DIR -type f` does; the rest is counted.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// The regular files under a folder, by name, so that two runs number them alike. Links are not followed, and special
/// files are never opened.
pub(crate) struct Walk<'a> {
    entries: walkdir::IntoIter,
    is_own: &'a (dyn Fn(&Path) -> bool + Sync),
    pub(crate) left_out: LeftOut,
}

/// What stands in the tree and is no document.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    /// Symbolic links, wherever they lead.
    pub(crate) symlinks: u64,
    /// Pipes, sockets, devices.
    pub(crate) special: u64,
    /// Files of the store itself, where it lies inside the tree.
    pub(crate) own: u64,
    /// Folders that cannot be listed. What they hold is not known.
    pub(crate) unreadable: u64,
}

impl<'a> Walk<'a> {
    /// Begins at `root`; `is_own` tells the store's files from documents.
    pub(crate) fn new(root: &Path, is_own: &'a (dyn Fn(&Path) -> bool + Sync)) -> Self {
        Self {
            entries: walkdir::WalkDir::new(root).sort_by_file_name().into_iter(),
            is_own,
            left_out: LeftOut::default(),
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        for entry in self.entries.by_ref() {
            let left_out = &mut self.left_out;
            match entry {
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) if entry.file_type().is_symlink() => left_out.symlinks += 1,
                Ok(entry) if !entry.file_type().is_file() => left_out.special += 1,
                Ok(entry) if (self.is_own)(entry.path()) => left_out.own += 1,
                Ok(entry) => return Some(entry.into_path()),
                Err(_) => left_out.unreadable += 1,
            }
        }
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn every_regular_file_is_named_once_and_the_rest_is_counted() {
        let tree = tempfile::tempdir().expect("a temporary folder");
        let root = tree.path();
        fs::create_dir_all(root.join("a/b/c")).expect("a folder");
        let names: [&OsStr; 6] = [
            OsStr::new("plain"),
            OsStr::new(".hidden"),
            OsStr::new("a/b/c/two\nlines"),
            OsStr::new("a/\"quoted\""),
            OsStr::from_bytes(b"a/not \xff utf-8"),
            OsStr::new("a/own"),
        ];
        names.iter().for_each(|name| fs::write(root.join(name), "text").expect("a file"));
        symlink(root.join("plain"), root.join("to a file")).expect("a link");
        symlink(root, root.join("a/to a folder")).expect("a link");
        symlink(root.join("nowhere"), root.join("to nothing")).expect("a link");
        let _socket = UnixListener::bind(root.join("socket")).expect("a socket");

        let is_own = |path: &Path| path.ends_with("own");
        let mut walk = Walk::new(root, &is_own);
        let found: Vec<_> = walk.by_ref().collect();
        let mut expected: Vec<_> = names.iter().filter(|name| **name != "a/own").map(|name| root.join(name)).collect();
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(walk.left_out, LeftOut { symlinks: 3, special: 1, own: 1, unreadable: 0 });
    }

    #[test]
    fn a_folder_that_is_not_there_is_unreadable() {
        let mut walk = Walk::new(Path::new("/there is no such folder"), &|_| false);
        assert_eq!((walk.by_ref().count(), walk.left_out.unreadable), (0, 1));
    }
}
