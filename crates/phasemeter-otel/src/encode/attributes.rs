//! Which attribute a label stands for. A label has underscores where OpenTelemetry's name has dots, or itself an underscore,
//! so that the way back needs to know the name.

use std::collections::BTreeMap;

use phasemeter_core::Metric;
use phasemeter_core::encode::wire::Message;

/// Attributes of the semantic conventions that stand on points of the catalogue, or on a resource. Every other label
/// keeps its name, since it has no other one.
pub const ATTRIBUTES: &[&str] = &[
    "cloud.account.id",
    "cloud.availability_zone",
    "cloud.platform",
    "cloud.provider",
    "cloud.region",
    "cloud.resource_id",
    "container.id",
    "container.image.name",
    "container.name",
    "container.runtime.name",
    "cpu.mode",
    "deployment.environment",
    "deployment.environment.name",
    "device.id",
    "disk.io.direction",
    "error.type",
    "host.arch",
    "host.id",
    "host.image.id",
    "host.name",
    "host.type",
    "hw.gpu.task",
    "hw.id",
    "hw.name",
    "hw.sensor_location",
    "hw.state",
    "hw.type",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.cronjob.name",
    "k8s.daemonset.name",
    "k8s.deployment.name",
    "k8s.job.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.statefulset.name",
    "network.interface.name",
    "network.io.direction",
    "os.description",
    "os.name",
    "os.type",
    "os.version",
    "process.command",
    "process.command_args",
    "process.command_line",
    "process.context_switch.type",
    "process.executable.name",
    "process.executable.path",
    "process.owner",
    "process.pid",
    "process.runtime.description",
    "process.runtime.name",
    "process.runtime.version",
    "service.instance.id",
    "service.name",
    "service.namespace",
    "service.version",
    "system.device",
    "system.filesystem.mountpoint",
    "system.filesystem.state",
    "system.filesystem.type",
    "system.memory.state",
    "system.paging.direction",
    "system.paging.fault.type",
    "system.paging.state",
    "telemetry.distro.name",
    "telemetry.distro.version",
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
];

/// Attributes by the label that each of them becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(BTreeMap<String, String>);

impl Default for Names {
    fn default() -> Self {
        let mut names = Self(BTreeMap::new());
        ATTRIBUTES.iter().for_each(|attribute| names.know(attribute));
        names
    }
}

impl Names {
    /// From now on its label is taken for this attribute, on the resource.
    pub fn know(&mut self, attribute: &str) {
        self.0.insert(label(attribute), attribute.to_owned());
    }

    /// Labels of the resource were attributes, all of them.
    pub(super) fn of_resource<'a>(&'a self, label: &'a str) -> &'a str {
        self.0.get(label).map_or(label, String::as_str)
    }

    /// A label that the catalogue gives this metric is the attribute of that name; what a program, or another library,
    /// called so is a name of its own.
    pub(super) fn of_point<'a>(&'a self, metric: &Metric, label: &'a str) -> &'a str {
        if metric.labels.contains(&label) { self.of_resource(label) } else { label }
    }
}

/// The label that an attribute becomes: what Prometheus does not take becomes `_`, several of them one.
fn label(attribute: &str) -> String {
    let mut label = String::with_capacity(attribute.len());
    for character in attribute.chars() {
        let character = if character.is_ascii_alphanumeric() { character } else { '_' };
        if character != '_' || !label.ends_with('_') {
            label.push(character);
        }
    }
    if label == "le" || label.starts_with(|first: char| first.is_ascii_digit()) {
        label.insert_str(0, "key_");
    }
    label
}

/// A `KeyValue` with a string for a value.
pub(super) fn write_attribute(out: &mut Message<'_>, field: u32, key: &str, value: &str) {
    out.message(field, |pair| {
        pair.string(1, key);
        pair.message(2, |any| any.string(1, value));
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use phasemeter_core::catalogue::{ALL, PHASE_ERRORS, PHASE_RUNS};

    use super::*;

    #[test]
    fn labels_of_the_catalogue_that_are_no_attributes_are_our_own() {
        let names = Names::default();
        let labels: BTreeSet<_> = ALL.iter().flat_map(|metric| metric.labels).copied().collect();
        let kept: Vec<_> = labels.into_iter().filter(|label| names.of_resource(label) == *label).collect();
        let own = [
            "address",
            "clock",
            "collector",
            "direction",
            "driver_version",
            "event",
            "fan",
            "level",
            "limit",
            "mig_parent",
            "model",
            "outcome",
            "overlap",
            "pci_bus_id",
            "phase",
            "pipeline",
            "reason",
            "resource",
            "run",
            "runtime",
            "stall",
            "state",
            "unit",
            "vbios_version",
            "wanted",
            "window",
            "worker",
            "xid",
        ];
        assert_eq!(kept, own);
    }

    #[test]
    fn every_attribute_has_a_label_of_its_own() {
        assert!(ATTRIBUTES.is_sorted());
        assert_eq!(Names::default().0.len(), ATTRIBUTES.len());
    }

    #[test]
    fn a_name_that_the_catalogue_does_not_give_is_kept() {
        let names = Names::default();
        assert_eq!(names.of_point(&PHASE_ERRORS, "error_type"), "error.type");
        assert_eq!(names.of_point(&PHASE_RUNS, "error_type"), "error_type");
        assert_eq!(names.of_point(&PHASE_RUNS, "phase"), "phase");
    }

    #[test]
    fn what_a_program_says_of_itself_gets_its_dots_back() {
        let mut names = Names::default();
        for (attribute, label) in [("team.name", "team_name"), ("9.lives", "key_9_lives"), ("a..b", "a_b")] {
            names.know(attribute);
            assert_eq!(names.of_resource(label), attribute);
        }
        assert_eq!(names.of_resource("team_size"), "team_size");
    }
}
