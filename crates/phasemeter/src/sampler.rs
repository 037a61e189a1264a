//! What is looked at now and then, on a thread of its own, and the collectors, which have threads of theirs: a scrape
//! reads what was found last, and never waits for it.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use phasemeter_core::Samples;

use crate::collectors::{Collectors, Running};
use crate::environment::Collecting;
use crate::inner::Inner;

/// How often it is looked at.
const CADENCE: Duration = Duration::from_secs(1);

/// What runs beside the program. It starts with the first look at it.
#[derive(Default)]
pub(crate) struct Sampler {
    collectors: OnceLock<Running>,
    /// Held for the thread to end when it goes.
    thread: OnceLock<Option<Sender<()>>>,
}

impl Sampler {
    /// Starts to look. It waits for the first readings a moment, so that no scrape is empty.
    pub(crate) fn begin(&self, inner: &Arc<Inner>) {
        self.running(inner);
        self.thread.get_or_init(|| start(Arc::downgrade(inner)));
    }

    /// Puts the latest reading into `out`; the first call begins.
    pub(crate) fn sample(&self, inner: &Arc<Inner>, out: &mut Samples) {
        self.begin(inner);
        self.running(inner).read(out);
    }

    /// Puts the latest reading into `out` where the collectors are at work; it begins nothing.
    #[cfg_attr(not(feature = "progress"), allow(dead_code, reason = "only who follows a run looks in"))]
    pub(crate) fn peek(&self, out: &mut Samples) -> bool {
        let running = self.collectors.get();
        running.inspect(|running| running.read(out)).is_some()
    }

    pub(crate) fn running(&self, inner: &Arc<Inner>) -> &Running {
        self.collectors.get_or_init(|| {
            let plan = match inner.setup() {
                Some(setup) => setup.collectors.plan(&setup.environment.collecting),
                None => Collectors::default().plan(&Collecting::default()),
            };
            Running::start(Arc::downgrade(inner), plan)
        })
    }
}

/// The thread lives as long as the Meter.
fn start(inner: Weak<Inner>) -> Option<Sender<()>> {
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
            own.sampler.running(&own).supervise();
            own.registry.expire();
        }
    };
    let thread = std::thread::Builder::new().name("phasemeter-sample".into()).spawn(work);
    thread.ok().map(|_detached| alive)
}
