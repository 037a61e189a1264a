//! No runtimes: the feature `tokio` is off, or the machine has no counters that tokio could keep.

use phasemeter_core::Samples;

/// None is ever watched.
#[derive(Default)]
pub(crate) struct Runtimes {
    _nothing: (),
}

impl Runtimes {
    pub(crate) fn sample(&self, _out: &mut Samples) {}
}
