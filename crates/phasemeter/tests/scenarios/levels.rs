//! What is measured at which level, under which subscriber, and what becomes of runs in flight when that changes.

use std::thread;

use phasemeter::Level;
use tracing::field::Empty;
use tracing::subscriber::{NoSubscriber, with_default};
use tracing::{error, info_span};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use crate::table::{ANYWHERE, Scenario, Section, THREAD, none, sync};

pub(crate) fn section() -> Section {
    let mut scenarios = levels();
    scenarios.extend(subscribers());
    Section { title: "Levels and subscribers", scenarios }
}

fn levels() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "It is marked as detailed, and runs at level basic, then at level detailed",
            runtimes: ANYWHERE,
            exact: sync("ok in 1 s", &[0, 1], |t| {
                let phase = t.meter.phase("work").detailed();
                for level in [Level::Basic, Level::Detailed] {
                    t.meter.set_level(level);
                    phase.run(|_| {
                        t.second();
                        t.look();
                    });
                }
            }),
            plain: sync("ok in 1 s", &[0, 1], |t| {
                for level in [Level::Basic, Level::Detailed] {
                    t.meter.set_level(level);
                    info_span!("work", phase.name = "work", phase.detailed = true).in_scope(|| {
                        t.second();
                        t.look();
                    });
                }
            })
            .note("By the field `phase.detailed`, whatever its value"),
        },
        Scenario {
            name: "An ERROR event stands in a phase marked as detailed, within a plain one, at level basic",
            runtimes: ANYWHERE,
            exact: sync("outer: error (error_event)", &[], |t| {
                let phase = t.meter.phase("work").detailed();
                info_span!("outer", phase.name = "outer").in_scope(|| phase.run(|_| error!("is a sign")));
            })
            .note("What is not measured is no phase: the event concerns the next one around it"),
            plain: sync("outer: error (error_event)", &[], |_| {
                info_span!("outer", phase.name = "outer").in_scope(|| {
                    let span = info_span!("work", phase.name = "work", phase.detailed = true);
                    span.in_scope(|| error!("is a sign"));
                });
            })
            .note("The same"),
        },
        Scenario {
            name: "The level goes from detailed to basic while it runs, marked as detailed",
            runtimes: ANYWHERE,
            exact: sync("ok in 1 s", &[1], |t| {
                t.meter.set_level(Level::Detailed);
                t.meter.phase("work").detailed().run(|_| {
                    t.meter.set_level(Level::Basic);
                    t.look();
                    t.second();
                });
            }),
            plain: sync("ok in 1 s", &[1], |t| {
                t.meter.set_level(Level::Detailed);
                info_span!("work", phase.name = "work", phase.detailed = true).in_scope(|| {
                    t.meter.set_level(Level::Basic);
                    t.look();
                    t.second();
                });
            }),
        },
        Scenario {
            name: "The level goes to off while it runs",
            runtimes: ANYWHERE,
            exact: sync("error (disk_full) in 1 s, 5 items error", &[1], |t| {
                t.phase.run(|guard| {
                    t.meter.set_level(Level::Off);
                    t.look();
                    t.second();
                    guard.items(5);
                    guard.fail("disk_full");
                });
            })
            .note("It ends as it began"),
            plain: sync("error (disk_full) in 1 s, 5 items error", &[1], |t| {
                let span = t.span();
                span.in_scope(|| {
                    t.meter.set_level(Level::Off);
                    t.look();
                    t.second();
                });
                span.record("phase.items", 5);
                span.record("error.type", "disk_full");
            })
            .note("It ends as it began"),
        },
        Scenario {
            name: "The level goes to off while it runs, and then comes an ERROR event",
            runtimes: ANYWHERE,
            exact: none("Events never matter"),
            plain: sync("ok in 1 s", &[], |t| {
                t.span().in_scope(|| {
                    t.meter.set_level(Level::Off);
                    error!("is not seen");
                    t.second();
                });
            })
            .note("At level off no event is looked at"),
        },
        Scenario {
            name: "It begins at level off, and the level goes to basic while it runs",
            runtimes: ANYWHERE,
            exact: sync("ok in 1 s", &[0, 1], |t| {
                t.meter.set_level(Level::Off);
                t.phase.run(|_| {
                    t.meter.set_level(Level::Basic);
                    t.look();
                    t.second();
                });
                t.phase.run(|_| {
                    t.look();
                    t.second();
                });
            })
            .note("The first one ends as it began, unmeasured; the next one is measured"),
            plain: sync("ok in 1 s", &[0, 1], |t| {
                t.meter.set_level(Level::Off);
                t.span().in_scope(|| {
                    t.meter.set_level(Level::Basic);
                    t.look();
                    t.second();
                });
                t.span().in_scope(|| {
                    t.look();
                    t.second();
                });
            })
            .note("The same"),
        },
    ]
}

fn subscribers() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "There is no subscriber",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| with_default(NoSubscriber::default(), || t.phase.run(|_| ()))),
            plain: sync("no run", &[], |t| with_default(NoSubscriber::default(), || t.span().in_scope(|| ())))
                .note("Only the layer sees spans"),
        },
        Scenario {
            name: "A filter of the whole subscriber hides the span",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| {
                let subscriber = registry().with(EnvFilter::new("warn")).with(t.meter.layer());
                with_default(subscriber, || t.phase.run(|_| ()));
            }),
            plain: sync("no run", &[], |t| {
                let subscriber = registry().with(EnvFilter::new("warn")).with(t.meter.layer());
                with_default(subscriber, || t.span().in_scope(|| ()));
            })
            .note("`phasemeter_spans_enabled` says so; filter the log layer alone"),
        },
        Scenario {
            name: "A filter of the log layer hides the span from the log",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| {
                let logs = fmt::layer().with_writer(std::io::sink).with_filter(EnvFilter::new("warn"));
                with_default(registry().with(logs).with(t.meter.layer()), || t.phase.run(|_| ()));
            }),
            plain: sync("ok", &[], |t| {
                let logs = fmt::layer().with_writer(std::io::sink).with_filter(EnvFilter::new("warn"));
                with_default(registry().with(logs).with(t.meter.layer()), || t.span().in_scope(|| ()));
            }),
        },
        Scenario {
            name: "The program asks whether a level is enabled, and then opens the span",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| {
                let logs = fmt::layer().with_writer(std::io::sink).with_filter(LevelFilter::INFO);
                with_default(registry().with(logs).with(t.meter.layer()), || {
                    assert!(tracing::enabled!(tracing::Level::INFO));
                    t.phase.run(|_| ());
                });
            }),
            plain: sync("ok", &[], |t| {
                let logs = fmt::layer().with_writer(std::io::sink).with_filter(LevelFilter::INFO);
                with_default(registry().with(logs).with(t.meter.layer()), || {
                    assert!(tracing::enabled!(tracing::Level::INFO));
                    t.span().in_scope(|| ());
                });
            }),
        },
        Scenario {
            name: "A child span is dropped on a thread that lacks the subscriber, which is no global one",
            runtimes: THREAD,
            exact: sync("ok in 1 s", &[], |t| {
                let guard = t.phase.start();
                t.second();
                thread::scope(|scope| scope.spawn(move || drop(guard)).join()).expect("it does not panic");
            }),
            plain: sync("1 in flight for 61 s, 1 held", &[], |t| {
                let child = t.span().in_scope(|| {
                    t.second();
                    info_span!("inner", phase.name = Empty)
                });
                thread::scope(|scope| scope.spawn(move || drop(child)).join()).expect("it does not panic");
                t.seconds(60);
            })
            .note("For ever: `tracing` lets go of the parent where the thread's subscriber is. A global one is everywhere"),
        },
        Scenario {
            name: "Two layers of one Meter are in the subscriber",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| {
                let subscriber = registry().with(t.meter.layer()).with(t.meter.layer());
                with_default(subscriber, || t.phase.run(|_| ()));
            }),
            plain: sync("ok", &[], |t| {
                let subscriber = registry().with(t.meter.layer()).with(t.meter.layer());
                with_default(subscriber, || t.span().in_scope(|| ()));
            }),
        },
    ]
}
