//! The series of the `metrics` facade: a bounded table of cells by key.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use metrics::{Key, Label};
use phasemeter_core::{DropReason, Kind, Labels, MAX_VALUE_BYTES, bounded_value};

use super::cells::Cell;
use super::foreign::{OVERFLOW_LABEL, is_name, labels_of};
use super::recorder::MetricsOptions;
use crate::clock::Clock;
use crate::inner::Inner;

pub(super) struct Table {
    clock: Clock,
    keys: RwLock<Keys>,
    max_keys: usize,
    max_keys_per_name: usize,
    /// How long a series is kept, in nanoseconds; nothing for good.
    idle_ns: Option<u64>,
    /// Of every histogram.
    bounds: Arc<[f64]>,
}

/// One label set of a name.
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) cell: Cell,
    pub(super) created_unix_ns: u64,
    /// Whether somebody asked for it since it was last looked at.
    is_asked_for: AtomicBool,
    /// When it was last seen in use.
    used_ns: AtomicU64,
}

/// A name as it is read.
pub(super) struct NameReading {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) help: Arc<str>,
    pub(super) series: Vec<Arc<Series>>,
    /// Whether it was counted that there is no room for the name.
    pub(super) is_counted: Arc<AtomicBool>,
}

#[derive(Default)]
struct Keys {
    /// Nothing where the key has the labels of another one.
    series: HashMap<Key, Option<Arc<Series>>>,
    names: BTreeMap<Arc<str>, Named>,
    /// What names were described as; the first description stands.
    helps: BTreeMap<Box<str>, Arc<str>>,
}

struct Named {
    kind: Kind,
    keys: usize,
    series: Vec<Arc<Series>>,
    labels: HashSet<Labels>,
    /// What found no room of its own.
    overflow: OnceLock<Arc<Series>>,
    /// Whether somebody wanted it to be of another kind.
    has_clashed: AtomicBool,
    is_counted: Arc<AtomicBool>,
}

/// What is known of a key.
enum Known {
    Cell(Option<Cell>),
    /// It has none, and nobody was told yet.
    Clash(Clash),
    /// There is no room for it; where its kind is one that can be summed, what stands for all of those.
    Full(Option<Cell>),
    Nothing,
}

impl Table {
    pub(super) fn new(options: MetricsOptions, clock: Clock) -> Self {
        let MetricsOptions { mut bounds, series_per_name, series, idle } = options;
        bounds.retain(|bound| bound.is_finite());
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        Self {
            clock,
            keys: RwLock::default(),
            max_keys: series,
            max_keys_per_name: series_per_name,
            idle_ns: idle.map(|idle| u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX)),
            bounds: bounds.into(),
        }
    }

    /// The cell of this key, made where there is none; nothing where there cannot be one, which is counted.
    pub(super) fn cell(&self, key: &Key, kind: Kind, inner: &Arc<Inner>) -> Result<Option<Cell>, Clash> {
        if !is_name(key.name()) {
            inner.registry.drops().count(DropReason::InvalidName);
            return Ok(None);
        }
        let key = bounded_key(key);
        // Not matched on where it is read: the lock would be held while we write.
        let known = self.known(&self.read(), &key, kind, inner);
        let known = if matches!(known, Known::Nothing) { self.insert(key, kind, inner) } else { known };
        match known {
            Known::Cell(cell) => Ok(cell),
            Known::Clash(clash) => Err(clash),
            Known::Full(cell) => {
                inner.registry.drops().count(DropReason::SeriesLimit);
                Ok(cell)
            }
            Known::Nothing => Ok(None),
        }
    }

    fn known(&self, keys: &Keys, key: &Key, kind: Kind, inner: &Arc<Inner>) -> Known {
        let named = keys.names.get(key.name());
        if let Some(named) = named.filter(|named| named.kind != kind) {
            // Who is first to see it, says it.
            let is_said = named.has_clashed.swap(true, Ordering::Relaxed);
            return if is_said { Known::Cell(None) } else { Known::Clash(Clash("it is of another kind already")) };
        }
        if let Some(series) = keys.series.get(key) {
            return Known::Cell(series.as_ref().map(|series| series.asked_for()));
        }
        let is_full =
            keys.series.len() >= self.max_keys || named.is_some_and(|named| named.keys >= self.max_keys_per_name);
        let can_be_summed = matches!(kind, Kind::Counter | Kind::Histogram);
        let overflow = || {
            let labels = || Labels::new([(OVERFLOW_LABEL, "true")]).expect("invariant: a constant, valid label");
            let own = named.filter(|_| can_be_summed)?.overflow.get_or_init(|| self.new_series(labels(), kind, inner));
            Some(own.asked_for())
        };
        if is_full { Known::Full(overflow()) } else { Known::Nothing }
    }

    fn new_series(&self, labels: Labels, kind: Kind, inner: &Arc<Inner>) -> Arc<Series> {
        Arc::new(Series {
            labels,
            cell: Cell::new(kind, &self.bounds, inner),
            created_unix_ns: inner.clock.unix_ns(),
            is_asked_for: AtomicBool::new(true),
            used_ns: AtomicU64::new(0),
        })
    }

    fn insert(&self, key: Cow<'_, Key>, kind: Kind, inner: &Arc<Inner>) -> Known {
        let (labels, left_out) = labels_of(key.labels().map(|label| (label.key(), label.value())));
        let mut keys = self.write();
        // Another thread may have been faster.
        let known = self.known(&keys, &key, kind, inner);
        if !matches!(known, Known::Nothing) {
            return known;
        }
        let drops = inner.registry.drops();
        (0..left_out).for_each(|_| drops.count(DropReason::InvalidLabel));
        if matches!(key, Cow::Owned(_)) {
            drops.count(DropReason::LabelShortened);
        }
        let named = keys.name(key.name(), kind);
        named.keys += 1;
        let series = named.labels.insert(labels.clone()).then(|| self.new_series(labels, kind, inner));
        named.series.extend(series.clone());
        let cell = series.as_ref().map(|series| series.cell.clone());
        keys.series.insert(key.into_owned(), series);
        match cell {
            Some(cell) => Known::Cell(Some(cell)),
            None => Known::Clash(Clash("two of its label sets come to the same one")),
        }
    }

    /// The first description of a name stands.
    pub(super) fn describe(&self, name: &str, help: String) {
        let (name, help) = (&*bounded_value(name), bounded_help(help));
        let mut keys = self.write();
        if keys.helps.len() < self.max_keys && !keys.helps.contains_key(name) {
            keys.helps.insert(name.into(), help.into());
        }
    }

    /// Every name and its series, sorted by name.
    pub(super) fn names(&self) -> Vec<NameReading> {
        let keys = self.read();
        let undescribed: Arc<str> = "Recorded through the metrics facade, where nobody described it.".into();
        let reading = |(name, named): (&Arc<str>, &Named)| NameReading {
            name: name.clone(),
            kind: named.kind,
            help: keys.helps.get(&**name).unwrap_or(&undescribed).clone(),
            series: named.series.iter().chain(named.overflow.get()).cloned().collect(),
            is_counted: named.is_counted.clone(),
        };
        keys.names.iter().map(reading).collect()
    }

    /// Lets go of series that nobody holds or asked for as long as they are kept.
    pub(super) fn expire(&self) {
        let Some(idle_ns) = self.idle_ns else { return };
        let now_ns = self.clock.now_ns();
        // Every one is looked at, or those behind the first would not be seen in use.
        let keys = self.read();
        let overflow = keys.names.values().filter_map(|named| named.overflow.get());
        let all = keys.series.values().flatten().chain(overflow);
        let idle = all.filter(|series| series.is_idle(now_ns, idle_ns)).count();
        drop(keys);
        if idle > 0 {
            self.write().expire(now_ns, idle_ns);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Series {
    /// A handle, made while the table is locked: see [`is_idle`](Self::is_idle).
    fn asked_for(&self) -> Cell {
        self.is_asked_for.store(true, Ordering::Relaxed);
        self.cell.clone()
    }

    /// Whether it was in no use for so long; where it is now, this is remembered. A table that is locked for writing hands
    /// out no handle in between, so that nobody can record into what goes.
    fn is_idle(&self, now_ns: u64, idle_ns: u64) -> bool {
        // Who holds it now may let go of it right after it has recorded: then it was used once more.
        let is_held = self.cell.is_held();
        if self.is_asked_for.swap(is_held, Ordering::Relaxed) || is_held {
            self.used_ns.store(now_ns, Ordering::Relaxed);
            return false;
        }
        now_ns.saturating_sub(self.used_ns.load(Ordering::Relaxed)) >= idle_ns
    }
}

/// Why a key has no cell, where it is to be counted and said.
pub(super) struct Clash(pub(super) &'static str);

/// Labels of one key; what comes beyond them is left out.
const MAX_LABELS: usize = 64;

/// A description is no label, and longer.
const MAX_HELP_BYTES: usize = 4_096;

/// The description, or where it is too long to be kept, its beginning.
fn bounded_help(mut help: String) -> String {
    if help.len() > MAX_HELP_BYTES {
        let end = (0..=MAX_HELP_BYTES).rev().find(|end| help.is_char_boundary(*end));
        help.truncate(end.unwrap_or(0));
        help.push('…');
    }
    help
}

/// The key, or where it is too long to be kept, one with fewer labels, or texts that are shortened, and as different.
fn bounded_key(key: &Key) -> Cow<'_, Key> {
    let is_long = |text: &str| text.len() > MAX_VALUE_BYTES;
    if key.labels().len() <= MAX_LABELS
        && !is_long(key.name())
        && !key.labels().any(|label| is_long(label.key()) || is_long(label.value()))
    {
        return Cow::Borrowed(key);
    }
    let bounded = |text| bounded_value(text).into_owned();
    let kept = key.labels().take(MAX_LABELS);
    let labels: Vec<_> = kept.map(|label| Label::new(bounded(label.key()), bounded(label.value()))).collect();
    Cow::Owned(Key::from_parts(bounded(key.name()), labels))
}

impl Keys {
    fn expire(&mut self, now_ns: u64, idle_ns: u64) {
        let mut changed = HashMap::new();
        for (name, named) in &mut self.names {
            let before = named.series.len();
            named.series.retain(|series| !series.is_idle(now_ns, idle_ns));
            if named.overflow.get().is_some_and(|series| series.is_idle(now_ns, idle_ns)) {
                named.overflow = OnceLock::new();
            }
            if named.series.len() < before {
                named.labels = named.series.iter().map(|series| series.labels.clone()).collect();
                changed.insert(name.clone(), 0);
            }
        }
        let names = &self.names;
        self.series.retain(|key, series| {
            let Some(keys) = changed.get_mut(key.name()) else { return true };
            // A key whose labels another one had may have them now: it is made anew when it comes back.
            let stays = |series: &Arc<Series>| names[key.name()].labels.contains(&series.labels);
            let stays = series.as_ref().is_some_and(stays);
            *keys += usize::from(stays);
            stays
        });
        for (name, keys) in changed {
            if let Some(named) = self.names.get_mut(&name) {
                named.keys = keys;
            }
        }
        self.names.retain(|_, named| !named.series.is_empty() || named.overflow.get().is_some());
    }

    /// The name, made of this kind where there is none.
    fn name(&mut self, name: &str, kind: Kind) -> &mut Named {
        if !self.names.contains_key(name) {
            let new = Named {
                kind,
                keys: 0,
                series: Vec::new(),
                labels: HashSet::new(),
                overflow: OnceLock::new(),
                has_clashed: AtomicBool::new(false),
                is_counted: Arc::default(),
            };
            self.names.insert(name.into(), new);
        }
        self.names.get_mut(name).expect("invariant: it was put there")
    }
}
