//! What is measured of everything that can happen to a run: each scenario in both grades, wherever it applies. The same
//! table stands in `docs/scenarios.md`; `UPDATE_GOLDEN=1 cargo test -p phasemeter --test scenarios` writes it anew.

mod counts;
mod endings;
mod events;
mod futures;
mod levels;
mod names;
mod page;
mod said;
mod table;
mod tasks;
mod threads;
mod trial;

#[test]
fn returning_failing_panicking() {
    table::check(&endings::section());
}

#[test]
fn futures() {
    table::check(&futures::section());
}

#[test]
fn tasks() {
    table::check(&tasks::section());
}

#[test]
fn threads() {
    table::check(&threads::section());
}

#[test]
fn counts() {
    table::check(&counts::section());
}

#[test]
fn errors_that_are_said() {
    table::check(&events::section());
}

#[test]
fn names() {
    table::check(&names::section());
}

#[test]
fn levels_and_subscribers() {
    table::check(&levels::section());
}

#[test]
fn the_documentation_has_the_same_table() {
    let sections = [
        endings::section(),
        futures::section(),
        tasks::section(),
        threads::section(),
        counts::section(),
        events::section(),
        names::section(),
        levels::section(),
    ];
    page::check(&sections);
}
