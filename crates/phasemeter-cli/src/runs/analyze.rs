//! `phasemeter analyze`: where a run's time went, what would help, and what would be if.

use std::path::PathBuf;

use clap::Args;
use phasemeter::analysis::analysis::{Answer, WhatIf};
use phasemeter::analysis::render;
use serde_json::json;

use super::{Output, find, viewer};
use crate::output::Problem;

/// Say where the time of a run went, what held it up, and what would help, each with its evidence.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of a run, one of runs (the latest is taken), or one journal
    #[arg(default_value = "runs")]
    path: PathBuf,

    /// What would be, if: `embed=2x`, `workers:extract=48`, `workers:extract=+12`, `overlap`; several with commas between
    #[arg(long, value_name = "CHANGE")]
    what_if: Vec<WhatIf>,

    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Problem> {
    let found = find(&arguments.path)?;
    let analysis = found.analysis(viewer().now_unix_ns)?;
    let answers = arguments.what_if.iter().map(|asked| analysis.what_if(asked)).collect::<Result<Vec<Answer>, _>>();
    let answers = answers.map_err(|error| Problem::unusable(format!("--what-if: {error}")))?;
    arguments.output.write(
        || Ok(json!({ "analysis": serde_json::to_value(&analysis)?, "what_if": serde_json::to_value(&answers)? })),
        |form| {
            let told = answers.iter().map(|answer| render::answer(answer).trim_end().to_owned() + "\n");
            let told: String = told.collect();
            let text = render::analysis(&analysis, form);
            if told.is_empty() { text } else { text + "\nWhat would be, if\n" + &told }
        },
    )
}
