//! Metrics whose names come while the program runs: from other libraries in the same process. There are few of them, and
//! they stay; so each is kept for good, up to a limit, and is then a metric like those of the catalogue.

use std::collections::BTreeMap;

use crate::catalogue::{Kind, Metric, Origin, Stability, Unit};
use crate::sync::{Mutex, lock};

/// How many names are kept.
pub const MAX_INTERNED: usize = 10_000;

/// Metrics by their names.
struct Interned(Mutex<BTreeMap<&'static str, &'static Metric>>);

impl Interned {
    fn metric(&self, name: &str, kind: Kind, help: &str) -> Option<&'static Metric> {
        let mut metrics = lock(&self.0);
        if let Some(metric) = metrics.get(name) {
            return Some(*metric).filter(|metric| metric.kind == kind);
        }
        if metrics.len() >= MAX_INTERNED {
            return None;
        }
        // Kept for good on purpose: the table is one of a process, and bounded.
        let name: &'static str = Box::leak(name.into());
        let metric = Metric {
            otel: name,
            classic: Some(name),
            kind,
            unit: Unit::Count("{value}"),
            labels: &[],
            help: Box::leak(help.into()),
            stability: Stability::Stable,
            origin: Origin::Ours("another library of the program named it"),
        };
        let metric: &'static Metric = Box::leak(Box::new(metric));
        metrics.insert(name, metric);
        Some(metric)
    }
}

/// The metric of this name, for the whole process; the help of the first call stands. `None` where the name stands for
/// another kind, or where there are [`MAX_INTERNED`] names.
#[cfg(not(loom))]
#[must_use]
pub fn intern(name: &str, kind: Kind, help: &str) -> Option<&'static Metric> {
    static TABLE: Interned = Interned(Mutex::new(BTreeMap::new()));
    TABLE.metric(name, kind, help)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_metric_and_one_kind() {
        let table = Interned(Mutex::default());
        let first = table.metric("http_requests_total", Kind::Counter, "Requests.").expect("there is room");
        let second = table.metric("http_requests_total", Kind::Counter, "Other words.").expect("it is there");
        assert!(std::ptr::eq(first, second));
        assert_eq!(table.metric("http_requests_total", Kind::Gauge, ""), None);
        assert_eq!(first.prometheus_name(), "http_requests_total");
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let table = Interned(Mutex::default());
        let kept = (0..MAX_INTERNED + 5).filter(|number| table.metric(&number.to_string(), Kind::Gauge, "").is_some());
        assert_eq!(kept.count(), MAX_INTERNED);
    }
}
