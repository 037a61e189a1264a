//! The host's load averages. Windows has none: what sysinfo computes there begins with the first question, at 0.

use std::time::Duration;

use phasemeter_core::catalogue::{SYSTEM_LOAD_1M, SYSTEM_LOAD_5M, SYSTEM_LOAD_15M};
use phasemeter_core::{Moment, Samples, Value};
use sysinfo::System;

use super::{SOURCE, made};
use crate::load::NAME;
use crate::{Collector, Error};

/// Reads the load averages.
pub(super) struct Load;

impl Collector for Load {
    fn name(&self) -> &'static str {
        NAME
    }

    fn sample(&mut self, _at: Moment, out: &mut Samples) -> Result<(), Error> {
        if cfg!(windows) {
            return Err(Error::absent(SOURCE, "Windows has no load averages"));
        }
        let load = made(System::load_average())?;
        let averages = [(&SYSTEM_LOAD_1M, load.one), (&SYSTEM_LOAD_5M, load.five), (&SYSTEM_LOAD_15M, load.fifteen)];
        for (metric, average) in averages {
            out.push_plain(metric, Value::Real(average));
        }
        Ok(())
    }

    /// Kernels look every five seconds themselves.
    fn at_most_every(&self) -> Duration {
        Duration::from_secs(1)
    }
}
