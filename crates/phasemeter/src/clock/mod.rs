//! Time as an argument: the process's clock, or one that a test turns by hand.

mod ticks;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use phasemeter_core::Moment;

use ticks::{Machine, Ticks};

/// Where durations and moments come from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    /// By the processor's counter.
    Counter(Arc<Ticks<Machine>>),
    System {
        origin: Instant,
    },
    Manual(ManualClock),
}

/// A clock that stands still until it is told otherwise. Clones share their time.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock at its beginning, which is also the Unix epoch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanos(by), Ordering::Relaxed);
    }
}

impl Clock {
    /// The monotonic clock of the machine, and its wall clock for moments. Where Linux keeps its clock by the time stamp
    /// counter of an x86_64 processor, that is read instead, at a third of the cost, and set by the clock every second.
    #[must_use]
    pub fn system() -> Self {
        let by_counter = Machine::trusted().map(|machine| Source::Counter(Arc::new(Ticks::new(machine))));
        Self(by_counter.unwrap_or_else(|| Source::System { origin: Instant::now() }))
    }

    /// Nanoseconds since some fixed moment; never goes back, but for a nanosecond of rounding.
    #[must_use]
    #[inline]
    pub fn now_ns(&self) -> u64 {
        match &self.0 {
            Source::Counter(ticks) => ticks.now_ns(),
            Source::System { origin } => nanos(origin.elapsed()),
            Source::Manual(clock) => clock.0.load(Ordering::Relaxed),
        }
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub fn unix_ns(&self) -> u64 {
        match &self.0 {
            Source::Counter(_) | Source::System { .. } => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanos),
            Source::Manual(clock) => clock.0.load(Ordering::Relaxed),
        }
    }
}

impl Clock {
    /// This moment on both clocks.
    pub(crate) fn moment(&self) -> Moment {
        Moment { now_ns: self.now_ns(), unix_ns: self.unix_ns() }
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self(Source::Manual(clock))
    }
}

/// Whole nanoseconds; what does not fit (584 years) is the most that does.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
