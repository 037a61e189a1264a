//! What is done with each reading as it comes: phases get what was spent while they ran, open windows their peaks, and
//! the user a line where a collector is not well.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use phasemeter_collect::{State, Watch};
use phasemeter_core::catalogue::{
    GPU_BUSY_TIME, HW_ENERGY, HW_GPU_MEMORY_USAGE, PROCESS_CPU_SECONDS, PROCESS_DISK_IO, PROCESS_MEMORY_USAGE,
};
use phasemeter_core::{Interval, Metric, Moment, Samples, Spent};

use super::window::OpenWindows;
use crate::inner::Inner;
use crate::notice;

pub(crate) struct Watcher {
    inner: Weak<Inner>,
    windows: Arc<OpenWindows>,
    /// The process at the reading before, and the Meter's own time then.
    before: Option<(Moment, u64, Process)>,
    gpus: BTreeMap<Box<str>, Device>,
    /// When what GPUs count moved last, by the Meter's own time.
    gpu_moved_ns: Option<u64>,
    gpu_memory_bytes: Option<u64>,
    /// When a line was last said of a collector.
    said: BTreeMap<&'static str, Instant>,
}

/// The process as it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) cpu_ns: Option<u64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) read_bytes: Option<u64>,
    pub(super) written_bytes: Option<u64>,
}

/// One GPU as it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) millijoules: Option<u64>,
    pub(super) busy_ns: Option<u64>,
    pub(super) memory_bytes: Option<u64>,
}

/// Of one collector not more than one line in this time.
const QUIET: Duration = Duration::from_secs(60);

impl Watcher {
    pub(super) fn new(inner: Weak<Inner>, windows: Arc<OpenWindows>) -> Self {
        Self {
            inner,
            windows,
            before: None,
            gpus: BTreeMap::new(),
            gpu_moved_ns: None,
            gpu_memory_bytes: None,
            said: BTreeMap::new(),
        }
    }

    fn process(&mut self, inner: &Inner, at: Moment, samples: &Samples) {
        let now = Process::of(samples);
        let now_ns = inner.clock.now_ns();
        if let Some((then, since_ns, before)) = self.before.replace((at, now_ns, now)) {
            let passed =
                |now: Option<u64>, before: Option<u64>| now.zip(before).map(|(now, before)| now.saturating_sub(before));
            let spent = Spent {
                cpu_ns: passed(now.cpu_ns, before.cpu_ns),
                read_bytes: passed(now.read_bytes, before.read_bytes),
                written_bytes: passed(now.written_bytes, before.written_bytes),
                ..Spent::default()
            };
            let elapsed_ns = at.now_ns.saturating_sub(then.now_ns);
            let gpu_memory_bytes = self.gpu_memory_bytes;
            let interval = Interval { elapsed_ns, spent, memory_bytes: now.memory_bytes, gpu_memory_bytes };
            if elapsed_ns > 0 && inner.is_measuring() {
                inner.registry.add_interval(since_ns, &interval);
            }
        }
        self.windows.process(&now);
    }

    /// What a driver counts it is asked for more seldom than we look, and stands still in between: only where it has
    /// moved is there anything to give to anybody, and that is of the time since it moved before.
    fn gpu(&mut self, inner: &Inner, samples: &Samples) {
        let now = devices(samples);
        let now_ns = inner.clock.now_ns();
        let mut spent = Spent::default();
        for (uuid, device) in &now {
            let Some(before) = self.gpus.get(uuid) else { continue };
            add_passed(&mut spent.gpu_millijoules, device.millijoules, before.millijoules);
            add_passed(&mut spent.gpu_busy_ns, device.busy_ns, before.busy_ns);
        }
        if spent.gpu_millijoules.unwrap_or(0) > 0 || spent.gpu_busy_ns.unwrap_or(0) > 0 {
            // The time itself is counted with the process.
            let interval = Interval { spent, ..Interval::default() };
            let since_ns = self.gpu_moved_ns.replace(now_ns);
            if let Some(since_ns) = since_ns.filter(|_| inner.is_measuring()) {
                inner.registry.add_interval(since_ns, &interval);
            }
        }
        self.gpu_memory_bytes = now.values().filter_map(|device| device.memory_bytes).max();
        self.windows.gpus(&now);
        self.gpus = now;
    }
}

pub(super) fn add_passed(total: &mut Option<u64>, now: Option<u64>, before: Option<u64>) {
    if let Some((now, before)) = now.zip(before) {
        *total = Some(total.unwrap_or(0).saturating_add(now.saturating_sub(before)));
    }
}

impl Watch for Watcher {
    fn seen(&mut self, collector: &'static str, at: Moment, samples: &Samples) {
        let Some(inner) = self.inner.upgrade() else { return };
        match collector {
            "process" => self.process(&inner, at, samples),
            "gpu" => self.gpu(&inner, samples),
            _ => {}
        }
    }

    /// That there is nothing to read is worth no warning: most machines have no GPU.
    fn changed(&mut self, collector: &'static str, state: State, reason: Option<&str>) {
        let reason = reason.unwrap_or_default();
        match state {
            State::Failed | State::Stuck => {
                let is_quiet = self.said.get(collector).is_some_and(|said| said.elapsed() < QUIET);
                if !is_quiet {
                    self.said.insert(collector, Instant::now());
                    notice::say(&format!("the collector {collector} is {}: {reason}", state.as_str()));
                }
            }
            State::NoData => tracing::info!(target: "phasemeter", "the collector {collector} has no data: {reason}"),
            State::Pending | State::Ok => {}
        }
    }
}

impl Process {
    /// From what any backend reads of the process.
    pub(super) fn of(samples: &Samples) -> Self {
        let mut read = Self::default();
        for (metric, series) in samples.iter() {
            let place = match series.labels.value("disk_io_direction") {
                None if is(metric, &PROCESS_CPU_SECONDS) => &mut read.cpu_ns,
                None if is(metric, &PROCESS_MEMORY_USAGE) => &mut read.memory_bytes,
                Some("read") if is(metric, &PROCESS_DISK_IO) => &mut read.read_bytes,
                Some("write") if is(metric, &PROCESS_DISK_IO) => &mut read.written_bytes,
                None | Some(_) => continue,
            };
            *place = series.value.as_whole();
        }
        read
    }
}

/// By UUID.
fn devices(samples: &Samples) -> BTreeMap<Box<str>, Device> {
    let mut devices = BTreeMap::<Box<str>, Device>::new();
    for (metric, series) in samples.iter() {
        let Some(uuid) = series.labels.value("hw_id") else { continue };
        let wanted = [&HW_ENERGY, &GPU_BUSY_TIME, &HW_GPU_MEMORY_USAGE].into_iter().any(|wanted| is(metric, wanted));
        if !wanted {
            continue;
        }
        let device = devices.entry(uuid.into()).or_default();
        if is(metric, &HW_ENERGY) {
            // Joules, with their fraction.
            let millijoules = series.value.as_f64() * 1e3;
            device.millijoules = (millijoules.is_finite() && millijoules >= 0.0).then_some(millijoules as u64);
        } else if is(metric, &GPU_BUSY_TIME) {
            device.busy_ns = series.value.as_whole();
        } else {
            device.memory_bytes = series.value.as_whole();
        }
    }
    devices
}

fn is(metric: &Metric, wanted: &Metric) -> bool {
    std::ptr::eq(metric, wanted)
}
