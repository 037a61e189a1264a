//! Under which names a run counts: phase, pipeline, further labels, also where they are said late.

use tracing::field::Empty;
use tracing::info_span;

use crate::table::{ANYWHERE, Scenario, Section, THREAD, none, sync};
use crate::trial::Trial;

pub(crate) fn section() -> Section {
    let mut scenarios = late();
    scenarios.extend(inherited());
    Section { title: "Names", scenarios }
}

/// The item in hand of the runs of `work` in flight.
fn in_hand(t: &Trial) -> Vec<Option<String>> {
    let work = t.meter.work().into_iter().filter(|work| &*work.phase == "work");
    work.flat_map(|work| work.oldest).map(|run| run.item.map(|item| item.to_string())).collect()
}

fn late() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "The phase is named after it was entered",
            runtimes: ANYWHERE,
            exact: none("A phase has its name before it runs"),
            plain: sync("ok in 2 s", &[0, 1], |t| {
                let span = info_span!("work", phase.name = Empty);
                span.in_scope(|| {
                    t.second();
                    t.look();
                    span.record("phase.name", "work");
                    t.look();
                    t.second();
                });
            })
            .note("As if it had been named at once: from the first enter"),
        },
        Scenario {
            name: "The phase is never named",
            runtimes: ANYWHERE,
            exact: none("A phase has its name before it runs"),
            plain: sync("no run", &[0], |t| {
                info_span!("work", phase.name = Empty).in_scope(|| t.look());
            }),
        },
        Scenario {
            name: "The pipeline is named while it runs",
            runtimes: ANYWHERE,
            exact: none("A run stays where it began"),
            plain: sync("work of acid: ok in 2 s, 5 items ok, 9 items expected", &[1, 1], |t| {
                let span = t.span();
                span.record("phase.items", 5);
                span.record("phase.total", 9);
                span.record("phase.item", "a.pdf");
                span.in_scope(|| {
                    t.look();
                    t.second();
                    span.record("pipeline.name", "acid");
                    t.look();
                    assert_eq!(in_hand(t), [Some("a.pdf".to_owned())]);
                    t.second();
                });
            })
            .note("As if it had been named at once; nothing is left under the old name"),
        },
        Scenario {
            name: "A further label is said while it runs",
            runtimes: ANYWHERE,
            exact: none("`labelled` makes another handle, before it runs"),
            plain: sync("work of tenant a: ok in 2 s", &[1, 1], |t| {
                let span = t.span();
                span.in_scope(|| {
                    t.look();
                    t.second();
                    span.record("tenant", "a");
                    t.look();
                    t.second();
                });
            })
            .note("As if it had been said at once; nothing is left without the label"),
        },
        Scenario {
            name: "A further label is said after it was left, and another value after that",
            runtimes: ANYWHERE,
            exact: none("`labelled` makes another handle, before it runs"),
            plain: sync("work of tenant b: ok in 1 s", &[1], |t| {
                let span = t.span();
                span.in_scope(|| t.second());
                span.record("tenant", "a");
                span.record("tenant", "b");
                t.look();
            }),
        },
        Scenario {
            name: "Runs have different values of a further label",
            runtimes: ANYWHERE,
            exact: sync("work of tenant a: ok; work of tenant b: 2 ok", &[], |t| {
                let [a, b] = ["a", "b"].map(|tenant| t.phase.labelled([("tenant", tenant)]));
                [a, b].iter().zip([1, 2]).for_each(|(phase, runs)| (0..runs).for_each(|_| phase.run(|_| ())));
            }),
            plain: sync("work of tenant a: ok; work of tenant b: 2 ok", &[], |_| {
                for tenant in ["a", "b", "b"] {
                    info_span!("work", phase.name = "work", tenant).in_scope(|| ());
                }
            })
            .note("A field is a label where the Meter was built with `label_fields`"),
        },
    ]
}

fn inherited() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "It runs within a phase of another pipeline",
            runtimes: ANYWHERE,
            exact: sync("outer of acid: ok; work: ok", &[], |t| {
                info_span!("outer", phase.name = "outer", pipeline.name = "acid").in_scope(|| t.phase.run(|_| ()));
            })
            .note("A phase has its pipeline from itself, the current run, or the Meter"),
            plain: sync("outer of acid: ok; work of acid: ok", &[], |t| {
                info_span!("outer", phase.name = "outer", pipeline.name = "acid").in_scope(|| {
                    info_span!("no phase").in_scope(|| t.span().in_scope(|| ()));
                });
            })
            .note("It inherits, also through spans that are no phases"),
        },
        Scenario {
            name: "It runs on a thread that a phase of another pipeline started",
            runtimes: THREAD,
            exact: sync("outer of acid: ok; work: ok", &[], |t| {
                info_span!("outer", phase.name = "outer", pipeline.name = "acid")
                    .in_scope(|| t.elsewhere(|| t.phase.run(|_| ())));
            }),
            plain: sync("outer of acid: ok; work: ok", &[], |t| {
                info_span!("outer", phase.name = "outer", pipeline.name = "acid")
                    .in_scope(|| t.elsewhere(|| t.span().in_scope(|| ())));
            })
            .note("On a new thread a span has no parent: give it one, `parent: &span`"),
        },
        Scenario {
            name: "Its span names its parent, which is of another pipeline",
            runtimes: ANYWHERE,
            exact: none("Spans around it do not matter"),
            plain: sync("outer of acid: ok; work of acid: ok", &[], |_| {
                let outer = info_span!("outer", phase.name = "outer", pipeline.name = "acid");
                outer.in_scope(|| ());
                info_span!(parent: &outer, "work", phase.name = "work").in_scope(|| ());
            }),
        },
        Scenario {
            name: "Its span is a root, opened within a phase of another pipeline",
            runtimes: ANYWHERE,
            exact: none("Spans around it do not matter"),
            plain: sync("outer of acid: ok; work: ok", &[], |_| {
                info_span!("outer", phase.name = "outer", pipeline.name = "acid").in_scope(|| {
                    info_span!(parent: None, "work", phase.name = "work").in_scope(|| ());
                });
            }),
        },
        Scenario {
            name: "It runs while a run of the pipeline goes on that was named beforehand",
            runtimes: ANYWHERE,
            exact: sync("ok", &[], |t| {
                let _run = t.meter.run("nightly").start();
                t.phase.run(|_| ());
            })
            .note("A pipeline that the Meter was built with stays"),
            plain: sync("ok", &[], |t| {
                let _run = t.meter.run("nightly").start();
                t.span().in_scope(|| ());
            })
            .note("The same"),
        },
    ]
}
