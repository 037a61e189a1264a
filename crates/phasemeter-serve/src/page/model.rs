//! What the page shows, read from a snapshot. No text is formatted here, and no metric is named but by its constant.

use std::collections::BTreeMap;
use std::time::Duration;

use phasemeter_core::catalogue::{
    PHASE_ACTIVE, PHASE_BYTES, PHASE_DURATION, PHASE_ERRORS, PHASE_EXPECTED_ITEMS, PHASE_ITEMS, PHASE_PROGRESS,
    PHASE_RUNS, PIPELINE_FINISHED, PIPELINE_PROGRESS, PIPELINE_RUN_INFO, PIPELINE_START_TIMESTAMP,
};
use phasemeter_core::{ItemOutcome, Labels, Metric, Outcome, Series, Snapshot, Value};

/// A phase of a pipeline; without a phase it is the collective of those beyond the limit on names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) pipeline: String,
    pub(crate) phase: Option<String>,
}

/// One pipeline: its latest run and its phases.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pipeline {
    pub(crate) run: Option<Run>,
    pub(crate) progress: Option<f64>,
    pub(crate) phases: Vec<(Name, Phase)>,
}

/// The latest run of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) id: String,
    /// Since the Unix epoch.
    pub(crate) started: Option<Duration>,
    pub(crate) finished: bool,
}

/// The counts of one phase.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Phase {
    pub(crate) active: i64,
    pub(crate) runs: BTreeMap<Outcome, u64>,
    pub(crate) items: BTreeMap<ItemOutcome, u64>,
    pub(crate) bytes: u64,
    pub(crate) expected: Option<u64>,
    pub(crate) progress: Option<f64>,
    /// The time of all runs that ended, and how many they are.
    pub(crate) busy: Duration,
    pub(crate) measured: u64,
    /// By type, the most frequent first.
    pub(crate) errors: Vec<(String, u64)>,
}

impl Name {
    pub(crate) fn of(labels: &Labels) -> Self {
        let pipeline = labels.value("pipeline").unwrap_or_default().to_owned();
        Self { pipeline, phase: labels.value("phase").map(str::to_owned) }
    }
}

impl Phase {
    pub(crate) fn runs_ended(&self) -> u64 {
        self.runs.values().sum()
    }

    pub(crate) fn items_done(&self) -> u64 {
        self.items.values().sum()
    }

    /// Whether its work is counted in items rather than in runs.
    pub(crate) fn counts_items(&self) -> bool {
        self.expected.is_some() || self.items_done() > 0
    }

    pub(crate) fn mean(&self) -> Option<Duration> {
        let nanos = self.busy.as_nanos().checked_div(u128::from(self.measured))?;
        // A mean is no longer than the sum, which fitted.
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }
}

/// The pipelines by name, each with its phases in order; the collective one has no name.
pub(crate) fn pipelines(snapshot: &Snapshot) -> BTreeMap<String, Pipeline> {
    let mut pipelines: BTreeMap<String, Pipeline> = BTreeMap::new();
    for (name, phase) in phases(snapshot) {
        pipelines.entry(name.pipeline.clone()).or_default().phases.push((name, phase));
    }
    for series in snapshot.series(&PIPELINE_PROGRESS) {
        pipelines.entry(pipeline_of(series)).or_default().progress = Some(series.value.as_f64());
    }
    for series in snapshot.series(&PIPELINE_RUN_INFO) {
        let (pipeline, labels) = (pipeline_of(series), [("pipeline", series.labels.value("pipeline").unwrap_or(""))]);
        let run = Run {
            id: series.labels.value("run").unwrap_or_default().to_owned(),
            started: snapshot.value(&PIPELINE_START_TIMESTAMP, &labels).and_then(seconds),
            finished: snapshot.value(&PIPELINE_FINISHED, &labels).is_some_and(|value| value.as_f64() > 0.0),
        };
        pipelines.entry(pipeline).or_default().run = Some(run);
    }
    pipelines
}

fn phases(snapshot: &Snapshot) -> BTreeMap<Name, Phase> {
    let names = [&PHASE_RUNS, &PHASE_ACTIVE].into_iter().flat_map(|metric| snapshot.series(metric));
    let mut phases: BTreeMap<Name, Phase> = names.map(|series| (Name::of(&series.labels), Phase::default())).collect();
    let mut each = |metric: &Metric, read: fn(&mut Phase, &Series)| {
        for series in snapshot.series(metric) {
            if let Some(phase) = phases.get_mut(&Name::of(&series.labels)) {
                read(phase, series);
            }
        }
    };
    each(&PHASE_ACTIVE, |phase, series| phase.active += series.value.as_f64() as i64);
    each(&PHASE_RUNS, |phase, series| {
        if let Some(outcome) = series.labels.value("outcome").and_then(Outcome::parse) {
            *phase.runs.entry(outcome).or_default() += whole(&series.value);
        }
    });
    each(&PHASE_ITEMS, |phase, series| {
        let wanted = series.labels.value("outcome");
        if let Some(outcome) = ItemOutcome::ALL.into_iter().find(|outcome| Some(outcome.as_str()) == wanted) {
            *phase.items.entry(outcome).or_default() += whole(&series.value);
        }
    });
    each(&PHASE_BYTES, |phase, series| phase.bytes += whole(&series.value));
    each(&PHASE_EXPECTED_ITEMS, |phase, series| phase.expected = Some(whole(&series.value)));
    each(&PHASE_PROGRESS, |phase, series| phase.progress = Some(series.value.as_f64()));
    each(&PHASE_DURATION, |phase, series| {
        if let Value::Histogram(histogram) = &series.value {
            phase.busy = phase.busy.saturating_add(Duration::from_nanos(histogram.sum_ns));
            phase.measured += histogram.count();
        }
    });
    each(&PHASE_ERRORS, |phase, series| {
        let error_type = series.labels.value("error_type").unwrap_or_default().to_owned();
        phase.errors.push((error_type, whole(&series.value)));
    });
    for phase in phases.values_mut() {
        // Stable: types with the same count stay in the order of their names.
        phase.errors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    }
    phases
}

/// The phase in which the most time was spent, where there is more than one to choose from.
pub(crate) fn most_time(pipelines: &BTreeMap<String, Pipeline>) -> Option<Name> {
    let phases = || pipelines.values().flat_map(|pipeline| &pipeline.phases);
    let busy = phases().filter(|(_, phase)| !phase.busy.is_zero()).count();
    phases().max_by_key(|(_, phase)| phase.busy).filter(|_| busy > 1).map(|(name, _)| name.clone())
}

fn pipeline_of(series: &Series) -> String {
    series.labels.value("pipeline").unwrap_or_default().to_owned()
}

/// A value as a whole count; what is below 0, or no number, is 0.
pub(crate) fn whole(value: &Value) -> u64 {
    match value {
        Value::Count(count) => *count,
        Value::Level(level) => u64::try_from(*level).unwrap_or(0),
        Value::Nanos(nanos) => *nanos,
        Value::Real(real) => *real as u64,
        Value::Histogram(histogram) => histogram.count(),
    }
}

/// A value in seconds, as a duration; unknown where it is below 0, or no number.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()).ok()
}
