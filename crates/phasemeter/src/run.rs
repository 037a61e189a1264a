//! Runs of a pipeline: when the latest one started, how far it is, whether it is over.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use phasemeter_core::catalogue::{PIPELINE_FINISHED, PIPELINE_PROGRESS, PIPELINE_RUN_INFO, PIPELINE_START_TIMESTAMP};
use phasemeter_core::{DropReason, Labels, Outcome, Samples, Value, bounded_value};

use crate::follow::{Following, Plan};
use crate::inner::{Inner, lock};

/// A run about to start. Made by [`Meter::run`](crate::Meter::run).
#[must_use = "the run starts with `start`"]
pub struct RunBuilder {
    inner: Arc<Inner>,
    name: String,
    id: Option<String>,
    total: u64,
    pub(crate) plan: Plan,
}

/// A run of the pipeline that goes on until it is finished or dropped.
///
/// While it goes on, phases without a pipeline of their own belong to the run's: the pipeline that the Meter was built
/// with, or else the run's name.
#[must_use = "the run ends when it is dropped"]
pub struct Run {
    inner: Arc<Inner>,
    state: Arc<RunState>,
    /// Of those that can be followed, how it ended where the program said so.
    pub(crate) ending: Mutex<Option<(Outcome, String)>>,
}

struct RunState {
    pipeline: Arc<str>,
    /// Whether phases without a pipeline of their own belong to `pipeline` while this run goes on.
    gives_pipeline: bool,
    id: Box<str>,
    started_unix_ns: u64,
    total: AtomicU64,
    done: AtomicU64,
    /// It came to its end, rather than into a panic.
    finished: AtomicBool,
    /// It is over, however it ended.
    over: AtomicBool,
    /// `None` where nobody measures.
    following: Option<Following>,
}

// Numbers of one run that each stand for themselves: relaxed is enough.
const RELAXED: Ordering = Ordering::Relaxed;

/// The latest run of each pipeline.
#[derive(Default)]
pub(crate) struct Runs(Mutex<Vec<Arc<RunState>>>);

/// Beyond this many pipelines, the one whose latest run started first is forgotten.
const MAX_PIPELINES: usize = 100;

impl RunBuilder {
    pub(crate) fn new(inner: Arc<Inner>, name: String) -> Self {
        Self { inner, name, id: None, total: 0, plan: Plan::default() }
    }

    /// What tells this run from the others of its pipeline. It stands only on `pipeline_run_info` and in journals; where none
    /// is given it is `PHASEMETER_RUN_ID`, else of the scheduler's job, else the name, with the time where it leaves a journal.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// How many items the run has in all; [`Run::inc`] counts them.
    pub fn total(mut self, items: u64) -> Self {
        self.total = items;
        self
    }

    /// Starts the run.
    pub fn start(self) -> Run {
        let named = self.inner.setup().and_then(|setup| setup.pipeline.clone());
        let gives_pipeline = named.is_none();
        let pipeline: Arc<str> = bounded_value(&named.unwrap_or_else(|| self.name.clone())).into();
        let environment = self.inner.setup().map(|setup| setup.environment.followed.clone()).unwrap_or_default();
        let plan = self.plan.or_environment(&environment);
        let started_unix_ns = self.inner.clock.unix_ns();
        let id = self.id.unwrap_or_else(|| plan.id(&environment, &self.name, started_unix_ns));
        let following = self.inner.is_enabled().then(|| Following::begin(&self.inner, plan, &pipeline, &id));
        let state = Arc::new(RunState {
            pipeline: pipeline.clone(),
            gives_pipeline,
            id: id.into(),
            started_unix_ns,
            total: AtomicU64::new(self.total),
            done: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            over: AtomicBool::new(false),
            following,
        });
        if self.inner.is_enabled() {
            self.inner.runs.begin(state.clone());
            self.inner.refresh_current_pipeline();
        }
        Run { inner: self.inner, state, ending: Mutex::default() }
    }
}

impl Run {
    /// Counts items of the run as done, however they ended.
    pub fn inc(&self, items: u64) {
        self.state.done.fetch_add(items, RELAXED);
    }

    /// Says how many items the run has in all, now that more is known.
    pub fn set_total(&self, items: u64) {
        self.state.total.store(items, RELAXED);
    }

    /// Ends the run, as dropping it does.
    pub fn finish(self) {}

    /// Ends the run as failed, for this reason.
    pub fn fail(self, reason: impl Into<String>) {
        *lock(&self.ending) = Some((Outcome::Error, reason.into()));
    }

    /// Ends the run as given up, for this reason.
    pub fn cancel(self, reason: impl Into<String>) {
        *lock(&self.ending) = Some((Outcome::Cancelled, reason.into()));
    }

    /// A word for the journal that found no room.
    #[cfg_attr(not(feature = "progress"), allow(dead_code, reason = "only who follows a run asks"))]
    pub(crate) fn note_unsaid(&self) {
        self.inner.registry.drops().count(DropReason::JournalFailed);
    }

    #[cfg_attr(not(feature = "progress"), allow(dead_code, reason = "only who follows a run asks"))]
    pub(crate) fn following(&self) -> Option<&Following> {
        self.state.following.as_ref()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let said = lock(&self.ending).take();
        let (outcome, reason) = match said {
            Some((outcome, reason)) => (outcome, Some(reason)),
            None if std::thread::panicking() => (Outcome::Error, Some("panic".to_owned())),
            None => (Outcome::Ok, None),
        };
        self.state.finished.store(outcome == Outcome::Ok, RELAXED);
        self.state.over.store(true, RELAXED);
        if let Some(following) = &self.state.following {
            following.end(outcome, reason);
        }
        if self.inner.is_enabled() {
            self.inner.runs.end(&self.state);
            self.inner.refresh_current_pipeline();
        }
    }
}

impl Runs {
    fn begin(&self, state: Arc<RunState>) {
        let mut runs = lock(&self.0);
        runs.retain(|run| run.pipeline != state.pipeline || run.is_live());
        if runs.len() >= MAX_PIPELINES {
            runs.remove(0);
        }
        runs.push(state);
    }

    fn end(&self, state: &Arc<RunState>) {
        // Of several runs of one pipeline only the latest stays to be seen once it is over.
        let mut runs = lock(&self.0);
        let is_latest =
            runs.iter().rev().find(|run| run.pipeline == state.pipeline).is_some_and(|run| Arc::ptr_eq(run, state));
        if !is_latest {
            runs.retain(|run| !Arc::ptr_eq(run, state));
        }
    }

    /// The pipeline of the latest run that goes on and gives one.
    pub(crate) fn current_pipeline(&self) -> Option<Arc<str>> {
        let runs = lock(&self.0);
        runs.iter().rev().find(|run| run.gives_pipeline && run.is_live()).map(|run| run.pipeline.clone())
    }

    /// Puts the latest run of each pipeline into `out`.
    pub(crate) fn sample(&self, out: &mut Samples) {
        let runs = lock(&self.0).clone();
        let latest: BTreeMap<_, _> = runs.iter().map(|run| (run.pipeline.clone(), run)).collect();
        for (pipeline, run) in latest {
            run.sample(&pipeline, out);
        }
    }
}

impl RunState {
    fn is_live(&self) -> bool {
        !self.over.load(RELAXED)
    }

    fn sample(&self, pipeline: &str, out: &mut Samples) {
        let labels = Labels::new([("pipeline", pipeline)]).expect("invariant: a constant, valid label name");
        out.push(&PIPELINE_START_TIMESTAMP, labels.clone(), Value::Nanos(self.started_unix_ns));
        out.push(&PIPELINE_FINISHED, labels.clone(), Value::Level(i64::from(self.finished.load(RELAXED))));
        let total = self.total.load(RELAXED);
        let by_items = (total > 0).then(|| self.done.load(RELAXED) as f64 / total as f64);
        let by_time = self.following.as_ref().and_then(|following| following.sample(pipeline, out));
        if let Some(progress) = by_time.or(by_items) {
            out.push(&PIPELINE_PROGRESS, labels, Value::Real(progress));
        }
        let id = bounded_value(&self.id);
        let info = Labels::new([("pipeline", pipeline), ("run", &id)]).expect("invariant: constant, valid label names");
        out.push(&PIPELINE_RUN_INFO, info, Value::Level(1));
    }
}

impl fmt::Debug for RunBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("pipeline", &self.state.pipeline)
            .field("id", &self.state.id)
            .finish_non_exhaustive()
    }
}
