//! `phasemeter diff`: one run beside another, and whether that is more than noise.

use std::path::PathBuf;

use clap::Args;
use phasemeter::analysis::analysis::Limits;
use phasemeter::analysis::{Comparison, render};

use super::{Output, find, viewer};
use crate::output::Problem;

/// Compare two runs of a pipeline, phase by phase: what became slower, whether that is more than noise, and why.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The run that is compared with: its folder, or a journal
    base: PathBuf,

    /// The run that is compared
    head: PathBuf,

    /// Exit with 1 where a phase, or the whole run, became slower by more than this, beyond noise: as `10%`. A new phase
    /// counts as a share of the base's time
    #[arg(long, value_name = "SHARE", value_parser = share)]
    fail_over: Option<f64>,

    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Problem> {
    let now_unix_ns = viewer().now_unix_ns;
    let [base, head] =
        [&arguments.base, &arguments.head].map(|path| find(path).and_then(|found| found.analysis(now_unix_ns)));
    let comparison = Comparison::of(&base?, &head?, &Limits::default());
    let comparison = comparison.map_err(|error| Problem::unusable(error.to_string()))?;
    arguments.output.write(|| serde_json::to_value(&comparison), |form| render::diff(&comparison, form))?;
    match arguments.fail_over {
        Some(limit) if comparison.is_slower_by(limit) => {
            Err(Problem::failed(format!("slower by more than {}%: {}", limit * 100.0, comparison.verdict)))
        }
        Some(_) | None => Ok(()),
    }
}

/// `10%`, or a share as `0.1`.
fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |percent| (percent.trim(), 100.0));
    let share =
        number.parse::<f64>().map(|number| number / unit).ok().filter(|share| share.is_finite() && *share >= 0.0);
    share.ok_or_else(|| "it should be as 10% or 0.1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percents_or_numbers() {
        assert_eq!((share("10%"), share(" 2.5 % "), share("0.1"), share("0")), (Ok(0.1), Ok(0.025), Ok(0.1), Ok(0.0)));
        for text in ["", "%", "-1%", "NaN", "ten"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
