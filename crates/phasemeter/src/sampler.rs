//! What is looked at now and then, on a thread of its own: a scrape reads what was found last, and never waits for it.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use phasemeter_core::Samples;

use crate::collectors::Collectors;
use crate::inner::{Inner, lock};

/// How often it is looked at.
const CADENCE: Duration = Duration::from_secs(1);

/// The latest reading of the collectors. They start with the first look at it.
#[derive(Default)]
pub(crate) struct Sampler {
    latest: Mutex<Arc<Samples>>,
    /// Held for the thread to end when it goes.
    thread: OnceLock<Option<Sender<()>>>,
}

impl Sampler {
    /// Starts to look. The first look is here and now, so that no scrape is empty.
    pub(crate) fn begin(&self, inner: &Arc<Inner>) {
        self.thread.get_or_init(|| {
            let mut collectors = Collectors::new();
            self.publish(&mut collectors);
            start(Arc::downgrade(inner), collectors)
        });
    }

    /// Puts the latest reading into `out`; the first call begins.
    pub(crate) fn sample(&self, inner: &Arc<Inner>, out: &mut Samples) {
        self.begin(inner);
        out.append(&lock(&self.latest).clone());
    }

    fn publish(&self, collectors: &mut Collectors) {
        let mut samples = Samples::default();
        collectors.sample(&mut samples);
        *lock(&self.latest) = Arc::new(samples);
    }
}

/// The thread lives as long as the Meter. Where none can be started, the first reading stays: its age shows in it.
fn start(inner: Weak<Inner>, mut collectors: Collectors) -> Option<Sender<()>> {
    let (alive, gone) = mpsc::channel();
    let work = move || {
        loop {
            let Some(own) = inner.upgrade() else { return };
            own.visibility.check(own.level());
            // Not held while it sleeps, or the Meter would outlive its last handle.
            drop(own);
            if gone.recv_timeout(CADENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let Some(own) = inner.upgrade() else { return };
            own.sampler.publish(&mut collectors);
            own.registry.expire();
        }
    };
    let thread = std::thread::Builder::new().name("phasemeter-sample".into()).spawn(work);
    thread.ok().map(|_detached| alive)
}
