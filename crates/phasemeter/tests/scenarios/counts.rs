//! What a run says of what it handles: items, bytes, units, positions; and loops that count by themselves.

use std::future::pending;

use phasemeter::{PhaseFutureExt as _, Track as _};
use tracing::{Instrument as _, info_span};

use crate::table::{ANYWHERE, Scenario, Section, THREAD, none, sync};
use crate::trial::{caught, poll_once, wanted_panic};

pub(crate) fn section() -> Section {
    let mut scenarios = live();
    scenarios.extend(declared());
    scenarios.extend(loops());
    Section { title: "Items, bytes, units", scenarios }
}

fn live() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "Items are counted one by one: done, left out, failed",
            runtimes: ANYWHERE,
            exact: sync("ok, errors of items: 2 not_text, 3 items ok, 2 items error, 4 items skipped", &[9], |t| {
                t.phase.run(|guard| {
                    (0..3).for_each(|_| guard.inc(1));
                    guard.inc_error(2, "not_text");
                    guard.skip(4);
                    t.look_for_items();
                });
            })
            .note("At once; the run itself goes on"),
            plain: none("A span counts at its end: `phase.items`"),
        },
        Scenario {
            name: "A position is said, and then one before it",
            runtimes: ANYWHERE,
            exact: sync("ok, 20 items ok; 1 position_back", &[10, 20], |t| {
                t.phase.run(|guard| {
                    guard.set_position(10);
                    t.look_for_items();
                    guard.inc(5);
                    guard.set_position(20);
                    guard.set_position(3);
                    t.look_for_items();
                });
            }),
            plain: sync("ok, 3 items ok", &[0], |t| {
                let span = t.span();
                span.in_scope(|| {
                    span.record("phase.items", 20);
                    t.look_for_items();
                    span.record("phase.items", 3);
                });
            })
            .note("`phase.items` has no order: what was recorded last counts, at the end"),
        },
        Scenario {
            name: "Items are both declared and counted",
            runtimes: ANYWHERE,
            exact: sync("ok, 4 items ok; 1 counted_twice", &[], |t| {
                t.phase.run(|guard| {
                    guard.items(10);
                    guard.inc(4);
                });
            }),
            plain: none("A span cannot do both"),
        },
    ]
}

fn declared() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "It declares items, bytes and tokens, and ends well",
            runtimes: ANYWHERE,
            exact: sync("ok, 7 items ok, 1 byte ok, 512 tokens ok", &[0], |t| {
                t.phase.run(|guard| {
                    guard.items(3);
                    guard.items(7);
                    guard.bytes(1);
                    guard.units("tokens", 512);
                    t.look_for_items();
                });
            })
            .note("Said again, a count replaces; it counts at the end"),
            plain: sync("ok, 7 items ok, 1 byte ok, 512 tokens ok", &[0], |t| {
                let span = t.span();
                span.in_scope(|| {
                    span.record("phase.items", 3);
                    span.record("phase.items", 7);
                    span.record("phase.bytes", 1);
                    span.record("phase.unit.tokens", 512);
                    t.look_for_items();
                });
            })
            .note("The same"),
        },
        Scenario {
            name: "It says how many items it expects in all, and then that they are more",
            runtimes: ANYWHERE,
            exact: sync("ok, 10 items expected", &[], |t| {
                t.phase.run(|guard| {
                    guard.total(5);
                    guard.total(10);
                });
            }),
            plain: sync("ok, 10 items expected", &[], |t| {
                let span = t.span();
                span.record("phase.total", 5);
                span.in_scope(|| ());
                span.record("phase.total", 10);
            }),
        },
        Scenario {
            name: "It declares items, and fails",
            runtimes: ANYWHERE,
            exact: sync("error (disk_full), 7 items error, 512 tokens error", &[], |t| {
                t.phase.run(|guard| {
                    guard.items(7);
                    guard.units("tokens", 512);
                    guard.fail("disk_full");
                });
            }),
            plain: sync("error (disk_full), 7 items error, 512 tokens error", &[], |t| {
                let span = t.span();
                span.record("phase.items", 7);
                span.record("phase.unit.tokens", 512);
                span.in_scope(|| ());
                span.record("error.type", "disk_full");
            }),
        },
        Scenario {
            name: "It declares items, and is dropped unfinished",
            runtimes: ANYWHERE,
            exact: sync("cancelled", &[], |t| {
                let mut future = Box::pin(pending::<()>().phase(&t.phase).items(7));
                assert!(poll_once(future.as_mut()).is_pending());
            })
            .note("It finished nothing, so none counts"),
            plain: sync("ok, 7 items ok", &[], |t| {
                let span = t.span();
                span.record("phase.items", 7);
                let mut future = Box::pin(pending::<()>().instrument(span));
                assert!(poll_once(future.as_mut()).is_pending());
            })
            .note("A span cannot tell: record `phase.items` when they are done, not before"),
        },
        Scenario {
            name: "It declares items, and says that it was cancelled",
            runtimes: ANYWHERE,
            exact: none("It is cancelled where it is dropped unfinished, and needs not say so"),
            plain: sync("cancelled", &[], |t| {
                let span = t.span();
                span.record("phase.items", 7);
                span.in_scope(|| ());
                span.record("phase.outcome", "cancelled");
            }),
        },
        Scenario {
            name: "It declares a count that cannot be",
            runtimes: ANYWHERE,
            exact: sync("ok; 1 invalid_count", &[], |t| t.phase.run(|guard| guard.items(-1))),
            plain: sync("ok; 1 invalid_count", &[], |t| {
                let span = t.span();
                span.in_scope(|| ());
                span.record("phase.items", -1);
            }),
        },
        Scenario {
            name: "It was measured by somebody else, and is only recorded",
            runtimes: THREAD,
            exact: sync("ok, error (unknown) in 3.5 s; 1 invalid_duration", &[], |t| {
                t.phase.record_seconds(phasemeter::Outcome::Ok, 1.5);
                t.phase.record_seconds(phasemeter::Outcome::Error, 2.0);
                t.phase.record_seconds(phasemeter::Outcome::Ok, -1.0);
            }),
            plain: none("A span measures itself"),
        },
    ]
}

fn loops() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "A loop over three items comes to its end",
            runtimes: ANYWHERE,
            exact: sync("ok in 3 s, 3 items ok, 3 items expected", &[0, 1, 2], |t| {
                for _item in (0..3).track(&t.phase) {
                    t.look_for_items();
                    t.second();
                }
            })
            .note("`.track(&PHASE)`: an item counts when the next one is asked for"),
            plain: sync("ok in 3 s, 3 items ok", &[0, 0, 0], |t| {
                let span = t.span();
                span.in_scope(|| {
                    for _item in 0..3 {
                        t.look_for_items();
                        t.second();
                    }
                });
                span.record("phase.items", 3);
            })
            .note("Items count at the end"),
        },
        Scenario {
            name: "A loop is left by `break`, with the second of three items in hand",
            runtimes: ANYWHERE,
            exact: sync("cancelled, 1 item ok, 3 items expected", &[], |t| {
                for item in (0..3).track(&t.phase) {
                    if item == 1 {
                        break;
                    }
                }
            }),
            plain: sync("ok", &[], |t| {
                t.span().in_scope(|| {
                    for item in 0..3 {
                        if item == 1 {
                            break;
                        }
                    }
                });
            })
            .note("A span cannot tell, and counts no items by itself"),
        },
        Scenario {
            name: "A loop panics, with the second of three items in hand",
            runtimes: ANYWHERE,
            exact: sync("error (2 panic), 1 item ok, 1 item error, 3 items expected", &[], |t| {
                caught(|| {
                    (0..3).track(&t.phase).for_each(|item| {
                        if item == 1 {
                            wanted_panic()
                        }
                    })
                });
            })
            .note("Two errors, the run's and the item's"),
            plain: sync("error (panic)", &[], |t| {
                caught(|| {
                    t.span().in_scope(|| {
                        (0..3).for_each(|item| {
                            if item == 1 {
                                wanted_panic()
                            }
                        })
                    })
                });
            }),
        },
        Scenario {
            name: "Spans with their items as they are opened stand for single items",
            runtimes: ANYWHERE,
            exact: sync("3 ok, 3 items ok", &[], |t| (0..3).for_each(|_| t.phase.run(|guard| guard.items(1)))),
            plain: sync("3 ok, 3 items ok", &[], |_| {
                (0..3).for_each(|_| info_span!("work", phase.name = "work", phase.items = 1).in_scope(|| ()));
            }),
        },
    ]
}
