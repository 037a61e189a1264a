//! The resources that a Meter reads beside its phases: which, how often, and what is done with each reading.

mod config;
mod readings;
mod states;
mod watcher;
mod window;

#[cfg_attr(not(feature = "gpu"), path = "gpu_off.rs")]
mod gpu;

use std::sync::{Arc, Weak};
use std::time::Duration;

use phasemeter_collect::Schedule;
use phasemeter_core::Samples;

use self::watcher::Watcher;
use self::window::OpenWindows;
use crate::inner::Inner;

pub use self::config::Collectors;
pub use self::readings::Readings;
pub use self::states::CollectorState;
pub use self::window::{GpuResources, ResourceWindow, Resources};

/// Collectors at work.
pub(crate) struct Running {
    schedule: Schedule,
    windows: Arc<OpenWindows>,
}

/// The first scrape is to have values; but what takes longer, as a driver that is yet to be loaded, is in a later one.
const FIRST_READING: Duration = Duration::from_millis(100);

impl Running {
    /// Starts them, and waits a moment for their first readings.
    pub(crate) fn start(inner: Weak<Inner>, plan: config::Plan) -> Self {
        let windows = Arc::<OpenWindows>::default();
        let watcher = Watcher::new(inner, windows.clone());
        let schedule = Schedule::start(plan.collectors, plan.interval, watcher);
        let _all = schedule.wait_for_first(FIRST_READING);
        Self { schedule, windows }
    }

    pub(crate) fn read(&self, out: &mut Samples) {
        self.schedule.read(out);
    }

    pub(crate) fn supervise(&self) {
        self.schedule.supervise();
    }
}
