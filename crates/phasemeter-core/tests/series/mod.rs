//! Series of every kind: any metric, ours or another library's, any text in labels, any value.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeMap;

use phasemeter_core::catalogue::{ALL, TARGET_INFO};
use phasemeter_core::slots::{BOUNDS_NS, SLOTS, slot};
use phasemeter_core::{
    Buckets, Exemplar, Histogram, Kind, Labels, Metric, Origin, Quantiles, Samples, Snapshot, Stability, Style,
    TraceIds, Unit, Value,
};
use proptest::array::{uniform8, uniform16};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::cases::{any_text, elapsed_ns, label_name};

/// A histogram with any counts, of which some are in the slots that the exemplars fall into.
pub(crate) fn histogram() -> impl Strategy<Value = Histogram> {
    // Of 32 bits, so that their sum is a u64.
    let counts = btree_map(0..SLOTS as u16, 1..=u64::from(u32::MAX), 0..30);
    (counts, any::<u64>(), vec(exemplar(), 0..4)).prop_map(|(mut counts, sum_ns, exemplars)| {
        let by_bucket = exemplars.into_iter().map(|exemplar| (bucket(exemplar.value_ns), exemplar));
        let exemplars: Vec<_> = by_bucket.collect::<BTreeMap<_, _>>().into_values().collect();
        for exemplar in &exemplars {
            counts.entry(slot(exemplar.value_ns) as u16).or_insert(1);
        }
        Histogram { slots: counts.into_iter().collect(), sum_ns, exemplars }
    })
}

/// The classic bucket of a duration.
pub(crate) fn bucket(elapsed_ns: u64) -> usize {
    BOUNDS_NS.iter().filter(|bound| **bound < elapsed_ns).count()
}

pub(crate) fn exemplar() -> impl Strategy<Value = Exemplar> {
    let ids = (uniform16(any::<u8>()), uniform8(any::<u8>()));
    (ids, elapsed_ns(), any::<u64>()).prop_map(|((trace_id, span_id), value_ns, unix_ns)| Exemplar {
        ids: TraceIds { trace_id, span_id },
        value_ns,
        unix_ns,
    })
}

/// A histogram of another library, with any bounds.
fn buckets() -> impl Strategy<Value = Buckets> {
    let bound = prop_oneof![proptest::num::f64::NORMAL, select(&[0.0, 0.1, 1.0, 1e6, 1e21, 5e-324][..])];
    let bounds = vec((bound, any::<u32>()), 0..6);
    (bounds, any::<u32>(), real()).prop_map(|(mut bounds, over, sum)| {
        bounds.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        bounds.dedup_by(|(later, _), (earlier, _)| later == earlier);
        let mut below = 0;
        let cumulated = bounds.into_iter().map(|(bound, count)| {
            below += u64::from(count);
            (bound, below)
        });
        let bounds: Vec<_> = cumulated.collect();
        Buckets { bounds, count: below + u64::from(over), sum }
    })
}

/// A summary of another library.
fn quantiles() -> impl Strategy<Value = Quantiles> {
    let thousandths = btree_set(0..=1_000_u16, 0..5);
    (thousandths, vec(real(), 5), any::<u64>(), real()).prop_map(|(thousandths, values, count, sum)| {
        let quantiles = thousandths.into_iter().map(|thousandths| f64::from(thousandths) / 1_000.0);
        Quantiles { values: quantiles.zip(values).collect(), count, sum }
    })
}

fn real() -> impl Strategy<Value = f64> {
    prop_oneof![
        proptest::num::f64::ANY,
        select(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, 5e-324][..]),
    ]
}

fn plain_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(Value::Count),
        prop_oneof![any::<i64>(), Just(i64::MIN)].prop_map(Value::Level),
        real().prop_map(Value::Real),
        prop_oneof![elapsed_ns(), Just(u64::MAX)].prop_map(Value::Nanos),
    ]
}

const fn foreign(name: &'static str, kind: Kind, help: &'static str) -> Metric {
    let (unit, stability) = (Unit::Count("{value}"), Stability::Stable);
    Metric { otel: name, classic: Some(name), kind, unit, labels: &[], help, stability, origin: Origin::Ours("test") }
}

/// What is not in the catalogue, and may come: kinds that only other libraries have, names of which one is another one's
/// beginning, and a help text that has to be escaped.
static FOREIGN: [Metric; 9] = [
    Metric {
        otel: "test.awkward",
        classic: None,
        kind: Kind::Gauge,
        unit: Unit::One,
        labels: &[],
        help: "A \\backslash, \\n that is no line feed,\nand one that is; \"quotes\" stay.",
        stability: Stability::Development,
        origin: Origin::Ours("it is a test"),
    },
    foreign("foreign_sizes", Kind::Histogram, "Sizes, in buckets of theirs."),
    foreign("foreign_delay", Kind::Summary, "Quantiles."),
    foreign("foreign_number", Kind::Unknown, "Nobody knows."),
    foreign("foreign_requests", Kind::Gauge, "As the counter is called without its suffix."),
    foreign("foreign_requests_total", Kind::Counter, "Requests."),
    foreign("foreign.dots-ä", Kind::Gauge, "A name that is not of the classic form."),
    foreign("foreign_build_info", Kind::Info, "A version."),
    foreign("foreign_errors", Kind::Counter, "A counter that does not say so in its name."),
];

/// One series before it is put into samples.
#[derive(Debug, Clone)]
pub(crate) struct AnySeries {
    pub(crate) metric: &'static Metric,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: Value,
    pub(crate) created_unix_ns: Option<u64>,
}

/// Series of which no two are the same.
pub(crate) fn series() -> impl Strategy<Value = Vec<AnySeries>> {
    let labels = || btree_map(label_name(), any_text(1..12), 0..4);
    let values = (plain_value(), histogram(), buckets(), quantiles(), option::of(any::<u64>()));
    btree_map((0..ALL.len() + FOREIGN.len(), labels()), values, 0..12).prop_map(|series| {
        let series = series.into_iter().map(|((index, labels), (plain, histogram, buckets, quantiles, created))| {
            let metric = ALL.get(index).copied().unwrap_or_else(|| &FOREIGN[index - ALL.len()]);
            let value = match metric.kind {
                Kind::Histogram if index < ALL.len() => Value::Histogram(Box::new(histogram)),
                Kind::Histogram => Value::Buckets(Box::new(buckets)),
                Kind::Summary => Value::Quantiles(Box::new(quantiles)),
                Kind::Counter | Kind::UpDownCounter | Kind::Gauge | Kind::Info | Kind::Unknown => plain,
            };
            AnySeries { metric, labels, value, created_unix_ns: created }
        });
        series.collect()
    })
}

/// The snapshot that they make.
pub(crate) fn snapshot(series: &[AnySeries]) -> Snapshot {
    let mut samples = Samples::default();
    for AnySeries { metric, labels, value, created_unix_ns } in series {
        let labels = Labels::new(labels).expect("the strategy makes valid names");
        match created_unix_ns {
            Some(created_unix_ns) => samples.push_counted(metric, labels, value.clone(), *created_unix_ns),
            None => samples.push(metric, labels, value.clone()),
        }
    }
    Snapshot::new(samples)
}

impl AnySeries {
    /// Its labels with those that stand on every series, where none of its metric's has one of that name.
    pub(crate) fn labels_in(&self, style: &Style, all: &[Self]) -> BTreeMap<String, String> {
        let family = || all.iter().filter(|one| one.metric.otel == self.metric.otel);
        let is_free = |name: &str| family().all(|one| !one.labels.contains_key(name));
        let constant = style.constant.iter().filter(|(name, _)| is_free(name));
        let constant = constant.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.labels.clone().into_iter().chain(constant).collect()
    }
}

/// How a program wants its exposition to be.
pub(crate) fn style() -> impl Strategy<Value = Style> {
    let constant = vec![vec![], vec![("a", "a \"constant\"\\\n")], vec![("region", "ä"), ("service", "s")]];
    (select(&["", "app_"][..]), select(constant), -4..=3).prop_map(|(prefix, constant, native_schema)| Style {
        prefix: prefix.to_owned(),
        constant: Labels::new(constant).expect("valid names"),
        native_schema,
    })
}

/// What a metric is called there, with names of the classic form only, or with any.
pub(crate) fn name_in(style: &Style, metric: &'static Metric, is_classic: bool) -> String {
    let is_ours = ALL.iter().any(|own| own.otel == metric.otel && own.classic.is_none());
    let prefix = if is_ours && metric.otel != TARGET_INFO.otel { &*style.prefix } else { "" };
    let name = format!("{prefix}{}", metric.prometheus_name());
    if is_classic { name.replace(['.', '-', 'ä'], "_") } else { name }
}

/// The series of each metric by its name, and by their labels.
pub(crate) type Wanted<'a> = BTreeMap<String, (&'static Metric, BTreeMap<BTreeMap<String, String>, &'a AnySeries>)>;

/// What these series should be read as.
pub(crate) fn wanted<'a>(series: &'a [AnySeries], style: &Style, is_classic: bool) -> Wanted<'a> {
    let mut wanted = Wanted::new();
    for one in series {
        let name = name_in(style, one.metric, is_classic);
        let family = wanted.entry(name).or_insert_with(|| (one.metric, BTreeMap::new()));
        let twice = family.1.insert(one.labels_in(style, series), one);
        assert!(twice.is_none(), "two series are one: {one:?}");
    }
    wanted
}

/// Whether they are the same number. Which of the many NaNs it is does not matter.
pub(crate) fn is_same(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan())
}
