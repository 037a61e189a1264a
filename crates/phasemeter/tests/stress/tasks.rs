//! Runs in tasks of tokio, some of which are aborted at any moment.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread;

use phasemeter::{Level, Outcome, PhaseFutureExt as _};
use tokio::runtime::Builder;
use tokio::task::{JoinSet, yield_now};
use tracing::dispatcher::{set_default, with_default};
use tracing::{Instrument as _, info_span};

use crate::oracle::Tally;
use crate::random::Random;
use crate::way::Way;
use crate::{EXACT, PLAIN, Stress};

/// At least so many runs.
pub(crate) fn run(stress: &Arc<Stress>, runs: u64) -> Tally {
    let dispatch = stress.dispatch.clone();
    // The thread has no place for the guard, and lives no longer than the runtime.
    let join_thread = move || std::mem::forget(set_default(&dispatch));
    let runtime = Builder::new_multi_thread().worker_threads(2).on_thread_start(join_thread).build();
    let tally = Arc::new(Mutex::default());
    let mut random = Random::new(1_000);
    with_default(&stress.dispatch, || {
        runtime.expect("threads can be started").block_on(async {
            while lock(&tally).runs() < runs {
                spawn_some(stress, &tally, &mut random).await;
            }
        });
    });
    std::mem::take(&mut *lock(&tally))
}

/// Spawns a hundred tasks, aborts some, and waits for all.
async fn spawn_some(stress: &Arc<Stress>, tally: &Arc<Mutex<Tally>>, random: &mut Random) {
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let (way, number, yields) = (Way::by_chance(random), random.below(3) as usize, random.below(4));
        let task = if random.below(2) == 0 {
            tasks.spawn(exact(stress.clone(), tally.clone(), number, way, yields))
        } else {
            tasks.spawn(plain(stress, tally.clone(), number, way, yields))
        };
        match random.below(4) {
            // Wherever it is, or has not begun, or is over.
            0 => task.abort(),
            1 => {
                yield_now().await;
                task.abort();
            }
            _ => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}

/// Notes how a run ended when its future is dropped, as the run itself is.
struct Witness {
    tally: Arc<Mutex<Tally>>,
    phase: &'static str,
    is_measured: bool,
    outcome: Outcome,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let outcome = if thread::panicking() { Outcome::Error } else { self.outcome };
        if self.is_measured {
            lock(&self.tally).run(self.phase, outcome, 0);
        }
    }
}

async fn exact(stress: Arc<Stress>, tally: Arc<Mutex<Tally>>, number: usize, way: Way, yields: u64) {
    let work = async {
        // It is made at the first poll, when the run begins: before that there is nothing to be cancelled.
        let is_measured = stress.meter.level() > Level::Off;
        let mut witness = Witness { tally, phase: EXACT[number], is_measured, outcome: Outcome::Cancelled };
        for _ in 0..yields {
            yield_now().await;
        }
        let result = way.go();
        witness.outcome = way.outcome();
        result
    };
    let mut run = pin!(work.phase(&stress.exact[number]));
    let first = poll_fn(|context| Poll::Ready(stress.begin(|| run.as_mut().poll(context)).0)).await;
    if first.is_pending() {
        _ = run.await;
    }
}

/// Its span reads ok whenever its future is gone, but for a panic.
fn plain(
    stress: &Stress,
    tally: Arc<Mutex<Tally>>,
    number: usize,
    way: Way,
    yields: u64,
) -> impl Future<Output = ()> + Send + 'static {
    let (span, is_measured) = stress.begin(|| info_span!("span", phase.name = PLAIN[number]));
    let witness = Witness { tally, phase: PLAIN[number], is_measured, outcome: Outcome::Ok };
    let work = async move {
        let _witness = witness;
        for _ in 0..yields {
            yield_now().await;
        }
        _ = way.go();
    };
    work.instrument(span)
}

fn lock(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
