//! What becomes of a future that is a run: polled, dropped, kept, forgotten.

use std::fmt;
use std::future::pending;

use phasemeter::PhaseFutureExt as _;
use tokio::task::yield_now;
use tracing::{Instrument as _, info_span};

use crate::table::{ANYWHERE, AWAITED, Scenario, Section, THREAD, later, none, sync};
use crate::trial::{WhenDropped, caught, poll_once, wanted_panic};

pub(crate) fn section() -> Section {
    let mut scenarios = ends();
    scenarios.extend(is_dropped());
    Section { title: "Futures", scenarios }
}

/// It returns what it borrows: a task that holds such futures must be `Send` all the same.
async fn yield_twice(text: &str) -> &str {
    yield_now().await;
    yield_now().await;
    text
}

fn ends() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "A future completes after two polls",
            runtimes: AWAITED,
            exact: later("ok in 2 s", &[1, 0], |t| {
                Box::pin(async move {
                    let work = async {
                        t.second();
                        yield_now().await;
                        t.look();
                        t.second();
                    };
                    work.phase(&t.phase).await;
                    t.look();
                })
            }),
            plain: later("ok in 2 s", &[1, 0], |t| {
                Box::pin(async move {
                    let work = async {
                        t.second();
                        yield_now().await;
                        t.look();
                        t.second();
                    };
                    work.instrument(t.span()).await;
                    t.look();
                })
            }),
        },
        Scenario {
            name: "A future returns `Err`",
            runtimes: AWAITED,
            exact: later("error (core::fmt::Error)", &[], |t| {
                Box::pin(async move { _ = async { Err::<(), _>(fmt::Error) }.phase(&t.phase).await })
            }),
            plain: later("ok", &[], |t| {
                Box::pin(async move { _ = async { Err::<(), _>(fmt::Error) }.instrument(t.span()).await })
            })
            .note("A span sees no value: record `error.type`, or use `#[instrument(err)]`"),
        },
        Scenario {
            name: "A poll panics, somebody catches that, and the future is dropped later",
            runtimes: ANYWHERE,
            exact: sync("error (panic) in 1 s", &[1, 0], |t| {
                let mut future = Box::pin(async { wanted_panic() }.phase(&t.phase));
                caught(|| poll_once(future.as_mut()));
                t.look();
                t.second();
                drop(future);
                t.look();
            }),
            plain: sync("error (panic) in 1 s", &[1, 0], |t| {
                let mut future = Box::pin(async { wanted_panic() }.instrument(t.span()));
                caught(|| poll_once(future.as_mut()));
                t.look();
                t.second();
                drop(future);
                t.look();
            }),
        },
        Scenario {
            name: "A future completes, and is kept for a minute before it is dropped",
            runtimes: ANYWHERE,
            exact: sync("ok in 1 s", &[0], |t| {
                let mut future = Box::pin(async { t.second() }.phase(&t.phase));
                assert!(poll_once(future.as_mut()).is_ready());
                t.look();
                t.seconds(60);
            }),
            plain: sync("ok in 61 s", &[1], |t| {
                let mut future = Box::pin(async { t.second() }.instrument(t.span()));
                assert!(poll_once(future.as_mut()).is_ready());
                t.look();
                t.seconds(60);
            })
            .note("It ends when it is dropped: `Instrumented` then enters its span once more"),
        },
        Scenario {
            name: "Two futures of one phase are joined",
            runtimes: AWAITED,
            exact: later("2 ok in 2 s", &[2], |t| {
                Box::pin(async move {
                    let first = async {
                        yield_now().await;
                        t.look();
                        t.second();
                    };
                    let (first, second) = (first.phase(&t.phase), yield_twice("borrowed").phase(&t.phase));
                    tokio::join!(first, second);
                })
            })
            .note("Both wait while one of them works: times add up to more than passed"),
            plain: later("2 ok in 2 s", &[2], |t| {
                Box::pin(async move {
                    let first = async {
                        yield_now().await;
                        t.look();
                        t.second();
                    };
                    let (first, second) = (first.instrument(t.span()), yield_twice("borrowed").instrument(t.span()));
                    tokio::join!(first, second);
                })
            })
            .note("The same"),
        },
    ]
}

fn is_dropped() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "A future is dropped unfinished after one poll",
            runtimes: ANYWHERE,
            exact: sync("cancelled in 1 s", &[1, 0], |t| {
                let mut future = Box::pin(pending::<()>().phase(&t.phase));
                assert!(poll_once(future.as_mut()).is_pending());
                t.look();
                t.second();
                drop(future);
                t.look();
            }),
            plain: sync("ok in 1 s", &[1, 0], |t| {
                let mut future = Box::pin(pending::<()>().instrument(t.span()));
                assert!(poll_once(future.as_mut()).is_pending());
                t.look();
                t.second();
                drop(future);
                t.look();
            })
            .note("A span cannot tell a dropped future from a completed one"),
        },
        Scenario {
            name: "A future is dropped without having been polled",
            runtimes: ANYWHERE,
            exact: sync("no run", &[], |t| drop(pending::<()>().phase(&t.phase))),
            plain: sync("ok", &[], |t| drop(pending::<()>().instrument(t.span())))
                .note("`Instrumented` enters its span when it is dropped: a run that never was"),
        },
        Scenario {
            name: "What a future holds takes a second to be dropped, and is dropped unfinished",
            runtimes: ANYWHERE,
            exact: sync("cancelled in 1 s", &[1], |t| {
                let future = async {
                    let _slow = WhenDropped(|| t.second());
                    pending::<()>().await;
                };
                let mut future = Box::pin(future.phase(&t.phase));
                assert!(poll_once(future.as_mut()).is_pending());
                t.look();
            }),
            plain: sync("ok in 1 s", &[1], |t| {
                let future = async {
                    let _slow = WhenDropped(|| t.second());
                    pending::<()>().await;
                };
                let mut future = Box::pin(future.instrument(t.span()));
                assert!(poll_once(future.as_mut()).is_pending());
                t.look();
            })
            .note("A span cannot tell"),
        },
        Scenario {
            name: "A future that waits is dropped by a panic elsewhere in its task",
            runtimes: ANYWHERE,
            exact: sync("error (panic)", &[1], |t| {
                caught(|| {
                    let mut future = Box::pin(pending::<()>().phase(&t.phase));
                    assert!(poll_once(future.as_mut()).is_pending());
                    t.look();
                    wanted_panic();
                });
            }),
            plain: sync("ok", &[1], |t| {
                caught(|| {
                    let mut future = Box::pin(pending::<()>().instrument(t.span()));
                    assert!(poll_once(future.as_mut()).is_pending());
                    t.look();
                    wanted_panic();
                });
            })
            .note("The panic came while it was not entered"),
        },
        Scenario {
            name: "A future is dropped unfinished by another thread",
            runtimes: THREAD,
            exact: sync("cancelled in 1 s", &[1], |t| {
                let mut future = Box::pin(pending::<()>().phase(&t.phase));
                assert!(poll_once(future.as_mut()).is_pending());
                t.look();
                t.second();
                t.elsewhere(|| drop(future));
            }),
            plain: sync("ok in 1 s", &[1], |t| {
                let mut future = Box::pin(pending::<()>().instrument(t.span()));
                assert!(poll_once(future.as_mut()).is_pending());
                t.look();
                t.second();
                t.elsewhere(|| drop(future));
            })
            .note("A span cannot tell"),
        },
        Scenario {
            name: "A future is forgotten, and never dropped",
            runtimes: THREAD,
            exact: sync("1 in flight for 60 s", &[1], |t| {
                let mut future = Box::pin(pending::<()>().phase(&t.phase));
                assert!(poll_once(future.as_mut()).is_pending());
                std::mem::forget(future);
                t.look();
                t.seconds(60);
            })
            .note("For ever; `phase_oldest_start_timestamp_seconds` shows since when"),
            plain: sync("1 in flight for 60 s, 1 held", &[1], |t| {
                let mut future = Box::pin(pending::<()>().instrument(t.span()));
                assert!(poll_once(future.as_mut()).is_pending());
                std::mem::forget(future);
                t.look();
                t.seconds(60);
            })
            .note("For ever, and held from a minute on"),
        },
        Scenario {
            name: "A span is opened and never entered",
            runtimes: ANYWHERE,
            exact: none("A run begins when it is started"),
            plain: sync("no run; 1 never_entered", &[], |t| drop(t.span())),
        },
        Scenario {
            name: "A future in the span of another phase is polled after that phase was left",
            runtimes: ANYWHERE,
            exact: sync("inner: ok in 1 s; work: ok in 1 s", &[0], |t| {
                let inner = t.meter.phase("inner");
                let mut future = t.phase.run(|_| {
                    t.second();
                    Some(Box::pin(async { t.second() }.phase(&inner)))
                });
                t.look();
                if let Some(future) = &mut future {
                    assert!(poll_once(future.as_mut()).is_ready());
                }
            }),
            plain: sync("inner: ok in 1 s; work: ok in 1 s", &[1], |t| {
                let future = t.span().in_scope(|| {
                    t.second();
                    async { t.second() }.instrument(info_span!("inner", phase.name = "inner"))
                });
                t.look();
                assert!(poll_once(Box::pin(future).as_mut()).is_ready());
            })
            .note("The outer one is published, with its own time, when the inner one has closed"),
        },
        Scenario {
            name: "A future takes the current span along, by `in_current_span`, and is polled later",
            runtimes: ANYWHERE,
            exact: sync("ok in 1 s", &[0], |t| {
                let future = t.phase.run(|_| {
                    t.second();
                    Some(async { t.second() }.in_current_span())
                });
                t.look();
                t.second();
                assert!(future.is_some_and(|future| poll_once(Box::pin(future).as_mut()).is_ready()));
            })
            .note("The span stands for the logs of the run, not for its time"),
            plain: sync("ok in 3 s", &[1], |t| {
                let future = t.span().in_scope(|| {
                    t.second();
                    async { t.second() }.in_current_span()
                });
                t.look();
                t.second();
                assert!(poll_once(Box::pin(future).as_mut()).is_ready());
            })
            .note("It is the same span, so the run lasts until it is left for the last time"),
        },
    ]
}
