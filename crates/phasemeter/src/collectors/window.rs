//! What a program spent between two moments of its own choosing.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use phasemeter_collect::{Collector, Haste, Options, Roots};
use phasemeter_core::catalogue::PROCESS_MEMORY_PEAK;
use phasemeter_core::{Moment, Samples};

use super::config::known;
use super::watcher::{Device, Process, add_passed};
use crate::inner::lock;
use crate::meter::Meter;

/// Watches what the process spends from its start to its stop: memory, CPU, disk, GPUs. Windows may overlap.
///
/// Start and stop each read the process at once, some 60 µs; in between, memory is looked at twenty times a second where
/// the collector `process` is on. A peak that the kernel itself saw within the window is exact. What belongs to GPUs is of
/// the whole device, from the first reading after the start to the last one before the stop.
///
/// ```
/// let meter = phasemeter::Meter::builder().isolated().build();
/// let window = meter.window();
/// let block = vec![1_u8; 64 << 20];
/// let spent = window.stop();
/// # if cfg!(target_os = "linux") {
/// assert!(spent.memory_peak_bytes.is_some_and(|bytes| bytes > 64 << 20));
/// # }
/// # drop(block);
/// ```
#[must_use = "what was spent comes from `stop`"]
pub struct ResourceWindow {
    meter: Meter,
    begun_ns: u64,
    reader: Option<Box<dyn Collector>>,
    at_start: Seen,
    open: Arc<Open>,
    _haste: Option<Haste>,
}

/// What was spent within a window; each `None` where it could not be read, never 0 for that.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    /// How long the window was.
    pub duration: Duration,
    /// The most resident memory of the process.
    pub memory_peak_bytes: Option<u64>,
    /// Resident memory, on average over all readings.
    pub memory_mean_bytes: Option<u64>,
    /// User and system CPU time of the process.
    pub cpu_time: Option<Duration>,
    /// Bytes that the process had storage read.
    pub disk_read_bytes: Option<u64>,
    /// Bytes that the process had storage write.
    pub disk_written_bytes: Option<u64>,
    /// Each visible GPU that was read within the window, by UUID.
    pub gpus: Vec<GpuResources>,
}

/// What one GPU did within a window, for whichever process.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GpuResources {
    /// Its UUID, as `GPU-…`.
    pub uuid: String,
    /// The most memory in use.
    pub memory_peak_bytes: Option<u64>,
    /// Energy that it used.
    pub energy_joules: Option<f64>,
    /// Time in which it was at work.
    pub busy_time: Option<Duration>,
}

/// The process at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    process: Process,
    /// The most resident memory since the process began, as the kernel saw it.
    peak_bytes: Option<u64>,
}

/// Windows of a Meter that have not stopped.
#[derive(Default)]
pub(crate) struct OpenWindows(Mutex<Vec<Weak<Open>>>);

/// What one window has seen.
#[derive(Default)]
struct Open(Mutex<Watched>);

#[derive(Debug, Default)]
struct Watched {
    memory_max_bytes: Option<u64>,
    memory_sum_bytes: u128,
    readings: u64,
    gpus: BTreeMap<Box<str>, WatchedGpu>,
}

#[derive(Debug, Clone, Copy, Default)]
struct WatchedGpu {
    /// As it was read first.
    first: Device,
    /// When what it counts moved last within the window; before it has, where that began is not known.
    moved: Option<Device>,
    memory_max_bytes: Option<u64>,
    millijoules: Option<u64>,
    busy_ns: Option<u64>,
}

impl Meter {
    /// Begins to watch what the process spends.
    pub fn window(&self) -> ResourceWindow {
        ResourceWindow::of(self.clone())
    }
}

impl ResourceWindow {
    /// Begins to watch what the process spends, by its own Meter.
    pub fn start() -> Self {
        Self::of(Meter::of_process())
    }

    fn of(meter: Meter) -> Self {
        let open = Arc::new(Open::default());
        let begun_ns = meter.inner.clock.now_ns();
        if !meter.is_enabled() {
            return Self { begun_ns, meter, reader: None, at_start: Seen::default(), open, _haste: None };
        }
        meter.inner.sampler.begin(&meter.inner);
        let running = meter.inner.sampler.running(&meter.inner);
        let haste = Some(running.schedule.hurry());
        let process = known().into_iter().find(|known| known.name == "process");
        let mut reader = process.map(|process| (process.make)(&Roots::default(), &Options::default()));
        let at_start = reader.as_mut().map(|reader| see(&mut **reader)).unwrap_or_default();
        open.memory(at_start.process.memory_bytes);
        running.windows.open(&open);
        Self { begun_ns, meter, reader, at_start, open, _haste: haste }
    }

    /// What was spent up to now; the window stays open.
    #[must_use]
    pub fn so_far(&mut self) -> Resources {
        let duration = Duration::from_nanos(self.meter.inner.clock.now_ns().saturating_sub(self.begun_ns));
        let now = self.reader.as_mut().map(|reader| see(&mut **reader)).unwrap_or_default();
        self.open.memory(now.process.memory_bytes);
        let watched = lock(&self.open.0);
        let (start, end) = (&self.at_start.process, &now.process);
        let passed = |now: Option<u64>, then: Option<u64>| now.zip(then).map(|(now, then)| now.saturating_sub(then));
        // Where the kernel's own peak has risen, it was within the window, and is exact.
        let kernels_own = now.peak_bytes.filter(|peak| self.at_start.peak_bytes.is_some_and(|before| before < *peak));
        let mean = watched.memory_sum_bytes.checked_div(watched.readings.into());
        Resources {
            duration,
            memory_peak_bytes: kernels_own.max(watched.memory_max_bytes),
            memory_mean_bytes: mean.and_then(|bytes| u64::try_from(bytes).ok()),
            cpu_time: passed(end.cpu_ns, start.cpu_ns).map(Duration::from_nanos),
            disk_read_bytes: passed(end.read_bytes, start.read_bytes),
            disk_written_bytes: passed(end.written_bytes, start.written_bytes),
            gpus: watched.gpus.iter().map(|(uuid, gpu)| gpu.resources(uuid)).collect(),
        }
    }

    /// Ends it.
    #[must_use]
    pub fn stop(mut self) -> Resources {
        self.so_far()
    }
}

impl fmt::Debug for ResourceWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceWindow").field("at_start", &self.at_start).finish_non_exhaustive()
    }
}

/// What cannot be read is not known.
fn see(reader: &mut dyn Collector) -> Seen {
    let mut samples = Samples::default();
    if reader.sample(Moment::default(), &mut samples).is_err() {
        return Seen::default();
    }
    let peak = samples.iter().find(|(metric, _)| std::ptr::eq(*metric, &PROCESS_MEMORY_PEAK));
    let peak_bytes = peak.map(|(_, series)| series.value.as_f64() as u64);
    Seen { process: Process::of(&samples), peak_bytes }
}

impl OpenWindows {
    fn open(&self, window: &Arc<Open>) {
        let mut open = lock(&self.0);
        open.retain(|known| known.strong_count() > 0);
        open.push(Arc::downgrade(window));
    }

    fn each(&self, tell: impl Fn(&Open)) {
        lock(&self.0).iter().filter_map(Weak::upgrade).for_each(|window| tell(&window));
    }

    pub(super) fn process(&self, now: &Process) {
        self.each(|window| window.memory(now.memory_bytes));
    }

    pub(super) fn gpus(&self, now: &BTreeMap<Box<str>, Device>) {
        self.each(|window| window.gpus(now));
    }
}

impl Open {
    fn memory(&self, bytes: Option<u64>) {
        let Some(bytes) = bytes else { return };
        let mut watched = lock(&self.0);
        watched.memory_max_bytes = watched.memory_max_bytes.max(Some(bytes));
        watched.memory_sum_bytes += u128::from(bytes);
        watched.readings += 1;
    }

    fn gpus(&self, now: &BTreeMap<Box<str>, Device>) {
        let mut watched = lock(&self.0);
        for (uuid, device) in now {
            watched
                .gpus
                .entry(uuid.clone())
                .or_insert(WatchedGpu { first: *device, ..WatchedGpu::default() })
                .add(*device);
        }
    }
}

impl WatchedGpu {
    /// What it counts is asked for more seldom than its memory. From one move to another is time of the window.
    fn add(&mut self, now: Device) {
        self.memory_max_bytes = self.memory_max_bytes.max(now.memory_bytes);
        let known = self.moved.unwrap_or(self.first);
        if (known.millijoules, known.busy_ns) == (now.millijoules, now.busy_ns) {
            return;
        }
        if let Some(before) = self.moved.replace(now) {
            add_passed(&mut self.millijoules, now.millijoules, before.millijoules);
            add_passed(&mut self.busy_ns, now.busy_ns, before.busy_ns);
        }
    }

    fn resources(&self, uuid: &str) -> GpuResources {
        GpuResources {
            uuid: uuid.to_owned(),
            memory_peak_bytes: self.memory_max_bytes,
            energy_joules: self.millijoules.map(|millijoules| millijoules as f64 / 1e3),
            busy_time: self.busy_ns.map(Duration::from_nanos),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_of(meter: &Meter) -> &OpenWindows {
        &meter.inner.sampler.running(&meter.inner).windows
    }

    fn device(millijoules: u64, memory_bytes: u64) -> BTreeMap<Box<str>, Device> {
        let device = Device { millijoules: Some(millijoules), busy_ns: None, memory_bytes: Some(memory_bytes) };
        BTreeMap::from([("GPU-a".into(), device)])
    }

    #[test]
    fn a_gpu_is_measured_from_its_first_reading_within_the_window_to_its_last() {
        let meter = Meter::builder().isolated().collectors(crate::Collectors::none()).build();
        let mut window = meter.window();
        // Read thrice a second, and counted anew once: 5 J stand already when the window begins.
        for (millijoules, bytes) in [(5_000, 10), (5_000, 10), (6_500, 30), (6_500, 30), (9_000, 20), (10_500, 20)] {
            open_of(&meter).gpus(&device(millijoules, bytes));
        }
        let expected = GpuResources {
            uuid: "GPU-a".into(),
            memory_peak_bytes: Some(30),
            energy_joules: Some(4.0),
            busy_time: None,
        };
        assert_eq!(window.so_far().gpus, [expected]);
    }

    #[test]
    fn a_window_that_has_stopped_is_forgotten() {
        let meter = Meter::builder().isolated().collectors(crate::Collectors::none()).build();
        for _ in 0..10 {
            let _spent = meter.window().stop();
        }
        let _open = meter.window();
        assert_eq!(lock(&open_of(&meter).0).len(), 1);
    }

    #[test]
    fn a_disabled_meter_spends_nothing_and_knows_nothing() {
        let spent = Meter::builder().isolated().disabled().build().window().stop();
        assert_eq!(spent, Resources { duration: spent.duration, ..Resources::default() });
    }
}
