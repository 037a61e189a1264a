//! The series of the `metrics` facade: a bounded table of cells by key.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use metrics::{Key, Label};
use phasemeter_core::{DropReason, Kind, Labels, MAX_VALUE_BYTES, bounded_value};

use super::cells::Cell;
use super::foreign::labels_of;
use super::recorder::MetricsOptions;
use crate::inner::Inner;

pub(super) struct Table {
    keys: RwLock<Keys>,
    max_keys: usize,
    max_keys_per_name: usize,
    /// Of every histogram.
    bounds: Arc<[f64]>,
}

/// One label set of a name.
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) cell: Cell,
    pub(super) created_unix_ns: u64,
}

/// A name as it is read.
pub(super) struct NameReading {
    pub(super) name: Arc<str>,
    pub(super) kind: Kind,
    pub(super) help: Arc<str>,
    pub(super) series: Vec<Arc<Series>>,
}

#[derive(Default)]
struct Keys {
    /// Nothing where the key has the labels of another one.
    cells: HashMap<Key, Option<Cell>>,
    names: BTreeMap<Arc<str>, Named>,
    /// What names were described as; the first description stands.
    helps: BTreeMap<Box<str>, Arc<str>>,
}

struct Named {
    kind: Kind,
    keys: usize,
    series: Vec<Arc<Series>>,
    labels: HashSet<Labels>,
    /// Whether somebody wanted it to be of another kind.
    has_clashed: AtomicBool,
}

/// What is known of a key.
enum Known {
    Cell(Option<Cell>),
    /// It has none, and nobody was told yet.
    Clash(Clash),
    /// There is no room for it.
    Full,
    Nothing,
}

impl Table {
    pub(super) fn new(options: MetricsOptions) -> Self {
        let MetricsOptions { mut bounds, series_per_name, series } = options;
        bounds.retain(|bound| bound.is_finite());
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        Self { keys: RwLock::default(), max_keys: series, max_keys_per_name: series_per_name, bounds: bounds.into() }
    }

    /// The cell of this key, made where there is none; nothing where there cannot be one, which is counted.
    pub(super) fn cell(&self, key: &Key, kind: Kind, inner: &Arc<Inner>) -> Result<Option<Cell>, Clash> {
        let key = bounded_key(key);
        // Not matched on where it is read: the lock would be held while we write.
        let known = self.known(&self.read(), &key, kind);
        let known = if matches!(known, Known::Nothing) { self.insert(key, kind, inner) } else { known };
        match known {
            Known::Cell(cell) => Ok(cell),
            Known::Clash(clash) => Err(clash),
            Known::Full | Known::Nothing => {
                inner.registry.drops().count(DropReason::SeriesLimit);
                Ok(None)
            }
        }
    }

    fn known(&self, keys: &Keys, key: &Key, kind: Kind) -> Known {
        let named = keys.names.get(key.name());
        if let Some(named) = named.filter(|named| named.kind != kind) {
            // Who is first to see it, says it.
            let is_said = named.has_clashed.swap(true, Ordering::Relaxed);
            return if is_said { Known::Cell(None) } else { Known::Clash(Clash("it is of another kind already")) };
        }
        if let Some(cell) = keys.cells.get(key) {
            return Known::Cell(cell.clone());
        }
        let is_full =
            keys.cells.len() >= self.max_keys || named.is_some_and(|named| named.keys >= self.max_keys_per_name);
        if is_full { Known::Full } else { Known::Nothing }
    }

    fn insert(&self, key: Cow<'_, Key>, kind: Kind, inner: &Arc<Inner>) -> Known {
        let (labels, left_out) = labels_of(key.labels().map(|label| (label.key(), label.value())));
        let created_unix_ns = inner.clock.unix_ns();
        let mut keys = self.write();
        // Another thread may have been faster.
        let known = self.known(&keys, &key, kind);
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
        let cell = named.labels.insert(labels.clone()).then(|| Cell::new(kind, &self.bounds, inner));
        if let Some(cell) = cell.clone() {
            named.series.push(Arc::new(Series { labels, cell, created_unix_ns }));
        }
        keys.cells.insert(key.into_owned(), cell.clone());
        match cell {
            Some(cell) => Known::Cell(Some(cell)),
            None => Known::Clash(Clash("two of its label sets come to the same one")),
        }
    }

    /// The first description of a name stands.
    pub(super) fn describe(&self, name: &str, help: String) {
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
            series: named.series.clone(),
        };
        keys.names.iter().map(reading).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Keys> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a key has no cell, where it is to be counted and said.
pub(super) struct Clash(pub(super) &'static str);

/// The key, or where a text of it is too long to be kept, one with texts that are shortened, and as different.
fn bounded_key(key: &Key) -> Cow<'_, Key> {
    let is_long = |text: &str| text.len() > MAX_VALUE_BYTES;
    if !is_long(key.name()) && !key.labels().any(|label| is_long(label.key()) || is_long(label.value())) {
        return Cow::Borrowed(key);
    }
    let bounded = |text| bounded_value(text).into_owned();
    let labels: Vec<_> = key.labels().map(|label| Label::new(bounded(label.key()), bounded(label.value()))).collect();
    Cow::Owned(Key::from_parts(bounded(key.name()), labels))
}

impl Keys {
    /// The name, made of this kind where there is none.
    fn name(&mut self, name: &str, kind: Kind) -> &mut Named {
        if !self.names.contains_key(name) {
            let new = Named {
                kind,
                keys: 0,
                series: Vec::new(),
                labels: HashSet::new(),
                has_clashed: AtomicBool::new(false),
            };
            self.names.insert(name.into(), new);
        }
        self.names.get_mut(name).expect("invariant: it was put there")
    }
}
