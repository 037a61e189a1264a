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
mod tests;
