//! Counters by a name that comes with the data: few names, found without a lock, the rest together.

use crate::bounded_value;
use crate::sync::{AtomicU64, COUNT, OnceLock};

/// Counters of up to `NAMES` names, `KINDS` numbers each; what comes beyond them is counted as `other`.
pub(crate) struct NamedCounters<const NAMES: usize, const KINDS: usize> {
    known: [Named<KINDS>; NAMES],
    other: [AtomicU64; KINDS],
    /// What found no name of its own.
    overflowed: AtomicU64,
}

struct Named<const KINDS: usize> {
    name: OnceLock<Box<str>>,
    counts: [AtomicU64; KINDS],
}

/// The name of what has none of its own.
const OTHER: &str = "other";

impl<const NAMES: usize, const KINDS: usize> Default for NamedCounters<NAMES, KINDS> {
    fn default() -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            known: std::array::from_fn(|_| Named { name: OnceLock::new(), counts: zeros() }),
            other: zeros(),
            overflowed: AtomicU64::new(0),
        }
    }
}

impl<const NAMES: usize, const KINDS: usize> NamedCounters<NAMES, KINDS> {
    /// Adds by `add`, which may refuse; what finds no name of its own is counted as overflowed as well.
    pub(crate) fn add(&self, name: &str, kind: usize, count: u64, add: impl Fn(&AtomicU64, u64) -> bool) -> bool {
        let name = bounded_value(name);
        let is_this = |known: &&Named<KINDS>| **known.name.get_or_init(|| name.as_ref().into()) == *name;
        if name == OTHER {
            return add(&self.other[kind], count);
        }
        match self.known.iter().find(is_this) {
            Some(known) => add(&known.counts[kind], count),
            None => add(&self.other[kind], count) && add(&self.overflowed, count),
        }
    }

    pub(crate) fn overflowed(&self) -> u64 {
        self.overflowed.load(COUNT)
    }

    /// The names in the order in which they first came, `other` last and only where it was counted.
    pub(crate) fn read(&self) -> Vec<(Box<str>, [u64; KINDS])> {
        let load = |counts: &[AtomicU64; KINDS]| counts.each_ref().map(|count| count.load(COUNT));
        let named = self.known.iter().filter_map(|known| Some((known.name.get()?.clone(), load(&known.counts))));
        let other = Some((OTHER.into(), load(&self.other))).filter(|(_, counts)| counts.iter().any(|count| *count > 0));
        named.chain(other).collect()
    }
}
