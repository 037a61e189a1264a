//! tokio runtimes that the program wants to see. What a runtime counts of itself is read at each scrape: it is memory, and
//! neither locks nor waits.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use phasemeter_core::catalogue::{
    TOKIO_ALIVE_TASKS, TOKIO_GLOBAL_QUEUE_DEPTH, TOKIO_WORKER_BUSY_TIME, TOKIO_WORKER_PARKS, TOKIO_WORKERS,
};
use phasemeter_core::{Labels, Samples, Value, bounded_value};
use tokio::runtime::Handle;

use crate::inner::lock;
use crate::meter::Meter;

/// Runtimes of a Meter.
#[derive(Default)]
pub(crate) struct Runtimes(Mutex<Vec<Weak<Watched>>>);

struct Watched {
    name: String,
    handle: Handle,
}

/// A runtime is shown while this is held: its numbers mean nothing once it is shut down, and do not tell.
#[must_use = "the runtime is shown until this is dropped"]
pub struct WatchedRuntime {
    watched: Arc<Watched>,
}

impl Meter {
    /// Shows how busy a tokio runtime is: its workers, tasks and queue, by the label `runtime`. Of two of one name, the first
    /// is shown.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # let meter = phasemeter::Meter::builder().isolated().build();
    /// let _shown = meter.watch_runtime("main", runtime.handle());
    /// # let (_, body) = meter.render("");
    /// # assert!(String::from_utf8_lossy(&body).contains("tokio_workers{runtime=\"main\"} 1"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn watch_runtime(&self, name: impl Into<String>, handle: &Handle) -> WatchedRuntime {
        let watched = Arc::new(Watched { name: name.into(), handle: handle.clone() });
        let mut runtimes = lock(&self.inner.runtimes.0);
        runtimes.retain(|known| known.strong_count() > 0);
        runtimes.push(Arc::downgrade(&watched));
        WatchedRuntime { watched }
    }
}

impl Runtimes {
    pub(crate) fn sample(&self, out: &mut Samples) {
        let runtimes: Vec<_> = lock(&self.0).iter().filter_map(Weak::upgrade).collect();
        for watched in runtimes {
            watched.sample(out);
        }
    }
}

impl Watched {
    fn sample(&self, out: &mut Samples) {
        let metrics = self.handle.metrics();
        let name = bounded_value(&self.name);
        let labels = |further: &[(&str, &str)]| {
            let pairs = further.iter().copied().chain([("runtime", &*name)]);
            Labels::new(pairs).expect("invariant: constant, valid label names")
        };
        let level = |count: usize| Value::Level(i64::try_from(count).unwrap_or(i64::MAX));
        let own = labels(&[]);
        out.push(&TOKIO_WORKERS, own.clone(), level(metrics.num_workers()));
        out.push(&TOKIO_ALIVE_TASKS, own.clone(), level(metrics.num_alive_tasks()));
        out.push(&TOKIO_GLOBAL_QUEUE_DEPTH, own, level(metrics.global_queue_depth()));
        for worker in 0..metrics.num_workers() {
            let of_worker = labels(&[("worker", &worker.to_string())]);
            let busy_ns = u64::try_from(metrics.worker_total_busy_duration(worker).as_nanos()).unwrap_or(u64::MAX);
            out.push(&TOKIO_WORKER_BUSY_TIME, of_worker.clone(), Value::Nanos(busy_ns));
            out.push(&TOKIO_WORKER_PARKS, of_worker, Value::Count(metrics.worker_park_count(worker)));
        }
    }
}

impl fmt::Debug for WatchedRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedRuntime").field("name", &self.watched.name).finish_non_exhaustive()
    }
}
