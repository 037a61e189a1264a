//! What the handles of one Meter share, and the process's own Meter that static phases belong to.

use std::cell::Cell;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use phasemeter_core::catalogue::{ENDPOINT_INFO, LEVEL_INFO, SCRAPE_DURATION, TARGET_INFO};
use phasemeter_core::encode::Style;
use phasemeter_core::{
    DropReason, Flight, Labels, Limits, MAX_VALUE_BYTES, Outcome, Registry, Samples, TraceIds, Value,
};

use crate::clock::Clock;
use crate::collectors::Collectors;
use crate::environment::Environment;
use crate::level::Level;
use crate::metric::Instruments;
use crate::run::Runs;
use crate::runtimes::Runtimes;
use crate::sampler::Sampler;
use crate::sources::Sources;
use crate::target::Target;
use crate::visibility::Visibility;

pub(crate) struct Inner {
    /// Which Meter of the process this is; never used again.
    pub(crate) id: u64,
    pub(crate) registry: Registry,
    pub(crate) clock: Clock,
    pub(crate) runs: Runs,
    pub(crate) sampler: Sampler,
    pub(crate) runtimes: Runtimes,
    pub(crate) visibility: Visibility,
    pub(crate) instruments: Instruments,
    /// Metrics that are not ours.
    pub(crate) sources: Sources,
    /// How long the previous scrape took.
    pub(crate) scrape_ns: AtomicU64,
    /// How much room the next exposition is given to begin with.
    pub(crate) body_bytes: AtomicUsize,
    /// Layers of this Meter that there are now.
    pub(crate) layers: AtomicUsize,
    /// False for good where the environment, or the program, said that nothing is to be measured or shown.
    enabled: AtomicBool,
    level: AtomicU8,
    /// Whether a layer of this Meter was made for somebody's subscriber.
    has_layer: AtomicBool,
    /// Where the endpoint listens, and where it was told to.
    endpoint: Mutex<Option<(String, String)>>,
    setup: OnceLock<Setup>,
    /// Counts changes of the pipeline that phases without a pipeline of their own belong to.
    pipeline_epoch: AtomicU64,
    current_pipeline: RwLock<Option<Arc<str>>>,
    declared: Mutex<Vec<Box<str>>>,
}

/// How the program finds the trace that a thread is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceContext(pub(crate) fn() -> Option<TraceIds>);

/// Whether two are the same function cannot be told for sure, and a second configuration that differs in it alone is
/// not worth a word.
impl PartialEq for TraceContext {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for TraceContext {}

/// What a Meter was built with. Set once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) pipeline: Option<String>,
    pub(crate) target: Target,
    pub(crate) limits: Limits,
    pub(crate) level: Level,
    /// Fields of plain spans that are further labels.
    pub(crate) label_fields: Vec<String>,
    pub(crate) style: Style,
    pub(crate) exemplars: Option<TraceContext>,
    pub(crate) collectors: Collectors,
    pub(crate) environment: Environment,
}

/// The Meter that something belongs to.
#[derive(Clone)]
pub(crate) enum Home {
    /// The process's own, which is there to the end: no handle is counted.
    Process(&'static Inner),
    /// Another one.
    Other(Arc<Inner>),
}

impl Deref for Home {
    type Target = Inner;

    #[inline]
    fn deref(&self) -> &Inner {
        match self {
            Self::Process(inner) => inner,
            Self::Other(inner) => inner,
        }
    }
}

impl Inner {
    /// The environment decides what is measured before anything is set up.
    pub(crate) fn new(clock: Clock, environment: Option<&Environment>) -> Arc<Self> {
        static METERS: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            id: METERS.fetch_add(1, Ordering::Relaxed),
            registry: Registry::new(Limits::default(), {
                let clock = clock.clone();
                move || clock.moment()
            }),
            clock,
            runs: Runs::default(),
            sampler: Sampler::default(),
            runtimes: Runtimes::default(),
            visibility: Visibility::default(),
            instruments: Instruments::default(),
            sources: Sources::default(),
            scrape_ns: AtomicU64::new(0),
            body_bytes: AtomicUsize::new(0),
            layers: AtomicUsize::new(0),
            enabled: AtomicBool::new(environment.is_none_or(|environment| !environment.disabled)),
            level: AtomicU8::new(environment.and_then(|environment| environment.level).unwrap_or_default().to_bits()),
            has_layer: AtomicBool::new(false),
            endpoint: Mutex::default(),
            setup: OnceLock::new(),
            pipeline_epoch: AtomicU64::new(0),
            current_pipeline: RwLock::new(None),
            declared: Mutex::default(),
        })
    }

    /// The process's own, made when it is first needed: what a phase records before a Meter is built is kept.
    pub(crate) fn of_process() -> &'static Arc<Self> {
        static PROCESS: OnceLock<Arc<Inner>> = OnceLock::new();
        PROCESS.get_or_init(|| Self::new(Clock::system(), Some(&Environment::of_process())))
    }

    /// Takes the configuration, once. False where there was another one already, which stands; the same one again changes
    /// nothing, also not what was changed since.
    pub(crate) fn set_up(&self, setup: Setup) -> bool {
        let mut is_first = false;
        let standing = self.setup.get_or_init(|| {
            is_first = true;
            setup.clone()
        });
        if is_first {
            self.registry.set_limits(setup.limits);
            if setup.environment.disabled {
                self.disable();
            }
            self.set_level(setup.level);
            self.registry.name_base_pipeline(&setup.base_pipeline());
        }
        standing == &setup
    }

    #[inline]
    pub(crate) fn setup(&self) -> Option<&Setup> {
        self.setup.get()
    }

    /// Whether anything is shown.
    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Whether runs that start now are measured.
    pub(crate) fn is_measuring(&self) -> bool {
        self.level() > Level::Off
    }

    /// How much is measured. Read on every start and ordered with nothing: a run or two around a switch do not matter.
    pub(crate) fn level(&self) -> Level {
        Level::from_bits(self.level.load(Ordering::Relaxed))
    }

    /// A Meter that is disabled stays so.
    pub(crate) fn set_level(&self, level: Level) {
        let level = if self.is_enabled() { level } else { Level::Off };
        if self.level.swap(level.to_bits(), Ordering::Relaxed) != level.to_bits() {
            self.visibility.ask_callsites_again();
        }
    }

    pub(crate) fn disable(&self) {
        self.enabled.store(false, Ordering::Relaxed);
        self.set_level(Level::Off);
    }

    /// A label value that core will shorten is counted: core's cells cannot.
    pub(crate) fn note_length(&self, value: &str) {
        if value.len() > MAX_VALUE_BYTES {
            self.registry.drops().count(DropReason::LabelShortened);
        }
    }

    /// What the exposition looks like.
    pub(crate) fn style(&self) -> Style {
        self.setup().map_or_else(Style::default, |setup| setup.style.clone())
    }

    /// Offers a run that just ended as an exemplar, where the program said how to find its trace.
    #[inline]
    pub(crate) fn offer_exemplar(&self, flight: &Flight, outcome: Outcome, elapsed_ns: u64) {
        if let Some(TraceContext(current)) = self.setup().and_then(|setup| setup.exemplars) {
            self.offer_exemplar_of(current, flight, outcome, elapsed_ns);
        }
    }

    #[cold]
    fn offer_exemplar_of(&self, current: fn() -> Option<TraceIds>, flight: &Flight, outcome: Outcome, elapsed_ns: u64) {
        thread_local! {
            /// Whether the program is being asked: what it measures meanwhile is no exemplar.
            static IS_ASKING: Cell<bool> = const { Cell::new(false) };
        }
        if IS_ASKING.replace(true) {
            return;
        }
        // The program's own code: where it panics there is no exemplar, and the run ends all the same.
        let ids = || match std::panic::catch_unwind(current) {
            Ok(ids) => ids,
            Err(_panic) => {
                self.registry.drops().count(DropReason::SourcePanicked);
                None
            }
        };
        flight.offer_exemplar(outcome, elapsed_ns, self.clock.unix_ns(), ids);
        IS_ASKING.set(false);
    }

    /// Fields of plain spans that are further labels.
    pub(crate) fn label_fields(&self) -> &[String] {
        self.setup().map_or(&[], |setup| &setup.label_fields)
    }

    pub(crate) fn note_layer(&self) {
        self.has_layer.store(true, Ordering::Relaxed);
    }

    /// Puts what this Meter measures itself into `out`. A disabled one has nothing.
    pub(crate) fn sample_own(self: &Arc<Self>, out: &mut Samples) {
        if self.is_enabled() {
            self.registry.sample(self.clock.moment(), out);
            self.runs.sample(out);
            self.sampler.sample(self, out);
            self.runtimes.sample(out);
            self.sample_self(out);
        }
    }

    /// Puts what is known of the Meter itself into `out`.
    fn sample_self(&self, out: &mut Samples) {
        // Before the first scrape there is nothing to tell: 0 would be a lie.
        if let scrape_ns @ 1.. = self.scrape_ns.load(Ordering::Relaxed) {
            out.push_plain(&SCRAPE_DURATION, Value::Nanos(scrape_ns));
        }
        let level = Labels::new([("level", self.level().as_str())]);
        out.push(&LEVEL_INFO, level.expect("invariant: a constant, valid label name"), Value::Level(1));
        self.visibility.sample(out);
        if let Some((address, wanted)) = lock(&self.endpoint).clone() {
            let labels = Labels::new([("address", address), ("wanted", wanted)]);
            out.push(&ENDPOINT_INFO, labels.expect("invariant: constant, valid label names"), Value::Level(1));
        }
        if let Some(setup) = self.setup() {
            out.push(&TARGET_INFO, setup.target.labels(), Value::Level(1));
        }
    }

    /// The phase is born at 0 here, and in the pipeline of each run that starts later.
    pub(crate) fn declare(&self, phase: &str) {
        let mut declared = lock(&self.declared);
        if declared.len() < MAX_DECLARED && !declared.iter().any(|known| **known == *phase) {
            declared.push(phase.into());
        }
        drop(declared);
        let _born = self.registry.phase(self.current_pipeline().as_deref(), phase);
    }

    /// The phases that were declared, in that order.
    #[cfg_attr(not(feature = "progress"), allow(dead_code, reason = "only who follows a run asks"))]
    pub(crate) fn declared_phases(&self) -> Vec<Box<str>> {
        lock(&self.declared).clone()
    }

    /// The pipeline of phases that name none: the run's where that has one of its own, otherwise the base (`None`).
    pub(crate) fn current_pipeline(&self) -> Option<Arc<str>> {
        self.current_pipeline.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The label `pipeline` of phases that name none, now.
    pub(crate) fn pipeline_name(&self) -> Box<str> {
        let base = || self.setup().map_or_else(Box::default, |setup| setup.base_pipeline().into());
        self.current_pipeline().map_or_else(base, |name| (&*name).into())
    }

    /// A run started or ended. The lock is held throughout, so that of two such moments the later one stands.
    pub(crate) fn refresh_current_pipeline(&self) {
        let declared = lock(&self.declared);
        let pipeline = self.runs.current_pipeline();
        for phase in declared.iter().filter(|_| pipeline.is_some()) {
            let _born = self.registry.phase(pipeline.as_deref(), phase);
        }
        *self.current_pipeline.write().unwrap_or_else(PoisonError::into_inner) = pipeline;
        // Whoever sees the new epoch must see the new pipeline behind it.
        self.pipeline_epoch.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn pipeline_epoch(&self) -> u64 {
        self.pipeline_epoch.load(Ordering::Acquire)
    }
}

/// What only the endpoint asks for, and tells.
#[cfg_attr(not(feature = "serve"), allow(dead_code, reason = "without the endpoint nobody asks"))]
impl Inner {
    pub(crate) fn has_layer(&self) -> bool {
        self.has_layer.load(Ordering::Relaxed)
    }

    pub(crate) fn forget_layers(&self) {
        self.has_layer.store(false, Ordering::Relaxed);
    }

    pub(crate) fn show_endpoint(&self, endpoint: Option<(String, String)>) {
        *lock(&self.endpoint) = endpoint;
    }
}

/// Beyond this many, declared phases are not born again in the pipelines of later runs.
const MAX_DECLARED: usize = 1_000;

impl Setup {
    /// The pipeline that was named, or else the service.
    pub(crate) fn base_pipeline(&self) -> String {
        let service = || self.target.value("service.name").unwrap_or("unknown_service").to_owned();
        self.pipeline.clone().unwrap_or_else(service)
    }
}

/// Locks through poison: our critical sections leave nothing half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
