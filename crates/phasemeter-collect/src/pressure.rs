//! How long tasks waited for CPUs, memory and storage, from `/proc/pressure`. Kernels without it, or where it is switched
//! off, have no data.

use std::time::Duration;

use phasemeter_core::catalogue::HOST_PRESSURE_STALL_TIME;
use phasemeter_core::{Moment, Samples, Value};

use crate::error::optional;
use crate::kept::Kept;
use crate::{Collector, Error, Roots, labels};

pub(crate) const NAME: &str = "pressure";

/// Reads `/proc/pressure/*`.
pub(crate) struct Pressure {
    files: [(&'static str, Kept); 3],
}

impl Pressure {
    pub(crate) fn new(roots: &Roots) -> Self {
        let file = |resource| (resource, Kept::new(roots.proc.join("pressure").join(resource)));
        Self { files: ["cpu", "memory", "io"].map(file) }
    }
}

impl Collector for Pressure {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        let mut is_there = false;
        for (resource, file) in &mut self.files {
            let Some(stalls) = optional(file.parsed("lines of some and full", stalls))? else { continue };
            is_there = true;
            for (stall, micros) in stalls {
                let nanos = Value::Nanos(micros.saturating_mul(1_000));
                out.push(&HOST_PRESSURE_STALL_TIME, labels([("resource", *resource), ("stall", stall)]), nanos);
            }
        }
        let [(_, first), ..] = &self.files;
        let absent =
            || Error::absent(&first.path().display().to_string(), "the kernel has no pressure stall information");
        if is_there { Ok(()) } else { Err(absent()) }
    }

    fn at_most_every(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// Which tasks, and for how many microseconds in all. Old kernels have no `full` for CPUs.
fn stalls(text: &str) -> Option<Vec<(&'static str, u64)>> {
    let stall = |line: &str| {
        let stall = ["some", "full"].into_iter().find(|stall| line.starts_with(stall))?;
        let (_, total) = line.rsplit_once("total=")?;
        Some((stall, total.trim().parse().ok()?))
    };
    let stalls: Vec<_> = text.lines().map(stall).collect::<Option<_>>()?;
    (!stalls.is_empty()).then_some(stalls)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_taken_and_averages_left() {
        let text =
            "some avg10=0.00 avg60=0.10 avg300=0.00 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=45\n";
        assert_eq!(stalls(text), Some(vec![("some", 123), ("full", 45)]));
        assert_eq!(stalls("some avg10=0.00 total=7\n"), Some(vec![("some", 7)]));
        for broken in ["", "some avg10=0.00\n", "most total=1\n", "some total=-1\n"] {
            assert_eq!(stalls(broken), None, "{broken:?}");
        }
    }
}
