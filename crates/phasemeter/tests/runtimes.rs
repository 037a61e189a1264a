//! tokio runtimes on the exposition.

use phasemeter::catalogue::{TOKIO_ALIVE_TASKS, TOKIO_WORKER_BUSY_TIME, TOKIO_WORKER_PARKS, TOKIO_WORKERS};
use phasemeter::{Collectors, Meter, Metric, Value};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

fn meter() -> Meter {
    Meter::builder().isolated().environment([]).collectors(Collectors::none()).build()
}

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).build().expect("threads can be started")
}

fn value(meter: &Meter, metric: &Metric, labels: &[(&str, &str)]) -> Option<f64> {
    meter.snapshot().value(metric, labels).map(Value::as_f64)
}

#[test]
fn workers_and_tasks_of_each_runtime_are_shown_while_they_are_watched() {
    let (meter, one, other) = (meter(), runtime(2), runtime(3));
    let shown = meter.watch_runtime("one", one.handle());
    let _other = meter.watch_runtime("other", other.handle());
    let workers = |name| value(&meter, &TOKIO_WORKERS, &[("runtime", name)]);
    assert_eq!((workers("one"), workers("other")), (Some(2.0), Some(3.0)));
    assert_eq!(meter.snapshot().series(&TOKIO_WORKER_BUSY_TIME).len(), 5);
    drop(shown);
    assert_eq!((workers("one"), workers("other")), (None, Some(3.0)));
}

#[test]
fn a_task_is_alive_until_it_is_over_and_workers_count_how_often_they_slept() {
    let (meter, runtime) = (meter(), runtime(1));
    let _shown = meter.watch_runtime("main", runtime.handle());
    let alive = || value(&meter, &TOKIO_ALIVE_TASKS, &[("runtime", "main")]);
    assert_eq!(alive(), Some(0.0));
    let (release, released) = oneshot::channel::<()>();
    let (begin, begun) = oneshot::channel::<()>();
    let task = runtime.spawn(async move {
        let _told = begin.send(());
        let _over = released.await;
    });
    runtime.block_on(begun).expect("the task begins");
    assert_eq!(alive(), Some(1.0));
    release.send(()).expect("the task waits");
    runtime.block_on(task).expect("it does not panic");
    // It slept before the task came, and while the task waited.
    let parks = value(&meter, &TOKIO_WORKER_PARKS, &[("runtime", "main"), ("worker", "0")]);
    assert!(parks.is_some_and(|parks| parks >= 1.0), "{parks:?}");
}
