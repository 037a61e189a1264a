//! Series of every kind: any metric, any text in labels, any value.

use std::collections::BTreeMap;

use phasemeter_core::buckets::SLOTS;
use phasemeter_core::catalogue::ALL;
use phasemeter_core::{Histogram, Kind, Metric, Origin, Stability, Unit, Value};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::cases::{any_text, elapsed_ns, label_name};

/// A histogram with any counts.
pub(crate) fn histogram() -> impl Strategy<Value = Histogram> {
    // Of 32 bits, so that their sum is a u64.
    let slots = vec(prop_oneof![Just(0), any::<u32>()], SLOTS);
    (slots, any::<u64>()).prop_map(|(slots, sum_ns)| {
        let mut histogram = Histogram { slots: [0; SLOTS], sum_ns };
        histogram.slots.iter_mut().zip(slots).for_each(|(slot, count)| *slot = count.into());
        histogram
    })
}

fn plain_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(Value::Count),
        prop_oneof![any::<i64>(), Just(i64::MIN)].prop_map(Value::Level),
        proptest::num::f64::ANY.prop_map(Value::Real),
        select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, 5e-324][..])
            .prop_map(Value::Real),
        prop_oneof![elapsed_ns(), Just(u64::MAX)].prop_map(Value::Nanos),
    ]
}

/// What is not in the catalogue, and may come: a help text that has to be escaped.
static AWKWARD_HELP: Metric = Metric {
    otel: "test.awkward",
    classic: None,
    kind: Kind::Gauge,
    unit: Unit::One,
    labels: &[],
    help: "A \\backslash, \\n that is no line feed,\nand one that is; \"quotes\" stay.",
    stability: Stability::Development,
    origin: Origin::Ours("it is a test"),
};

/// One series before it is put into samples.
pub(crate) type AnySeries = (&'static Metric, BTreeMap<String, String>, Value);

/// Series of which no two are the same.
pub(crate) fn series() -> impl Strategy<Value = Vec<AnySeries>> {
    let labels = || btree_map(label_name(), any_text(0..12), 0..4);
    let values = (plain_value(), histogram());
    btree_map((0..=ALL.len(), labels()), values, 0..12).prop_map(|series| {
        let series = series.into_iter().map(|((index, labels), (plain, histogram))| {
            let metric = ALL.get(index).copied().unwrap_or(&AWKWARD_HELP);
            let value = if metric.kind == Kind::Histogram { Value::Histogram(Box::new(histogram)) } else { plain };
            (metric, labels, value)
        });
        series.collect()
    })
}
