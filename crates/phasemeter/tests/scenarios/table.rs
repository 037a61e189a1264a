//! The table: scenarios by grade, and where each of them is tried.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use tokio::runtime::Builder;

use crate::trial::Trial;

/// Scenarios of one kind.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) scenarios: Vec<Scenario>,
}

/// One thing that can happen to a run, in both grades.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) runtimes: &'static [Runtime],
    pub(crate) exact: Column,
    pub(crate) plain: Column,
}

/// The code in one grade, and what is measured of it.
pub(crate) struct Column {
    work: Option<Work>,
    /// What is measured, as [`Trial::said`] puts it.
    pub(crate) said: &'static str,
    /// What the code notes on its way.
    looks: &'static [i64],
    /// Why that is so, where it is not what one would wish.
    pub(crate) note: &'static str,
}

/// Code that is awaited.
pub(crate) type Awaited = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Clone, Copy)]
enum Work {
    Sync(fn(&Trial)),
    Async(fn(Arc<Trial>) -> Awaited),
}

/// Code that returns when it is done.
pub(crate) const fn sync(said: &'static str, looks: &'static [i64], work: fn(&Trial)) -> Column {
    Column { work: Some(Work::Sync(work)), said, looks, note: "" }
}

/// Code that is awaited.
pub(crate) const fn later(said: &'static str, looks: &'static [i64], work: fn(Arc<Trial>) -> Awaited) -> Column {
    Column { work: Some(Work::Async(work)), said, looks, note: "" }
}

/// The grade has no such thing.
pub(crate) const fn none(note: &'static str) -> Column {
    Column { work: None, said: "", looks: &[], note }
}

impl Column {
    /// Why what is measured is not what one would wish, or how it is had.
    pub(crate) const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }
}

/// Where code is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// A thread, without any runtime; futures are polled by hand.
    Thread,
    /// A thread of rayon.
    Rayon,
    /// tokio with one thread.
    CurrentThread,
    /// tokio with several threads, where it blocks on a future.
    MultiThread,
    /// A task that tokio spawned on one of several threads.
    Task,
    /// A closure on one of tokio's threads for blocking ones.
    Blocking,
}

use Runtime::{Blocking, CurrentThread, MultiThread, Rayon, Task, Thread};

/// Where code that returns can run.
pub(crate) const ANYWHERE: &[Runtime] = &[Thread, Rayon, CurrentThread, MultiThread, Task, Blocking];
/// Where code can be awaited.
pub(crate) const AWAITED: &[Runtime] = &[Thread, CurrentThread, MultiThread, Task];
/// Where tokio's own means are at hand.
pub(crate) const TOKIO: &[Runtime] = &[CurrentThread, MultiThread, Task];
/// Where it makes no difference where.
pub(crate) const THREAD: &[Runtime] = &[Thread];

/// Tries every scenario of a section in both grades, wherever it applies, each with a Meter of its own.
#[track_caller]
pub(crate) fn check(section: &Section) {
    let mut wrong = Vec::new();
    for Scenario { name, runtimes, exact, plain } in &section.scenarios {
        for (grade, column) in [("exact", exact), ("plain", plain)] {
            for runtime in *runtimes {
                if let Some(difference) = column.differs_on(*runtime) {
                    wrong.push(format!("{name} ({grade}, {runtime}): {difference}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

impl Column {
    fn differs_on(&self, runtime: Runtime) -> Option<String> {
        let trial = Trial::new();
        let work = self.work?;
        if catch_unwind(AssertUnwindSafe(|| runtime.run(&trial, work))).is_err() {
            return Some("it panicked".to_owned());
        }
        let (said, looks) = (trial.said(), trial.looks());
        let is_as_said = said == self.said && looks == self.looks;
        (!is_as_said).then(|| format!("{said:?} {looks:?} instead of {:?} {:?}", self.said, self.looks))
    }
}

impl Runtime {
    fn run(self, trial: &Arc<Trial>, work: Work) {
        let own = trial.clone();
        let join_thread = {
            let own = trial.clone();
            move || own.join_thread()
        };
        let pool = |builder: &mut Builder| {
            let builder = builder.worker_threads(2).enable_time().on_thread_start(join_thread.clone());
            builder.build().expect("threads can be started")
        };
        trial.under_layer(|| match (self, work) {
            (Thread, Work::Sync(work)) => trial.elsewhere(|| work(trial)),
            (Thread, Work::Async(work)) => trial.elsewhere(|| crate::trial::block_on(work(own))),
            (Rayon, Work::Sync(work)) => {
                let join_thread = join_thread.clone();
                let builder = rayon::ThreadPoolBuilder::new().num_threads(2).start_handler(move |_| join_thread());
                builder.build().expect("threads can be started").install(|| work(trial));
            }
            (CurrentThread, work) => pool(&mut Builder::new_current_thread()).block_on(work.awaited(own)),
            (MultiThread, work) => pool(&mut Builder::new_multi_thread()).block_on(work.awaited(own)),
            (Task, work) => {
                let pool = pool(&mut Builder::new_multi_thread());
                pool.block_on(async { tokio::spawn(work.awaited(own)).await }).expect("it does not panic");
            }
            (Blocking, Work::Sync(work)) => {
                let pool = pool(&mut Builder::new_multi_thread());
                let blocking = async { tokio::task::spawn_blocking(move || work(&own)).await };
                pool.block_on(blocking).expect("it does not panic");
            }
            (Rayon | Blocking, Work::Async(_)) => panic!("nothing can be awaited there"),
        });
    }
}

impl Work {
    async fn awaited(self, trial: Arc<Trial>) {
        match self {
            Self::Sync(work) => work(&trial),
            Self::Async(work) => work(trial).await,
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread => "thread",
            Self::Rayon => "rayon",
            Self::CurrentThread => "tokio, one thread",
            Self::MultiThread => "tokio, several threads",
            Self::Task => "spawned task",
            Self::Blocking => "spawn_blocking",
        })
    }
}
