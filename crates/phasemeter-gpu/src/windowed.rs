//! A value that is watched within a fixed window, on a device that may be away at times.

use phasemeter_collect::Peaks;
use phasemeter_core::{Metric, Moment, Samples};

use crate::marks::Marks;

/// Greatest value and mean.
pub(crate) struct Windowed {
    peaks: Peaks,
    last: Option<Moment>,
}

impl Windowed {
    pub(crate) fn new(max: &'static Metric, mean: &'static Metric) -> Self {
        Self { peaks: Peaks::new(max, mean), last: None }
    }

    /// What stands now, and has been so since the value before.
    pub(crate) fn add_level(&mut self, at: Moment, value: f64) {
        let held_ns = self.last.map_or(1, |then| at.now_ns.saturating_sub(then.now_ns));
        self.add(at, value, held_ns);
    }

    /// A value that held for so long up to now.
    pub(crate) fn add(&mut self, at: Moment, value: f64, held_ns: u64) {
        self.peaks.add(at, value, held_ns);
        self.last = Some(at);
    }

    pub(crate) fn sample(&self, at: Moment, marks: &Marks, out: &mut Samples) {
        self.peaks.sample(at, &marks.pairs(), out);
    }

    /// The device was away: no value held meanwhile.
    pub(crate) fn interrupt(&mut self) {
        self.last = None;
    }
}
