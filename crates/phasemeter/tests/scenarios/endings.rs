//! How a run ends that returns, fails or panics.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::io;
use std::num::ParseIntError;

use phasemeter::phase;
use tracing::{info_span, instrument};

use crate::table::{ANYWHERE, AWAITED, Scenario, Section, THREAD, later, none, sync};
use crate::trial::{Trial, WhenDropped, caught, wanted_panic};

pub(crate) fn section() -> Section {
    let mut scenarios = returns();
    scenarios.extend(panics());
    scenarios.extend(attributes());
    Section { title: "Returning, failing, panicking", scenarios }
}

fn returns() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "It returns `Ok`",
            runtimes: ANYWHERE,
            exact: sync("ok in 1 s", &[1, 0], |t| {
                let _ok = t.phase.run(|_| {
                    t.second();
                    t.look();
                    Ok::<_, Infallible>(())
                });
                t.look();
            }),
            plain: sync("ok in 1 s", &[1, 0], |t| {
                t.span().in_scope(|| {
                    t.second();
                    t.look();
                });
                t.look();
            }),
        },
        Scenario {
            name: "It returns `Err`",
            runtimes: ANYWHERE,
            exact: sync("error (core::fmt::Error)", &[], |t| _ = t.phase.run(|_| Err::<(), _>(fmt::Error))),
            plain: sync("ok", &[], |t| _ = t.span().in_scope(|| Err::<(), _>(fmt::Error)))
                .note("A span sees no value: record `error.type`, or use `#[instrument(err)]`"),
        },
        Scenario {
            name: "It is left by `?`",
            runtimes: ANYWHERE,
            exact: sync("error (core::num::error::ParseIntError)", &[], |t| {
                let _error = t.phase.run(|_| Ok::<u8, ParseIntError>("no number".parse::<u8>()? + 1));
            }),
            plain: sync("ok", &[], |t| {
                let number = || Ok::<u8, ParseIntError>("no number".parse::<u8>()? + 1);
                let _error = t.span().in_scope(number);
            })
            .note("As with `Err`"),
        },
        Scenario {
            name: "A bare guard is dropped by `?`",
            runtimes: ANYWHERE,
            exact: sync("ok", &[1], |t| {
                let number = || {
                    let _guard = t.phase.start();
                    t.look();
                    Ok::<u8, ParseIntError>("no number".parse::<u8>()? + 1)
                };
                let _error = number();
            })
            .note("A guard sees no value: call `fail`, or use `run` or `#[phase]`"),
            plain: sync("ok", &[1], |t| {
                let number = || {
                    let _entered = t.span().entered();
                    t.look();
                    Ok::<u8, ParseIntError>("no number".parse::<u8>()? + 1)
                };
                let _error = number();
            })
            .note("As with `Err`"),
        },
        Scenario {
            name: "It returns `None`, or what is no `Result`",
            runtimes: ANYWHERE,
            exact: sync("2 ok", &[], |t| {
                let _none = t.phase.run(|_| None::<u8>);
                let _number = t.phase.run(|_| 7);
            }),
            plain: sync("2 ok", &[], |t| {
                let _none = t.span().in_scope(|| None::<u8>);
                let _number = t.span().in_scope(|| 7);
            }),
        },
        Scenario {
            name: "It says that it failed, and returns `Ok` all the same",
            runtimes: ANYWHERE,
            exact: sync("error (disk_full)", &[], |t| {
                let _ok = t.phase.run(|guard| {
                    guard.fail("disk_full");
                    guard.fail("the first one stands");
                    Ok::<_, Infallible>(())
                });
            }),
            plain: sync("error (disk_full)", &[], |t| {
                let span = t.span();
                span.in_scope(|| ());
                span.record("error.type", "disk_full");
            }),
        },
        Scenario {
            name: "It fails with an error that another one is behind",
            runtimes: ANYWHERE,
            exact: sync("error (std::io::ErrorKind::NotFound)", &[], |t| {
                t.phase.start().fail_with(&Unreadable(io::ErrorKind::NotFound.into()));
            }),
            plain: sync("error (std::io::ErrorKind::NotFound)", &[], |t| {
                let error = Unreadable(io::ErrorKind::NotFound.into());
                let span = t.span();
                span.record("error.type", &error as &(dyn Error + 'static));
                span.in_scope(|| ());
            }),
        },
        Scenario {
            name: "One phase runs within another",
            runtimes: ANYWHERE,
            exact: sync("inner: ok in 1 s; work: ok in 3 s", &[1], |t| {
                t.phase.run(|_| {
                    t.second();
                    t.meter.phase("inner").run(|_| t.second());
                    t.look();
                    t.second();
                });
            }),
            plain: sync("inner: ok in 1 s; work: ok in 3 s", &[1], |t| {
                t.span().in_scope(|| {
                    t.second();
                    info_span!("inner", phase.name = "inner").in_scope(|| t.second());
                    t.look();
                    t.second();
                });
            }),
        },
        Scenario {
            name: "A phase runs within itself, three deep, a second on each level",
            runtimes: ANYWHERE,
            exact: sync("3 ok in 6 s", &[3], |t| {
                fn deep(t: &Trial, depth: u32) {
                    t.phase.run(|_| {
                        t.second();
                        if depth == 1 { t.look() } else { deep(t, depth - 1) }
                    });
                }
                deep(t, 3);
            })
            .note("The time of the inner ones counts in the outer ones too"),
            plain: sync("3 ok in 6 s", &[3], |t| {
                fn deep(t: &Trial, depth: u32) {
                    t.span().in_scope(|| {
                        t.second();
                        if depth == 1 { t.look() } else { deep(t, depth - 1) }
                    });
                }
                deep(t, 3);
            })
            .note("The same"),
        },
    ]
}

fn panics() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "It panics, and somebody catches that",
            runtimes: ANYWHERE,
            exact: sync("error (panic) in 1 s", &[1, 0], |t| {
                caught(|| {
                    t.phase.run(|_| {
                        t.second();
                        t.look();
                        wanted_panic();
                    })
                });
                t.look();
            }),
            plain: sync("error (panic) in 1 s", &[1, 0], |t| {
                caught(|| {
                    t.span().in_scope(|| {
                        t.second();
                        t.look();
                        wanted_panic();
                    })
                });
                t.look();
            }),
        },
        Scenario {
            name: "A panic inside it is caught inside it",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| t.phase.run(|_| caught(wanted_panic))),
            plain: sync("ok", &[], |t| t.span().in_scope(|| caught(wanted_panic))),
        },
        Scenario {
            name: "It runs in a `drop`, because of a panic that is none of its own, and ends well",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| {
                caught(|| {
                    let _cleans_up = WhenDropped(|| {
                        drop(t.phase.start());
                    });
                    wanted_panic();
                });
            }),
            plain: sync("ok", &[], |t| {
                caught(|| {
                    let _cleans_up = WhenDropped(|| t.span().in_scope(|| ()));
                    wanted_panic();
                });
            }),
        },
        Scenario {
            name: "It runs in a `drop`, because of a panic that is none of its own, and panics itself",
            runtimes: ANYWHERE,
            exact: sync("error (panic)", &[], |t| {
                caught(|| {
                    let _cleans_up = WhenDropped(|| caught(|| t.phase.run(|_| wanted_panic())));
                    wanted_panic();
                });
            }),
            plain: sync("ok", &[], |t| {
                caught(|| {
                    let _cleans_up = WhenDropped(|| caught(|| t.span().in_scope(wanted_panic)));
                    wanted_panic();
                });
            })
            .note("The thread was unwinding before and is so after: the second panic does not show"),
        },
        Scenario {
            name: "The code around it panics while it is held: a guard, or a span that was left",
            runtimes: ANYWHERE,
            exact: sync("error (panic)", &[1], |t| {
                caught(|| {
                    let _guard = t.phase.start();
                    t.look();
                    wanted_panic();
                });
            }),
            plain: sync("ok", &[1], |t| {
                caught(|| {
                    let span = t.span();
                    span.in_scope(|| ());
                    t.look();
                    wanted_panic();
                });
            })
            .note("The panic came while it was not entered"),
        },
    ]
}

fn attributes() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "A function with an attribute, `#[phase]` or `#[instrument(err)]`, returns `Ok`, then `Err`",
            runtimes: ANYWHERE,
            exact: sync("ok, error (core::num::error::ParseIntError) in 2 s", &[], |t| {
                _ = (measured(t, "1"), measured(t, "x"));
            }),
            plain: sync("ok, error (error_event) in 2 s", &[], |t| {
                _ = (instrumented(t, "1"), instrumented(t, "x"));
            })
            .note("The type of the error is not told"),
        },
        Scenario {
            name: "An async function with an attribute, `#[phase]` or `#[instrument(err)]`, returns `Ok`, then `Err`",
            runtimes: AWAITED,
            exact: later("ok, error (core::num::error::ParseIntError) in 2 s", &[], |t| {
                Box::pin(async move { _ = (measured_later(&t, "1").await, measured_later(&t, "x").await) })
            }),
            plain: later("ok, error (error_event) in 2 s", &[], |t| {
                Box::pin(async move { _ = (instrumented_later(&t, "1").await, instrumented_later(&t, "x").await) })
            })
            .note("The type of the error is not told"),
        },
        Scenario {
            name: "A function with `#[instrument]` alone returns `Err`",
            runtimes: THREAD,
            exact: none("`#[phase]` always sees it"),
            plain: sync("ok in 1 s", &[], |t| _ = unjudged(t, "x")).note("Only with `err` does it look at the value"),
        },
    ]
}

#[phase(t.phase)]
fn measured(t: &Trial, text: &str) -> Result<u8, ParseIntError> {
    t.second();
    text.parse()
}

#[instrument(skip_all, err, fields(phase.name = "work"))]
fn instrumented(t: &Trial, text: &str) -> Result<u8, ParseIntError> {
    t.second();
    text.parse()
}

#[instrument(skip_all, fields(phase.name = "work"))]
fn unjudged(t: &Trial, text: &str) -> Result<u8, ParseIntError> {
    t.second();
    text.parse()
}

#[phase(t.phase)]
async fn measured_later(t: &Trial, text: &str) -> Result<u8, ParseIntError> {
    tokio::task::yield_now().await;
    t.second();
    text.parse()
}

#[instrument(skip_all, err, fields(phase.name = "work"))]
async fn instrumented_later(t: &Trial, text: &str) -> Result<u8, ParseIntError> {
    tokio::task::yield_now().await;
    t.second();
    text.parse()
}

/// An error with another one behind it.
#[derive(Debug)]
struct Unreadable(io::Error);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unreadable")
    }
}

impl Error for Unreadable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}
