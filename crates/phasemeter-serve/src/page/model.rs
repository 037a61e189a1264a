//! What the page shows, read from a snapshot. No text is formatted here, and no metric is named but by its constant.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use phasemeter_core::catalogue::{
    PHASE_ACTIVE, PHASE_ALLOCATED, PHASE_ALLOCATIONS, PHASE_BUSY_TIME, PHASE_BYTES, PHASE_CPU_TIME, PHASE_DURATION,
    PHASE_ERRORS, PHASE_EXPECTED_ITEMS, PHASE_HELD, PHASE_ITEMS, PHASE_OLDEST_START_TIMESTAMP, PHASE_PROGRESS,
    PHASE_RUNS, PHASE_UNITS, PHASE_WAITING_TIME, PIPELINE_ETA, PIPELINE_FINISHED, PIPELINE_PROGRESS, PIPELINE_RUN_INFO,
    PIPELINE_START_TIMESTAMP,
};
use phasemeter_core::{Effort, ItemOutcome, Labels, Metric, Outcome, Series, Snapshot, Value, WaitingFor, Work};

/// A phase of a pipeline, and its further labels where it has any; without a phase it is the collective of those
/// beyond the limit on names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) pipeline: String,
    pub(crate) phase: Option<String>,
    /// Every other label that tells this row from others, sorted.
    pub(crate) further: Vec<(String, String)>,
}

/// One pipeline: its latest run, its phases, and what they had in hand.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Pipeline<'a> {
    pub(crate) run: Option<Run>,
    pub(crate) progress: Option<f64>,
    /// How long the run will still take.
    pub(crate) eta: Option<Duration>,
    pub(crate) phases: Vec<(Name, Phase)>,
    pub(crate) work: Vec<&'a Work>,
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
    pub(crate) held: u64,
    /// When the oldest of the active runs started, since the Unix epoch.
    pub(crate) oldest_start: Option<Duration>,
    pub(crate) runs: BTreeMap<Outcome, u64>,
    pub(crate) items: BTreeMap<ItemOutcome, u64>,
    /// By unit.
    pub(crate) units: BTreeMap<String, BTreeMap<ItemOutcome, u64>>,
    pub(crate) bytes: u64,
    pub(crate) expected: Option<u64>,
    pub(crate) progress: Option<f64>,
    /// The time of all runs that ended, and how many they are.
    pub(crate) spent: Duration,
    pub(crate) measured: u64,
    /// How that time was spent, from level detailed on.
    pub(crate) effort: Option<Effort>,
    /// By type, the most frequent first.
    pub(crate) errors: Vec<(String, u64)>,
}

impl Name {
    /// The labels of a series without those that its metric has of its own, as the outcome.
    pub(crate) fn of(metric: &Metric, labels: &Labels) -> Self {
        let pipeline = labels.value("pipeline").unwrap_or_default().to_owned();
        let further = labels.iter().filter(|(name, _)| !metric.labels.contains(name));
        Self {
            pipeline,
            phase: labels.value("phase").map(str::to_owned),
            further: further.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }
}

impl Phase {
    pub(crate) fn runs_ended(&self) -> u64 {
        self.runs.values().fold(0, |sum, runs| sum.saturating_add(*runs))
    }

    pub(crate) fn items_done(&self) -> u64 {
        self.items.values().fold(0, |sum, items| sum.saturating_add(*items))
    }

    /// Whether its work is counted in items rather than in runs.
    pub(crate) fn counts_items(&self) -> bool {
        self.expected.is_some() || self.items_done() > 0
    }

    fn is_untouched(&self) -> bool {
        let nothing = Self { runs: self.runs.clone(), items: self.items.clone(), ..Self::default() };
        *self == nothing && self.runs_ended() == 0 && self.items_done() == 0
    }

    fn effort(&mut self) -> &mut Effort {
        self.effort.get_or_insert_default()
    }

    pub(crate) fn mean(&self) -> Option<Duration> {
        let nanos = self.spent.as_nanos().checked_div(u128::from(self.measured))?;
        // A mean is no longer than the sum, which fitted.
        u64::try_from(nanos).ok().map(Duration::from_nanos)
    }
}

/// The pipelines by name, each with its phases in order; the collective one has no name.
pub(crate) fn pipelines(snapshot: &Snapshot) -> BTreeMap<String, Pipeline<'_>> {
    let mut pipelines: BTreeMap<String, Pipeline<'_>> = BTreeMap::new();
    for (name, phase) in phases(snapshot) {
        pipelines.entry(name.pipeline.clone()).or_default().phases.push((name, phase));
    }
    for work in &snapshot.work {
        pipelines.entry(work.pipeline.to_string()).or_default().work.push(work);
    }
    for series in snapshot.series(&PIPELINE_PROGRESS) {
        pipelines.entry(pipeline_of(series)).or_default().progress = Some(series.value.as_f64());
    }
    for series in snapshot.series(&PIPELINE_ETA) {
        pipelines.entry(pipeline_of(series)).or_default().eta = seconds(&series.value);
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
    let mut phases = Phases { snapshot, by_name: BTreeMap::new() };
    for metric in [&PHASE_RUNS, &PHASE_ACTIVE] {
        let names = snapshot.series(metric).iter().map(|series| Name::of(metric, &series.labels));
        phases.by_name.extend(names.map(|name| (name, Phase::default())));
    }
    phases.read_runs();
    phases.read_counts();
    phases.read_effort();
    phases.drop_untouched();
    phases.by_name
}

/// The phases while their metrics are read, one after the other.
struct Phases<'a> {
    snapshot: &'a Snapshot,
    by_name: BTreeMap<Name, Phase>,
}

impl Phases<'_> {
    fn each(&mut self, metric: &Metric, read: fn(&mut Phase, &Series)) {
        for series in self.snapshot.series(metric) {
            if let Some(phase) = self.by_name.get_mut(&Name::of(metric, &series.labels)) {
                read(phase, series);
            }
        }
    }

    fn read_runs(&mut self) {
        self.each(&PHASE_ACTIVE, |phase, series| phase.active = series.value.as_f64() as i64);
        self.each(&PHASE_HELD, |phase, series| phase.held = whole(&series.value));
        self.each(&PHASE_OLDEST_START_TIMESTAMP, |phase, series| phase.oldest_start = seconds(&series.value));
        self.each(&PHASE_RUNS, |phase, series| {
            if let Some(outcome) = series.labels.value("outcome").and_then(Outcome::parse) {
                phase.runs.insert(outcome, whole(&series.value));
            }
        });
        self.each(&PHASE_DURATION, |phase, series| {
            if let Value::Histogram(histogram) = &series.value {
                phase.spent = phase.spent.saturating_add(Duration::from_nanos(histogram.sum_ns));
                phase.measured = phase.measured.saturating_add(histogram.count());
            }
        });
        self.each(&PHASE_ERRORS, |phase, series| {
            let error_type = series.labels.value("error_type").unwrap_or_default().to_owned();
            phase.errors.push((error_type, whole(&series.value)));
        });
        for phase in self.by_name.values_mut() {
            // Stable: types with the same count stay in the order of their names.
            phase.errors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        }
    }

    fn read_counts(&mut self) {
        self.each(&PHASE_ITEMS, |phase, series| {
            if let Some(outcome) = item_outcome(series) {
                phase.items.insert(outcome, whole(&series.value));
            }
        });
        self.each(&PHASE_UNITS, |phase, series| {
            if let (Some(outcome), Some(unit)) = (item_outcome(series), series.labels.value("unit")) {
                phase.units.entry(unit.to_owned()).or_default().insert(outcome, whole(&series.value));
            }
        });
        self.each(&PHASE_BYTES, |phase, series| phase.bytes = phase.bytes.saturating_add(whole(&series.value)));
        self.each(&PHASE_EXPECTED_ITEMS, |phase, series| phase.expected = Some(whole(&series.value)));
        self.each(&PHASE_PROGRESS, |phase, series| phase.progress = Some(series.value.as_f64()));
    }

    fn read_effort(&mut self) {
        self.each(&PHASE_BUSY_TIME, |phase, series| phase.effort().busy_ns = whole(&series.value));
        self.each(&PHASE_WAITING_TIME, |phase, series| {
            let direction = series.labels.value("direction");
            let totals = WaitingFor::ALL.into_iter().zip(&mut phase.effort().waiting_ns);
            for (_, waited_ns) in totals.filter(|(waiting_for, _)| Some(waiting_for.as_str()) == direction) {
                *waited_ns = whole(&series.value);
            }
        });
        self.each(&PHASE_CPU_TIME, |phase, series| {
            phase.effort().profile.get_or_insert_default().cpu_ns = Some(whole(&series.value));
        });
        self.each(&PHASE_ALLOCATIONS, |phase, series| {
            let profile = phase.effort().profile.get_or_insert_default();
            profile.allocated.get_or_insert_default().allocations = whole(&series.value);
        });
        self.each(&PHASE_ALLOCATED, |phase, series| {
            let profile = phase.effort().profile.get_or_insert_default();
            profile.allocated.get_or_insert_default().bytes = whole(&series.value);
        });
    }

    /// A phase that was declared without further labels, and runs with some, has nothing in the row without them.
    fn drop_untouched(&mut self) {
        let phase_of = |name: &Name| (name.pipeline.clone(), name.phase.clone());
        let labelled: BTreeSet<_> = self.by_name.keys().filter(|name| !name.further.is_empty()).map(phase_of).collect();
        self.by_name.retain(|name, phase| {
            !name.further.is_empty() || !labelled.contains(&phase_of(name)) || !phase.is_untouched()
        });
    }
}

fn item_outcome(series: &Series) -> Option<ItemOutcome> {
    let wanted = series.labels.value("outcome");
    ItemOutcome::ALL.into_iter().find(|outcome| Some(outcome.as_str()) == wanted)
}

/// The phase in which the most time was spent, where there is more than one to choose from.
pub(crate) fn most_time(pipelines: &BTreeMap<String, Pipeline<'_>>) -> Option<Name> {
    let phases = || pipelines.values().flat_map(|pipeline| &pipeline.phases);
    let choice = phases().filter(|(_, phase)| !phase.spent.is_zero()).count();
    phases().max_by_key(|(_, phase)| phase.spent).filter(|_| choice > 1).map(|(name, _)| name.clone())
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
        Value::Buckets(buckets) => buckets.count,
        Value::Quantiles(quantiles) => quantiles.count,
    }
}

/// A value in seconds, as a duration; unknown where it is below 0, or no number.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()).ok()
}
