//! Critical events of one GPU, counted by the driver's number.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use phasemeter_core::catalogue::{GPU_XID, GPU_XID_LAST_TIMESTAMP};
use phasemeter_core::{Moment, Samples, Value};

use crate::marks::Marks;

/// What was counted. One thread counts, another one shows.
#[derive(Debug, Default)]
pub(crate) struct Xids(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    by_number: BTreeMap<u64, u64>,
    /// Those beyond [`MAX_NUMBERS`].
    others: u64,
    /// There were some since they were last shown.
    is_news: bool,
    last_unix_ns: Option<u64>,
}

/// So many numbers are told apart; drivers have fewer than two hundred in all.
const MAX_NUMBERS: usize = 64;

impl Xids {
    pub(crate) fn count(&self, xid: u64) {
        let mut counted = self.counted();
        counted.is_news = true;
        let is_known = counted.by_number.contains_key(&xid);
        if is_known || counted.by_number.len() < MAX_NUMBERS {
            *counted.by_number.entry(xid).or_default() += 1;
        } else {
            counted.others += 1;
        }
    }

    /// What was counted so far. When the last one was is known as well as the time between two samples allows.
    pub(crate) fn sample(&self, at: Moment, marks: &Marks, out: &mut Samples) {
        let mut counted = self.counted();
        if std::mem::take(&mut counted.is_news) {
            counted.last_unix_ns = Some(at.unix_ns);
        }
        for (xid, count) in &counted.by_number {
            out.push(&GPU_XID, marks.with(&[("xid", &xid.to_string())]), Value::Count(*count));
        }
        if counted.others > 0 {
            out.push(&GPU_XID, marks.with(&[("xid", "other")]), Value::Count(counted.others));
        }
        if let Some(unix_ns) = counted.last_unix_ns {
            out.push(&GPU_XID_LAST_TIMESTAMP, marks.alone(), Value::Nanos(unix_ns));
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phasemeter_core::Snapshot;

    #[test]
    fn numbers_beyond_the_limit_are_counted_as_others() {
        let xids = Xids::default();
        (0..MAX_NUMBERS as u64 + 2).chain([0]).for_each(|xid| xids.count(xid));
        let mut samples = Samples::default();
        xids.sample(Moment { now_ns: 0, unix_ns: 7 }, &Marks::new("GPU-a", "0"), &mut samples);
        let snapshot = Snapshot::new(samples);
        let count = |xid| snapshot.value(&GPU_XID, &[("hw_id", "GPU-a"), ("hw_name", "0"), ("xid", xid)]).cloned();
        assert_eq!(snapshot.series(&GPU_XID).len(), MAX_NUMBERS + 1);
        assert_eq!([count("0"), count("1"), count("other")], [2, 1, 2].map(|count| Some(Value::Count(count))));
    }
}
