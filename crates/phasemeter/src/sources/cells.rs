//! What one series of the `metrics` facade counts in: atomics, and no upkeep.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use metrics::{CounterFn, GaugeFn, HistogramFn};
use phasemeter_core::{Buckets, DropReason, Kind, Value};

use crate::inner::Inner;

/// The cell of a series, by what it is.
#[derive(Clone)]
pub(super) enum Cell {
    Counter(Arc<Counter>),
    Gauge(Arc<Gauge>),
    Histogram(Arc<Histogram>),
}

#[derive(Default)]
pub(super) struct Counter(AtomicU64);

pub(super) struct Gauge {
    bits: AtomicU64,
    inner: Weak<Inner>,
}

pub(super) struct Histogram {
    /// Inclusive upper bounds, rising.
    bounds: Arc<[f64]>,
    /// One more than there are bounds.
    counts: Box<[AtomicU64]>,
    sum_bits: AtomicU64,
    inner: Weak<Inner>,
}

// Numbers that nothing else is read by: relaxed is enough.
const RELAXED: Ordering = Ordering::Relaxed;

impl Cell {
    pub(super) fn new(kind: Kind, bounds: &Arc<[f64]>, inner: &Arc<Inner>) -> Self {
        let inner = Arc::downgrade(inner);
        match kind {
            Kind::Counter => Self::Counter(Arc::default()),
            Kind::Histogram => Self::Histogram(Arc::new(Histogram {
                bounds: bounds.clone(),
                counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
                sum_bits: AtomicU64::new(0.0_f64.to_bits()),
                inner,
            })),
            Kind::UpDownCounter | Kind::Gauge | Kind::Info | Kind::Summary | Kind::Unknown => {
                Self::Gauge(Arc::new(Gauge { bits: AtomicU64::new(0.0_f64.to_bits()), inner }))
            }
        }
    }

    /// Whether somebody can record into it beside the one who asks.
    pub(super) fn is_held(&self) -> bool {
        let handles = match self {
            Self::Counter(counter) => Arc::strong_count(counter),
            Self::Gauge(gauge) => Arc::strong_count(gauge),
            Self::Histogram(histogram) => Arc::strong_count(histogram),
        };
        handles > 1
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Self::Counter(counter) => Value::Count(counter.0.load(RELAXED)),
            Self::Gauge(gauge) => Value::Real(f64::from_bits(gauge.bits.load(RELAXED))),
            Self::Histogram(histogram) => Value::Buckets(Box::new(histogram.read())),
        }
    }
}

impl Histogram {
    /// The count is the sum of the buckets, so that it equals the last one.
    fn read(&self) -> Buckets {
        let mut count = 0_u64;
        let mut cumulated = self.counts.iter().map(|own| {
            count = count.saturating_add(own.load(RELAXED));
            count
        });
        let bounds = self.bounds.iter().copied().zip(&mut cumulated).collect();
        // What is above every bound.
        let _last = cumulated.next();
        Buckets { bounds, count, sum: f64::from_bits(self.sum_bits.load(RELAXED)) }
    }
}

impl CounterFn for Counter {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, RELAXED);
    }

    fn absolute(&self, value: u64) {
        self.0.fetch_max(value, RELAXED);
    }
}

impl GaugeFn for Gauge {
    fn increment(&self, value: f64) {
        if is_finite(value, &self.inner) {
            add(&self.bits, value);
        }
    }

    fn decrement(&self, value: f64) {
        GaugeFn::increment(self, -value);
    }

    fn set(&self, value: f64) {
        if is_finite(value, &self.inner) {
            self.bits.store(value.to_bits(), RELAXED);
        }
    }
}

impl HistogramFn for Histogram {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        if !is_finite(value, &self.inner) {
            return;
        }
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(own) = self.counts.get(bucket) {
            own.fetch_add(count as u64, RELAXED);
            add(&self.sum_bits, (value * count as f64).clamp(f64::MIN, f64::MAX));
        }
    }
}

/// A sum beyond all numbers stays the last number.
fn add(bits: &AtomicU64, value: f64) {
    let add = |bits| Some((f64::from_bits(bits) + value).clamp(f64::MIN, f64::MAX).to_bits());
    let _sum = bits.fetch_update(RELAXED, RELAXED, add);
}

/// One that is not would spoil a sum for ever: it is not taken, and counted.
fn is_finite(value: f64, inner: &Weak<Inner>) -> bool {
    if !value.is_finite() {
        if let Some(inner) = inner.upgrade() {
            inner.registry.drops().count(DropReason::InvalidValue);
        }
    }
    value.is_finite()
}
