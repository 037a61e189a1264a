//! The host's disks: bytes, operations and time, from `/proc/diskstats`. Whole devices only; a partition's share is in
//! its disk's.

use phasemeter_core::catalogue::{
    SYSTEM_DISK_IO, SYSTEM_DISK_IO_TIME, SYSTEM_DISK_OPERATION_TIME, SYSTEM_DISK_OPERATIONS,
};
use phasemeter_core::{Moment, Samples, Value};
use std::time::Duration;

use crate::kept::Kept;
use crate::{Collector, Error, Roots, labels};

pub(crate) const NAME: &str = "disk";

/// Reads `/proc/diskstats`.
pub(crate) struct Disk {
    diskstats: Kept,
}

/// One device; pairs are reading and writing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Device {
    name: String,
    operations: [u64; 2],
    bytes: [u64; 2],
    operation_ns: [u64; 2],
    io_ns: u64,
}

impl Disk {
    pub(crate) fn new(roots: &Roots) -> Self {
        Self { diskstats: Kept::new(roots.proc.join("diskstats")) }
    }
}

impl Collector for Disk {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        for device in self.diskstats.parsed("fourteen columns a device", devices)? {
            for (place, direction) in ["read", "write"].into_iter().enumerate() {
                let labels = labels([("disk_io_direction", direction), ("system_device", &*device.name)]);
                out.push(&SYSTEM_DISK_IO, labels.clone(), Value::Count(device.bytes[place]));
                out.push(&SYSTEM_DISK_OPERATIONS, labels.clone(), Value::Count(device.operations[place]));
                out.push(&SYSTEM_DISK_OPERATION_TIME, labels, Value::Nanos(device.operation_ns[place]));
            }
            let labels = labels([("system_device", &*device.name)]);
            out.push(&SYSTEM_DISK_IO_TIME, labels, Value::Nanos(device.io_ns));
        }
        Ok(())
    }

    fn at_most_every(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// The kernel counts in sectors of this size, whatever the device's are.
const SECTOR_BYTES: u64 = 512;

fn devices(text: &str) -> Option<Vec<Device>> {
    let mut devices = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let name = words.nth(2)?;
        if !is_whole_disk(name) {
            continue;
        }
        let mut counts = [0_u64; 10];
        for place in &mut counts {
            *place = words.next()?.parse().ok()?;
        }
        let [reads, _, read_sectors, read_ms, writes, _, write_sectors, write_ms, _, io_ms] = counts;
        let nanos = |ms: u64| ms.saturating_mul(1_000_000);
        devices.push(Device {
            name: name.to_owned(),
            operations: [reads, writes],
            bytes: [read_sectors, write_sectors].map(|sectors| sectors.saturating_mul(SECTOR_BYTES)),
            operation_ns: [read_ms, write_ms].map(nanos),
            io_ns: nanos(io_ms),
        });
    }
    Some(devices)
}

/// Neither memory, nor a file that is used as a disk, nor a part of a disk or one of the ways to it. The kernel puts a `p`
/// before a partition's number where the disk's name ends with a digit.
fn is_whole_disk(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = |prefix: &str| name.strip_prefix(prefix).is_some_and(is_number);
    let is_lettered_partition = ["sd", "hd", "vd", "xvd"].iter().any(|prefix| {
        name.strip_prefix(prefix).is_some_and(|rest| {
            let number = rest.trim_start_matches(|letter: char| letter.is_ascii_lowercase());
            number.len() < rest.len() && is_number(number)
        })
    });
    let is_numbered_partition = name
        .rsplit_once('p')
        .is_some_and(|(disk, number)| is_number(number) && disk.ends_with(|last: char| last.is_ascii_digit()));
    // Its boot areas and the like are named after the card.
    let is_part_of_card = name.strip_prefix("mmcblk").is_some_and(|rest| !is_number(rest));
    // A path to a disk that has several, which counts again what the disk does: nvme0c1n2 beside nvme0n2.
    let is_path = name
        .strip_prefix("nvme")
        .and_then(|rest| rest.split_once('c'))
        .is_some_and(|(subsystem, rest)| is_number(subsystem) && rest.split(['n', 'p']).all(is_number));
    !(["ram", "zram", "loop", "fd"].into_iter().any(numbered)
        || is_lettered_partition
        || is_numbered_partition
        || is_part_of_card
        || is_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_disks_are_told_from_what_is_none() {
        let whole =
            "sda vda sdaa sdp vdp xvdb xvdbp nvme0n1 nvme10n12 mmcblk0 mmcblk1 dm-0 md127 sr0 nbd0 pmem0 rbd1 drbd0";
        for name in whole.split(' ') {
            assert!(is_whole_disk(name), "{name}");
        }
        let parts = "sda1 vda15 sdaa3 sdp1 nvme0n1p2 mmcblk0p1 md127p1 nbd0p1 rbd0p3 nvme10c2n3p1";
        let others = "loop7 loop0p1 ram0 zram0 fd0 mmcblk0boot0 mmcblk0boot1 mmcblk0rpmb mmcblk0gp0 nvme0c0n1";
        for name in parts.split(' ').chain(others.split(' ')) {
            assert!(!is_whole_disk(name), "{name}");
        }
    }

    #[test]
    fn sectors_are_half_a_kibibyte_and_times_milliseconds() {
        let text = " 254 0 vda 10 1 8 30 20 2 16 40 0 50 70 0 0 0 0 0 0\n 254 1 vda1 1\n";
        let expected = Device {
            name: "vda".into(),
            operations: [10, 20],
            bytes: [4096, 8192],
            operation_ns: [30_000_000, 40_000_000],
            io_ns: 50_000_000,
        };
        assert_eq!(devices(text), Some(vec![expected]));
    }

    #[test]
    fn a_truncated_line_is_no_device() {
        assert_eq!(devices(" 254 0 vda 10 1 8\n"), None);
        assert_eq!(devices(" 254 0\n"), None);
        assert_eq!(devices(""), Some(Vec::new()));
    }
}
