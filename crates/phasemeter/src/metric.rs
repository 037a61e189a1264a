//! `metric!`: an event and an instrument in one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use phasemeter_core::{DropReason, Labels, Metric, Samples, Value};

use crate::inner::Inner;
use crate::notice;

/// Says numbers twice: as a `tracing` event, for logs, and on `/metrics`, for Prometheus.
///
/// The first argument is a name, then come fields: `=` sets a gauge, `+=` adds to a counter. Each field is a metric of
/// its own, called by both names: `performance_latency_ms`, and `cache_hits_total` for a counter.
///
/// ```
/// phasemeter::metric!("performance", throughput = 25.5, latency_ms = 40);
/// phasemeter::metric!("cache", hits += 3, misses += 1);
/// ```
///
/// The numbers go to the process's Meter, also within a test's scope. The event has the level INFO, the target `phasemeter::metric`, the name as its field `metric` and the numbers under
/// their own. Numbers are taken at every level but off; one that is not finite, or that would make
/// a counter fall, is not taken and counted as `invalid_value`. The names are checked while compiling: letters, digits,
/// `_` and dots, and none that phasemeter's own metrics begin with.
///
/// ```compile_fail
/// phasemeter::metric!("phase", duration = 1.0);
/// ```
///
/// ```compile_fail
/// phasemeter::metric!("two words", duration = 1.0);
/// ```
#[macro_export]
macro_rules! metric {
    ($name:literal, $($field:ident $operation:tt $value:expr),+ $(,)?) => {{
        // All at once: no value may see the name of another field.
        let ($($field,)+) = ($($crate::__private::Number::number($value),)+);
        $($crate::metric!(@record $name, $field $operation);)+
        $crate::__private::tracing::event!(
            target: "phasemeter::metric",
            $crate::__private::tracing::Level::INFO,
            metric = $name,
            $($field = $field),+
        );
    }};
    (@record $name:literal, $field:ident =) => {
        $crate::metric!(@instrument $name, $field, Gauge, "The last value that the program said.").set($field)
    };
    (@record $name:literal, $field:ident +=) => {
        $crate::metric!(@instrument $name, $field, Counter, "The sum of what the program said.").add($field)
    };
    (@instrument $name:literal, $field:ident, $kind:ident, $help:literal) => {{
        const NAME: &str = concat!($name, ".", stringify!($field));
        const _: () = assert!(
            $crate::__private::is_metric_name(NAME),
            "the name of a metric has letters, digits, `_` and dots, and does not begin as those of phasemeter do"
        );
        static METRIC: $crate::Metric = $crate::Metric {
            otel: NAME,
            classic: None,
            kind: $crate::__private::Kind::$kind,
            unit: $crate::__private::Unit::Count("{value}"),
            labels: &[],
            help: $help,
            stability: $crate::__private::Stability::Stable,
            origin: $crate::__private::Origin::Ours("the program named it"),
        };
        static INSTRUMENT: $crate::__private::Instrument = $crate::__private::Instrument::new(&METRIC);
        &INSTRUMENT
    }};
}

/// Names that ours begin with, whether a dot or `_` follows: for Prometheus that is the same.
const RESERVED: [&str; 6] = ["phase_", "phasemeter_", "pipeline_", "process_", "target_", "otel_"];

/// Whether this may be the name of a program's own metric.
#[must_use]
pub const fn is_metric_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index];
        let is_digit_first = index == 0 && byte.is_ascii_digit();
        if is_digit_first || !(byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.') {
            return false;
        }
        index += 1;
    }
    let mut reserved = 0;
    while reserved < RESERVED.len() {
        if starts_with(bytes, RESERVED[reserved].as_bytes()) {
            return false;
        }
        reserved += 1;
    }
    !bytes.is_empty() && bytes[0] != b'.'
}

const fn starts_with(bytes: &[u8], prefix: &[u8]) -> bool {
    let mut index = 0;
    while index < prefix.len() {
        let byte = if index < bytes.len() { bytes[index] } else { 0 };
        if prefix[index] != if byte == b'.' { b'_' } else { byte } {
            return false;
        }
        index += 1;
    }
    true
}

/// A number that a metric can be set to.
pub trait Number {
    /// The number; an integer beyond 2^53 is rounded.
    fn number(self) -> f64;
}

macro_rules! numbers {
    ($($type:ty),+) => { $(impl Number for $type {
        fn number(self) -> f64 {
            self as f64
        }
    })+ };
}

numbers!(f32, f64, u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

/// The instruments of a process, by the name that Prometheus sees: of two that come to one, the first stands. There are as many as the program has `metric!` fields.
#[derive(Default)]
pub(crate) struct Instruments(RwLock<BTreeMap<String, Arc<Cell>>>);

/// One number, as bits.
struct Cell {
    metric: &'static Metric,
    bits: AtomicU64,
}

/// One field of a `metric!`.
pub struct Instrument {
    metric: &'static Metric,
    /// What every field of this name shares; nothing where the name belongs to a metric of another kind.
    cell: OnceLock<Option<Arc<Cell>>>,
}

// A number that nothing else is read by: relaxed is enough.
const RELAXED: Ordering = Ordering::Relaxed;

impl Instrument {
    /// An instrument that is shown once it is first used.
    #[must_use]
    pub const fn new(metric: &'static Metric) -> Self {
        Self { metric, cell: OnceLock::new() }
    }

    /// Sets the gauge.
    pub fn set(&self, value: f64) {
        self.record(value.is_finite(), |cell| cell.bits.store(value.to_bits(), RELAXED));
    }

    /// Adds to the counter.
    pub fn add(&self, value: f64) {
        self.record(value.is_finite() && value >= 0.0, |cell| {
            // A sum beyond all numbers stays the last number.
            let add = |bits| Some((f64::from_bits(bits) + value).min(f64::MAX).to_bits());
            let _sum = cell.bits.fetch_update(RELAXED, RELAXED, add);
        });
    }

    fn record(&self, is_valid: bool, record: impl FnOnce(&Cell)) {
        let inner = Inner::of_process();
        if !inner.is_measuring() {
            return;
        }
        let cell = self.cell.get_or_init(|| inner.instruments.cell_or_say(self.metric, inner));
        match cell {
            Some(cell) if is_valid => record(cell),
            Some(_) => inner.registry.drops().count(DropReason::InvalidValue),
            // It was said.
            None => {}
        }
    }
}

impl Instruments {
    fn cell_or_say(&self, metric: &'static Metric, inner: &Inner) -> Option<Arc<Cell>> {
        let cell = self.cell(metric);
        if cell.is_none() {
            inner.registry.drops().count(DropReason::MetricClash);
            let name = metric.otel;
            notice::say(&format!("the name of the metric {name:?} of metric! is taken by another one: it is left out"));
        }
        cell
    }

    fn cell(&self, metric: &'static Metric) -> Option<Arc<Cell>> {
        let mut instruments = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let name = metric.prometheus_name();
        let is_this = |cell: &Cell| cell.metric.kind == metric.kind && cell.metric.otel == metric.otel;
        // A name of either world stands for one metric.
        let taken = instruments.iter().find(|(known, cell)| **known == name || cell.metric.otel == metric.otel);
        if let Some((_, cell)) = taken {
            return is_this(cell).then(|| cell.clone());
        }
        let cell = Arc::new(Cell { metric, bits: AtomicU64::new(0) });
        instruments.insert(name, cell.clone());
        Some(cell)
    }

    /// Puts every number that was said into `out`.
    pub(crate) fn sample(&self, out: &mut Samples) {
        let instruments = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        for cell in instruments.values() {
            out.push(cell.metric, Labels::none(), Value::Real(f64::from_bits(cell.bits.load(RELAXED))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_prometheus_takes_and_none_of_ours() {
        for name in ["performance.latency_ms", "_a.b9", "phases.done"] {
            assert!(is_metric_name(name), "{name}");
        }
        for name in ["", ".a", "9a.b", "a b.c", "ä.b", "phase.runs", "phase_items.total", "process.x", "otel.y"] {
            assert!(!is_metric_name(name), "{name}");
        }
    }
}
