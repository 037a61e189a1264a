//! The backend of systems without a `/proc`: what the crate `sysinfo` tells of macOS and Windows, by the same names and
//! metrics as the collectors beside this folder. It can be chosen on Linux too, where its tests run.
//!
//! Cargo has no default feature for some targets only, so it is a feature everywhere. Who builds for several systems
//! asks for it below `[target.'cfg(not(target_os = "linux"))'.dependencies]`; a build for Linux then does without.
//!
//! What sysinfo cannot tell is absent, never zero: CPU time by mode, threads, context switches, page faults, peaks of
//! resident memory, calls that read and write, operations and times of disks, dropped packets, reserved space, pressure.
//! Where it answers 0 for what it could not read, 0 is not shown either. Its paths are fixed, so roots mean nothing here.
//!
//! Each collector has a state of its own, and only totals are taken from it: other counts are since the refresh before,
//! whoever made that.

mod cpu;
mod disk;
mod filesystem;
mod load;
mod memory;
mod network;
mod process;

use std::time::Duration;

use sysinfo::{Disk, System};

use crate::{Error, Known, Scope};

/// The collectors through sysinfo. It needs the feature `sysinfo`.
pub const SYSINFO_KNOWN: &[Known] = &[
    Known {
        name: crate::process::NAME,
        about: "this process: CPU, memory, descriptors, reads and writes",
        scope: Scope::Process,
        make: |_, _| Box::new(process::Process::new()),
    },
    Known {
        name: crate::cpu::NAME,
        about: "utilisation and number of CPUs",
        scope: Scope::Summary,
        make: |_, _| Box::new(cpu::Cpu::new()),
    },
    Known {
        name: crate::memory::NAME,
        about: "memory by use, swap space",
        scope: Scope::Summary,
        make: |_, _| Box::new(memory::Memory::new()),
    },
    Known { name: crate::load::NAME, about: "load averages", scope: Scope::Summary, make: |_, _| Box::new(load::Load) },
    Known {
        name: crate::network::NAME,
        about: "bytes, packets and errors of network interfaces",
        scope: Scope::Host,
        make: |_, _| Box::new(network::Network),
    },
    // The last two may be held up: the others are read before.
    Known { name: crate::disk::NAME, about: "bytes of disks", scope: Scope::Host, make: |_, _| Box::new(disk::DiskIo) },
    Known {
        name: filesystem::NAME,
        about: "space of file systems",
        scope: Scope::Host,
        make: |_, options| Box::new(filesystem::Filesystem::new(options)),
    },
];

/// Disks and file systems that take longer are stuck. The others wait so long for them, once.
const DEADLINE: Duration = Duration::from_secs(1);

/// What errors name as their source.
const SOURCE: &str = "sysinfo";

/// Of one collector alone. It is made with the first sample, since making it reads already.
#[derive(Default)]
struct OwnSystem(Option<System>);

impl OwnSystem {
    fn get(&mut self) -> Result<&mut System, Error> {
        let system = match self.0.take() {
            Some(system) => system,
            None => made(System::new())?,
        };
        Ok(self.0.insert(system))
    }
}

/// A system that sysinfo does not know has no data; anything else is a failure.
fn made<T>(result: Result<T, sysinfo::Error>) -> Result<T, Error> {
    result.map_err(|error| match error {
        sysinfo::Error::Unsupported => Error::absent(SOURCE, "this system is unknown to it"),
        sysinfo::Error::Io(_) | sysinfo::Error::Other(_) => Error::failed(SOURCE, error.to_string()),
    })
}

/// A number that is never 0 where it is known.
fn known(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}

/// Bytes read and written; `None` where both are 0, which sysinfo also says of what it could not read.
fn known_pair(usage: sysinfo::DiskUsage) -> Option<[u64; 2]> {
    let bytes = [usage.total_read_bytes, usage.total_written_bytes];
    (bytes != [0, 0]).then_some(bytes)
}

/// What a disk is called: its device on Linux, its volume on macOS, and on Windows too, where many have no name.
fn device(disk: &Disk) -> String {
    let name = disk.name().to_string_lossy();
    if name.is_empty() { disk.mount_point().to_string_lossy().into_owned() } else { name.into_owned() }
}
