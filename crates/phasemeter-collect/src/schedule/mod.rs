//! When each collector reads, and what each read last.
//!
//! One thread reads for all, one collector after the other, each at its own cadence. While a reading is slow,
//! [`Schedule::supervise`] gives the others a new thread, so there are never more threads than slow collectors, and one.
//! Beyond its deadline a collector is stuck, and says so. Whoever asks gets the latest readings at once.

mod plan;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use phasemeter_core::{Moment, Samples};

use self::plan::{Plan, Task};
use crate::{Collector, Error};

pub use self::plan::State;

/// Told of each reading, on the thread that read. While it is at one, it is told of no other: what it must know it can
/// see in the next.
pub trait Watch: Send {
    /// What a collector has just read.
    fn seen(&mut self, collector: &'static str, at: Moment, samples: &Samples) {
        let _unused = (collector, at, samples);
    }

    /// A collector is in another state than before; with the reason where it is not well.
    fn changed(&mut self, collector: &'static str, state: State, reason: Option<&str>) {
        let _unused = (collector, state, reason);
    }
}

/// Nobody watches.
impl Watch for () {}

/// Collectors that are read in the background, until this is dropped.
pub struct Schedule {
    shared: Arc<Shared>,
}

struct Shared {
    plan: Mutex<Plan>,
    /// A thread has something to do, or something was read.
    changed: Condvar,
    watch: Mutex<Box<dyn Watch>>,
    clock: Box<dyn Fn() -> Moment + Send + Sync>,
}

/// Readings are more frequent while one of these is held.
#[must_use = "readings are as usual again once it is dropped"]
pub struct Haste {
    shared: Arc<Shared>,
}

impl Schedule {
    /// Begins to read: each collector every `interval`, or as often as it allows.
    #[must_use]
    pub fn start(collectors: Vec<Box<dyn Collector>>, interval: Duration, watch: impl Watch + 'static) -> Self {
        let begun = Instant::now();
        let clock = move || Moment {
            now_ns: nanos(begun.elapsed()),
            unix_ns: std::time::UNIX_EPOCH.elapsed().map_or(0, nanos),
        };
        Self::start_by(clock, collectors, interval, watch)
    }

    /// The same by another clock.
    pub fn start_by(
        clock: impl Fn() -> Moment + Send + Sync + 'static,
        collectors: Vec<Box<dyn Collector>>,
        interval: Duration,
        watch: impl Watch + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            plan: Mutex::new(Plan::new(collectors, interval, clock().now_ns)),
            changed: Condvar::new(),
            watch: Mutex::new(Box::new(watch)),
            clock: Box::new(clock),
        });
        let schedule = Self { shared };
        schedule.supervise();
        schedule
    }

    /// Puts the latest readings, and how each collector is, into `out`.
    pub fn read(&self, out: &mut Samples) {
        let now_ns = self.shared.now().now_ns;
        self.shared.plan().read(now_ns, out);
    }

    /// How each collector is, by name, with the reason where it is not well.
    #[must_use]
    pub fn states(&self) -> Vec<(&'static str, State, Option<String>)> {
        let now_ns = self.shared.now().now_ns;
        self.shared.plan().states(now_ns)
    }

    /// Sees to it that somebody reads: to be called now and then, as each second. Cheap where all is well.
    pub fn supervise(&self) {
        let now_ns = self.shared.now().now_ns;
        {
            let mut plan = self.shared.plan();
            plan.note_stuck(now_ns);
            if plan.wants_a_thread(now_ns) && spawn(self.shared.clone()) {
                plan.threads += 1;
            }
        }
        self.shared.changed.notify_all();
        self.shared.tell_changes();
    }

    /// Waits until every collector was read once, but no longer than this. True where they all were.
    pub fn wait_for_first(&self, limit: Duration) -> bool {
        self.wait_while(limit, Plan::is_any_pending)
    }

    /// Waits until every collector was read twice, which is when there are rates and shares; those that are not read as
    /// often as once within the limit are not waited for. True where they all were.
    pub fn wait_for_second(&self, limit: Duration) -> bool {
        self.wait_while(limit, |plan| plan.lacks_a_second(nanos(limit)))
    }

    fn wait_while(&self, limit: Duration, lacks: impl Fn(&Plan) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        let mut plan = self.shared.plan();
        while lacks(&plan) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (plan, _) = self.shared.changed.wait_timeout(plan, left).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Reads what can be read often twenty times a second, while the result is held: peaks of a window are to be seen.
    pub fn hurry(&self) -> Haste {
        self.shared.plan().hurry(self.shared.now().now_ns);
        self.shared.changed.notify_all();
        Haste { shared: self.shared.clone() }
    }
}

impl Drop for Haste {
    fn drop(&mut self) {
        self.shared.plan().calm();
    }
}

/// Threads end once they are back from what they read; they are not waited for, since one may be stuck.
impl Drop for Schedule {
    fn drop(&mut self) {
        self.shared.plan().is_over = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn now(&self) -> Moment {
        (self.clock)()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next task, once it is due; `None` where this thread is to end. One that is known to be slow leaves somebody
    /// behind who reads for the others.
    fn next(self: &Arc<Self>) -> Option<Task> {
        let mut plan = self.plan();
        loop {
            let now_ns = self.now().now_ns;
            if plan.is_over || plan.has_a_thread_too_many(now_ns) {
                plan.threads -= 1;
                return None;
            }
            if let Some(task) = plan.take_due(now_ns) {
                if plan.wants_a_thread(now_ns) && spawn(self.clone()) {
                    plan.threads += 1;
                }
                return Some(task);
            }
            let due_in = Duration::from_nanos(plan.due_in_ns(now_ns));
            (plan, _) = self.changed.wait_timeout(plan, due_in).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn work(self: &Arc<Self>) {
        while let Some(mut task) = self.next() {
            let begun = self.now();
            let mut samples = Samples::default();
            // A collector that panics has failed; what it holds is its own, and it is asked again.
            let read = catch_unwind(AssertUnwindSafe(|| task.collector.sample(begun, &mut samples)));
            let read = read.unwrap_or_else(|_| Err(Error::panicked(task.collector.name())));
            let ended = self.now();
            let name = task.collector.name();
            let reason = read.as_ref().err().map(ToString::to_string);
            let state = match &read {
                Ok(()) => State::Ok,
                Err(error) if error.is_no_data() => State::NoData,
                Err(_) => State::Failed,
            };
            let samples = Arc::new(if read.is_ok() { samples } else { Samples::default() });
            self.plan().publish(&task, state, reason, samples.clone(), begun, ended);
            self.changed.notify_all();
            // Before the collector is back: so what is told of it comes in its order, and who is told and does not come
            // back holds up this one alone.
            if read.is_ok() {
                self.tell(|watch| watch.seen(name, begun, &samples));
            }
            self.tell_changes();
            self.plan().put_back(task, ended);
            self.changed.notify_all();
        }
    }

    /// What has changed and was not told yet: by whoever finds somebody to tell.
    fn tell_changes(&self) {
        self.tell(|watch| {
            loop {
                let Some(change) = self.plan().take_change() else { return };
                watch.changed(change.name, change.state, change.reason.as_deref());
            }
        });
    }

    /// Somebody else's code: where it panics, readings go on; where it is still at something else, it is not waited for.
    fn tell(&self, tell: impl FnOnce(&mut dyn Watch)) {
        let mut watch = match self.watch.try_lock() {
            Ok(watch) => watch,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let _panicked = catch_unwind(AssertUnwindSafe(|| tell(&mut **watch)));
    }
}

fn spawn(shared: Arc<Shared>) -> bool {
    let thread = std::thread::Builder::new().name("phasemeter-collect".into()).spawn(move || shared.work());
    thread.is_ok()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
