//! GPUs, as NVIDIA's driver tells of them: a collector beside those of `phasemeter-collect`.
//!
//! ```text
//! library: enter ─→ found: list ─→ visible: which of them ─→ Device: often │ each second │ seldom ─→ Samples
//! ```
//!
//! The driver's library (NVML) is loaded while the program runs; where there is none, there is no data, and nothing else
//! happens. What a device does not know it is asked once. A device that is lost is shown as failed, and the others go on.

mod asked;
mod busy;
mod counters;
mod device;
mod energy;
#[cfg_attr(not(target_os = "linux"), path = "events_off.rs")]
mod events;
mod found;
mod gpu;
mod growing;
mod library;
mod marks;
mod memory;
mod pace;
mod power;
mod raw;
mod second;
mod seldom;
mod states;
mod visible;
mod windowed;
mod work;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "the driver tells of events on Linux alone"))]
mod xids;

use phasemeter_collect::{Known, Scope};

pub use gpu::Gpu;

const NAME: &str = "gpu";

/// The collector of this crate.
pub const KNOWN: &[Known] = &[Known {
    name: NAME,
    about: "GPUs: utilisation, memory, power, energy, temperature, clocks, errors",
    scope: Scope::Process,
    make: |_, options| Box::new(Gpu::new(options)),
}];
