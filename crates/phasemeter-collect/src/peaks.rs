//! The greatest value and the mean of a minute, as two metrics.

use phasemeter_core::{Labels, Metric, Moment, Samples, Value};

use crate::window::{WINDOW_NAME, Window};

/// A value that is watched within a fixed window.
#[derive(Debug)]
pub struct Peaks {
    max: &'static Metric,
    mean: &'static Metric,
    window: Window,
    last: Option<(Moment, f64)>,
}

impl Peaks {
    /// To be shown by these two, which have the label `window`.
    #[must_use]
    pub fn new(max: &'static Metric, mean: &'static Metric) -> Self {
        Self { max, mean, window: Window::default(), last: None }
    }

    /// A value that held for so long up to now.
    pub fn add(&mut self, at: Moment, value: f64, held_ns: u64) {
        self.window.add(at.now_ns, value, held_ns);
        self.last = Some((at, value));
    }

    /// What stands now, and has been so since the last one.
    pub fn add_level(&mut self, at: Moment, value: f64) {
        let held_ns = self.last.map_or(1, |(then, _)| at.now_ns.saturating_sub(then.now_ns));
        self.add(at, value, held_ns);
    }

    /// The last value.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.last.map(|(_, value)| value)
    }

    /// Puts both into `out`, with these labels beside `window`.
    pub fn sample(&self, at: Moment, further: &[(&str, &str)], out: &mut Samples) {
        let (max, mean) = (self.window.max(at.now_ns), self.window.mean(at.now_ns));
        let labels = || {
            let window = [("window", WINDOW_NAME)];
            let pairs = further.iter().chain(&window).copied();
            Labels::new(pairs).expect("invariant: constant, valid label names")
        };
        for (metric, value) in [(self.max, max), (self.mean, mean)] {
            if let Some(value) = value {
                out.push(metric, labels(), Value::Real(value));
            }
        }
    }
}
