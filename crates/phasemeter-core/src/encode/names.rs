//! Which names may be written: since version 3 Prometheus takes any, when it is told so.

use std::borrow::Cow;

use crate::{Family, Kind, Snapshot, Style, Unit};

/// How names are written that are not of the classic form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// What the classic form does not take becomes `_`.
    Legacy,
    /// As they are, in quotes where the format wants it.
    Utf8,
}

/// Whether a metric's name is of the form that every Prometheus takes: letters, digits, `_` and `:`, no digit first.
#[must_use]
pub fn is_legacy_name(name: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    name.bytes().enumerate().all(|(index, byte)| is_first(byte) || (index > 0 && byte.is_ascii_digit()))
        && !name.is_empty()
}

/// A name in the classic form.
pub(crate) fn legacy_name(name: &str) -> Cow<'_, str> {
    if is_legacy_name(name) {
        return Cow::Borrowed(name);
    }
    let is_taken = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    let mut legacy: String = name.chars().map(|letter| if is_taken(letter) { letter } else { '_' }).collect();
    if legacy.is_empty() || legacy.starts_with(|first: char| first.is_ascii_digit()) {
        legacy.insert(0, '_');
    }
    Cow::Owned(legacy)
}

/// The families of a snapshot with the names that they are written by, sorted. Where two come to the same name, the
/// first one stands: one name must not be two families.
pub(crate) fn named<'a>(snapshot: &'a Snapshot, names: Names, style: &Style) -> Vec<(String, &'a Family)> {
    let name = |family: &Family| {
        let own = family.metric.prometheus_name();
        let own = if family.metric.takes_prefix() { style.prefix.clone() + &own } else { own };
        match names {
            Names::Legacy => legacy_name(&own).into_owned(),
            Names::Utf8 => own,
        }
    };
    let mut families: Vec<_> = snapshot.families.iter().map(|family| (name(family), family)).collect();
    families.sort_by(|a, b| a.0.cmp(&b.0));
    families.dedup_by(|later, earlier| later.0 == earlier.0);
    families
}

/// The unit, where the name, less its `_total`, ends in it: Prometheus takes no other.
pub(crate) fn unit(name: &str, unit: Unit) -> Option<&'static str> {
    let unit = match unit {
        Unit::One => "ratio",
        Unit::Bytes => "bytes",
        Unit::Seconds => "seconds",
        Unit::Watts => "watts",
        Unit::Joules => "joules",
        Unit::Celsius => "celsius",
        Unit::Hertz => "hertz",
        Unit::Count(_) => return None,
    };
    name.strip_suffix(unit).is_some_and(|rest| rest.ends_with('_')).then_some(unit)
}

/// What `# TYPE` says, in the classic format.
pub(crate) const fn text_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::UpDownCounter | Kind::Gauge | Kind::Info => "gauge",
        Kind::Unknown => "untyped",
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_classic_form_stays() {
        for name in ["phase_runs_total", "a:b", "_x9"] {
            assert_eq!(legacy_name(name), name);
        }
        assert_eq!(legacy_name("http.server-ö"), "http_server__");
        assert_eq!(legacy_name("9lives"), "_9lives");
        assert_eq!(legacy_name(""), "_");
    }
}
