//! What tokio's own means do to a run: tasks, timeouts, `select!`, aborts.

use std::future::pending;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use phasemeter::PhaseFutureExt as _;
use tokio::sync::{Barrier, oneshot};
use tokio::task::{JoinSet, spawn_blocking, yield_now};
use tokio::time::timeout;
use tracing::{Instrument as _, info_span};

use crate::table::{Runtime, Scenario, Section, TOKIO, later};
use crate::trial::{Trial, wanted_panic};

pub(crate) fn section() -> Section {
    let mut scenarios = gives_up();
    scenarios.extend(runs_on());
    Section { title: "Tasks of tokio", scenarios }
}

/// Long enough for a first poll, and not worth waiting for.
const SHORTLY: Duration = Duration::from_millis(1);

/// Tells the others that the run has begun, and never ends.
async fn begun(all_have_begun: Arc<Barrier>) {
    all_have_begun.wait().await;
    pending::<()>().await;
}

fn gives_up() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "A timeout passes",
            runtimes: TOKIO,
            exact: later("cancelled in 1 s", &[0], |t| {
                Box::pin(async move {
                    let work = async {
                        t.second();
                        pending::<()>().await;
                    };
                    assert!(timeout(SHORTLY, work.phase(&t.phase)).await.is_err());
                    t.look();
                })
            }),
            plain: later("ok in 1 s", &[0], |t| {
                Box::pin(async move {
                    let work = async {
                        t.second();
                        pending::<()>().await;
                    };
                    assert!(timeout(SHORTLY, work.instrument(t.span())).await.is_err());
                    t.look();
                })
            })
            .note("A span cannot tell: record `phase.outcome` where the timeout is seen"),
        },
        Scenario {
            name: "It loses in `select!`, a second after it began to wait",
            runtimes: TOKIO,
            exact: later("cancelled in 1 s", &[1, 0], |t| {
                Box::pin(async move {
                    let winner = async {
                        yield_now().await;
                        t.look();
                        t.second();
                    };
                    tokio::select! {
                        biased;
                        () = pending::<()>().phase(&t.phase) => {}
                        () = winner => {}
                    }
                    t.look();
                })
            }),
            plain: later("ok in 1 s", &[1, 0], |t| {
                Box::pin(async move {
                    let winner = async {
                        yield_now().await;
                        t.look();
                        t.second();
                    };
                    tokio::select! {
                        biased;
                        () = pending::<()>().instrument(t.span()) => {}
                        () = winner => {}
                    }
                    t.look();
                })
            })
            .note("A span cannot tell"),
        },
        Scenario {
            name: "Three tasks are aborted, by `JoinSet::abort_all`",
            runtimes: TOKIO,
            exact: later("3 cancelled", &[3, 0], |t| {
                Box::pin(async move {
                    let work = |t: Arc<Trial>, barrier| async move { begun(barrier).phase(&t.phase).await };
                    abort_three(&t, work).await;
                })
            }),
            plain: later("3 ok", &[3, 0], |t| {
                Box::pin(async move {
                    let work = |t: Arc<Trial>, barrier| async move { begun(barrier).instrument(t.span()).await };
                    abort_three(&t, work).await;
                })
            })
            .note("A span cannot tell"),
        },
        Scenario {
            name: "A task is aborted before it began",
            // Elsewhere it may begin before it is aborted.
            runtimes: &[Runtime::CurrentThread],
            exact: later("no run", &[], |t| {
                Box::pin(async move {
                    let task = tokio::spawn(async move { pending::<()>().phase(&t.phase).await });
                    task.abort();
                    assert!(task.await.is_err_and(|error| error.is_cancelled()));
                })
            }),
            plain: later("ok", &[], |t| {
                Box::pin(async move {
                    let task = tokio::spawn(pending::<()>().instrument(t.span()));
                    task.abort();
                    assert!(task.await.is_err_and(|error| error.is_cancelled()));
                })
            })
            .note("`Instrumented` enters its span when it is dropped: a run that never was"),
        },
        Scenario {
            name: "A task panics",
            runtimes: TOKIO,
            exact: later("error (panic)", &[], |t| {
                Box::pin(async move {
                    let task = tokio::spawn(async move { async { wanted_panic() }.phase(&t.phase).await });
                    assert!(task.await.is_err_and(|error| error.is_panic()));
                })
            }),
            plain: later("error (panic)", &[], |t| {
                Box::pin(async move {
                    let task = tokio::spawn(async { wanted_panic() }.instrument(t.span()));
                    assert!(task.await.is_err_and(|error| error.is_panic()));
                })
            }),
        },
    ]
}

async fn abort_three<F>(t: &Arc<Trial>, work: impl Fn(Arc<Trial>, Arc<Barrier>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let all_have_begun = Arc::new(Barrier::new(4));
    let mut tasks = JoinSet::new();
    for _ in 0..3 {
        tasks.spawn(work(t.clone(), all_have_begun.clone()));
    }
    all_have_begun.wait().await;
    t.look();
    tasks.abort_all();
    while tasks.join_next().await.is_some() {}
    t.look();
}

fn runs_on() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "A task is spawned, and nobody waits for it: its `JoinHandle` is dropped",
            runtimes: TOKIO,
            exact: later("ok in 1 s", &[1], |t| {
                Box::pin(async move {
                    let (done, is_done) = oneshot::channel();
                    let work = async move {
                        let work = async {
                            yield_now().await;
                            t.look();
                            t.second();
                        };
                        work.phase(&t.phase).await;
                        done.send(()).expect("the test waits");
                    };
                    drop(tokio::spawn(work));
                    is_done.await.expect("the task runs on");
                })
            }),
            plain: later("ok in 1 s", &[1], |t| {
                Box::pin(async move {
                    let (done, is_done) = oneshot::channel();
                    let work = async move {
                        let work = async {
                            yield_now().await;
                            t.look();
                            t.second();
                        };
                        work.instrument(t.span()).await;
                        done.send(()).expect("the test waits");
                    };
                    drop(tokio::spawn(work));
                    is_done.await.expect("the task runs on");
                })
            }),
        },
        Scenario {
            name: "A closure under `spawn_blocking` is aborted after it began",
            runtimes: TOKIO,
            exact: later("ok in 1 s", &[1], |t| {
                Box::pin(async move {
                    let ((begin, has_begun), (end, ends)) = (oneshot::channel(), mpsc::channel());
                    let own = t.clone();
                    let task = spawn_blocking(move || {
                        own.phase.run(|_| {
                            begin.send(()).expect("the test waits");
                            ends.recv().expect("the test says when");
                            own.second();
                        });
                    });
                    has_begun.await.expect("it begins");
                    task.abort();
                    t.look();
                    end.send(()).expect("it waits");
                    task.await.expect("it cannot be stopped");
                })
            })
            .note("It cannot be stopped, and runs on"),
            plain: later("ok in 1 s", &[1], |t| {
                Box::pin(async move {
                    let ((begin, has_begun), (end, ends)) = (oneshot::channel(), mpsc::channel());
                    let own = t.clone();
                    let task = spawn_blocking(move || {
                        own.span().in_scope(|| {
                            begin.send(()).expect("the test waits");
                            ends.recv().expect("the test says when");
                            own.second();
                        });
                    });
                    has_begun.await.expect("it begins");
                    task.abort();
                    t.look();
                    end.send(()).expect("it waits");
                    task.await.expect("it cannot be stopped");
                })
            })
            .note("The same"),
        },
        Scenario {
            name: "A phase spawns a task that is a phase, and ends before it",
            runtimes: TOKIO,
            exact: later("inner: ok in 1 s; work: ok in 1 s", &[0], |t| {
                Box::pin(async move {
                    let (end, ends) = oneshot::channel::<()>();
                    let task = t.phase.run(|_| {
                        t.second();
                        let own = t.clone();
                        let work = async move {
                            ends.await.expect("the test says when");
                            own.second();
                        };
                        let inner = t.meter.phase("inner");
                        Some(tokio::spawn(async move { work.phase(&inner).await }))
                    });
                    t.look();
                    end.send(()).expect("it waits");
                    task.expect("it was spawned").await.expect("it does not panic");
                })
            }),
            plain: later("inner: ok in 1 s; work: ok in 1 s", &[1], |t| {
                Box::pin(async move {
                    let (end, ends) = oneshot::channel::<()>();
                    let task = t.span().in_scope(|| {
                        t.second();
                        let own = t.clone();
                        let work = async move {
                            ends.await.expect("the test says when");
                            own.second();
                        };
                        tokio::spawn(work.instrument(info_span!("inner", phase.name = "inner")))
                    });
                    t.look();
                    end.send(()).expect("it waits");
                    task.await.expect("it does not panic");
                })
            })
            .note("The outer one is published, with its own time, when the inner one has closed"),
        },
        Scenario {
            name: "The runtime is shut down while a task waits",
            runtimes: TOKIO,
            exact: later("cancelled", &[1], |t| {
                Box::pin(async move {
                    let (begun, has_begun) = oneshot::channel();
                    let own = t.clone();
                    let work = async move {
                        let work = async {
                            begun.send(()).expect("the test waits");
                            pending::<()>().await;
                        };
                        work.phase(&own.phase).await;
                    };
                    drop(tokio::spawn(work));
                    has_begun.await.expect("it begins");
                    t.look();
                })
            }),
            plain: later("ok", &[1], |t| {
                Box::pin(async move {
                    let (begun, has_begun) = oneshot::channel();
                    let work = async {
                        begun.send(()).expect("the test waits");
                        pending::<()>().await;
                    };
                    drop(tokio::spawn(work.instrument(t.span())));
                    has_begun.await.expect("it begins");
                    t.look();
                })
            })
            .note("A span cannot tell"),
        },
    ]
}
