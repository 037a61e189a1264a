//! Which collectors there are, by name.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Collector, Roots};

/// A collector that can be asked for by name.
#[derive(Clone, Copy)]
pub struct Known {
    /// The label `collector`.
    pub name: &'static str,
    /// What it reads, in a few words.
    pub about: &'static str,
    /// What it is about.
    pub scope: Scope,
    /// Makes it. It opens nothing yet.
    pub make: fn(&Roots, &Options) -> Box<dyn Collector>,
}

/// What a collector is about, which decides who has it without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The process itself, and devices that are visible to it: every service.
    Process,
    /// The host in short: services that are alone on it.
    Summary,
    /// The host: an agent.
    Host,
}

/// What collectors may be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// CPU times of each logical CPU as well.
    pub per_cpu: bool,
    /// File systems that are across a network, or answered by a program (FUSE), as well.
    pub remote_file_systems: bool,
    /// Everything that a device has, of every process: what an agent shows, and a service need not.
    pub is_agent: bool,
    /// Of GPUs.
    pub gpu: GpuOptions,
}

/// What the collector of GPUs may be told. What stands in the environment is passed in by whoever reads that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuOptions {
    /// The driver's library, where it is not where it usually is.
    pub library: Option<PathBuf>,
    /// `CUDA_VISIBLE_DEVICES`, where it is set: the GPUs that a service shows. An agent shows all, whatever stands there.
    pub visible: Option<String>,
    /// `CUDA_DEVICE_ORDER`, where it is set: what the numbers in `visible` count.
    pub order: Option<String>,
    /// The driver's library is left between readings that are at least so far apart, so that a GPU can be reset or bound
    /// to another driver meanwhile. It has to be entered anew for each of them then, and events are not waited for.
    pub release_after: Option<Duration>,
}

/// A name that no collector has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownCollector {
    name: String,
    known: Vec<&'static str>,
}

/// Those of these names, in the order of `known`, each once.
///
/// # Errors
/// A name is none of theirs.
pub fn known_among<'a, 'n>(
    known: &'a [Known],
    names: impl IntoIterator<Item = &'n str>,
) -> Result<Vec<&'a Known>, UnknownCollector> {
    let names: Vec<_> = names.into_iter().map(str::trim).filter(|name| !name.is_empty()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.iter().any(|own| own.name == **name)) {
        let known = known.iter().map(|own| own.name).collect();
        return Err(UnknownCollector { name: (*unknown).to_owned(), known });
    }
    Ok(known.iter().filter(|own| names.contains(&own.name)).collect())
}

impl fmt::Display for UnknownCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no collector {:?}: known are {}", self.name, self.known.join(", "))
    }
}

impl std::error::Error for UnknownCollector {}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KNOWN;

    #[test]
    fn an_unknown_name_is_told_with_all_that_are_known() {
        let error = known_among(KNOWN, ["process", "cpus"]).expect_err("there is no such");
        let all: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        assert_eq!(error.to_string(), format!("there is no collector \"cpus\": known are {}", all.join(", ")));
    }

    #[test]
    fn names_are_taken_once_each_in_the_order_of_the_list() {
        let found = known_among(KNOWN, ["process", " process ", ""]).expect("it is known");
        assert_eq!(found.iter().map(|known| known.name).collect::<Vec<_>>(), ["process"]);
    }
}
