//! What other libraries call things, as we can show it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Mutex;

use phasemeter_core::{Kind, Labels, Metric, Origin, Stability, Unit, intern};

use crate::inner::lock;

/// The metric of this name and kind, for the whole process. `None` where there are too many.
pub(super) fn metric_of(name: &str, kind: Kind, help: &str) -> Option<&'static Metric> {
    intern(name, kind, help).or_else(|| of_another_kind(name, kind, help))
}

/// The table of the process has one kind a name: the first that was seen. Who came first there says nothing of who keeps
/// the name, so a second kind is kept here; there are few of them.
fn of_another_kind(name: &str, kind: Kind, help: &str) -> Option<&'static Metric> {
    const MAX_KEPT: usize = 100;
    static KEPT: Mutex<Vec<&'static Metric>> = Mutex::new(Vec::new());
    let mut kept = lock(&KEPT);
    if let Some(metric) = kept.iter().find(|metric| metric.otel == name && metric.kind == kind) {
        return Some(metric);
    }
    if kept.len() >= MAX_KEPT {
        return None;
    }
    // Kept for good on purpose: the table is one of a process, and bounded.
    let name: &'static str = Box::leak(name.into());
    let metric: &'static Metric = Box::leak(Box::new(Metric {
        otel: name,
        classic: Some(name),
        kind,
        unit: Unit::Count("{value}"),
        labels: &[],
        help: Box::leak(help.into()),
        stability: Stability::Stable,
        origin: Origin::Ours("another library of the program named it"),
    }));
    kept.push(metric);
    Some(metric)
}

/// Labels whose names Prometheus takes, and how many were left out because two came to one name: the first one stands.
pub(super) fn labels_of<'a, V: AsRef<str>>(pairs: impl Iterator<Item = (&'a str, V)>) -> (Labels, usize) {
    let mut labels = BTreeMap::new();
    let mut left_out = 0;
    for (name, value) in pairs {
        match labels.entry(label_name(name)) {
            Entry::Vacant(vacant) => drop(vacant.insert(value)),
            Entry::Occupied(_first) => left_out += 1,
        }
    }
    (Labels::new(labels).expect("invariant: label_name makes valid names, and a map holds each once"), left_out)
}

/// What Prometheus does not take becomes `_`; a name that is reserved, or begins with a digit, gets `key_` in front.
fn label_name(own: &str) -> String {
    let name: String = own.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    let is_reserved = name.is_empty() || name.starts_with("__") || matches!(&*name, "le" | "quantile");
    if is_reserved || name.starts_with(|first: char| first.is_ascii_digit()) { format!("key_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels_and_of_two_that_clash_the_first_stands() {
        let pairs = [("a-b", "1"), ("a.b", "2"), ("le", "3"), ("", "4"), ("__x", "5"), ("9", "6"), ("ok", "7")];
        let (labels, left_out) = labels_of(pairs.into_iter());
        assert_eq!(labels.text(), r#"a_b="1",key_="4",key_9="6",key___x="5",key_le="3",ok="7""#);
        assert_eq!(left_out, 1);
    }

    #[test]
    fn a_name_has_a_metric_for_each_kind() {
        let [counter, gauge, again] = [Kind::Counter, Kind::Gauge, Kind::Gauge]
            .map(|kind| metric_of("foreign_kinds", kind, "Somebody's.").expect("there is room"));
        assert_eq!((counter.kind, gauge.kind), (Kind::Counter, Kind::Gauge));
        assert!(std::ptr::eq(gauge, again));
    }
}
