//! Labels of other libraries, as we can show them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use phasemeter_core::Labels;

/// Stands in place of the labels of those that found no room; OpenTelemetry's attribute.
pub(super) const OVERFLOW_LABEL: &str = "otel_metric_overflow";

/// Whether a metric can be called so: a scraper that finds another name takes nothing of the whole scrape.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('\0')
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
    let is_reserved = name.is_empty() || name.starts_with("__") || matches!(&*name, "le" | "quantile" | OVERFLOW_LABEL);
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
}
