//! Space of the host's file systems: which are mounted stands in `mountinfo`; how full one is, it must be asked.
//!
//! One that is across a network, or answered by a program (FUSE), may never answer, and whoever asked then waits for ever.
//! So these are left out unless wanted, and each is asked on a thread that can be left behind, never twice at a time.
//! No more than 128 are asked, real devices before memory, and a `mountinfo` beyond 4 MiB is refused. One that there was no
//! time to ask, because too many others did not answer, has no series that time.

mod asking;
mod mounts;

use std::time::Duration;

use phasemeter_core::catalogue::{
    HOST_FILESYSTEM_ERROR, SYSTEM_FILESYSTEM_LIMIT, SYSTEM_FILESYSTEM_USAGE, SYSTEM_FILESYSTEM_UTILIZATION,
};
use phasemeter_core::{Labels, Moment, Samples, Value};

use self::asking::{Answer, Asking};
use self::mounts::{Mount, mounts};
use crate::kept::Kept;
use crate::{Collector, Error, Options, Roots, labels, level};

pub(crate) const NAME: &str = "filesystem";

/// Reads `mountinfo`, and asks each file system.
pub(crate) struct FileSystems {
    /// Chosen with the first sample, and again after one that failed.
    mountinfo: Option<Kept>,
    roots: Roots,
    remote: bool,
    asking: Asking,
}

/// In bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Space {
    total: u64,
    /// Not in use, for root.
    free: u64,
    /// Not in use, for everybody.
    available: u64,
}

impl FileSystems {
    pub(crate) fn new(roots: &Roots, options: &Options) -> Self {
        Self::asking(roots, options, Asking::by(asking::statvfs))
    }

    fn asking(roots: &Roots, options: &Options, asking: Asking) -> Self {
        Self { mountinfo: None, roots: roots.clone(), remote: options.remote_file_systems, asking }
    }
}

impl Collector for FileSystems {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        let remote = self.remote;
        let roots = &self.roots;
        let mountinfo = self.mountinfo.get_or_insert_with(|| Kept::new(roots.of_first_process("mountinfo")));
        let read = mountinfo.parsed("a mount a line", |text| mounts(text, remote));
        if read.is_err() {
            self.mountinfo = None;
        }
        let mounts = read?;
        let below = |mount: &Mount| self.roots.files.join(mount.point.trim_start_matches('/'));
        let paths: Vec<_> = mounts.iter().map(below).collect();
        for (mount, answer) in mounts.iter().zip(self.asking.ask(&paths)) {
            sample(mount, &answer, out);
        }
        Ok(())
    }

    fn at_most_every(&self) -> Duration {
        Duration::from_secs(10)
    }
}

fn sample(mount: &Mount, answer: &Answer, out: &mut Samples) {
    let own = || {
        labels([
            ("system_device", &*mount.device),
            ("system_filesystem_mountpoint", &*mount.point),
            ("system_filesystem_type", &*mount.kind),
        ])
    };
    let space = match answer {
        Answer::Space(space) => space,
        Answer::Error | Answer::None => {
            out.push(&HOST_FILESYSTEM_ERROR, own(), Value::Level(1));
            return;
        }
        Answer::NotAsked => return,
    };
    out.push(&HOST_FILESYSTEM_ERROR, own(), Value::Level(0));
    let used = space.total.saturating_sub(space.free);
    let reserved = space.free.saturating_sub(space.available);
    for (state, bytes) in [("used", used), ("free", space.available), ("reserved", reserved)] {
        out.push(&SYSTEM_FILESYSTEM_USAGE, in_state(mount, state), level(bytes));
    }
    out.push(&SYSTEM_FILESYSTEM_LIMIT, own(), level(space.total));
    // As `df` has it: what is reserved for root is out of reach.
    let reachable = used.saturating_add(space.available);
    if reachable > 0 {
        out.push(&SYSTEM_FILESYSTEM_UTILIZATION, own(), Value::Real(used as f64 / reachable as f64));
    }
}

fn in_state(mount: &Mount, state: &str) -> Labels {
    labels([
        ("system_device", &*mount.device),
        ("system_filesystem_mountpoint", &*mount.point),
        ("system_filesystem_state", state),
        ("system_filesystem_type", &*mount.kind),
    ])
}

#[cfg(test)]
mod tests;
