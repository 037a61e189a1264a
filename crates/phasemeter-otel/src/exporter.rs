//! The thread that pushes, and the guard that ends it.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use phasemeter_core::Snapshot;

use crate::counts::Counts;
use crate::push::{Moment, Pushed, Pusher};
use crate::schedule::{Came, Schedule};
use crate::settings::Settings;
use crate::wishes::{Ending, Wake, Wishes};
use crate::{Builder, Error};

const THREAD_NAME: &str = "phasemeter-otlp";

/// A push that is set up and not yet begun.
#[must_use = "nothing is pushed before it is started"]
pub struct Exporter {
    settings: Settings,
    counts: Arc<Counts>,
}

impl Exporter {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, counts: Arc::new(Counts::new(moment().unix_ns)) }
    }

    /// Sets one up by hand.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// One as the environment wants it; see [`Builder::environment`].
    ///
    /// # Errors
    /// A variable that cannot be understood; the message names it.
    pub fn from_env(look_up: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        Self::builder().environment(look_up).build()
    }

    /// Whether it pushes anything: not where the environment names no receiver, or wants none.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.settings.is_enabled
    }

    /// What will be counted of the pushes: for the snapshots themselves.
    #[must_use]
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }

    /// Begins to push, on a thread of its own, what the source gives whenever it is asked. Where it is not enabled,
    /// nothing happens.
    ///
    /// # Errors
    /// The machine gives no thread; see [`Error::is_thread`].
    pub fn start(self, source: impl Fn() -> Snapshot + Send + Sync + 'static) -> Result<Guard, Error> {
        let Self { settings, counts } = self;
        let (say, shutdown) = (settings.say, settings.shutdown);
        let wishes = Arc::new(Wishes::default());
        let mut guard = Guard { wishes: wishes.clone(), counts: counts.clone(), thread: None, shutdown, say };
        if settings.is_enabled {
            let schedule = Schedule::new(settings.interval, Instant::now());
            let work = move || run(&wishes, &source, Pusher::new(settings, counts), schedule);
            let thread = thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(work);
            guard.thread = Some(thread.map_err(|cause| Error::thread(&cause))?);
        }
        Ok(guard)
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { is_enabled, interval, timeout, .. } = &self.settings;
        let mut exporter = f.debug_struct("Exporter");
        exporter.field("is_enabled", is_enabled).field("interval", interval).field("timeout", timeout);
        exporter.finish_non_exhaustive()
    }
}

/// A push while it goes on. When it is dropped, also by a panic that unwinds, what was measured is pushed once more,
/// and the thread ends; that takes as long as the receiver takes, and the limit of [`Builder::shutdown`] at most.
#[must_use = "pushing ends when this is dropped"]
pub struct Guard {
    wishes: Arc<Wishes>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
    shutdown: Duration,
    say: fn(&str),
}

impl Guard {
    /// Pushes now, and waits until that is done. Whether it came through within the limit; false where nothing is pushed.
    pub fn flush(&self, limit: Duration) -> bool {
        self.thread.is_some() && self.wishes.flush(after(limit))
    }

    /// What came of the pushes so far.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Pushes once more, and ends the thread. Whether that push came through within the limit; true where there was none
    /// to make.
    pub fn shut_down(mut self) -> bool {
        self.stop()
    }

    fn stop(&mut self) -> bool {
        let Some(thread) = self.thread.take() else { return true };
        let (has_ended, came_through) = self.wishes.stop(after(self.shutdown));
        if has_ended {
            // Its panic, where it had one, has been reported by the panic hook.
            let _ = thread.join();
        } else {
            // It is inside a request, or the source, from which nothing takes it back; it ends with the process.
            (self.say)("the last push over OTLP was not over in time: the receiver may lack what was counted last");
        }
        came_through
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("counts", &self.counts).finish_non_exhaustive()
    }
}

fn run(wishes: &Wishes, source: &dyn Fn() -> Snapshot, mut pusher: Pusher, mut schedule: Schedule) {
    let _ending = Ending(wishes);
    let chance = RandomState::new();
    loop {
        let wake = wishes.wait(schedule.next());
        let began = Instant::now();
        let limit = match wake {
            Wake::Due | Wake::Flush(_) => pusher.timeout(),
            // What a receiver asked for does not matter any more: there is no other time.
            Wake::Stop(deadline) => deadline.saturating_duration_since(began).min(pusher.timeout()),
        };
        let (outcome, wait) = push(&mut pusher, source, limit);
        schedule.pushed(began, Instant::now(), Came { outcome, wait, chance: chance.hash_one(began) });
        match wake {
            Wake::Due => {}
            Wake::Flush(wish) => wishes.done(wish, outcome.came_through()),
            Wake::Stop(_) => return wishes.done(u64::MAX, outcome.came_through()),
        }
    }
}

/// The source is the host's: what panics there must not end the thread.
fn push(pusher: &mut Pusher, source: &dyn Fn() -> Snapshot, limit: Duration) -> Pushed {
    let began = Instant::now();
    match catch_unwind(AssertUnwindSafe(source)) {
        // A snapshot takes its part of the time.
        Ok(snapshot) => pusher.push(snapshot, moment(), limit.saturating_sub(began.elapsed()).max(LEAST)),
        Err(_) => pusher.failed(moment()),
    }
}

/// The least that a push is given: a limit of nothing would be none to the client.
const LEAST: Duration = Duration::from_millis(1);

fn moment() -> Moment {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Moment { now: Instant::now(), unix_ns: u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX) }
}

/// A limit beyond what an Instant holds is as good as a year.
fn after(limit: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    let now = Instant::now();
    now.checked_add(limit).unwrap_or(now + YEAR)
}
