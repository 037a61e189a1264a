//! Collectors by their names, wherever these were said.

use phasemeter::Collectors;
use phasemeter_config::{Chosen, Origin, Value};

use crate::output::Problem;

/// All, or those that were named.
pub(crate) fn among(collectors: Collectors, said: &Chosen) -> Result<Collectors, Problem> {
    let Some(names) = said.value.as_ref().and_then(|value| value.names()) else { return Ok(collectors) };
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let known: Vec<_> = Collectors::known().map(|(name, _)| name).collect();
    let all = known.join(", ");
    match names.iter().find(|name| !known.contains(*name)) {
        None if names.is_empty() => {
            Err(refused(said, &format!("it names no collector: known are {all}, or all of them")))
        }
        None => Ok(collectors.among(names)),
        Some(&"all") if names.len() == 1 => Ok(collectors),
        Some(unknown) => {
            // What stands there may have been meant for another setting, and be a secret.
            let unknown = Value::Text((*unknown).to_owned());
            Err(refused(said, &format!("there is no collector {unknown:?}: known are {all}, or all of them")))
        }
    }
}

/// What was said cannot be used, and by whom it was said.
pub(crate) fn refused(said: &Chosen, why: &str) -> Problem {
    let Chosen { setting, origin, .. } = said;
    Problem::unusable(match origin {
        Origin::File { .. } => format!("{origin}: {}: {why}", setting.key),
        Origin::Default | Origin::Variable(_) | Origin::Flag(_) => format!("{origin}: {why}"),
    })
}
