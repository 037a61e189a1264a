//! Metrics whose names come while the program runs: from other libraries in the same process. There are few of them, and
//! they stay; so each is kept for good, up to a limit, and is then a metric like those of the catalogue.

use std::collections::BTreeMap;

use crate::catalogue::{Kind, Metric, Origin, Stability, Unit};
use crate::sync::{Mutex, lock};

/// How many are kept.
pub const MAX_INTERNED: usize = 10_000;

/// Metrics by their names and kinds: who came first here says nothing of who keeps a name.
struct Interned(Mutex<BTreeMap<(&'static str, Kind), &'static Metric>>);

impl Interned {
    fn metric(&self, name: &str, kind: Kind, help: &str, most: usize) -> Option<&'static Metric> {
        let mut metrics = lock(&self.0);
        if let Some(metric) = metrics.get(&(name, kind)) {
            return Some(metric);
        }
        if metrics.len() >= most {
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
        metrics.insert((name, kind), metric);
        Some(metric)
    }
}

/// The metric of this name and kind, for the whole process; the help of the first call stands. `None` where there are
/// [`MAX_INTERNED`] others.
#[cfg(not(loom))]
#[must_use]
pub fn intern(name: &str, kind: Kind, help: &str) -> Option<&'static Metric> {
    TABLE.metric(name, kind, help, MAX_INTERNED)
}

/// The same, where only so many names are to be there after it: what may make up names as it goes leaves room for others.
#[cfg(not(loom))]
#[must_use]
pub fn intern_among(most: usize, name: &str, kind: Kind, help: &str) -> Option<&'static Metric> {
    TABLE.metric(name, kind, help, most)
}

#[cfg(not(loom))]
static TABLE: Interned = Interned(Mutex::new(BTreeMap::new()));

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_metric_of_each_kind() {
        let table = Interned(Mutex::default());
        let first = table.metric("http_requests_total", Kind::Counter, "Requests.", 2).expect("there is room");
        let second = table.metric("http_requests_total", Kind::Counter, "Other words.", 2).expect("it is there");
        assert!(std::ptr::eq(first, second));
        let gauge = table.metric("http_requests_total", Kind::Gauge, "", 2).expect("there is room");
        assert_eq!((gauge.kind, first.kind), (Kind::Gauge, Kind::Counter));
        assert_eq!(first.prometheus_name(), "http_requests_total");
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let table = Interned(Mutex::default());
        let kept = (0..MAX_INTERNED + 5)
            .filter(|number| table.metric(&number.to_string(), Kind::Gauge, "", MAX_INTERNED).is_some());
        assert_eq!(kept.count(), MAX_INTERNED);
    }
}
