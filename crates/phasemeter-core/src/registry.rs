//! Who is who: the cell of each pair of pipeline and phase, bounded in number.

use std::collections::HashMap;
use std::fmt;

use crate::catalogue::{
    DROPPED, OVERFLOW, PHASE_ACTIVE, PHASE_BYTES, PHASE_DURATION, PHASE_ERRORS, PHASE_EXPECTED_ITEMS, PHASE_ITEMS,
    PHASE_PROGRESS, PHASE_RUNS, SERIES,
};
use crate::sync::{Arc, AtomicUsize, COUNT, OnceLock, RwLock, read, write};
use crate::{CellReading, DropReason, Drops, ItemOutcome, Labels, Outcome, PhaseCell, Samples, Value, bounded_value};

/// How much memory a registry may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pairs of pipeline and phase; what comes beyond them is recorded in one overflow series.
    /// Each costs about 1 KiB, and about 110 lines of a scrape.
    pub phases: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { phases: 1_000 }
    }
}

/// The cells of a process, or of one test. Recording threads come here once a phase, then hold its cell.
pub struct Registry {
    max_phases: AtomicUsize,
    /// Named by the pipeline, or by nothing while it is the one that has no name yet.
    cells: RwLock<HashMap<Key, Arc<PhaseCell>>>,
    overflow: OnceLock<Arc<PhaseCell>>,
    base_pipeline: OnceLock<Box<str>>,
    drops: Drops,
}

type Key = (Option<Box<str>>, Box<str>);

/// The counts of one phase, for those who look at phases rather than at metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseReading {
    /// The pipeline; empty for the overflow series.
    pub pipeline: Box<str>,
    /// The phase; empty for the overflow series.
    pub phase: Box<str>,
    /// Its counts.
    pub counts: CellReading,
}

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            max_phases: AtomicUsize::new(limits.phases),
            cells: RwLock::default(),
            overflow: OnceLock::new(),
            base_pipeline: OnceLock::new(),
            drops: Drops::default(),
        }
    }

    /// Changes the limits. What is already kept stays.
    pub fn set_limits(&self, limits: Limits) {
        self.max_phases.store(limits.phases, COUNT);
    }

    /// Names the pipeline of those phases that came without one. The first name stands; false for a later one.
    pub fn name_base_pipeline(&self, name: &str) -> bool {
        let name = self.bounded(name);
        **self.base_pipeline.get_or_init(|| name.clone()) == *name
    }

    /// What was refused or corrected.
    #[must_use]
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// The cell of a phase, made (and so born at 0) when it is first asked for. `None` is the base pipeline.
    #[must_use]
    pub fn phase(&self, pipeline: Option<&str>, phase: &str) -> Arc<PhaseCell> {
        let key: Key = (pipeline.map(|name| self.bounded(name)), self.bounded(phase));
        let known = {
            let cells = read(&self.cells);
            cells.get(&key).cloned().or_else(|| self.full(cells.len()).then(|| self.overflow_cell()))
        };
        known.unwrap_or_else(|| {
            let mut cells = write(&self.cells);
            if self.full(cells.len()) && !cells.contains_key(&key) {
                return self.overflow_cell();
            }
            cells.entry(key).or_insert_with(|| Arc::new(PhaseCell::new())).clone()
        })
    }

    fn full(&self, phases: usize) -> bool {
        phases >= self.max_phases.load(COUNT)
    }

    fn overflow_cell(&self) -> Arc<PhaseCell> {
        self.overflow.get_or_init(|| Arc::new(PhaseCell::new())).clone()
    }

    fn bounded(&self, value: &str) -> Box<str> {
        let bounded = bounded_value(value);
        if bounded.len() != value.len() || *bounded != *value {
            self.drops.count(DropReason::LabelShortened);
        }
        bounded.into()
    }

    /// The counts of every phase, sorted by pipeline and phase; cells that turn out to have one name are added up.
    #[must_use]
    pub fn read(&self) -> Vec<PhaseReading> {
        let base = self.base_pipeline.get().map_or("", |name| name);
        // The lock is held to copy handles, never while cells are read.
        let cells: Vec<_> = read(&self.cells).iter().map(|(key, cell)| (key.clone(), cell.clone())).collect();
        let mut phases: Vec<PhaseReading> = cells
            .into_iter()
            .map(|((pipeline, phase), cell)| PhaseReading {
                pipeline: pipeline.unwrap_or_else(|| base.into()),
                phase,
                counts: cell.read(),
            })
            .collect();
        phases.sort_by(|a, b| (&a.pipeline, &a.phase).cmp(&(&b.pipeline, &b.phase)));
        phases.dedup_by(|later, earlier| {
            let same = later.pipeline == earlier.pipeline && later.phase == earlier.phase;
            if same {
                earlier.counts.merge(&later.counts);
            }
            same
        });
        phases
    }

    /// Puts the metrics of every phase, and the registry's own, into `out`.
    pub fn sample(&self, out: &mut Samples) {
        let phases = self.read();
        out.push_plain(&SERIES, Value::Level(phases.len() as i64));
        let mut errors_overflowed: u64 = 0;
        for reading in &phases {
            errors_overflowed = errors_overflowed.saturating_add(reading.counts.errors_overflowed);
            let names = [("phase", &*reading.phase), ("pipeline", &*reading.pipeline)];
            sample_phase(&reading.counts, &names, out);
        }
        let mut runs_overflowed = 0;
        if let Some(cell) = self.overflow.get() {
            let counts = cell.read();
            runs_overflowed = counts.runs();
            errors_overflowed = errors_overflowed.saturating_add(counts.errors_overflowed);
            sample_phase(&counts, &OVERFLOW_LABEL, out);
        }
        for (limit, count) in [("phases", runs_overflowed), ("error_types", errors_overflowed)] {
            out.push(&OVERFLOW, Labels::known(&[("limit", limit)]), Value::Count(count));
        }
        for reason in DropReason::ALL {
            let labels = Labels::known(&[("reason", reason.as_str())]);
            out.push(&DROPPED, labels, Value::Count(self.drops.total(reason)));
        }
    }
}

/// What stands in place of pipeline and phase on the overflow series; OpenTelemetry's attribute.
const OVERFLOW_LABEL: [(&str, &str); 1] = [("otel_metric_overflow", "true")];

fn sample_phase(counts: &CellReading, names: &[(&'static str, &str)], out: &mut Samples) {
    let with = |name: &'static str, value: &str| Labels::known(&[names, &[(name, value)]].concat());
    for outcome in Outcome::ALL {
        let durations = counts.durations(outcome);
        let labels = with("outcome", outcome.as_str());
        out.push(&PHASE_RUNS, labels.clone(), Value::Count(durations.count()));
        out.push(&PHASE_DURATION, labels, Value::Histogram(Box::new(durations.clone())));
    }
    for outcome in ItemOutcome::ALL {
        let labels = with("outcome", outcome.as_str());
        out.push(&PHASE_ITEMS, labels.clone(), Value::Count(counts.items(outcome)));
        out.push(&PHASE_BYTES, labels, Value::Count(counts.bytes(outcome)));
    }
    for (error_type, errors) in &counts.errors {
        out.push(&PHASE_ERRORS, with("error_type", error_type), Value::Count(*errors));
    }
    let labels = Labels::known(names);
    out.push(&PHASE_ACTIVE, labels.clone(), Value::Level(counts.active));
    if counts.expected > 0 {
        let progress = counts.items_processed() as f64 / counts.expected as f64;
        out.push(&PHASE_EXPECTED_ITEMS, labels.clone(), Value::Level(counts.expected));
        out.push(&PHASE_PROGRESS, labels, Value::Real(progress));
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases = read(&self.cells).len();
        f.debug_struct("Registry").field("phases", &phases).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Snapshot;

    fn snapshot(registry: &Registry) -> Snapshot {
        let mut samples = Samples::default();
        registry.sample(&mut samples);
        Snapshot::new(samples)
    }

    #[test]
    fn a_declared_phase_is_born_at_zero_in_every_outcome() {
        let registry = Registry::new(Limits::default());
        let _cell = registry.phase(Some("acid"), "embed");
        let snapshot = snapshot(&registry);
        for outcome in Outcome::ALL {
            let labels = [("outcome", outcome.as_str()), ("phase", "embed"), ("pipeline", "acid")];
            assert_eq!(snapshot.value(&PHASE_RUNS, &labels), Some(&Value::Count(0)));
        }
    }

    #[test]
    fn names_beyond_the_cap_share_one_series_and_are_counted() {
        let registry = Registry::new(Limits { phases: 10 });
        for number in 0..100_000 {
            let cell = registry.phase(None, &format!("phase {number}"));
            cell.begin();
            cell.end(Outcome::Ok, 1);
        }
        assert_eq!(registry.read().len(), 10);
        let snapshot = snapshot(&registry);
        let overflow = [("otel_metric_overflow", "true"), ("outcome", "ok")];
        assert_eq!(snapshot.value(&PHASE_RUNS, &overflow), Some(&Value::Count(99_990)));
        assert_eq!(snapshot.value(&OVERFLOW, &[("limit", "phases")]), Some(&Value::Count(99_990)));
        assert_eq!(snapshot.value(&SERIES, &[]), Some(&Value::Level(10)));
    }

    #[test]
    fn the_base_pipeline_is_named_once_and_merges_with_its_namesake() {
        let registry = Registry::new(Limits::default());
        registry.phase(None, "embed").record(Outcome::Ok, 1);
        registry.phase(Some("acid"), "embed").record(Outcome::Ok, 2);
        assert!(registry.name_base_pipeline("acid"));
        assert!(!registry.name_base_pipeline("other"));
        let phases = registry.read();
        assert_eq!(phases.len(), 1);
        assert_eq!((&*phases[0].pipeline, phases[0].counts.runs()), ("acid", 2));
    }

    #[test]
    fn an_overlong_name_is_shortened_and_counted() {
        let registry = Registry::new(Limits::default());
        let _cell = registry.phase(None, &"x".repeat(10_000));
        assert_eq!(registry.drops().total(DropReason::LabelShortened), 1);
        assert!(registry.read()[0].phase.len() <= crate::labels::MAX_VALUE_BYTES);
    }

    #[test]
    fn progress_stands_only_where_a_total_is_known() {
        let registry = Registry::new(Limits::default());
        let cell = registry.phase(Some("p"), "embed");
        let labels = [("phase", "embed"), ("pipeline", "p")];
        assert_eq!(snapshot(&registry).value(&PHASE_PROGRESS, &labels), None);
        cell.set_expected(8);
        assert!(cell.add_items(ItemOutcome::Ok, 1) && cell.add_items(ItemOutcome::Error, 1));
        assert_eq!(snapshot(&registry).value(&PHASE_PROGRESS, &labels), Some(&Value::Real(0.25)));
    }

    #[test]
    fn totals_near_their_end_fail_no_scrape() {
        let registry = Registry::new(Limits::default());
        registry.name_base_pipeline("p");
        for pipeline in [None, Some("p")] {
            let cell = registry.phase(pipeline, "embed");
            for outcome in ItemOutcome::ALL {
                while cell.add_items(outcome, crate::MAX_COUNT) && cell.add_bytes(outcome, crate::MAX_COUNT) {}
            }
            cell.add_errors("io", u64::MAX);
            (0..1_023).for_each(|_| cell.replace_expected(0, crate::MAX_COUNT));
        }
        let labels = [("outcome", "ok"), ("phase", "embed"), ("pipeline", "p")];
        assert_eq!(snapshot(&registry).value(&PHASE_ITEMS, &labels), Some(&Value::Count(u64::MAX)));
    }
}
