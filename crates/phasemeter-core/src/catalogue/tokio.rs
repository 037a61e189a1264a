//! The tokio runtime.

use super::Unit::{Count, Seconds};
use super::{Metric, Origin, counter, up_down};

metrics! {
    origin: Origin::Ours("the conventions know no asynchronous runtime");

    /// Worker threads of the runtime.
    TOKIO_WORKERS = up_down("tokio.workers", Count("{thread}"), &["runtime"]);
    /// Tasks that were spawned and are not over.
    TOKIO_ALIVE_TASKS = up_down("tokio.alive_tasks", Count("{task}"), &["runtime"]);
    /// Tasks that wait in the queue that all workers share.
    TOKIO_GLOBAL_QUEUE_DEPTH = up_down("tokio.global_queue_depth", Count("{task}"), &["runtime"]);
    /// Time that the worker was busy.
    TOKIO_WORKER_BUSY_TIME = counter("tokio.worker.busy_time", Seconds, &["runtime", "worker"]);
    /// How often the worker went to sleep for want of work.
    TOKIO_WORKER_PARKS = counter("tokio.worker.parks", Count("{park}"), &["runtime", "worker"]);
}
