//! What a registry shows of its cells: the series of each phase, and of what found no place.

use crate::catalogue::{
    OVERFLOW, PHASE_ACTIVE, PHASE_ALLOCATED, PHASE_ALLOCATIONS, PHASE_BUSY_TIME, PHASE_BYTES, PHASE_CPU_TIME,
    PHASE_DURATION, PHASE_ERRORS, PHASE_EXPECTED_ITEMS, PHASE_GPU_BUSY_TIME, PHASE_GPU_ENERGY, PHASE_GPU_MEMORY_MAX,
    PHASE_HELD, PHASE_ITEMS, PHASE_LAST_ACTIVITY_TIMESTAMP, PHASE_OLDEST_START_TIMESTAMP, PHASE_PROCESS_CPU_CORES_MAX,
    PHASE_PROCESS_CPU_TIME, PHASE_PROCESS_DISK_IO, PHASE_PROCESS_MEMORY_MAX, PHASE_PROGRESS, PHASE_RUNS,
    PHASE_SAMPLED_TIME, PHASE_UNITS, PHASE_WAITING_TIME,
};
use crate::during::OVERLAPS;
use crate::{
    CellReading, During, Effort, ItemOutcome, Labels, Metric, Moment, Outcome, PhaseReading, Samples, Span, Value,
    WaitingFor,
};

/// The label sets of one cell's series, made once.
pub(crate) struct SeriesLabels {
    plain: Labels,
    runs: [Labels; Outcome::ALL.len()],
    items: [Labels; ItemOutcome::ALL.len()],
}

impl SeriesLabels {
    pub(crate) fn of(reading: &PhaseReading) -> Self {
        let names = [("phase", &*reading.phase), ("pipeline", &*reading.pipeline)];
        let labels = reading.labels.iter().map(|(name, value)| (&**name, &**value));
        Self::new(&names.into_iter().chain(labels).collect::<Vec<_>>())
    }

    pub(crate) fn new(names: &[(&str, &str)]) -> Self {
        let plain = Labels::known(names);
        let with = |outcome: &str| plain.with(&[("outcome", outcome)]);
        Self {
            runs: Outcome::ALL.map(|outcome| with(outcome.as_str())),
            items: ItemOutcome::ALL.map(|outcome| with(outcome.as_str())),
            plain,
        }
    }
}

pub(crate) fn sample_phase(counts: &CellReading, labels: &SeriesLabels, moment: Moment, out: &mut Samples) {
    let mut count = |metric, labels, value| out.push_counted(metric, labels, value, counts.created_unix_ns);
    for (outcome, labels) in Outcome::ALL.into_iter().zip(&labels.runs) {
        let durations = counts.durations(outcome);
        count(&PHASE_RUNS, labels.clone(), Value::Count(durations.count()));
        count(&PHASE_DURATION, labels.clone(), Value::Histogram(Box::new(durations.clone())));
    }
    for (outcome, labels) in ItemOutcome::ALL.into_iter().zip(&labels.items) {
        count(&PHASE_ITEMS, labels.clone(), Value::Count(counts.items(outcome)));
        count(&PHASE_BYTES, labels.clone(), Value::Count(counts.bytes(outcome)));
        for unit in counts.units() {
            count(&PHASE_UNITS, labels.with(&[("unit", unit)]), Value::Count(counts.count(unit, outcome)));
        }
    }
    let labels = &labels.plain;
    for (error_type, errors) in &counts.errors {
        count(&PHASE_ERRORS, labels.with(&[("error_type", error_type)]), Value::Count(*errors));
    }
    if let Some(effort) = &counts.effort {
        sample_effort(effort, labels, &mut count);
    }
    if let Some(during) = &counts.during {
        sample_during(during, labels, &mut count);
    }
    if let Some(during) = &counts.during {
        sample_greatest(during, labels, out);
    }
    out.push(&PHASE_ACTIVE, labels.clone(), Value::Level(counts.active));
    out.push(&PHASE_HELD, labels.clone(), Value::Level(i64::try_from(counts.held).unwrap_or(i64::MAX)));
    let moments = [
        (&PHASE_OLDEST_START_TIMESTAMP, counts.oldest_start_ns),
        (&PHASE_LAST_ACTIVITY_TIMESTAMP, counts.last_activity_ns),
    ];
    for (metric, then_ns) in moments {
        if let Some(then_ns) = then_ns {
            out.push(metric, labels.clone(), Value::Nanos(moment.unix_ns_of(then_ns)));
        }
    }
    if counts.expected > 0 {
        let progress = counts.items_processed() as f64 / counts.expected as f64;
        out.push(&PHASE_EXPECTED_ITEMS, labels.clone(), Value::Level(counts.expected));
        out.push(&PHASE_PROGRESS, labels.clone(), Value::Real(progress));
    }
}

fn sample_effort(effort: &Effort, labels: &Labels, mut count: impl FnMut(&'static Metric, Labels, Value)) {
    count(&PHASE_BUSY_TIME, labels.clone(), Value::Nanos(effort.busy_ns));
    for (waiting_for, waited_ns) in WaitingFor::ALL.into_iter().zip(effort.waiting_ns) {
        count(&PHASE_WAITING_TIME, labels.with(&[("direction", waiting_for.as_str())]), Value::Nanos(waited_ns));
    }
    let Some(profile) = effort.profile else { return };
    if let Some(cpu_ns) = profile.cpu_ns {
        count(&PHASE_CPU_TIME, labels.clone(), Value::Nanos(cpu_ns));
    }
    if let Some(allocated) = profile.allocated {
        count(&PHASE_ALLOCATIONS, labels.clone(), Value::Count(allocated.allocations));
        count(&PHASE_ALLOCATED, labels.clone(), Value::Count(allocated.bytes));
    }
}

/// Counters by how many phases ran, and the greatest values. What was never read has no series.
fn sample_during(during: &During, labels: &Labels, mut count: impl FnMut(&'static Metric, Labels, Value)) {
    let ran = OVERLAPS.into_iter().zip(&during.by_overlap).filter(|(_, span)| **span != Span::default());
    for (overlap, Span { elapsed_ns, spent }) in ran {
        let of_overlap = labels.with(&[("overlap", overlap)]);
        let joules = |millijoules: u64| Value::Real(millijoules as f64 / 1e3);
        let counters = [
            (&PHASE_SAMPLED_TIME, Some(Value::Nanos(*elapsed_ns))),
            (&PHASE_PROCESS_CPU_TIME, spent.cpu_ns.map(Value::Nanos)),
            (&PHASE_GPU_ENERGY, spent.gpu_millijoules.map(joules)),
            (&PHASE_GPU_BUSY_TIME, spent.gpu_busy_ns.map(Value::Nanos)),
        ];
        for (metric, value) in counters {
            if let Some(value) = value {
                count(metric, of_overlap.clone(), value);
            }
        }
        for (direction, bytes) in [("read", spent.read_bytes), ("write", spent.written_bytes)] {
            if let Some(bytes) = bytes {
                let labels = of_overlap.with(&[("disk_io_direction", direction)]);
                count(&PHASE_PROCESS_DISK_IO, labels, Value::Count(bytes));
            }
        }
    }
}

fn sample_greatest(during: &During, labels: &Labels, out: &mut Samples) {
    let cores = during.cpu_ns_per_second_max.map(|nanos| Value::Real(nanos as f64 / 1e9));
    let greatest = [
        (&PHASE_PROCESS_CPU_CORES_MAX, cores),
        (&PHASE_PROCESS_MEMORY_MAX, during.memory_max_bytes.map(Value::Count)),
        (&PHASE_GPU_MEMORY_MAX, during.gpu_memory_max_bytes.map(Value::Count)),
    ];
    for (metric, value) in greatest {
        if let Some(value) = value {
            out.push(metric, labels.clone(), value);
        }
    }
}

/// What did not find a name of its own, by which limit.
#[derive(Default)]
pub(crate) struct Overflowed {
    pub(crate) phases: u64,
    pub(crate) label_sets: u64,
    error_types: u64,
    units: u64,
}

impl Overflowed {
    pub(crate) fn add(&mut self, counts: &CellReading) {
        self.error_types = self.error_types.saturating_add(counts.errors_overflowed);
        self.units = self.units.saturating_add(counts.units_overflowed);
    }

    pub(crate) fn sample(&self, out: &mut Samples) {
        let Self { phases, label_sets, error_types, units } = *self;
        let limits = [("phases", phases), ("label_sets", label_sets), ("error_types", error_types), ("units", units)];
        for (limit, count) in limits {
            out.push(&OVERFLOW, Labels::known(&[("limit", limit)]), Value::Count(count));
        }
    }
}
