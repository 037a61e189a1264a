//! Where the sources are.

use std::path::{Path, PathBuf};

/// Where the sources are. Fixtures stand in for them in tests, and the host's for a container that watches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
    /// `/`: what mount points are below.
    pub files: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self::below("/")
    }
}

impl Roots {
    /// Everything below one folder: where a container has its host's `/`, say.
    #[must_use]
    pub fn below(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        Self { proc: root.join("proc"), sys: root.join("sys"), files: root.to_owned() }
    }

    /// A file of the host's first process, where that can be read, or else of this one: namespaces of a container would
    /// show its own. It opens that file, so it is for whoever reads, and not for whoever starts.
    pub(crate) fn of_first_process(&self, file: &str) -> PathBuf {
        let of_first = self.proc.join("1").join(file);
        let is_of_another_root = self.files != Path::new("/");
        let can_be_read = || std::fs::File::open(&of_first).is_ok();
        if is_of_another_root && can_be_read() { of_first } else { self.proc.join("self").join(file) }
    }

    /// Where the process itself is looked for. Below the root of a real host that is nowhere: its `/proc/self` is this
    /// process as well, but its other folders are the host's, where names out of this process's namespaces are other things,
    /// or none. Only the kernel makes `self` a link; fixtures, which have a folder, stand in for the process too. It looks at
    /// that, so it is for whoever reads, and not for whoever starts.
    pub(crate) fn of_own_process(&self) -> Self {
        if is_of_kernel(&self.proc) { Self::default() } else { self.clone() }
    }

    /// The same where that is a host at all, which has a `proc` with the counters of its CPUs.
    ///
    /// # Errors
    /// The reason, naming the root.
    pub fn of_host(root: impl AsRef<Path>) -> Result<Self, String> {
        let roots = Self::below(&root);
        match std::fs::metadata(roots.proc.join("stat")) {
            Ok(_) => Ok(roots),
            Err(error) => {
                let (root, missing) = (root.as_ref().display(), roots.proc.join("stat"));
                Err(format!("{root} is no host's root: cannot read {}: {error}", missing.display()))
            }
        }
    }
}

/// Only the kernel makes `self` a link, to the number of the process.
pub(crate) fn is_of_kernel(proc: &Path) -> bool {
    std::fs::symlink_metadata(proc.join("self")).is_ok_and(|own| own.is_symlink())
}
