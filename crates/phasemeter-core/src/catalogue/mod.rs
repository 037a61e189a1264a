//! Every metric, declared once, in the file of its subject. Exporters, documentation, dashboards and tests read this
//! table.

/// One metric as everybody sees it. Names and labels are part of the public interface.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The OpenTelemetry name. Unique.
    pub otel: &'static str,
    /// The classic Prometheus name, where one is older than OpenTelemetry; it replaces the derived one.
    pub classic: Option<&'static str>,
    /// How its values behave.
    pub kind: Kind,
    /// The unit of its values.
    pub unit: Unit,
    /// The labels each of its series carries.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
    /// What a user may rely on.
    pub stability: Stability,
    /// Where the name comes from.
    pub origin: Origin,
}

/// How the values of a metric behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Only grows; begins at 0.
    Counter,
    /// Goes both ways and may be summed.
    UpDownCounter,
    /// Goes both ways; a sum means nothing.
    Gauge,
    /// Durations by slot.
    Histogram,
    /// Always 1; its labels are what it says.
    Info,
    /// Quantiles that somebody else computed.
    Summary,
    /// A number of which nobody said how it behaves.
    Unknown,
}

/// The unit of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A ratio.
    One,
    /// A count of something, with the annotation OpenTelemetry writes: `{item}`.
    Count(&'static str),
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Watts.
    Watts,
    /// Joules.
    Joules,
    /// Degrees Celsius.
    Celsius,
    /// Hertz.
    Hertz,
}

/// What a user may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// Name, labels and meaning change only in a major release.
    Stable,
    /// May change in a minor release, with a line in the changelog.
    Development,
}

/// Where a name comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// OpenTelemetry's semantic conventions.
    SemanticConventions,
    /// Ours, because.
    Ours(&'static str),
}

impl Unit {
    /// The unit in OpenTelemetry's notation (UCUM).
    #[must_use]
    pub const fn otel(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Count(annotation) => annotation,
            Self::Bytes => "By",
            Self::Seconds => "s",
            Self::Watts => "W",
            Self::Joules => "J",
            Self::Celsius => "Cel",
            Self::Hertz => "Hz",
        }
    }

    const fn prometheus_suffix(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::One, Kind::Gauge) => "_ratio",
            (Self::One | Self::Count(_), _) => "",
            (Self::Bytes, _) => "_bytes",
            (Self::Seconds, _) => "_seconds",
            (Self::Watts, _) => "_watts",
            (Self::Joules, _) => "_joules",
            (Self::Celsius, _) => "_celsius",
            (Self::Hertz, _) => "_hertz",
        }
    }
}

impl Metric {
    /// Whether a program's own prefix goes before its name: not where everybody knows it by this one, and not where the
    /// program itself, or another library, named it.
    pub(crate) fn takes_prefix(&self) -> bool {
        self.classic.is_none() && self.otel != TARGET_INFO.otel && ALL.iter().any(|own| std::ptr::eq(*own, self))
    }

    /// The Prometheus name: the classic one, or dots to underscores, the unit once, `_total` on counters.
    #[must_use]
    pub fn prometheus_name(&self) -> String {
        if let Some(classic) = self.classic {
            return classic.to_owned();
        }
        let mut name = self.otel.replace('.', "_");
        let unit = self.unit.prometheus_suffix(self.kind);
        if !name.ends_with(unit) {
            name.push_str(unit);
        }
        if self.kind == Kind::Counter {
            name.push_str("_total");
        }
        name
    }
}

/// A metric that is yet to be described.
const fn metric(otel: &'static str, kind: Kind, unit: Unit, labels: &'static [&'static str]) -> Metric {
    let (stability, origin) = (Stability::Development, Origin::Ours(""));
    Metric { otel, classic: None, kind, unit, labels, help: "", stability, origin }
}

const fn counter(otel: &'static str, unit: Unit, labels: &'static [&'static str]) -> Metric {
    metric(otel, Kind::Counter, unit, labels)
}

const fn up_down(otel: &'static str, unit: Unit, labels: &'static [&'static str]) -> Metric {
    metric(otel, Kind::UpDownCounter, unit, labels)
}

const fn gauge(otel: &'static str, unit: Unit, labels: &'static [&'static str]) -> Metric {
    metric(otel, Kind::Gauge, unit, labels)
}

const fn info(otel: &'static str, unit: Unit, labels: &'static [&'static str]) -> Metric {
    metric(otel, Kind::Info, unit, labels)
}

impl Metric {
    const fn semconv(self) -> Self {
        Self { origin: Origin::SemanticConventions, ..self }
    }

    const fn ours(self, because: &'static str) -> Self {
        Self { origin: Origin::Ours(because), ..self }
    }

    const fn classic(self, name: &'static str) -> Self {
        Self { classic: Some(name), ..self }
    }

    /// What it says, and where its name comes from where it said nothing of that.
    const fn described(self, help: &'static str, origin: Origin) -> Self {
        let origin = match self.origin {
            Origin::Ours(because) if because.is_empty() => origin,
            said => said,
        };
        Self { help, origin, ..self }
    }
}

/// Declares the metrics of one subject: what their documentation says is their help, and `ALL` lists them in this order.
macro_rules! metrics {
    (
        origin: $origin:expr;
        $($(#[doc = $help:literal])+ $name:ident = $metric:expr;)+
    ) => {
        $($(#[doc = $help])+ pub static $name: Metric = $metric.described(concat!($($help),+).trim_ascii(), $origin);)+

        /// In the order in which they are declared.
        pub(super) const ALL: &[&Metric] = &[$(&$name),+];
    };
}

mod cgroup;
mod collectors;
mod gpu;
mod own;
mod phase;
mod process;
mod system;
mod tokio;

pub use cgroup::*;
pub use collectors::*;
pub use gpu::*;
pub use own::*;
pub use phase::*;
pub use process::*;
pub use system::*;
pub use tokio::*;

/// The metrics of each subject, in the order of the whole.
pub const SUBJECTS: [(&str, &[&Metric]); 8] = [
    ("Phases and pipelines", phase::ALL),
    ("Host", system::ALL),
    ("Control group", cgroup::ALL),
    ("Process", process::ALL),
    ("GPU", gpu::ALL),
    ("tokio", tokio::ALL),
    ("Collectors", collectors::ALL),
    ("phasemeter itself", own::ALL),
];

/// The whole catalogue.
pub static ALL: [&Metric; count()] = all();

const fn count() -> usize {
    let (mut count, mut subject) = (0, 0);
    while subject < SUBJECTS.len() {
        count += SUBJECTS[subject].1.len();
        subject += 1;
    }
    count
}

const fn all() -> [&'static Metric; count()] {
    let mut all: [&Metric; count()] = [&TARGET_INFO; count()];
    let (mut count, mut subject) = (0, 0);
    while subject < SUBJECTS.len() {
        let mut index = 0;
        while index < SUBJECTS[subject].1.len() {
            all[count] = SUBJECTS[subject].1[index];
            (count, index) = (count + 1, index + 1);
        }
        subject += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_in_both_worlds() {
        let otel: BTreeSet<_> = ALL.iter().map(|metric| metric.otel).collect();
        let prometheus: BTreeSet<_> = ALL.iter().map(|metric| metric.prometheus_name()).collect();
        assert_eq!((otel.len(), prometheus.len()), (ALL.len(), ALL.len()));
    }

    #[test]
    fn every_metric_says_what_it_is_in_one_sentence() {
        for metric in ALL {
            assert!(metric.help.ends_with('.'), "{}", metric.otel);
        }
    }

    #[test]
    fn labels_stand_in_the_order_in_which_a_set_is_written() {
        for metric in ALL {
            assert!(metric.labels.is_sorted(), "{}", metric.otel);
        }
    }

    #[test]
    fn units_stand_once_and_counters_end_in_total() {
        let name = |otel, kind, unit| metric(otel, kind, unit, &[]).prometheus_name();
        assert_eq!(name("phase.duration", Kind::Histogram, Unit::Seconds), "phase_duration_seconds");
        assert_eq!(name("phase.bytes", Kind::Counter, Unit::Bytes), "phase_bytes_total");
        assert_eq!(name("system.cpu.time", Kind::Counter, Unit::Seconds), "system_cpu_time_seconds_total");
        assert_eq!(name("hw.fan.speed_ratio", Kind::Gauge, Unit::One), "hw_fan_speed_ratio");
        assert_eq!(name("phase.progress", Kind::Gauge, Unit::One), "phase_progress_ratio");
        assert_eq!(name("cache.hits", Kind::Counter, Unit::One), "cache_hits_total");
        assert_eq!(name("phase.active", Kind::UpDownCounter, Unit::Count("{run}")), "phase_active");
    }
}
