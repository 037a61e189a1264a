//! Runs that cross threads, are shared by them, or are never left.

use std::sync::Barrier;
use std::thread;

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use tracing::info_span;

use crate::table::{ANYWHERE, Runtime, Scenario, Section, THREAD, none, sync};
use crate::trial::{Trial, caught, wanted_panic};

pub(crate) fn section() -> Section {
    let mut scenarios = of_rayon();
    scenarios.extend(crosses());
    scenarios.extend(stays());
    Section { title: "Threads", scenarios }
}

const RAYON: &[Runtime] = &[Runtime::Rayon];

fn of_rayon() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "A scope of rayon spawns four runs",
            runtimes: RAYON,
            exact: sync("4 ok, 4 items ok", &[0], |t| {
                rayon::scope(|scope| (0..4).for_each(|_| scope.spawn(|_| t.phase.run(|guard| guard.items(1)))));
                t.look();
            }),
            plain: sync("4 ok, 4 items ok", &[0], |t| {
                let work = || info_span!("work", phase.name = "work", phase.items = 1).in_scope(|| ());
                rayon::scope(|scope| (0..4).for_each(|_| scope.spawn(move |_| work())));
                t.look();
            }),
        },
        Scenario {
            name: "One run stands around a parallel iterator that counts a hundred items",
            runtimes: RAYON,
            exact: sync("ok, 100 items ok", &[], |t| {
                t.phase.run(|guard| (0..100).into_par_iter().for_each(|_| guard.inc(1)));
            }),
            plain: sync("ok, 100 items ok", &[], |t| {
                let span = t.span();
                let items = span.in_scope(|| (0..100).into_par_iter().count());
                span.record("phase.items", items);
            })
            .note("Items count at the end"),
        },
        Scenario {
            name: "Each item of a parallel iterator is a run",
            runtimes: RAYON,
            exact: sync("100 ok", &[], |t| (0..100).into_par_iter().for_each(|_| t.phase.run(|_| ()))),
            plain: sync("100 ok", &[], |t| (0..100).into_par_iter().for_each(|_| t.span().in_scope(|| ()))),
        },
        Scenario {
            name: "One of two runs that rayon joins panics",
            runtimes: RAYON,
            exact: sync("ok, error (panic)", &[0], |t| {
                caught(|| rayon::join(|| t.phase.run(|_| wanted_panic()), || t.phase.run(|_| ())));
                t.look();
            }),
            plain: sync("ok, error (panic)", &[0], |t| {
                caught(|| rayon::join(|| t.span().in_scope(wanted_panic), || t.span().in_scope(|| ())));
                t.look();
            }),
        },
    ]
}

fn crosses() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "It begins on one thread and ends on another",
            runtimes: ANYWHERE,
            exact: sync("ok in 2 s, 1 item ok", &[1, 0], |t| {
                let guard = t.phase.start();
                t.second();
                t.elsewhere(move || {
                    t.look();
                    t.second();
                    guard.inc(1);
                });
                t.look();
            }),
            plain: sync("ok in 2 s, 1 item ok", &[1, 0], |t| {
                let span = t.span();
                span.in_scope(|| t.second());
                t.elsewhere(move || {
                    t.look();
                    span.in_scope(|| t.second());
                    span.record("phase.items", 1);
                });
                t.look();
            }),
        },
        Scenario {
            name: "Two threads are in one run at once",
            runtimes: THREAD,
            exact: sync("ok in 1 s, 2 items ok", &[1], |t| {
                t.phase.run(|guard| {
                    at_once(t, |work| {
                        guard.inc(1);
                        work();
                    });
                });
            }),
            plain: sync("ok in 1 s", &[1], |t| {
                let span = t.span();
                at_once(t, |work| span.in_scope(work));
            })
            .note("From the first enter to the last exit"),
        },
        Scenario {
            name: "A span is entered twice by one thread, the second time within the first",
            runtimes: ANYWHERE,
            exact: none("Each start is a run of its own"),
            plain: sync("ok in 2 s", &[1], |t| {
                let span = t.span();
                span.in_scope(|| {
                    span.in_scope(|| t.second());
                    t.look();
                    t.second();
                });
            }),
        },
        Scenario {
            name: "A guard goes to another thread, which is unwinding, and is dropped there",
            runtimes: THREAD,
            exact: sync("error (panic)", &[1], |t| {
                let guard = t.phase.start();
                t.look();
                t.elsewhere(|| {
                    caught(|| {
                        let _guard = guard;
                        wanted_panic();
                    });
                });
            }),
            plain: sync("ok", &[1], |t| {
                let span = t.span();
                span.in_scope(|| t.look());
                t.elsewhere(|| {
                    caught(|| {
                        let _span = span;
                        wanted_panic();
                    });
                });
            })
            .note("The panic came while it was not entered"),
        },
        Scenario {
            name: "A thousand times one thread records items and lets go of a run while another one lets go of it too",
            runtimes: THREAD,
            exact: sync("1000 ok, 3000 items ok", &[0], |t| {
                for _ in 0..1_000 {
                    let guard = &t.phase.start();
                    race(|| guard.inc(1), || guard.inc(2));
                }
                t.look();
            }),
            plain: sync("1000 ok, 3000 items ok", &[0], |t| {
                for _ in 0..1_000 {
                    let span = t.span();
                    span.in_scope(|| ());
                    let clone = span.clone();
                    race(move || drop(span), move || _ = clone.record("phase.items", 3));
                }
                t.look();
            }),
        },
    ]
}

/// Enters on two threads, and lets a second pass while both are inside.
fn at_once(t: &Trial, enter: impl Fn(&dyn Fn()) + Sync) {
    let (both_inside, both_leave) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            enter(&|| {
                both_inside.wait();
                both_leave.wait();
            });
        });
        enter(&|| {
            both_inside.wait();
            t.look();
            t.second();
            both_leave.wait();
        });
    });
}

/// Does two things at once, as nearly as threads can.
fn race(one: impl FnOnce() + Send, two: impl FnOnce()) {
    let both = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            both.wait();
            one();
        });
        both.wait();
        two();
    });
}

fn stays() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "The guard, or the entered span, is leaked by `mem::forget`",
            runtimes: THREAD,
            exact: sync("1 in flight for 60 s", &[1], |t| {
                std::mem::forget(t.phase.start());
                t.look();
                t.seconds(60);
            })
            .note("For ever; `phase_oldest_start_timestamp_seconds` shows since when"),
            plain: sync("1 in flight for 60 s", &[1], |t| {
                std::mem::forget(t.span().entered());
                t.look();
                t.seconds(60);
            })
            .note("The same"),
        },
        Scenario {
            name: "It is left, and kept for a minute before it is let go",
            runtimes: ANYWHERE,
            exact: sync("ok in 61 s", &[1, 0, 0], |t| {
                let guard = t.phase.start();
                t.seconds(60);
                t.look();
                t.look_for_held();
                t.second();
                drop(guard);
                t.look();
            })
            .note("A guard that is kept is a run that goes on"),
            plain: sync("ok in 1 s", &[0, 1, 1, 0], |t| {
                let span = t.span();
                span.in_scope(|| t.second());
                t.seconds(59);
                t.look_for_held();
                t.second();
                t.look_for_held();
                t.look();
                drop(span);
                t.look();
            })
            .note("Published when it is let go; from a minute on it counts as held"),
        },
        Scenario {
            name: "A clone of the span is kept elsewhere",
            runtimes: ANYWHERE,
            exact: sync("ok in 1 s", &[0], |t| {
                let _elsewhere = t.phase.run(|guard| {
                    t.second();
                    Some(guard.span())
                });
                t.look();
                t.second();
            }),
            plain: sync("ok in 1 s", &[1, 0], |t| {
                let span = t.span();
                let elsewhere = span.clone();
                span.in_scope(|| t.second());
                drop(span);
                t.look();
                t.second();
                drop(elsewhere);
                t.look();
            })
            .note("In flight, and not published, until the last clone is dropped"),
        },
        Scenario {
            name: "A child span outlives its parent",
            runtimes: ANYWHERE,
            exact: sync("inner: ok in 2 s; work: ok in 1 s", &[0], |t| {
                let child = t.phase.run(|_| {
                    t.second();
                    Some(t.meter.phase("inner").start())
                });
                t.look();
                t.seconds(2);
                drop(child);
            }),
            plain: sync("inner: ok in 2 s; work: ok in 1 s", &[1, 0], |t| {
                let child = t.span().in_scope(|| {
                    t.second();
                    info_span!("inner", phase.name = "inner")
                });
                t.look();
                child.in_scope(|| t.seconds(2));
                drop(child);
                t.look();
            })
            .note("The parent is published, with its own time, when the child has closed"),
        },
    ]
}
