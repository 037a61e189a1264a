//! Every metric, declared once. Exporters, documentation, dashboards and tests read this table.

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
        }
    }

    const fn prometheus_suffix(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::One, Kind::Gauge) => "_ratio",
            (Self::One | Self::Count(_), _) => "",
            (Self::Bytes, _) => "_bytes",
            (Self::Seconds, _) => "_seconds",
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

const NO_CONVENTION: Origin = Origin::Ours("the conventions know no phases of a pipeline");
const ABOUT_US: Origin = Origin::Ours("it is about phasemeter itself");
const PHASE: &[&str] = &["phase", "pipeline"];
const PHASE_OUTCOME: &[&str] = &["outcome", "phase", "pipeline"];

const fn metric(otel: &'static str, kind: Kind, unit: Unit, labels: &'static [&'static str]) -> Metric {
    Metric {
        otel,
        classic: None,
        kind,
        unit,
        labels,
        help: "",
        stability: Stability::Development,
        origin: NO_CONVENTION,
    }
}

impl Metric {
    const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    const fn from(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    const fn classic(self, name: &'static str) -> Self {
        Self { classic: Some(name), ..self }
    }
}

/// How long runs of a phase took.
pub static PHASE_DURATION: Metric = metric("phase.duration", Kind::Histogram, Unit::Seconds, PHASE_OUTCOME)
    .help("How long runs of the phase took, by how they ended.");
/// How many runs of a phase ended.
pub static PHASE_RUNS: Metric = metric("phase.runs", Kind::Counter, Unit::Count("{run}"), PHASE_OUTCOME)
    .help("Runs of the phase that ended, by how they ended.");
/// How many runs of a phase are going on.
pub static PHASE_ACTIVE: Metric = metric("phase.active", Kind::UpDownCounter, Unit::Count("{run}"), PHASE)
    .help("Runs of the phase that have started and not ended.");
/// How many plain spans are over and not closed.
pub static PHASE_HELD: Metric = metric("phase.held", Kind::UpDownCounter, Unit::Count("{run}"), PHASE)
    .help("Plain spans of the phase that exited over a minute ago and are not closed: awaited, or held by something.");
/// When the oldest run in flight started.
pub static PHASE_OLDEST_START_TIMESTAMP: Metric =
    metric("phase.oldest_start_timestamp", Kind::Gauge, Unit::Seconds, PHASE)
        .help("When the oldest run in flight started, in seconds since the Unix epoch; absent where none is.");
/// When a phase last did something.
pub static PHASE_LAST_ACTIVITY_TIMESTAMP: Metric =
    metric("phase.last_activity_timestamp", Kind::Gauge, Unit::Seconds, PHASE).help(
        "When a run last began or ended, or live counts were last seen to change, in seconds since the Unix epoch.",
    );
/// Items a phase has dealt with.
pub static PHASE_ITEMS: Metric = metric("phase.items", Kind::Counter, Unit::Count("{item}"), PHASE_OUTCOME)
    .help("Items the phase has dealt with, by what became of them.");
/// Bytes a phase has dealt with.
pub static PHASE_BYTES: Metric = metric("phase.bytes", Kind::Counter, Unit::Bytes, PHASE_OUTCOME)
    .help("Bytes the phase has dealt with, by what became of them.");
/// What a phase has dealt with in units that have a name.
pub static PHASE_UNITS: Metric =
    metric("phase.units", Kind::Counter, Unit::Count("{unit}"), &["outcome", "phase", "pipeline", "unit"])
        .help("What the phase has dealt with in units of its own, as tokens or pages, by what became of them.");
/// Errors of a phase by type.
pub static PHASE_ERRORS: Metric =
    metric("phase.errors", Kind::Counter, Unit::Count("{error}"), &["error_type", "phase", "pipeline"])
        .help("Failed runs and failed single items of the phase, by type of error.");
/// Items a phase expects in all.
pub static PHASE_EXPECTED_ITEMS: Metric = metric("phase.expected_items", Kind::Gauge, Unit::Count("{item}"), PHASE)
    .help("Items the phase expects in all, where that is known.");
/// The share of the expected items dealt with.
pub static PHASE_PROGRESS: Metric = metric("phase.progress", Kind::Gauge, Unit::One, PHASE)
    .help("Items dealt with over items expected, in this process.");
/// What runs spent working.
pub static PHASE_BUSY_TIME: Metric = metric("phase.busy_time", Kind::Counter, Unit::Seconds, PHASE)
    .help("Wall time of ended runs without the waiting; from level detailed on.");
/// What runs spent waiting.
pub static PHASE_WAITING_TIME: Metric = metric(
    "phase.waiting_time",
    Kind::Counter,
    Unit::Seconds,
    &["direction", "phase", "pipeline"],
)
.help("Wall time that ended runs waited, for input, for output or, of futures, while pending; from level detailed on.");
/// What runs spent of processors.
pub static PHASE_CPU_TIME: Metric = metric("phase.cpu_time", Kind::Counter, Unit::Seconds, PHASE)
    .help("CPU time of the threads that ended runs were worked on by; at level profiling.");
/// How often runs allocated.
pub static PHASE_ALLOCATIONS: Metric = metric("phase.allocations", Kind::Counter, Unit::Count("{allocation}"), PHASE)
    .help("Allocations within ended runs; at level profiling, with the counting allocator.");
/// How much runs allocated.
pub static PHASE_ALLOCATED: Metric = metric("phase.allocated", Kind::Counter, Unit::Bytes, PHASE)
    .help("Bytes allocated within ended runs, freed or not; at level profiling, with the counting allocator.");
/// The share of a run's items done.
pub static PIPELINE_PROGRESS: Metric = metric("pipeline.progress", Kind::Gauge, Unit::One, &["pipeline"])
    .help("Items of the current run that are done over all of its items.");
/// When the current run started.
pub static PIPELINE_START_TIMESTAMP: Metric =
    metric("pipeline.start_timestamp", Kind::Gauge, Unit::Seconds, &["pipeline"])
        .help("When the latest run started, in seconds since the Unix epoch.");
/// Whether the latest run is over.
pub static PIPELINE_FINISHED: Metric = metric("pipeline.finished", Kind::Gauge, Unit::Count("{flag}"), &["pipeline"])
    .help("1 once the latest run came to its end, 0 while it runs.");
/// The latest run.
pub static PIPELINE_RUN_INFO: Metric =
    metric("pipeline.run_info", Kind::Info, Unit::Count("{run}"), &["pipeline", "run"])
        .help("The latest run of the pipeline; its id stands only here.");

/// CPU time of the process.
pub static PROCESS_CPU_TIME: Metric = metric("process.cpu.time", Kind::Counter, Unit::Seconds, &[])
    .help("User and system CPU time of the process.")
    .from(Origin::SemanticConventions)
    .classic("process_cpu_seconds_total");
/// Resident memory of the process.
pub static PROCESS_MEMORY_USAGE: Metric = metric("process.memory.usage", Kind::UpDownCounter, Unit::Bytes, &[])
    .help("Resident memory of the process.")
    .from(Origin::SemanticConventions)
    .classic("process_resident_memory_bytes");
/// Virtual memory of the process.
pub static PROCESS_MEMORY_VIRTUAL: Metric = metric("process.memory.virtual", Kind::UpDownCounter, Unit::Bytes, &[])
    .help("Virtual memory of the process.")
    .from(Origin::SemanticConventions)
    .classic("process_virtual_memory_bytes");
/// Open descriptors of the process.
pub static PROCESS_OPEN_FILE_DESCRIPTORS: Metric =
    metric("process.unix.file_descriptor.count", Kind::UpDownCounter, Unit::Count("{file_descriptor}"), &[])
        .help("Open file descriptors of the process.")
        .from(Origin::SemanticConventions)
        .classic("process_open_fds");
/// How many descriptors the process may open.
pub static PROCESS_MAX_FILE_DESCRIPTORS: Metric =
    metric("process.unix.file_descriptor.limit", Kind::Gauge, Unit::Count("{file_descriptor}"), &[])
        .help("File descriptors the process may open (the soft limit).")
        .from(Origin::Ours("the conventions have the count but not its limit"))
        .classic("process_max_fds");
/// Threads of the process.
pub static PROCESS_THREADS: Metric = metric("process.thread.count", Kind::UpDownCounter, Unit::Count("{thread}"), &[])
    .help("Threads of the process.")
    .from(Origin::SemanticConventions)
    .classic("process_threads");
/// When the process started.
pub static PROCESS_START_TIMESTAMP: Metric = metric("process.start_timestamp", Kind::Gauge, Unit::Seconds, &[])
    .help("When the process started, in seconds since the Unix epoch.")
    .from(Origin::Ours("the conventions have it as a resource attribute only"))
    .classic("process_start_time_seconds");

/// Values refused or corrected.
pub static DROPPED: Metric = metric("phasemeter.dropped", Kind::Counter, Unit::Count("{event}"), &["reason"])
    .help("Values that were refused or corrected, by reason.")
    .from(ABOUT_US);
/// What went to an overflow series.
pub static OVERFLOW: Metric = metric("phasemeter.overflow", Kind::Counter, Unit::Count("{event}"), &["limit"])
    .help("Runs, errors or units recorded under a collective label because the limit on names was reached.")
    .from(ABOUT_US);
/// Names in use against the limit.
pub static SERIES: Metric = metric("phasemeter.series", Kind::UpDownCounter, Unit::Count("{phase}"), &[])
    .help("Phases that are kept, told apart by pipeline, name and further labels.")
    .from(ABOUT_US);
/// How long the last scrape took.
pub static SCRAPE_DURATION: Metric = metric("phasemeter.scrape.duration", Kind::Gauge, Unit::Seconds, &[])
    .help("How long the previous scrape took to read and encode.")
    .from(ABOUT_US);
/// Whether plain spans reach the layer.
pub static SPANS_ENABLED: Metric = metric("phasemeter.spans_enabled", Kind::Gauge, Unit::Count("{flag}"), &[])
    .help("0 where a filter of the subscriber hides plain phase spans from the layer, 1 where none does.")
    .from(ABOUT_US);
/// How much is measured.
pub static LEVEL_INFO: Metric = metric("phasemeter.level_info", Kind::Info, Unit::Count("{level}"), &["level"])
    .help("The level that is measured at.")
    .from(ABOUT_US);
/// Whether a collector works.
pub static COLLECTOR_SUCCESS: Metric =
    metric("phasemeter.collector.success", Kind::Gauge, Unit::Count("{flag}"), &["collector"])
        .help("1 where the collector's last reading succeeded, 0 where it failed.")
        .from(ABOUT_US);
/// Where the endpoint listens.
pub static ENDPOINT_INFO: Metric =
    metric("phasemeter.endpoint_info", Kind::Info, Unit::Count("{endpoint}"), &["address", "wanted"])
        .help("Where the endpoint listens, and where it was told to: they differ where that port was taken.")
        .from(ABOUT_US);
/// Attributes of the resource.
pub static TARGET_INFO: Metric = metric("target.info", Kind::Info, Unit::Count("{target}"), &[])
    .help("Attributes of the service that is measured.")
    .from(Origin::Ours("OpenTelemetry's Prometheus compatibility specification names it"));

/// The whole catalogue, in the order above.
pub static ALL: [&Metric; 37] = [
    &PHASE_DURATION,
    &PHASE_RUNS,
    &PHASE_ACTIVE,
    &PHASE_HELD,
    &PHASE_OLDEST_START_TIMESTAMP,
    &PHASE_LAST_ACTIVITY_TIMESTAMP,
    &PHASE_ITEMS,
    &PHASE_BYTES,
    &PHASE_UNITS,
    &PHASE_ERRORS,
    &PHASE_EXPECTED_ITEMS,
    &PHASE_PROGRESS,
    &PHASE_BUSY_TIME,
    &PHASE_WAITING_TIME,
    &PHASE_CPU_TIME,
    &PHASE_ALLOCATIONS,
    &PHASE_ALLOCATED,
    &PIPELINE_PROGRESS,
    &PIPELINE_START_TIMESTAMP,
    &PIPELINE_FINISHED,
    &PIPELINE_RUN_INFO,
    &PROCESS_CPU_TIME,
    &PROCESS_MEMORY_USAGE,
    &PROCESS_MEMORY_VIRTUAL,
    &PROCESS_OPEN_FILE_DESCRIPTORS,
    &PROCESS_MAX_FILE_DESCRIPTORS,
    &PROCESS_THREADS,
    &PROCESS_START_TIMESTAMP,
    &DROPPED,
    &OVERFLOW,
    &SERIES,
    &SCRAPE_DURATION,
    &SPANS_ENABLED,
    &LEVEL_INFO,
    &COLLECTOR_SUCCESS,
    &ENDPOINT_INFO,
    &TARGET_INFO,
];

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
