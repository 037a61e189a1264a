//! The collectors that every service has.

use phasemeter_collect::{Collector, Roots, default_collectors, sample_all};
use phasemeter_core::Samples;

pub(crate) struct Collectors(Vec<Box<dyn Collector>>);

impl Collectors {
    pub(crate) fn new() -> Self {
        Self(default_collectors(&Roots::default()))
    }

    pub(crate) fn sample(&mut self, out: &mut Samples) {
        sample_all(&mut self.0, out);
    }
}
