//! The open spans of one layer, by their ids: found without asking the subscriber, and without a lock that two spans
//! share.
//!
//! Ids are looked for in a few places, first in a small table, then in ever larger ones, which are made when they are
//! first needed; what finds no place at all goes into a map.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::inner::lock;
use crate::plain::PlainSpan;

/// The open spans.
pub(crate) struct Spans {
    first: Table,
    /// Each twice as large as the one before.
    more: [OnceLock<Table>; MORE_TABLES],
    /// Those that found no place, and how many there are.
    others: Mutex<HashMap<u64, PlainSpan>>,
    count_of_others: AtomicUsize,
    /// Open spans that are in a pipeline of their own, or whose parents are.
    pub(crate) in_pipelines: AtomicUsize,
}

struct Table {
    /// 0 where nobody is.
    ids: Box<[AtomicU64]>,
    spans: Box<[Mutex<PlainSpan>]>,
}

/// Places of the first table; the others double. Together there are a million.
const FIRST_TABLE: usize = 256;
const MORE_TABLES: usize = 11;
/// How many places an id may be in, in one table.
const PLACES: usize = 4;

impl Default for Spans {
    fn default() -> Self {
        Self {
            first: Table::new(FIRST_TABLE),
            more: Default::default(),
            others: Mutex::default(),
            count_of_others: AtomicUsize::new(0),
            in_pipelines: AtomicUsize::new(0),
        }
    }
}

impl Spans {
    /// A span is open.
    #[inline]
    pub(crate) fn insert(&self, id: u64, span: PlainSpan) {
        match self.first.claim_first(id) {
            Some(place) => fill(place, span),
            None => self.insert_elsewhere(id, span),
        }
    }

    #[cold]
    fn insert_elsewhere(&self, id: u64, span: PlainSpan) {
        if let Some(place) = self.first.claim(id) {
            return fill(place, span);
        }
        for (number, table) in (1..).zip(&self.more) {
            let table = table.get_or_init(|| Table::new(FIRST_TABLE << number));
            if let Some(place) = table.claim(id) {
                return fill(place, span);
            }
        }
        self.count_of_others.fetch_add(1, Ordering::Relaxed);
        lock(&self.others).insert(id, span);
    }

    /// Does something with an open span. It must not come back here.
    #[inline]
    pub(crate) fn with<T>(&self, id: u64, act: impl FnOnce(&mut PlainSpan) -> T) -> Option<T> {
        match self.find(id) {
            Some((_, span)) => Some(act(&mut lock(span))),
            None if self.any_others() => lock(&self.others).get_mut(&id).map(act),
            None => None,
        }
    }

    /// A span is closed.
    #[inline]
    pub(crate) fn remove(&self, id: u64) -> Option<PlainSpan> {
        let Some((place, span)) = self.find(id) else { return self.remove_other(id) };
        let span = std::mem::take(&mut *lock(span));
        // Release: who claims the place next finds it empty.
        place.store(0, Ordering::Release);
        Some(span)
    }

    #[cold]
    fn remove_other(&self, id: u64) -> Option<PlainSpan> {
        let removed = self.any_others().then(|| lock(&self.others).remove(&id)).flatten();
        self.count_of_others.fetch_sub(usize::from(removed.is_some()), Ordering::Relaxed);
        removed
    }

    /// Takes out every open span.
    pub(crate) fn drain(&self, mut act: impl FnMut(PlainSpan)) {
        for table in self.tables() {
            let open = table.ids.iter().map(|id| id.load(Ordering::Acquire)).filter(|id| *id != 0);
            open.filter_map(|id| self.remove(id)).for_each(&mut act);
        }
        let others = std::mem::take(&mut *lock(&self.others));
        self.count_of_others.fetch_sub(others.len(), Ordering::Relaxed);
        others.into_values().for_each(act);
    }

    /// Whether none is open. Of one that another thread opens this moment nobody knows.
    pub(crate) fn is_empty(&self) -> bool {
        let is_empty = |table: &Table| table.ids.iter().all(|id| id.load(Ordering::Relaxed) == 0);
        !self.any_others() && self.tables().all(is_empty)
    }

    #[inline]
    fn find(&self, id: u64) -> Option<(&AtomicU64, &Mutex<PlainSpan>)> {
        let first = self.first.places(id).next().and_then(|place| self.first.at(place, id));
        first.or_else(|| self.find_elsewhere(id))
    }

    #[cold]
    fn find_elsewhere(&self, id: u64) -> Option<(&AtomicU64, &Mutex<PlainSpan>)> {
        self.tables().find_map(|table| table.places(id).find_map(|place| table.at(place, id)))
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        std::iter::once(&self.first).chain(self.more.iter().map_while(OnceLock::get))
    }

    fn any_others(&self) -> bool {
        // Relaxed: who asks for a span was told of it by the thread that opened it.
        self.count_of_others.load(Ordering::Relaxed) > 0
    }
}

#[inline]
fn fill(place: &Mutex<PlainSpan>, span: PlainSpan) {
    // What was there is empty: there is nothing to drop, which need not be looked for.
    std::mem::forget(std::mem::replace(&mut *lock(place), span));
}

impl Table {
    fn new(places: usize) -> Self {
        Self {
            ids: std::iter::repeat_with(AtomicU64::default).take(places).collect(),
            spans: std::iter::repeat_with(Mutex::default).take(places).collect(),
        }
    }

    /// Where an id may be. Those of one thread are small numbers that are used again, in the low bits, so that its spans
    /// are found where they were before; those of other threads, told by bits far up, are somewhere else.
    #[inline]
    fn places(&self, id: u64) -> impl Iterator<Item = usize> + use<> {
        let first = (id as usize).wrapping_add((id >> 38) as usize % (1 << 13) * 67);
        let mask = self.ids.len() - 1;
        (0..PLACES).map(move |step| first.wrapping_add(step) & mask)
    }

    /// What stands at this place, where that is this span.
    #[inline]
    fn at(&self, place: usize, id: u64) -> Option<(&AtomicU64, &Mutex<PlainSpan>)> {
        let own = &self.ids[place];
        // Acquire: what was put there when it was opened is seen.
        (own.load(Ordering::Acquire) == id).then(|| (own, &self.spans[place]))
    }

    #[inline]
    fn claim_first(&self, id: u64) -> Option<&Mutex<PlainSpan>> {
        self.claim_at(self.places(id).next()?, id)
    }

    fn claim(&self, id: u64) -> Option<&Mutex<PlainSpan>> {
        self.places(id).find_map(|place| self.claim_at(place, id))
    }

    #[inline]
    fn claim_at(&self, place: usize, id: u64) -> Option<&Mutex<PlainSpan>> {
        let own = &self.ids[place];
        // Acquire: the place is as the span before left it, empty.
        let is_ours = own.load(Ordering::Relaxed) == 0
            && own.compare_exchange(0, id, Ordering::Acquire, Ordering::Relaxed).is_ok();
        is_ours.then(|| &self.spans[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: u64) -> PlainSpan {
        PlainSpan { last_exit_ns: number, ..PlainSpan::default() }
    }

    #[test]
    fn every_open_span_is_found_whatever_its_id() {
        let spans = Spans::default();
        let ids: Vec<u64> = (1..=20_000).chain((1..2_000).map(|number| number << 38)).collect();
        ids.iter().for_each(|id| spans.insert(*id, numbered(*id)));
        assert!(ids.iter().all(|id| spans.with(*id, |span| span.last_exit_ns) == Some(*id)));
        assert_eq!(spans.with(1 << 37, |_| ()).is_some(), ids.contains(&(1 << 37)));
        let (gone, kept) = ids.split_at(10_000);
        assert!(gone.iter().all(|id| spans.remove(*id).is_some_and(|span| span.last_exit_ns == *id)));
        assert!(gone.iter().all(|id| spans.with(*id, |_| ()).is_none() && spans.remove(*id).is_none()));
        assert!(kept.iter().all(|id| spans.remove(*id).is_some_and(|span| span.last_exit_ns == *id)));
        assert!(spans.is_empty());
    }

    #[test]
    fn ids_that_all_want_one_place_are_kept_too() {
        let spans = Spans::default();
        let ids: Vec<u64> = (1..=500).map(|number| number << 20).collect();
        ids.iter().for_each(|id| spans.insert(*id, numbered(*id)));
        assert!(spans.any_others() && !spans.is_empty());
        assert!(ids.iter().all(|id| spans.with(*id, |span| span.last_exit_ns) == Some(*id)));
        assert!(ids.iter().all(|id| spans.remove(*id).is_some()));
        assert!(spans.is_empty());
    }
}
