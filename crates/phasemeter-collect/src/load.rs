//! The host's load averages, from `/proc/loadavg`.

use phasemeter_core::catalogue::{SYSTEM_LOAD_1M, SYSTEM_LOAD_5M, SYSTEM_LOAD_15M};
use phasemeter_core::{Moment, Samples, Value};

use crate::kept::Kept;
use crate::{Collector, Error, Roots};

pub(crate) const NAME: &str = "load";

/// Reads `/proc/loadavg`.
pub(crate) struct Load {
    loadavg: Kept,
}

impl Load {
    pub(crate) fn new(roots: &Roots) -> Self {
        Self { loadavg: Kept::new(roots.proc.join("loadavg")) }
    }
}

impl Collector for Load {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        let averages = self.loadavg.parsed("three load averages", averages)?;
        for (metric, average) in [&SYSTEM_LOAD_1M, &SYSTEM_LOAD_5M, &SYSTEM_LOAD_15M].into_iter().zip(averages) {
            out.push_plain(metric, Value::Real(average));
        }
        Ok(())
    }

    /// The kernel itself looks every five seconds.
    fn at_most_every(&self) -> std::time::Duration {
        std::time::Duration::from_secs(1)
    }
}

fn averages(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_ascii_whitespace();
    let mut average = || words.next()?.parse().ok().filter(|average: &f64| average.is_finite() && *average >= 0.0);
    Some([average()?, average()?, average()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_are_load_averages_and_nothing_else_is() {
        assert_eq!(averages("0.25 1.19 1.53 1/100 1234\n"), Some([0.25, 1.19, 1.53]));
        for broken in ["", "0.25 1.19", "0.25 NaN 1.53", "0.25 -1 1.53", "a b c"] {
            assert_eq!(averages(broken), None, "{broken:?}");
        }
    }
}
