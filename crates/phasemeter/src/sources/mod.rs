//! Metrics that are not ours, on our endpoint: where they come from, and what happens where two have one name.
//!
//! ```text
//! Source (a joined registry, a recorder) ─→ Samples ─┐
//! own Samples ───────────────────────────────────────┴→ Sources::join ─→ Snapshot
//! ```
//!
//! A name belongs to one of them: to the application's registries in the order they were joined, then to its libraries,
//! then to `metric!`, then to us. A family whose name is taken is left out as a whole, never merged; this is counted, and said once.

mod names;

#[cfg(feature = "metrics")]
mod cells;
#[cfg(feature = "prometheus")]
mod collector;
#[cfg(any(feature = "metrics", feature = "prometheus"))]
mod foreign;
#[cfg(feature = "prometheus")]
mod joined;
#[cfg(feature = "metrics")]
mod recorder;
#[cfg(feature = "metrics")]
mod table;

#[cfg(feature = "prometheus")]
pub use collector::PrometheusCollector;
#[cfg(feature = "metrics")]
pub use recorder::{MetricsOptions, MetricsRecorder};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use phasemeter_core::{DropReason, Drops, Family, Samples, Snapshot};

use crate::inner::lock;
use crate::notice;
use names::claims;

/// A producer of metrics that are not ours.
#[cfg_attr(
    not(any(feature = "metrics", feature = "prometheus")),
    allow(dead_code, reason = "without a bridge nobody adds any")
)]
pub(crate) trait Source: Send + Sync {
    /// What it is called where one of its names clashes.
    fn name(&self) -> &'static str;

    /// Whose metrics these are.
    fn rank(&self) -> Rank;

    /// Puts what it has into `out`. It may panic; then nothing of it is shown this time.
    fn sample(&self, drops: &Drops, out: &mut Samples);
}

/// Who keeps a name that two have: the earlier one here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The application chose its names itself.
    #[cfg_attr(not(feature = "prometheus"), allow(dead_code, reason = "its registries are this feature's"))]
    Application,
    /// A library of the application chose them.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "the facade is this feature's"))]
    Libraries,
}

/// The sources of one Meter.
#[derive(Default)]
pub(crate) struct Sources {
    /// Those who keep their names first.
    added: RwLock<Vec<Arc<dyn Source>>>,
    /// What was said of whom, by his number.
    said: Mutex<BTreeSet<(String, usize)>>,
}

/// Clashes beyond this many are neither counted nor said: somebody makes up names as he goes.
const MAX_SAID: usize = 1_000;

/// What our own metrics are called where a name clashes.
const OURS: Owner = Owner { name: "phasemeter", number: 0, is_application: false };

/// The same for the program's own metrics.
const TOLD: Owner = Owner { name: "metric!", number: 1, is_application: false };

/// Who has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Owner {
    name: &'static str,
    /// Tells those of one name apart.
    number: usize,
    /// Whether it is a registry of the application.
    is_application: bool,
}

impl Sources {
    /// Reads this one too, from now on.
    #[cfg_attr(
        not(any(feature = "metrics", feature = "prometheus")),
        allow(dead_code, reason = "without a bridge nobody adds any")
    )]
    pub(crate) fn add(&self, source: Arc<dyn Source>) {
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        let behind = added.partition_point(|other| other.rank() <= source.rank());
        added.insert(behind, source);
    }

    /// A snapshot of the samples of every source, of `metric!` and of our own; each name stands once.
    pub(crate) fn join(&self, meter: u64, told: Samples, own: Samples, prefix: &str, drops: &Drops) -> Snapshot {
        let mut added = self.added.read().unwrap_or_else(PoisonError::into_inner).clone();
        let own = Snapshot::new(own);
        if added.is_empty() && told.is_empty() {
            return own;
        }
        // A source that comes back here is not asked again.
        let reading = Reading::begin(meter);
        if reading.is_none() {
            added.clear();
        }
        let mut names = Names { sources: self, drops, prefix, taken: BTreeMap::new(), families: BTreeMap::new() };
        for source in added {
            let mut samples = Samples::default();
            // Nothing of ours is locked here, and what the source left half done is its own.
            let read = catch_unwind(AssertUnwindSafe(|| source.sample(drops, &mut samples)));
            if read.is_err() {
                drops.count(DropReason::SourcePanicked);
                let number = Arc::as_ptr(&source).cast::<()>() as usize;
                self.say("it panics", number, || format!("{} panicked while it was read", source.name()));
                continue;
            }
            let is_application = source.rank() == Rank::Application;
            let number = Arc::as_ptr(&source).cast::<()>() as usize;
            names.take(Owner { name: source.name(), number, is_application }, samples);
        }
        names.take(TOLD, told);
        names.take_families(OURS, own.families);
        // Its keys are what a snapshot is sorted by.
        Snapshot { families: names.families.into_values().collect(), work: own.work }
    }

    /// Whether this is the first time that this is said; then it is.
    fn say(&self, what: &str, of: usize, text: impl FnOnce() -> String) -> bool {
        let mut said = lock(&self.said);
        let is_first = said.len() < MAX_SAID && said.insert((what.to_owned(), of));
        drop(said);
        if is_first {
            notice::say(&text());
        }
        is_first
    }
}

/// Who has which name in one snapshot.
struct Names<'a> {
    sources: &'a Sources,
    drops: &'a Drops,
    prefix: &'a str,
    /// What lines of the exposition begin with, and whose they are.
    taken: BTreeMap<String, Owner>,
    /// By OpenTelemetry name, which is one family's too.
    families: BTreeMap<&'static str, Family>,
}

impl Names<'_> {
    fn take(&mut self, owner: Owner, samples: Samples) {
        let count = samples.len();
        let mut counts = BTreeMap::<_, usize>::new();
        samples.metrics().for_each(|metric| *counts.entry(metric.otel).or_default() += 1);
        let families = Snapshot::new(samples).families;
        if families.iter().map(|family| family.series.len()).sum::<usize>() < count {
            for family in families.iter().filter(|family| family.series.len() < counts[family.metric.otel]) {
                let name = family.metric.otel;
                let text = || format!("the metric {name:?} of {} has series twice: the first one stands", owner.name);
                self.clash(&format!("{name} twice"), owner, text);
            }
        }
        self.take_families(owner, families);
    }

    fn take_families(&mut self, owner: Owner, families: Vec<Family>) {
        for family in families {
            let otel = family.metric.otel;
            let claims = claims(family.metric, self.prefix);
            let holder = claims.iter().find_map(|claim| self.taken.get(claim).copied());
            let is_held = holder.is_some() || self.families.contains_key(otel);
            // That a registry has those of its own is how it is meant to be.
            let is_meant =
                owner == OURS && otel.starts_with("process.") && holder.is_some_and(|holder| holder.is_application);
            if !is_held {
                self.taken.extend(claims.into_iter().map(|claim| (claim, owner)));
                self.families.insert(otel, family);
            } else if !is_meant {
                let (owners, holders) = (owner.name, holder.map_or("another source", |holder| holder.name));
                self.clash(otel, owner, || {
                    format!("the name of the metric {otel:?} of {owners} is taken by {holders}: it is left out")
                });
            }
        }
    }

    fn clash(&self, what: &str, owner: Owner, text: impl FnOnce() -> String) {
        if self.sources.say(what, owner.number, text) {
            self.drops.count(DropReason::MetricClash);
        }
    }
}

thread_local! {
    /// The Meters whose sources this thread reads; one, but where what is read asks another Meter.
    static READING: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// While it lives, this thread reads the sources of one Meter.
struct Reading;

impl Reading {
    /// Nothing where the thread does already: what is read asks us in turn.
    fn begin(meter: u64) -> Option<Self> {
        // A thread that is ending has no such variables any more, and reads nothing either.
        let begin = |reading: &RefCell<Vec<u64>>| {
            let mut reading = reading.borrow_mut();
            let is_new = !reading.contains(&meter);
            if is_new {
                reading.push(meter);
            }
            is_new
        };
        // Not made where it is refused: its end would be the end of the one around it.
        READING.try_with(begin).unwrap_or(false).then(|| Self)
    }

    #[cfg_attr(not(feature = "prometheus"), allow(dead_code, reason = "what asks us in turn is this feature's"))]
    fn is_going_on(meter: u64) -> bool {
        READING.try_with(|reading| reading.borrow().contains(&meter)).unwrap_or(true)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // The last one that began: they end in turn.
        let _ending = READING.try_with(|reading| reading.borrow_mut().pop());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter_core::catalogue::{PHASE_RUNS, PROCESS_THREADS, SCRAPE_DURATION};
    use phasemeter_core::{Kind, Metric, Value};

    struct Fixed(&'static str, Rank, Vec<&'static Metric>);

    impl Source for Fixed {
        fn name(&self) -> &'static str {
            self.0
        }

        fn rank(&self) -> Rank {
            self.1
        }

        fn sample(&self, _drops: &Drops, out: &mut Samples) {
            assert!(!self.2.is_empty(), "this one panics");
            self.2.iter().for_each(|metric| out.push_plain(metric, Value::Count(self.2.len() as u64)));
        }
    }

    fn named(name: &str, kind: Kind) -> &'static Metric {
        phasemeter_core::intern(name, kind, "Somebody's.").expect("there is room")
    }

    #[track_caller]
    fn check(sources: &[(Rank, &[&'static Metric])], own: &[&'static Metric], expect: &[(&str, u64)], clashes: u64) {
        let all = Sources::default();
        for (rank, metrics) in sources {
            all.add(Arc::new(Fixed("a source", *rank, metrics.to_vec())));
        }
        let drops = Drops::default();
        let mut snapshot = Snapshot::default();
        for _scrape in 0..3 {
            let mut samples = Samples::default();
            own.iter().for_each(|metric| samples.push_plain(metric, Value::Count(0)));
            snapshot = all.join(0, Samples::default(), samples, "", &drops);
        }
        let found: Vec<_> = snapshot.families.iter().map(|family| (family.metric.otel, &family.series[..])).collect();
        let found: Vec<_> = found.iter().map(|(name, series)| (*name, series[0].value.as_f64() as u64)).collect();
        assert_eq!(found, expect);
        assert_eq!(drops.total(DropReason::MetricClash), clashes, "each counts once, however often it is scraped");
    }

    #[test]
    fn a_name_that_is_taken_is_left_out_and_counted_once() {
        let foreign = named("phase_runs_total", Kind::Counter);
        check(&[(Rank::Libraries, &[foreign])], &[&PHASE_RUNS], &[("phase_runs_total", 1)], 1);
    }

    #[test]
    fn the_application_keeps_its_name_however_late_it_comes() {
        let (dotted, other) = (named("sources.a", Kind::Gauge), named("sources_b", Kind::Gauge));
        let application = named("sources_a", Kind::Counter);
        let sources: [(_, &[_]); 2] = [(Rank::Libraries, &[dotted, other]), (Rank::Application, &[application])];
        check(&sources, &[], &[("sources_a", 1), ("sources_b", 2)], 1);
    }

    #[test]
    fn lines_of_a_histogram_are_names_too() {
        let (histogram, count) = (named("sources_c", Kind::Histogram), named("sources_c_count", Kind::Gauge));
        check(&[(Rank::Application, &[count]), (Rank::Application, &[histogram])], &[], &[("sources_c_count", 1)], 1);
    }

    #[test]
    fn process_metrics_of_a_registry_are_meant_to_win() {
        let foreign = named("process_threads", Kind::Gauge);
        let expect = [("phasemeter.scrape.duration", 0), ("process_threads", 1)];
        check(&[(Rank::Application, &[foreign])], &[&PROCESS_THREADS, &SCRAPE_DURATION], &expect, 0);
    }

    #[test]
    fn a_program_that_calls_a_metric_as_ours_is_called_by_the_prefix_keeps_the_name() {
        let (sources, drops) = (Sources::default(), Drops::default());
        let (mut told, mut own) = (Samples::default(), Samples::default());
        told.push_plain(named("acme_phase_runs_total", Kind::Counter), Value::Count(7));
        own.push_plain(&PHASE_RUNS, Value::Count(1));
        let snapshot = sources.join(0, told, own, "acme_", &drops);
        let found: Vec<_> = snapshot.families.iter().map(|family| family.metric.otel).collect();
        assert_eq!((found, drops.total(DropReason::MetricClash)), (vec!["acme_phase_runs_total"], 1));
    }

    #[test]
    fn a_source_that_panics_is_missing_and_counted() {
        let sources = Sources::default();
        sources.add(Arc::new(Fixed("a bad source", Rank::Application, Vec::new())));
        let drops = Drops::default();
        let mut own = Samples::default();
        own.push_plain(&PHASE_RUNS, Value::Count(7));
        assert_eq!(sources.join(0, Samples::default(), own, "", &drops).families.len(), 1);
        assert_eq!(drops.total(DropReason::SourcePanicked), 1);
    }
}
