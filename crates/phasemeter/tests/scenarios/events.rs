//! What says that a run failed, or did not: ERROR events and fields.

use std::future::pending;

use phasemeter::{ErrorEvents, PhaseFutureExt as _};
use tokio::task::yield_now;
use tracing::subscriber::with_default;
use tracing::{Instrument as _, error, error_span, info_span, warn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

use crate::table::{ANYWHERE, Scenario, Section, THREAD, none, sync};
use crate::trial::{Trial, WhenDropped, block_on, poll_once};

pub(crate) fn section() -> Section {
    let mut scenarios = events();
    scenarios.extend(nearest());
    scenarios.extend(fields());
    Section { title: "Errors that are said", scenarios }
}

const VALUE_DECIDES: &str = "What it returns decides, or `fail`";

fn events() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "An ERROR event stands in it",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| t.phase.run(|_| error!("heard by the log alone"))).note(VALUE_DECIDES),
            plain: sync("error (error_event)", &[], |t| t.span().in_scope(|| error!("is a sign"))),
        },
        Scenario {
            name: "An ERROR event stands in it that names its type, and then another one",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| t.phase.run(|_| error!(error.type = "timeout", "heard by the log alone")))
                .note(VALUE_DECIDES),
            plain: sync("error (timeout)", &[], |t| {
                t.span().in_scope(|| {
                    error!(error.type = "timeout", "the first one stands");
                    error!(error.type = "later", "changes nothing");
                });
            }),
        },
        Scenario {
            name: "A WARN event stands in it",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| t.phase.run(|_| warn!("no error"))),
            plain: sync("ok", &[], |t| t.span().in_scope(|| warn!("no error"))),
        },
        Scenario {
            name: "A library logs an ERROR in it, and the program puts up with that",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| t.phase.run(|_| error!("tried again"))),
            plain: sync("error (error_event)", &[], |t| t.span().in_scope(|| error!("tried again")))
                .note("Any ERROR counts: record `phase.outcome = \"ok\"`, or let the Meter ignore such events"),
        },
        Scenario {
            name: "An ERROR event stands in it, and the Meter was told to ignore such events",
            runtimes: ANYWHERE,
            exact: none("Events never matter"),
            plain: sync("ok", &[], |t| {
                let subscriber = registry().with(t.meter.layer_where(ErrorEvents::AreIgnored));
                with_default(subscriber, || t.span().in_scope(|| error!("heard by others")));
            }),
        },
        Scenario {
            name: "An ERROR event comes after it was left",
            runtimes: ANYWHERE,
            exact: none("Events never matter"),
            plain: sync("ok", &[], |t| {
                let span = t.span();
                span.in_scope(|| ());
                error!("stands in no phase");
            }),
        },
    ]
}

fn nearest() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "An ERROR event stands in a phase within it",
            runtimes: ANYWHERE,
            exact: sync("inner: ok; work: ok", &[], |t| {
                t.phase.run(|_| t.meter.phase("inner").run(|_| error!("heard by the log alone")));
            }),
            plain: sync("inner: error (error_event); work: ok", &[], |t| {
                t.span().in_scope(|| {
                    info_span!("inner", phase.name = "inner").in_scope(|| error!("is a sign"));
                });
            })
            .note("It concerns the nearest phase alone"),
        },
        Scenario {
            name: "An ERROR event stands in an exact phase within a plain one",
            runtimes: ANYWHERE,
            exact: sync("outer: ok; work: ok", &[], |t| {
                info_span!("outer", phase.name = "outer").in_scope(|| {
                    t.phase.run(|_| error!("heard by the log alone"));
                });
            })
            .note("It judges by what it returns, and the plain one around it is not concerned"),
            plain: sync("outer: ok; work: error (error_event)", &[], |t| {
                t.meter.phase("outer").run(|_| t.span().in_scope(|| error!("is a sign")));
            })
            .note("The other way round: the plain one fails, the exact one around it does not"),
        },
        Scenario {
            name: "An ERROR event comes from what an unfinished future drops",
            runtimes: ANYWHERE,
            exact: sync("outer: ok; work: cancelled", &[], |t| {
                info_span!("outer", phase.name = "outer").in_scope(|| {
                    let mut future = Box::pin(noisily_dropped().phase(&t.phase));
                    assert!(poll_once(future.as_mut()).is_pending());
                });
            }),
            plain: sync("outer: ok; work: error (error_event)", &[], |t| {
                info_span!("outer", phase.name = "outer").in_scope(|| {
                    let mut future = Box::pin(noisily_dropped().instrument(t.span()));
                    assert!(poll_once(future.as_mut()).is_pending());
                });
            }),
        },
        Scenario {
            name: "A span is kept entered across an `await`, and another future of the same task logs an ERROR",
            runtimes: THREAD,
            exact: sync("ok", &[], |t| {
                let work = async {
                    let _guard = t.phase.start();
                    yield_now().await;
                };
                block_on(async { tokio::join!(work, async { error!("of another future") }) });
            }),
            plain: sync("error (error_event)", &[], |t| {
                let work = async {
                    let _entered = t.span().entered();
                    yield_now().await;
                };
                block_on(async { tokio::join!(work, async { error!("of another future") }) });
            })
            .note("The thread stays in the span: use `Instrument`, which leaves it between polls"),
        },
        Scenario {
            name: "An ERROR event stands in a plain span while a bare guard lives",
            runtimes: ANYWHERE,
            exact: sync("outer: error (error_event); work: ok", &[], |t| {
                info_span!("outer", phase.name = "outer").in_scope(|| {
                    let _guard = t.phase.start();
                    error!("is a sign");
                });
            })
            .note("A bare guard is no place that code stands in: the plain span around it is the nearest phase"),
            plain: none("See the exact one"),
        },
        Scenario {
            name: "An ERROR event stands in a span within it that is no phase",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| {
                t.phase.run(|_| error_span!("no phase").in_scope(|| error!("heard by the log")))
            }),
            plain: sync("error (error_event)", &[], |t| {
                with_logs(t, || t.span().in_scope(|| error_span!("no phase").in_scope(|| error!("is a sign"))));
            }),
        },
        Scenario {
            name: "An ERROR event stands in a span below it that is no phase, on another thread",
            runtimes: THREAD,
            exact: none("Events never matter"),
            plain: sync("ok", &[], |t| {
                with_logs(t, || {
                    t.span().in_scope(|| {
                        let child = error_span!("no phase");
                        t.elsewhere(move || child.in_scope(|| error!("is not seen")));
                    });
                });
            })
            .note("The nearest phase is one that the thread itself has entered"),
        },
        Scenario {
            name: "An ERROR event names the phase's span as its parent, from outside of it",
            runtimes: ANYWHERE,
            exact: none("Events never matter"),
            plain: sync("inner: ok; work: error (error_event)", &[], |t| {
                let span = t.span();
                span.in_scope(|| ());
                info_span!("inner", phase.name = "inner").in_scope(|| error!(parent: &span, "is a sign"));
            }),
        },
        Scenario {
            name: "An ERROR event names as its parent a span below the phase that is no phase",
            runtimes: ANYWHERE,
            exact: none("Events never matter"),
            plain: sync("ok", &[], |t| {
                with_logs(t, || {
                    t.span().in_scope(|| {
                        let child = error_span!("no phase");
                        error!(parent: &child, "is not seen");
                    });
                });
            })
            .note("A layer with a filter of its own is not told what stands above a foreign span"),
        },
    ]
}

async fn noisily_dropped() {
    let _noisy = WhenDropped(|| error!("is a sign"));
    pending::<()>().await;
}

/// Runs a closure where another layer enables all spans.
fn with_logs(t: &Trial, work: impl FnOnce()) {
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    with_default(registry().with(logs).with(t.meter.layer()), work);
}

fn fields() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "The type of an error is recorded after it was left",
            runtimes: ANYWHERE,
            exact: sync("error (timeout) in 1 s", &[1], |t| {
                let guard = t.phase.start();
                t.second();
                t.look();
                guard.fail("timeout");
            }),
            plain: sync("error (timeout) in 1 s", &[1], |t| {
                let span = t.span();
                span.in_scope(|| t.second());
                t.look();
                span.record("error.type", "timeout");
            })
            .note("As long as the span is open"),
        },
        Scenario {
            name: "A field says how it ended",
            runtimes: ANYWHERE,
            exact: none(VALUE_DECIDES),
            plain: sync("ok, error (unknown), cancelled", &[], |t| {
                for outcome in ["ok", "error", "cancelled"] {
                    let span = t.span();
                    span.in_scope(|| ());
                    span.record("phase.outcome", outcome);
                }
            }),
        },
        Scenario {
            name: "A field says that it ended well, in spite of an ERROR event",
            runtimes: ANYWHERE,
            exact: none(VALUE_DECIDES),
            plain: sync("ok", &[], |t| {
                let span = t.span();
                span.in_scope(|| error!("tried again"));
                span.record("phase.outcome", "ok");
            })
            .note("The field is stronger than any sign"),
        },
        Scenario {
            name: "A field says how it ended, in a word that is none",
            runtimes: ANYWHERE,
            exact: none(VALUE_DECIDES),
            plain: sync("ok; 1 invalid_outcome", &[], |t| {
                let span = t.span();
                span.in_scope(|| ());
                span.record("phase.outcome", "fine");
            }),
        },
    ]
}
