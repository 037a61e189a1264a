//! Resource collectors: one file per source, reading apart from parsing, every path below an injected root.
//!
//! ```text
//! Roots ─→ Collector::sample ─→ Samples ─→ Schedule: the latest of each ─→ whoever reads      (no wire format)
//! ```
//!
//! A [`Collector`] reads one source when it is told to. A [`Schedule`] tells each at its own cadence, on threads of its
//! own; a scrape reads what was read last, and never waits for a device.

mod cgroup;
mod cpu;
mod disk;
mod error;
#[cfg(all(feature = "host", unix))]
mod filesystem;
mod gpu_reading;
mod interval;
mod kept;
mod known;
mod load;
mod memory;
mod network;
mod peaks;
mod pressure;
mod process;
mod roots;
mod schedule;
#[cfg(feature = "sysinfo")]
mod sysinfo_backend;
mod units;
#[cfg_attr(not(all(feature = "host", unix)), path = "usage_off.rs")]
mod usage;
mod window;

use phasemeter_core::{Labels, Moment, Samples, Value};
use std::time::Duration;

pub use error::Error;
pub use gpu_reading::GpuReading;
pub use interval::{IntervalError, parse_interval};
pub use known::{GpuOptions, Known, Options, Scope, UnknownCollector, known_among};
pub use peaks::Peaks;
pub use process::Process;
pub use roots::Roots;
pub use schedule::{Haste, Schedule, State, Watch};
#[cfg(feature = "sysinfo")]
pub use sysinfo_backend::SYSINFO_KNOWN;
pub use window::{WINDOW_NAME, Window};

/// Something that reads one source.
pub trait Collector: Send {
    /// The label `collector`.
    fn name(&self) -> &'static str;

    /// Reads now. What it puts into `out` before it fails is not shown.
    ///
    /// # Errors
    /// The source is not there ([`Error::is_no_data`]), or says something that cannot be understood.
    fn sample(&mut self, at: Moment, out: &mut Samples) -> Result<(), Error>;

    /// It is not read more often than this, however short the interval that a program asks for.
    fn at_most_every(&self) -> Duration {
        Duration::from_millis(10)
    }

    /// A reading that takes longer is stuck: it has no values until it returns.
    fn deadline(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// The collectors of this crate that this machine can have.
pub const KNOWN: &[Known] = &[
    Known {
        name: process::NAME,
        about: "this process: CPU, memory, threads, descriptors, reads and writes",
        scope: Scope::Process,
        make: |roots, _| Box::new(Process::new(roots)),
    },
    Known {
        name: cgroup::NAME,
        about: "the control group of this process: limits, usage, throttling, events",
        scope: Scope::Process,
        make: |roots, _| Box::new(cgroup::Cgroup::new(roots)),
    },
    Known {
        name: cpu::NAME,
        about: "CPU time by mode, utilisation, number of CPUs",
        scope: Scope::Summary,
        make: |roots, options| Box::new(cpu::Cpu::new(roots, options)),
    },
    Known {
        name: memory::NAME,
        about: "memory by use, swap space, page faults",
        scope: Scope::Summary,
        make: |roots, _| Box::new(memory::Memory::new(roots)),
    },
    Known {
        name: load::NAME,
        about: "load averages",
        scope: Scope::Summary,
        make: |roots, _| Box::new(load::Load::new(roots)),
    },
    Known {
        name: disk::NAME,
        about: "bytes, operations and time of disks",
        scope: Scope::Host,
        make: |roots, _| Box::new(disk::Disk::new(roots)),
    },
    Known {
        name: network::NAME,
        about: "bytes, packets, drops and errors of network interfaces",
        scope: Scope::Host,
        make: |roots, _| Box::new(network::Network::new(roots)),
    },
    Known {
        name: pressure::NAME,
        about: "time that tasks waited for CPUs, memory and storage",
        scope: Scope::Host,
        make: |roots, _| Box::new(pressure::Pressure::new(roots)),
    },
    #[cfg(all(feature = "host", unix))]
    Known {
        name: filesystem::NAME,
        about: "space of file systems; local ones, unless told otherwise",
        scope: Scope::Host,
        make: |roots, options| Box::new(filesystem::FileSystems::new(roots, options)),
    },
];

/// What a program takes on this system unless it chooses: on Linux [`KNOWN`], elsewhere those through sysinfo.
#[cfg(all(feature = "sysinfo", not(target_os = "linux")))]
pub const KNOWN_HERE: &[Known] = SYSINFO_KNOWN;

/// What a program takes on this system unless it chooses: on Linux [`KNOWN`], elsewhere those through sysinfo. Where these
/// are left out they are the same, and have no data.
#[cfg(not(all(feature = "sysinfo", not(target_os = "linux"))))]
pub const KNOWN_HERE: &[Known] = KNOWN;

/// Labels whose names are constants of this workspace.
pub(crate) fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    Labels::new(pairs).expect("invariant: constant, valid label names")
}

/// A count that goes both ways, from one that the system gives without a sign.
pub(crate) fn level(count: u64) -> Value {
    Value::Level(i64::try_from(count).unwrap_or(i64::MAX))
}
