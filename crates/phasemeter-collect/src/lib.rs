//! Resource collectors: one file per source, reading apart from parsing, every path below an injected root.
//!
//! ```text
//! Roots ─→ Collector::sample ─→ Samples      (no wire format, no thread, no schedule: the caller's)
//! ```

mod error;
mod process;

use std::path::PathBuf;

use phasemeter_core::catalogue::COLLECTOR_SUCCESS;
use phasemeter_core::{Labels, Samples, Value};

pub use error::Error;
pub use process::Process;

/// Something that reads one source.
pub trait Collector: Send {
    /// The label `collector`.
    fn name(&self) -> &'static str;

    /// Reads now.
    ///
    /// # Errors
    /// The source is not there ([`Error::is_no_data`]), or says something that cannot be understood.
    fn sample(&mut self, out: &mut Samples) -> Result<(), Error>;
}

/// Where the sources are. Fixtures stand in for them in tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into() }
    }
}

/// The collectors that a service has without asking.
#[must_use]
pub fn default_collectors(roots: &Roots) -> Vec<Box<dyn Collector>> {
    vec![Box::new(Process::new(roots))]
}

/// Lets each collector read. One that fails leaves no series but its `phasemeter_collector_success` at 0; one whose
/// source is not there leaves none at all.
pub fn sample_all(collectors: &mut [Box<dyn Collector>], out: &mut Samples) {
    for collector in collectors {
        let mut samples = Samples::default();
        let success = match collector.sample(&mut samples) {
            Ok(()) => {
                out.append(&samples);
                1
            }
            Err(error) if error.is_no_data() => continue,
            Err(_counted) => 0,
        };
        let labels = Labels::new([("collector", collector.name())]).expect("invariant: a constant, valid label name");
        out.push(&COLLECTOR_SUCCESS, labels, Value::Level(success));
    }
}
