//! Collectors on a thread of their own: a scrape reads what they read last, and never waits for them.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use phasemeter_collect::{Collector, Roots, default_collectors, sample_all};
use phasemeter_core::Samples;

use crate::inner::{Inner, lock};

/// How often the collectors read.
const CADENCE: Duration = Duration::from_secs(1);

/// The latest reading of the collectors. They start with the first look at it.
#[derive(Default)]
pub(crate) struct Sampler {
    latest: Mutex<Arc<Samples>>,
    /// Held for the thread to end when it goes.
    thread: OnceLock<Option<Sender<()>>>,
}

impl Sampler {
    /// Puts the latest reading into `out`. The first call reads once itself, so that no scrape is empty.
    pub(crate) fn sample(&self, inner: &Arc<Inner>, out: &mut Samples) {
        self.thread.get_or_init(|| {
            let mut collectors = default_collectors(&Roots::default());
            self.publish(&mut collectors);
            start(Arc::downgrade(inner), collectors)
        });
        out.append(&lock(&self.latest).clone());
    }

    fn publish(&self, collectors: &mut [Box<dyn Collector>]) {
        let mut samples = Samples::default();
        sample_all(collectors, &mut samples);
        *lock(&self.latest) = Arc::new(samples);
    }
}

/// The thread lives as long as the Meter. Where none can be started, the first reading stays: its age shows in it.
fn start(inner: Weak<Inner>, mut collectors: Vec<Box<dyn Collector>>) -> Option<Sender<()>> {
    let (alive, gone) = mpsc::channel();
    let work = move || {
        while gone.recv_timeout(CADENCE) == Err(RecvTimeoutError::Timeout) {
            let Some(inner) = inner.upgrade() else { return };
            inner.sampler.publish(&mut collectors);
        }
    };
    let thread = std::thread::Builder::new().name("phasemeter-collect".into()).spawn(work);
    thread.ok().map(|_detached| alive)
}
