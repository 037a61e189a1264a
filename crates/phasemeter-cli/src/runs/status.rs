//! `phasemeter status`: how far a run is, over all its workers.

use std::path::PathBuf;

use clap::Args;
use phasemeter::analysis::fleet::FleetLimits;
use phasemeter::analysis::render;
use phasemeter::analysis::{Fleet, Progress};

use super::{Output, find, viewer};
use crate::output::Problem;

/// Three heartbeats: a worker that missed fewer is not silent.
const SILENT_AFTER_NS: u64 = 15_000_000_000;

/// Show how far a run is, from the journals that its workers leave; no server is needed.
///
/// A worker that was not heard of for two minutes is lost, and what it had in hand is shown.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of a run, one of runs (the latest is shown), or one journal
    #[arg(default_value = "runs")]
    path: PathBuf,

    /// A worker that was not heard of for so many seconds is lost; heartbeats come every 5 s
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(10..))]
    lost_after: u32,

    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Problem> {
    let (found, viewer) = (find(&arguments.path)?, viewer());
    let past = found.past();
    let lost_after_ns = u64::from(arguments.lost_after) * 1_000_000_000;
    let limits = FleetLimits { silent_after_ns: SILENT_AFTER_NS.max(lost_after_ns / 2), lost_after_ns };
    let fleet = Fleet::of(&found.states, &past, &limits, viewer.now_unix_ns);
    let fleet = fleet.map_err(|error| Problem::unusable(format!("{}: {error}", arguments.path.display())))?;
    arguments.output.write(
        || serde_json::to_value(&fleet),
        |form| {
            let mut text = render::fleet(&fleet, &viewer, form);
            // Of one worker, its phases tell more.
            if let ([only], 1) = (&*found.states, fleet.active) {
                text += "\n";
                text += &render::progress(&Progress::told(only, &past, viewer.now_unix_ns), &viewer, form);
            }
            text
        },
    )
}
