//! Who is who: the cell of each pair of pipeline and phase, and of its labels where it has any, bounded in number.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::catalogue::{DROPPED, SERIES};
use crate::sampling::{Overflowed, SeriesLabels, sample_phase};
use crate::sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, COUNT, OnceLock, RwLock, is_held_by, read, write};
use crate::{CellReading, DropReason, Drops, Interval, Labels, Moment, PhaseCell, Samples, Value, Work, bounded_value};

/// How much memory a registry may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Pairs of pipeline and phase, and sets of further labels; what comes beyond them is recorded in one overflow
    /// series. Each costs about 2.5 KiB, 1.2 KiB for each further thread,
    /// and about 110 lines of a scrape.
    pub phases: usize,
    /// Sets of further labels of one phase; what comes beyond them has the value `other` in each of them.
    pub label_sets: usize,
    /// How long a phase that nobody holds, which is one named by spans alone, is kept after it last did anything. It then
    /// goes, and begins at 0 again when it comes back. `None` keeps it for good.
    pub idle: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { phases: 1_000, label_sets: 100, idle: None }
    }
}

/// The cells of a process, or of one test. Recording threads come here once a phase, then hold its cell.
pub struct Registry {
    /// Tells when a cell is made.
    clock: Box<dyn Fn() -> Moment + Send + Sync>,
    max_phases: AtomicUsize,
    max_label_sets: AtomicUsize,
    /// In nanoseconds; the largest number for good.
    idle_ns: AtomicU64,
    cells: RwLock<Cells>,
    overflow: OnceLock<Arc<PhaseCell>>,
    base_pipeline: OnceLock<Box<str>>,
    drops: Drops,
}

#[derive(Default)]
struct Cells {
    by_key: HashMap<Key, Kept>,
    /// How many sets of further labels each phase has.
    label_sets: HashMap<Name, usize>,
}

/// The pipeline, or nothing while it is the one that has no name yet, and the phase.
type Name = (Option<Box<str>>, Box<str>);

/// Further labels of a phase, sorted by name.
type Further = Box<[(Box<str>, Box<str>)]>;

/// A name and its further labels.
type Key = (Name, Further);

/// The names that are shown of a cell, in the order in which cells are shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    pipeline: Box<str>,
    phase: Box<str>,
    labels: Further,
}

#[derive(Clone)]
struct Kept {
    cell: Arc<PhaseCell>,
    /// Made at the first sampling after the pipeline has its name.
    labels: Arc<OnceLock<SeriesLabels>>,
    /// Whether it stands for all label sets that found no place.
    is_collective: bool,
    /// Whether the program asked for it, rather than a span that passed by: then it stays, also at 0.
    is_declared: Arc<AtomicBool>,
}

/// Who asks for a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Program,
    Span,
}

/// The counts of one phase, for those who look at phases rather than at metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseReading {
    /// The pipeline.
    pub pipeline: Box<str>,
    /// The phase.
    pub phase: Box<str>,
    /// Further labels, sorted by name.
    pub labels: Box<[(Box<str>, Box<str>)]>,
    /// Its counts.
    pub counts: CellReading,
    /// Whether it stands for all label sets that found no place.
    is_collective: bool,
}

impl Cells {
    fn remove(&mut self, key: &Key) {
        let Some(kept) = self.by_key.remove(key) else { return };
        let (name, labels) = key;
        if !labels.is_empty() && !kept.is_collective {
            match self.label_sets.get_mut(name) {
                Some(sets) if *sets > 1 => *sets -= 1,
                Some(_) | None => drop(self.label_sets.remove(name)),
            }
        }
    }
}

impl PhaseReading {
    fn is_named_as(&self, other: &Self) -> bool {
        self.pipeline == other.pipeline && self.phase == other.phase && self.labels == other.labels
    }
}

impl Registry {
    /// An empty registry, whose time is an argument.
    #[must_use]
    pub fn new(limits: Limits, clock: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self {
            clock: Box::new(clock),
            max_phases: AtomicUsize::new(limits.phases),
            max_label_sets: AtomicUsize::new(limits.label_sets),
            idle_ns: AtomicU64::new(idle_ns(limits)),
            cells: RwLock::new(Cells::default()),
            overflow: OnceLock::new(),
            base_pipeline: OnceLock::new(),
            drops: Drops::default(),
        }
    }

    /// Changes the limits. What is already kept stays.
    pub fn set_limits(&self, limits: Limits) {
        self.max_phases.store(limits.phases, COUNT);
        self.max_label_sets.store(limits.label_sets, COUNT);
        self.idle_ns.store(idle_ns(limits), COUNT);
        if limits.idle.is_some() {
            read(&self.cells).by_key.values().for_each(|kept| kept.cell.let_it_go_some_day());
        }
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
        self.cell((self.name(pipeline, phase), Box::default()), Asker::Program)
    }

    /// The cell of a phase with further labels. A label whose name Prometheus does not take, that phases have already,
    /// or that stands twice is left out and counted.
    #[must_use]
    pub fn labelled_phase(&self, pipeline: Option<&str>, phase: &str, labels: &[(&str, &str)]) -> Arc<PhaseCell> {
        self.cell(self.key(pipeline, phase, labels), Asker::Program)
    }

    /// The same for a span, whose names may still change: see [`Registry::let_go`].
    #[must_use]
    pub fn span_phase(&self, pipeline: Option<&str>, phase: &str, labels: &[(&str, &str)]) -> Arc<PhaseCell> {
        self.cell(self.key(pipeline, phase, labels), Asker::Span)
    }

    /// Lets go of the cell of a span that has another name now. Where nobody else asked for it and nothing was counted in
    /// it, it was never a phase, and goes.
    pub fn let_go(&self, cell: Arc<PhaseCell>) {
        if !cell.is_unused() {
            return;
        }
        let mut cells = write(&self.cells);
        // Two handles: the registry's and ours. While the lock is held for writing, nobody can come by another one.
        let goes = |kept: &Kept| {
            Arc::ptr_eq(&kept.cell, &cell)
                && !kept.is_declared.load(COUNT)
                && cell.close_where(|| is_held_by(2, &cell) && cell.is_unused())
        };
        let found = cells.by_key.iter().find(|(_, kept)| goes(kept)).map(|(key, _)| key.clone());
        if let Some(key) = found {
            cells.remove(&key);
        }
    }

    fn key(&self, pipeline: Option<&str>, phase: &str, labels: &[(&str, &str)]) -> Key {
        let mut kept: Vec<(Box<str>, Box<str>)> = Vec::with_capacity(labels.len());
        for (name, value) in labels {
            if is_free_label(name) && kept.iter().all(|(known, _)| **known != **name) {
                kept.push(((*name).into(), self.bounded(value)));
            } else {
                self.drops.count(DropReason::InvalidLabel);
            }
        }
        // To Prometheus a label without a value is none.
        kept.retain(|(_, value)| !value.is_empty());
        kept.sort();
        (self.name(pipeline, phase), kept.into())
    }

    fn cell(&self, key: Key, asker: Asker) -> Arc<PhaseCell> {
        let known = self.known(&read(&self.cells), &key, asker);
        known.unwrap_or_else(|| {
            let mut cells = write(&self.cells);
            if let Some(cell) = self.known(&cells, &key, asker) {
                return cell;
            }
            let (key, is_collective) =
                if self.has_room_for_labels(&cells, &key) { (key, false) } else { (collective(&key), true) };
            if !key.1.is_empty() && !is_collective {
                *cells.label_sets.entry(key.0.clone()).or_default() += 1;
            }
            let new = || Kept {
                cell: self.cell_for(asker),
                labels: Arc::default(),
                is_collective,
                is_declared: Arc::new(AtomicBool::new(asker == Asker::Program)),
            };
            let cell = cells.by_key.entry(key).or_insert_with(new).cell.clone();
            if is_collective {
                cell.stand_in();
            }
            cell
        })
    }

    /// The cell that is there for this key, its own or a collective one; nothing where one is to be made.
    fn known(&self, cells: &Cells, key: &Key, asker: Asker) -> Option<Arc<PhaseCell>> {
        let own = cells.by_key.get(key);
        let shared = || {
            let others = (!self.has_room_for_labels(cells, key)).then(|| cells.by_key.get(&collective(key)));
            others.flatten()
        };
        let declare = |kept: &Kept| {
            if asker == Asker::Program {
                kept.is_declared.store(true, COUNT);
            }
        };
        let found = own.or_else(shared).inspect(|kept| declare(kept)).map(|kept| kept.cell.clone());
        let is_full = cells.by_key.len() >= self.max_phases.load(COUNT);
        found.or_else(|| is_full.then(|| self.overflow_cell()))
    }

    fn has_room_for_labels(&self, cells: &Cells, (name, labels): &Key) -> bool {
        let sets = || cells.label_sets.get(name).copied().unwrap_or(0);
        labels.is_empty() || sets() < self.max_label_sets.load(COUNT)
    }

    /// What spans alone ask for may go again, and what anybody does once it is idle.
    fn cell_for(&self, asker: Asker) -> Arc<PhaseCell> {
        let cell = self.new_cell();
        if asker == Asker::Span || self.idle_ns.load(COUNT) < u64::MAX {
            cell.let_it_go_some_day();
        }
        cell
    }

    fn new_cell(&self) -> Arc<PhaseCell> {
        Arc::new(PhaseCell::new((self.clock)()))
    }

    /// Lets go of cells that nobody holds and that have done nothing for as long as [`Limits::idle`] says. How many went.
    pub fn expire(&self) -> usize {
        let now = (self.clock)();
        let Some(since_ns) = now.now_ns.checked_sub(self.idle_ns.load(COUNT)) else { return 0 };
        let is_idle = |kept: &Kept| {
            // While the lock is held for writing, nobody can come by another handle. Whether a run is in flight comes
            // before when one last ended: one that ends in between is seen by the one or the other.
            is_held_by(1, &kept.cell)
                && !kept.cell.is_active()
                && kept.cell.last_activity().max(kept.cell.created().now_ns) <= since_ns
        };
        if !read(&self.cells).by_key.values().any(is_idle) {
            return 0;
        }
        let mut cells = write(&self.cells);
        let goes = |kept: &Kept| {
            // What was measured elsewhere left no time: that something has changed is seen by reading it.
            let is_idle =
                || is_idle(kept) && kept.cell.read(now).last_activity_ns.is_none_or(|last_ns| last_ns <= since_ns);
            is_idle() && kept.cell.close_where(is_idle)
        };
        let idle: Vec<_> = cells.by_key.iter().filter(|(_, kept)| goes(kept)).map(|(key, _)| key.clone()).collect();
        idle.iter().for_each(|key| cells.remove(key));
        idle.len()
    }

    fn overflow_cell(&self) -> Arc<PhaseCell> {
        self.overflow
            .get_or_init(|| {
                let cell = self.new_cell();
                cell.stand_in();
                cell
            })
            .clone()
    }

    fn name(&self, pipeline: Option<&str>, phase: &str) -> Name {
        (pipeline.map(|name| self.bounded(name)), self.bounded(phase))
    }

    fn bounded(&self, value: &str) -> Box<str> {
        let bounded = bounded_value(value);
        if bounded.len() != value.len() || *bounded != *value {
            self.drops.count(DropReason::LabelShortened);
        }
        bounded.into()
    }

    /// The counts of every phase, sorted by pipeline, phase and labels; cells that turn out to have one name are added
    /// up.
    #[must_use]
    pub fn read(&self, moment: Moment) -> Vec<PhaseReading> {
        self.read_kept(moment).into_iter().map(|(reading, _)| reading).collect()
    }

    fn read_kept(&self, moment: Moment) -> Vec<(PhaseReading, Kept)> {
        let reading = |(Shown { pipeline, phase, labels }, kept): (Shown, Kept)| {
            let (counts, is_collective) = (kept.cell.read(moment), kept.is_collective);
            (PhaseReading { pipeline, phase, labels, counts, is_collective }, kept)
        };
        let mut phases: Vec<_> = self.kept().into_iter().map(reading).collect();
        phases.dedup_by(|(later, _), (earlier, _)| {
            let same = later.is_named_as(earlier);
            if same {
                earlier.counts.merge(&later.counts);
            }
            same
        });
        phases
    }

    /// Who is in flight longest, who was slowest and who failed last, of every phase that has any, sorted like
    /// [`Registry::read`].
    #[must_use]
    pub fn work(&self, moment: Moment) -> Vec<Work> {
        let work = |(shown, kept): (Shown, Kept)| Work::of_cell(shown.pipeline, shown.phase, &kept.cell, moment);
        let mut work: Vec<Work> = self.kept().into_iter().map(work).filter(|work| !work.is_empty()).collect();
        work.dedup_by(|later, earlier| {
            let same = later.pipeline == earlier.pipeline && later.phase == earlier.phase;
            if same {
                earlier.merge(later);
            }
            same
        });
        work
    }

    /// Adds what the process spent since this moment to every phase that ran since, with how many these were: phases are
    /// told apart by further labels as well.
    pub fn add_interval(&self, since_ns: u64, interval: &Interval) {
        let mut ran: Vec<_> = {
            let cells = read(&self.cells);
            let cells = cells.by_key.values().map(|kept| &kept.cell).chain(self.overflow.get());
            cells.filter(|cell| cell.has_run_since(since_ns)).cloned().collect()
        };
        let phases = ran.len();
        ran.drain(..).for_each(|cell| cell.add_interval(phases, interval));
    }

    /// Every cell, sorted by its names.
    fn kept(&self) -> Vec<(Shown, Kept)> {
        let base = self.base_pipeline.get().map_or("", |name| name);
        // The lock is held to copy handles, never while cells are read.
        let cells: Vec<_> = read(&self.cells).by_key.iter().map(|(key, kept)| (key.clone(), kept.clone())).collect();
        let named = |(((pipeline, phase), labels), kept): (Key, Kept)| {
            (Shown { pipeline: pipeline.unwrap_or_else(|| base.into()), phase, labels }, kept)
        };
        let mut named: Vec<_> = cells.into_iter().map(named).collect();
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        named
    }

    /// Puts the metrics of every phase, and the registry's own, into `out`.
    pub fn sample(&self, moment: Moment, out: &mut Samples) {
        let phases = self.read_kept(moment);
        out.push_plain(&SERIES, Value::Level(phases.len() as i64));
        let mut overflowed = Overflowed::default();
        let is_named = self.base_pipeline.get().is_some();
        for (reading, kept) in &phases {
            overflowed.add(&reading.counts);
            if reading.is_collective {
                overflowed.label_sets += reading.counts.runs();
            }
            // Before the pipeline has its name, its labels are not to be remembered.
            let unnamed = OnceLock::new();
            let labels = if is_named { &*kept.labels } else { &unnamed };
            sample_phase(&reading.counts, labels.get_or_init(|| SeriesLabels::of(reading)), moment, out);
        }
        if let Some(cell) = self.overflow.get() {
            let counts = cell.read(moment);
            overflowed.phases = counts.runs();
            overflowed.add(&counts);
            sample_phase(&counts, &SeriesLabels::new(&OVERFLOW_LABEL), moment, out);
        }
        overflowed.sample(out);
        for reason in DropReason::ALL {
            let labels = Labels::known(&[("reason", reason.as_str())]);
            out.push(&DROPPED, labels, Value::Count(self.drops.total(reason)));
        }
    }
}

/// What stands in place of pipeline and phase on the overflow series; OpenTelemetry's attribute.
const OVERFLOW_LABEL: [(&str, &str); 1] = [("otel_metric_overflow", "true")];

/// Labels that the metrics of phases have already.
const TAKEN_LABELS: [&str; 9] = [
    "phase",
    "pipeline",
    "outcome",
    "error_type",
    "unit",
    "direction",
    "overlap",
    "disk_io_direction",
    OVERFLOW_LABEL[0].0,
];

/// Whether a label may stand beside those that phases have.
#[must_use]
pub fn is_free_label(name: &str) -> bool {
    crate::labels::is_label_name(name) && !TAKEN_LABELS.contains(&name)
}

/// The same labels, each with the value of those that found no place.
fn collective((name, labels): &Key) -> Key {
    (name.clone(), labels.iter().map(|(label, _)| (label.clone(), "other".into())).collect())
}

fn idle_ns(limits: Limits) -> u64 {
    limits.idle.map_or(u64::MAX, |idle| u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX))
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases = read(&self.cells).by_key.len();
        f.debug_struct("Registry").field("phases", &phases).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Snapshot;
    use crate::catalogue::{
        OVERFLOW, PHASE_ITEMS, PHASE_OLDEST_START_TIMESTAMP, PHASE_PROCESS_CPU_TIME, PHASE_PROGRESS, PHASE_RUNS,
    };
    use crate::{ItemOutcome, Outcome, Spent, Verdict};

    /// One whose clock stands still.
    fn registry(limits: Limits) -> Registry {
        Registry::new(limits, Moment::default)
    }

    fn snapshot(registry: &Registry) -> Snapshot {
        let mut samples = Samples::default();
        registry.sample(Moment::default(), &mut samples);
        Snapshot::new(samples)
    }

    #[test]
    fn a_declared_phase_is_born_at_zero_in_every_outcome() {
        let registry = registry(Limits::default());
        let _cell = registry.phase(Some("acid"), "embed");
        let snapshot = snapshot(&registry);
        for outcome in Outcome::ALL {
            let labels = [("outcome", outcome.as_str()), ("phase", "embed"), ("pipeline", "acid")];
            assert_eq!(snapshot.value(&PHASE_RUNS, &labels), Some(&Value::Count(0)));
        }
    }

    #[test]
    fn names_beyond_the_cap_share_one_series_and_are_counted() {
        let registry = registry(Limits { phases: 10, ..Limits::default() });
        for number in 0..100_000 {
            registry.phase(None, &format!("phase {number}")).record(Outcome::Ok, 1);
        }
        assert_eq!(registry.read(Moment::default()).len(), 10);
        let snapshot = snapshot(&registry);
        let overflow = [("otel_metric_overflow", "true"), ("outcome", "ok")];
        assert_eq!(snapshot.value(&PHASE_RUNS, &overflow), Some(&Value::Count(99_990)));
        assert_eq!(snapshot.value(&OVERFLOW, &[("limit", "phases")]), Some(&Value::Count(99_990)));
        assert_eq!(snapshot.value(&SERIES, &[]), Some(&Value::Level(10)));
    }

    #[test]
    fn the_base_pipeline_is_named_once_and_merges_with_its_namesake() {
        let registry = registry(Limits::default());
        registry.phase(None, "embed").record(Outcome::Ok, 1);
        registry.phase(Some("acid"), "embed").record(Outcome::Ok, 2);
        assert!(registry.name_base_pipeline("acid"));
        assert!(!registry.name_base_pipeline("other"));
        let phases = registry.read(Moment::default());
        assert_eq!(phases.len(), 1);
        assert_eq!((&*phases[0].pipeline, phases[0].counts.runs()), ("acid", 2));
    }

    #[test]
    fn an_overlong_name_is_shortened_and_counted() {
        let registry = registry(Limits::default());
        let _cell = registry.phase(None, &"x".repeat(10_000));
        assert_eq!(registry.drops().total(DropReason::LabelShortened), 1);
        assert!(registry.read(Moment::default())[0].phase.len() <= crate::MAX_VALUE_BYTES);
    }

    #[test]
    fn an_interval_belongs_to_the_phases_that_ran_in_it_and_says_how_many_these_were() {
        let registry = registry(Limits::default());
        let [alone, beside, idle] = ["alone", "beside", "idle"].map(|name| registry.phase(Some("p"), name));
        let second = |cpu_ns| Interval {
            elapsed_ns: 1_000,
            spent: Spent { cpu_ns: Some(cpu_ns), ..Spent::default() },
            ..Interval::default()
        };
        idle.begin(5).end(Verdict::Ok, 1, 6);
        let in_flight = alone.begin(10);
        registry.add_interval(1_000, &second(7));
        beside.begin(2_100).end(Verdict::Ok, 1, 2_101);
        registry.add_interval(2_000, &second(9));
        let snapshot = snapshot(&registry);
        let cpu = |phase, overlap| {
            snapshot.value(&PHASE_PROCESS_CPU_TIME, &[("overlap", overlap), ("phase", phase), ("pipeline", "p")])
        };
        assert_eq!((cpu("alone", "1"), cpu("alone", "2")), (Some(&Value::Nanos(7)), Some(&Value::Nanos(9))));
        assert_eq!((cpu("beside", "1"), cpu("beside", "2")), (None, Some(&Value::Nanos(9))));
        assert_eq!((cpu("idle", "1"), cpu("idle", "2")), (None, None));
        drop(in_flight);
    }

    #[test]
    fn progress_stands_only_where_a_total_is_known() {
        let registry = registry(Limits::default());
        let cell = registry.phase(Some("p"), "embed");
        let labels = [("phase", "embed"), ("pipeline", "p")];
        assert_eq!(snapshot(&registry).value(&PHASE_PROGRESS, &labels), None);
        cell.set_expected(8);
        assert!(cell.add_items(ItemOutcome::Ok, 1) && cell.add_items(ItemOutcome::Error, 1));
        assert_eq!(snapshot(&registry).value(&PHASE_PROGRESS, &labels), Some(&Value::Real(0.25)));
    }

    #[test]
    fn further_labels_make_series_of_their_own_up_to_the_cap() {
        let registry = registry(Limits { phases: 100, label_sets: 3, idle: None });
        for number in 0..50 {
            let model = format!("model {number}");
            registry.labelled_phase(Some("p"), "embed", &[("model", &model), ("device", "gpu")]).record(Outcome::Ok, 1);
        }
        registry.phase(Some("p"), "embed").record(Outcome::Ok, 1);
        let of = |model: &str| {
            let labels = [("device", if model == "other" { "other" } else { "gpu" }), ("model", model)];
            let named = [("outcome", "ok"), ("phase", "embed"), ("pipeline", "p")];
            snapshot(&registry).value(&PHASE_RUNS, &[&labels[..], &named].concat()).cloned()
        };
        assert_eq!([of("model 2"), of("model 3"), of("other")], [Some(Value::Count(1)), None, Some(Value::Count(47))]);
        assert_eq!(snapshot(&registry).value(&OVERFLOW, &[("limit", "label_sets")]), Some(&Value::Count(47)));
        assert_eq!(registry.read(Moment::default()).len(), 5);
    }

    #[test]
    fn a_label_that_cannot_stand_is_left_out_and_counted() {
        let registry = registry(Limits::default());
        let labels = [("phase", "x"), ("a-b", "x"), ("model", "one"), ("model", "two")];
        registry.labelled_phase(None, "embed", &labels).record(Outcome::Ok, 1);
        assert_eq!(registry.drops().total(DropReason::InvalidLabel), 3);
        assert_eq!(*registry.read(Moment::default())[0].labels, [("model".into(), "one".into())]);
    }

    #[test]
    fn work_in_flight_is_seen_on_the_wall_clock() {
        let registry = registry(Limits::default());
        let cell = registry.phase(Some("p"), "embed");
        let flight = cell.begin(1_000);
        flight.set_item("a.pdf".into());
        let moment = Moment { now_ns: 5_000, unix_ns: 1_000_000 };
        let mut samples = Samples::default();
        registry.sample(moment, &mut samples);
        let snapshot = Snapshot::new(samples);
        let labels = [("phase", "embed"), ("pipeline", "p")];
        assert_eq!(snapshot.value(&PHASE_OLDEST_START_TIMESTAMP, &labels), Some(&Value::Nanos(996_000)));
        let work = registry.work(moment);
        assert_eq!(work[0].oldest[0].item.as_deref(), Some("a.pdf"));
        assert_eq!(work[0].oldest[0].running_ns, 4_000);
    }

    #[test]
    fn totals_near_their_end_fail_no_scrape() {
        let registry = registry(Limits::default());
        registry.name_base_pipeline("p");
        for pipeline in [None, Some("p")] {
            let cell = registry.phase(pipeline, "embed");
            for outcome in ItemOutcome::ALL {
                while cell.add_items(outcome, crate::MAX_COUNT) && cell.add_bytes(outcome, crate::MAX_COUNT) {}
                while cell.add_units("tokens", outcome, crate::MAX_COUNT) {}
            }
            (0..2_000).for_each(|_| cell.add_errors("io", crate::MAX_COUNT));
            (0..1_023).for_each(|_| cell.replace_expected(0, crate::MAX_COUNT));
        }
        let labels = [("outcome", "ok"), ("phase", "embed"), ("pipeline", "p")];
        assert_eq!(snapshot(&registry).value(&PHASE_ITEMS, &labels), Some(&Value::Count(u64::MAX)));
    }

    #[test]
    fn what_is_idle_goes_and_comes_back_at_0() {
        let now_ns = Arc::new(AtomicU64::new(0));
        let clock = now_ns.clone();
        let registry =
            Registry::new(Limits { idle: Some(Duration::from_nanos(100)), ..Limits::default() }, move || {
                let now_ns = clock.load(COUNT);
                Moment { now_ns, unix_ns: 1_000 + now_ns }
            });
        let pass = |by| now_ns.fetch_add(by, COUNT);
        let held = registry.phase(None, "held");
        let flight = registry.phase(None, "active").begin(0);
        registry.labelled_phase(None, "idle", &[("model", "a")]).record(Outcome::Ok, 1);
        let created = |phase: &str| {
            let readings = registry.read(Moment::default());
            readings.into_iter().find(|reading| &*reading.phase == phase).map(|reading| reading.counts.created_unix_ns)
        };
        pass(99);
        assert_eq!((registry.expire(), created("idle")), (0, Some(1_000)));
        pass(1);
        assert_eq!((registry.expire(), created("idle")), (1, None));
        registry.labelled_phase(None, "idle", &[("model", "a")]).record(Outcome::Ok, 1);
        assert_eq!((created("idle"), created("held"), created("active")), (Some(1_100), Some(1_000), Some(1_000)));
        flight.withdraw();
        drop(held);
        pass(100);
        assert_eq!(registry.expire(), 3);
    }

    #[test]
    fn what_was_recorded_and_never_read_does_not_go_before_it_was_idle() {
        let now_ns = Arc::new(AtomicU64::new(0));
        let clock = now_ns.clone();
        let limits = Limits { idle: Some(Duration::from_nanos(100)), ..Limits::default() };
        let registry = Registry::new(limits, move || Moment { now_ns: clock.load(COUNT), unix_ns: 0 });
        let record = || registry.labelled_phase(None, "embed", &[("model", "a")]).record(Outcome::Ok, 1);
        record();
        now_ns.store(150, COUNT);
        assert_eq!(registry.expire(), 0, "when that was, nobody knows: as far as has been seen, now");
        now_ns.store(250, COUNT);
        assert_eq!(registry.expire(), 1);
    }

    #[test]
    fn a_name_that_a_span_passed_by_leaves_nothing_and_one_that_was_asked_for_stays() {
        let registry = registry(Limits { phases: 100, label_sets: 1, ..Limits::default() });
        let labels: [&[(&str, &str)]; 3] = [&[("a", "1")], &[("a", "1"), ("b", "2")], &[]];
        labels.iter().for_each(|labels| registry.let_go(registry.span_phase(None, "embed", labels)));
        assert!(registry.read(Moment::default()).is_empty());
        let _declared = registry.phase(None, "embed");
        registry.let_go(registry.span_phase(None, "embed", &[]));
        let counted = registry.span_phase(None, "counted", &[("a", "1")]);
        counted.record(Outcome::Ok, 1);
        registry.let_go(counted);
        assert_eq!(registry.read(Moment::default()).len(), 2);
    }
}
