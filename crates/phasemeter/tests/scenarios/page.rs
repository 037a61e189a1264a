//! The table as a page of the documentation, held against the one that is there.

use std::fmt::Write as _;
use std::path::Path;

use crate::table::{ANYWHERE, Column, Runtime, Scenario, Section};

const PAGE: &str = "docs/scenarios.md";

const HEAD: &str = "\
# Scenarios

<!-- Written by `UPDATE_GOLDEN=1 cargo test -p phasemeter --test scenarios`, from the scenarios there. -->

What is measured of a phase, `work`, whatever happens to its run. Each line is a test that asserts it, in both grades,
with a clock that is turned by hand: times are exact.

- **Exact** is a `Phase` in the code: `run`, `start` and its guard, `.phase(&PHASE)` on futures, `.track(&PHASE)` on
  loops, the attribute `#[phase]`.
- **Plain span** is a span of `tracing` with a field `phase.name`, by `in_scope`, `enter`, `.instrument(span)` or
  `#[instrument]`. It knows when it is entered, left and closed, and nothing of values and reasons; where that is not
  enough, the line says so.

How to read it: `2 ok in 3 s` are two runs that took three seconds together; `error (timeout)` is a run that failed, with
the type of its error; `cancelled` is one that was dropped unfinished. `no run` is none at all. `in flight` is what has
begun and not ended, and `held` are those spans among them that were left a minute ago and are still open. What stands
behind a semicolon is another phase, or a count of `phasemeter_dropped_total` by its reason.

A line was tried *everywhere* on a plain thread, a thread of rayon, tokio with one thread and with several, in a task that
tokio spawned, and under `spawn_blocking`; otherwise where it says so, because it applies there or makes no difference
elsewhere.
";

/// Compares the page with the one in the documentation, or writes it there.
#[track_caller]
pub(crate) fn check(sections: &[Section]) {
    let mut page = HEAD.to_owned();
    sections.iter().for_each(|section| write_section(section, &mut page));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(&path, page).unwrap_or_else(|error| panic!("cannot write {PAGE}: {error}"));
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {PAGE}: {error}"));
    let different = golden.lines().zip(page.lines()).find(|(golden, now)| golden != now);
    assert!(
        golden == page,
        "{PAGE} differs, as in (golden, now): {different:#?}\n\
         If that is meant: UPDATE_GOLDEN=1 cargo test -p phasemeter --test scenarios"
    );
}

fn write_section(Section { title, scenarios }: &Section, page: &mut String) {
    *page += &format!("\n## {title}\n\n| What happens | Exact | Plain span | Tried |\n|---|---|---|---|\n");
    for Scenario { name, runtimes, exact, plain } in scenarios {
        let places: Vec<_> = runtimes.iter().map(Runtime::to_string).collect();
        let places = if *runtimes == ANYWHERE { "everywhere".to_owned() } else { places.join("; ") };
        writeln!(page, "| {name} | {} | {} | {places} |", in_words(exact), in_words(plain))
            .expect("invariant: a string takes everything");
    }
}

fn in_words(Column { said, note, .. }: &Column) -> String {
    match (*said, *note) {
        ("", note) => format!("– {note}"),
        (said, "") => format!("**{said}**"),
        (said, note) => format!("**{said}** {note}"),
    }
}
