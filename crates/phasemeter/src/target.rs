//! The resource: who is measured. OpenTelemetry attributes, shown as labels of `target_info`.

use std::collections::BTreeMap;

use phasemeter_core::Labels;

/// Attributes by name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Target(BTreeMap<String, String>);

impl Target {
    /// Sets one attribute; a later value replaces an earlier one.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The value of one attribute.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The attributes as labels. Names that become one label have their values joined by `;`, as OpenTelemetry says.
    pub(crate) fn labels(&self) -> Labels {
        let mut labels: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &self.0 {
            let joined = labels.entry(label_name(name)).or_default();
            if !joined.is_empty() {
                joined.push(';');
            }
            joined.push_str(&phasemeter_core::bounded_value(value));
        }
        Labels::new(labels).expect("invariant: label_name makes valid names, and a map holds each once")
    }
}

/// An attribute's name as a label's: what Prometheus does not take becomes `_`, a reserved name gets `key` in front.
fn label_name(attribute: &str) -> String {
    let mut name: String =
        attribute.chars().map(|character| if character.is_ascii_alphanumeric() { character } else { '_' }).collect();
    while name.contains("__") {
        name = name.replace("__", "_");
    }
    if name.is_empty() || name == "le" || name.starts_with(|first: char| first.is_ascii_digit()) {
        name.insert_str(0, "key_");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels_and_clashes_are_joined() {
        let mut target = Target::default();
        for (name, value) in [("service.name", "docs"), ("a.b", "1"), ("a_b", "2"), ("9", "x"), ("", "y"), ("__z", "q")]
        {
            target.set(name, value);
        }
        let labels = target.labels();
        assert_eq!(labels.value("service_name"), Some("docs"));
        assert_eq!(labels.value("a_b"), Some("1;2"));
        assert_eq!(labels.value("key_9"), Some("x"));
        assert_eq!(labels.value("key_"), Some("y"));
        assert_eq!(labels.value("_z"), Some("q"));
    }
}
