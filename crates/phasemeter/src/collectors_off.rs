//! No collectors: the feature `collect` is off.

use phasemeter_core::Samples;

#[derive(Default)]
pub(crate) struct Collectors;

impl Collectors {
    pub(crate) fn sample(&mut self, _out: &mut Samples) {}
}
