//! The names that a metric has in an exposition.

use phasemeter_core::catalogue::{ALL, TARGET_INFO};
use phasemeter_core::encode::is_legacy_name;
use phasemeter_core::{Kind, Metric};

/// Whether a metric is one of ours: of the catalogue.
pub(super) fn is_ours(metric: &Metric) -> bool {
    ALL.iter().any(|own| std::ptr::eq(*own, metric))
}

/// The name that every scraper takes, as the encoders write it.
pub(super) fn legacy_name(metric: &Metric, prefix: &str) -> String {
    let mut name = metric.prometheus_name();
    if is_ours(metric) && metric.classic.is_none() && metric.otel != TARGET_INFO.otel {
        name.insert_str(0, prefix);
    }
    if is_legacy_name(&name) {
        return name;
    }
    let is_taken = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    let mut legacy: String = name.chars().map(|letter| if is_taken(letter) { letter } else { '_' }).collect();
    if legacy.is_empty() || legacy.starts_with(|first: char| first.is_ascii_digit()) {
        legacy.insert(0, '_');
    }
    legacy
}

/// Everything that lines of this metric can begin with.
pub(super) fn claims(metric: &Metric, prefix: &str) -> Vec<String> {
    let name = legacy_name(metric, prefix);
    let suffixes: &[&str] = match metric.kind {
        Kind::Histogram => &["", "_bucket", "_sum", "_count"],
        Kind::Summary => &["", "_sum", "_count"],
        Kind::Counter | Kind::UpDownCounter | Kind::Gauge | Kind::Info | Kind::Unknown => &[""],
    };
    suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter_core::catalogue::{PHASE_RUNS, PROCESS_CPU_SECONDS};
    use phasemeter_core::encode::{Names, Style, encode, negotiate};
    use phasemeter_core::{Samples, Snapshot, Value, intern};

    /// What the encoder of the text format calls it.
    fn encoded(metric: &'static Metric) -> String {
        let mut samples = Samples::default();
        samples.push_plain(metric, Value::Count(1));
        let style = Style { prefix: "acme_".to_owned(), ..Style::default() };
        let negotiated = negotiate("");
        assert_eq!(negotiated.names, Names::Legacy);
        let mut out = Vec::new();
        encode(&Snapshot::new(samples), negotiated, &style, &mut out);
        let text = String::from_utf8(out).expect("text");
        let line = text.lines().find(|line| !line.starts_with('#')).expect("one sample");
        line.split([' ', '{']).next().expect("a name").to_owned()
    }

    #[test]
    fn names_are_those_of_the_encoders() {
        let foreign =
            ["names.dotted-ö", "9lives", "names:colon"].map(|name| intern(name, Kind::Gauge, "").expect("room"));
        for metric in foreign.into_iter().chain([&PHASE_RUNS, &PROCESS_CPU_SECONDS, &TARGET_INFO]) {
            assert_eq!(legacy_name(metric, "acme_"), encoded(metric));
        }
    }
}
