//! The exact grade: a run in a closure, a run by its guard, and what is counted in it.

use std::hint::black_box;
use std::path::PathBuf;

use phasemeter::{Level, Meter, Phase};

use crate::subscribers;
use crate::workload::{Turns, Workload, turns};

static EMBED: Phase = Phase::new("embed");

pub(super) fn workloads() -> Vec<Workload> {
    let log_and_ours = || subscribers::log_and_ours(Level::Basic);
    let is_basic = |name: &str| name.starts_with("basic, ");
    let run = Workload::new("run", "`PHASE.run` of a closure that declares an item")
        .at_each_level("no subscriber", subscribers::none, runs)
        .at_each_level("our layer", subscribers::ours, runs)
        .also_on_two_threads(is_basic)
        .subject("basic, our layer and a log", log_and_ours, runs);
    let guard = Workload::new("guard", "`PHASE.start()` and its drop")
        .at_each_level("no subscriber", subscribers::none, guards)
        .at_each_level("our layer", subscribers::ours, guards)
        .also_on_two_threads(is_basic);
    let inc = Workload::new("inc", "`inc(1)` in a run").at_each_level("", subscribers::ours, incs).subject(
        "basic, followed, with a journal",
        || subscribers::ours(Level::Basic),
        incs_of_a_run_that_is_followed,
    );
    let items = Workload::new("items", "`items(64)` in a run").at_each_level("", subscribers::ours, items);
    vec![run, guard, inc, items]
}

/// Also what an item is, where each has a run.
pub(super) fn runs() -> Turns {
    turns(|| EMBED.run(|run| run.items(black_box(1_u64))))
}

fn guards() -> Turns {
    turns(|| drop(black_box(EMBED.start())))
}

fn incs() -> Turns {
    let run = EMBED.start();
    turns(move || black_box(&run).inc(1))
}

/// Once a second somebody looks at the counts, and every five seconds they are written down.
fn incs_of_a_run_that_is_followed() -> Turns {
    let folder = std::env::temp_dir().join(format!("phasemeter-bench-runs-{}", std::process::id()));
    let followed = Meter::of_process().run("bench").journal(&folder).start();
    let (run, folder) = (EMBED.start(), Removed(folder));
    turns(move || {
        let _at_work = (&followed, &folder);
        black_box(&run).inc(1);
    })
}

/// A folder that goes with its benchmark.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn items() -> Turns {
    let run = EMBED.start();
    turns(move || black_box(&run).items(black_box(64_u64)))
}
