//! The host's disks: bytes read and written. sysinfo looks for disks among what is mounted, so each is one that holds a
//! file system: on Linux a partition rather than its whole device, on macOS a volume, with the bytes of the disk that it
//! shares with others.
//!
//! On Linux sysinfo also looks at each new mount itself, and one that never answers holds it up: see [`super::filesystem`].

use std::collections::BTreeMap;
use std::time::Duration;

use phasemeter_core::catalogue::SYSTEM_DISK_IO;
use phasemeter_core::{Moment, Samples, Value};
use sysinfo::{DiskRefreshKind, Disks};

use super::{DEADLINE, SOURCE, device, known_pair, made};
use crate::disk::NAME;
use crate::{Collector, Error, labels};

/// Reads the bytes of each disk.
pub(super) struct DiskIo;

impl Collector for DiskIo {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        // A new list each time: in an old one, what can be read no more stands as it was.
        let mut disks = made(Disks::new())?;
        disks.refresh_specifics(true, DiskRefreshKind::nothing().with_io_usage());
        // One that is mounted twice is listed twice.
        let mut by_device = BTreeMap::new();
        for disk in &disks {
            // What is mounted was read from, so 0 means that there are no counts.
            if let Some(bytes) = known_pair(disk.usage()) {
                by_device.insert(device(disk), bytes);
            }
        }
        for (device, bytes) in &by_device {
            let device = device.strip_prefix("/dev/").unwrap_or(device);
            for (direction, bytes) in ["read", "write"].into_iter().zip(bytes) {
                let labels = labels([("disk_io_direction", direction), ("system_device", device)]);
                out.push(&SYSTEM_DISK_IO, labels, Value::Count(*bytes));
            }
        }
        if by_device.is_empty() { Err(Error::absent(SOURCE, "it has counts of no disk")) } else { Ok(()) }
    }

    fn at_most_every(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }
}
