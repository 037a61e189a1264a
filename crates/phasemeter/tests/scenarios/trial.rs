//! One trial: a Meter of its own, a clock that is turned by hand, and what is seen of the phase `work` on the way.

use std::future::Future;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use phasemeter::{ManualClock, Meter, Phase, PhaseReading};
use tracing::dispatcher::{get_default, set_default, with_default};
use tracing::field::Empty;
use tracing::{Dispatch, Span, info_span};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

/// What a scenario's code is given.
pub(crate) struct Trial {
    pub(crate) meter: Meter,
    /// The phase `work` of the pipeline `test`, in the exact grade.
    pub(crate) phase: Phase,
    clock: ManualClock,
    dispatch: Dispatch,
    looks: Mutex<Vec<i64>>,
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A panic that is part of a scenario; it is not printed.
pub(crate) fn wanted_panic() {
    panic::panic_any(WANTED);
}

const WANTED: &str = "as the scenario wants";

impl Trial {
    pub(crate) fn new() -> Arc<Self> {
        LazyLock::force(&WANTED_PANICS_ARE_SILENT);
        let clock = ManualClock::new();
        let builder = Meter::builder().clock(clock.clone()).environment([]).pipeline("test").label_fields(["tenant"]);
        let meter = builder.build();
        let dispatch = Dispatch::new(registry().with(meter.layer()));
        Arc::new(Self { phase: meter.phase("work"), meter, clock, dispatch, looks: Mutex::default() })
    }

    /// The phase `work` as a plain span, with room for what is recorded late.
    pub(crate) fn span(&self) -> Span {
        info_span!(
            "work",
            phase.name = "work",
            phase.items = Empty,
            phase.bytes = Empty,
            phase.total = Empty,
            phase.unit.tokens = Empty,
            phase.item = Empty,
            phase.outcome = Empty,
            error.type = Empty,
            pipeline.name = Empty,
            tenant = Empty
        )
    }

    /// Lets a second pass.
    pub(crate) fn second(&self) {
        self.seconds(1);
    }

    pub(crate) fn seconds(&self, seconds: u32) {
        self.clock.advance(SECOND * seconds);
    }

    /// Notes how many runs of `work` are in flight.
    pub(crate) fn look(&self) {
        self.note(self.works().iter().map(|reading| reading.counts.active).sum());
    }

    /// Notes how many runs of `work` are held.
    pub(crate) fn look_for_held(&self) {
        self.note(self.works().iter().map(|reading| reading.counts.held as i64).sum());
    }

    /// Notes how many items of `work` are done.
    pub(crate) fn look_for_items(&self) {
        self.note(self.works().iter().map(|reading| reading.counts.items_processed() as i64).sum());
    }

    /// What was noted.
    pub(crate) fn looks(&self) -> Vec<i64> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, number: i64) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).push(number);
    }

    fn works(&self) -> Vec<PhaseReading> {
        self.meter.phases().into_iter().filter(|reading| &*reading.phase == "work").collect()
    }

    /// Nanoseconds since the trial began.
    pub(crate) fn now_ns(&self) -> u64 {
        phasemeter::Clock::from(self.clock.clone()).now_ns()
    }

    /// Runs a closure where plain spans reach the trial's Meter.
    pub(crate) fn under_layer<T>(&self, work: impl FnOnce() -> T) -> T {
        with_default(&self.dispatch, work)
    }

    /// Runs a closure on another thread, under the same subscriber, and waits for it.
    pub(crate) fn elsewhere<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let dispatch = get_default(Clone::clone);
        let thread = thread::scope(|scope| scope.spawn(|| with_default(&dispatch, work)).join());
        thread.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// From now on, and until it ends, plain spans of this thread reach the trial's Meter.
    pub(crate) fn join_thread(&self) {
        // The thread is a pool's, which has no place for the guard and lives no longer than the trial.
        std::mem::forget(set_default(&self.dispatch));
    }
}

static WANTED_PANICS_ARE_SILENT: LazyLock<()> = LazyLock::new(|| {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&WANTED) {
            others(info);
        }
    }));
});

/// Catches the panic that the scenario wants.
#[track_caller]
pub(crate) fn caught<T>(work: impl FnOnce() -> T) {
    assert!(catch_unwind(AssertUnwindSafe(work)).is_err(), "it should panic");
}

/// Does something while it is dropped.
pub(crate) struct WhenDropped<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for WhenDropped<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Polls once, for nobody.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs a future on this thread, without any runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
