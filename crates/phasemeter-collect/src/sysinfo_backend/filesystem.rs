//! Space of file systems. What only root may fill sysinfo does not tell from what is used: there is some on Linux, and none
//! on macOS and Windows.
//!
//! On Linux sysinfo asks every mount that it lists, FUSE included, before we can choose among them. One that never answers
//! holds this collector up for ever, and the one of disks with it: beyond their deadline both are `stuck`, with success 0
//! and no series, while the others go on. That is one reason why Linux has collectors of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use phasemeter_core::catalogue::{SYSTEM_FILESYSTEM_LIMIT, SYSTEM_FILESYSTEM_USAGE, SYSTEM_FILESYSTEM_UTILIZATION};
use phasemeter_core::{Moment, Samples, Value};
use sysinfo::{Disk, DiskRefreshKind, Disks};

use super::{DEADLINE, SOURCE, device, known, made};
use crate::{Collector, Error, Options, labels, level};

pub(super) const NAME: &str = "filesystem";

/// Reads the space of each file system.
pub(super) struct Filesystem {
    remote_file_systems: bool,
}

impl Filesystem {
    pub(super) fn new(options: &Options) -> Self {
        Self { remote_file_systems: options.remote_file_systems }
    }
}

impl Collector for Filesystem {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        // A new list each time: in an old one, what can be read no more stands as it was.
        let mut disks = made(Disks::new())?;
        disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        let mut seen = BTreeSet::new();
        let mut is_any = false;
        for disk in &disks {
            let Some(total) = known(disk.total_space()) else { continue };
            let is_wanted = self.remote_file_systems || !is_remote(&disk.file_system().to_string_lossy());
            // What is mounted in several places is shown at the first.
            if is_wanted && disk.id().is_none_or(|id| seen.insert(id)) {
                show(disk, total, out);
                is_any = true;
            }
        }
        if is_any { Ok(()) } else { Err(Error::absent(SOURCE, "it finds no file system with space")) }
    }

    /// Each reading asks every file system, and space moves slowly.
    fn at_most_every(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }
}

fn show(disk: &Disk, total: u64, out: &mut Samples) {
    let (device, place) = (device(disk), disk.mount_point().to_string_lossy());
    let kind = disk.file_system().to_string_lossy();
    let [device, place, kind] =
        [("system_device", &*device), ("system_filesystem_mountpoint", &*place), ("system_filesystem_type", &*kind)];
    let free = disk.available_space().min(total);
    let used = total - free;
    for (state, bytes) in [("used", used), ("free", free)] {
        let labels = labels([device, place, ("system_filesystem_state", state), kind]);
        out.push(&SYSTEM_FILESYSTEM_USAGE, labels, level(bytes));
    }
    out.push(&SYSTEM_FILESYSTEM_LIMIT, labels([device, place, kind]), level(total));
    let share = used as f64 / total as f64;
    out.push(&SYSTEM_FILESYSTEM_UTILIZATION, labels([device, place, kind]), Value::Real(share));
}

/// Across a network, or answered by a program. Many are named after what answers, as `fuse.sshfs`.
fn is_remote(kind: &str) -> bool {
    const REMOTE: [&str; 12] =
        ["9p", "afpfs", "afs", "ceph", "cifs", "glusterfs", "lustre", "macfuse", "osxfuse", "smb3", "smbfs", "webdav"];
    let kind = kind.to_ascii_lowercase();
    kind.starts_with("fuse") || kind.starts_with("nfs") || REMOTE.contains(&&*kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remote_or_a_program_is_told_from_what_lies_on_a_disk() {
        for kind in ["nfs", "nfs4", "cifs", "smbfs", "fuse", "fuse.sshfs", "macfuse", "NFS"] {
            assert!(is_remote(kind), "{kind}");
        }
        for kind in ["ext4", "apfs", "NTFS", "overlay", "fat32", "btrfs", ""] {
            assert!(!is_remote(kind), "{kind}");
        }
    }
}
