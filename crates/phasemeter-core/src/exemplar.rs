//! One duration that stands for its bucket, with the trace in which to look it up.

use crate::slots::BOUNDS_NS;
use crate::sync::{AtomicU64, COUNT, Mutex, OnceLock, lock};

/// Classic buckets, +Inf among them: each may have an exemplar.
const BUCKETS: usize = BOUNDS_NS.len() + 1;

/// The exemplars of the runs of one phase that ended in one way.
#[derive(Default)]
pub(crate) struct Exemplars {
    /// One bit a classic bucket, set while it has an exemplar that nobody has read: it needs no other one.
    fresh: AtomicU64,
    kept: OnceLock<Box<Mutex<[Option<Exemplar>; BUCKETS]>>>,
}

/// The ids of a trace and of a span in it, as W3C Trace Context has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceIds {
    /// The trace.
    pub trace_id: [u8; 16],
    /// The span.
    pub span_id: [u8; 8],
}

/// A sample of a single run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemplar {
    /// The trace in which it was run.
    pub ids: TraceIds,
    /// How long it took.
    pub value_ns: u64,
    /// When it ended, since the Unix epoch.
    pub unix_ns: u64,
}

impl TraceIds {
    /// Whether they name anything: W3C says that ids of zeros are none.
    #[must_use]
    pub fn are_valid(&self) -> bool {
        self.trace_id != [0; 16] && self.span_id != [0; 8]
    }

    /// The trace's id in hexadecimal digits.
    #[must_use]
    pub fn trace_id_hex(&self) -> String {
        hex(&self.trace_id)
    }

    /// The span's id in hexadecimal digits.
    #[must_use]
    pub fn span_id_hex(&self) -> String {
        hex(&self.span_id)
    }
}

impl Exemplars {
    /// Keeps an exemplar, where its bucket has none that is still to be read. `ids` is asked only then.
    pub(crate) fn offer(&self, elapsed_ns: u64, unix_ns: u64, ids: impl FnOnce() -> Option<TraceIds>) {
        let bucket = bucket(elapsed_ns);
        if self.fresh.load(COUNT) >> bucket & 1 == 1 {
            return;
        }
        let Some(ids) = ids().filter(TraceIds::are_valid) else { return };
        if self.fresh.fetch_or(1 << bucket, COUNT) >> bucket & 1 == 1 {
            return;
        }
        let exemplars = self.kept.get_or_init(|| Box::new(Mutex::new(std::array::from_fn(|_| None))));
        // Held by a reader for a copy of some numbers, and by one writer a bucket and scrape.
        lock(exemplars)[bucket] = Some(Exemplar { ids, value_ns: elapsed_ns, unix_ns });
    }

    /// At most one a bucket, in order. Each bucket may then have another one.
    pub(crate) fn read(&self) -> Vec<Exemplar> {
        let Some(kept) = self.kept.get() else { return Vec::new() };
        let exemplars = lock(kept).iter().flatten().cloned().collect();
        self.fresh.store(0, COUNT);
        exemplars
    }
}

/// The classic bucket of a duration; the last is +Inf.
fn bucket(elapsed_ns: u64) -> usize {
    BOUNDS_NS.partition_point(|bound| *bound < elapsed_ns)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_trace_context_writes_them() {
        let ids = TraceIds {
            trace_id: *b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff",
            span_id: [1; 8],
        };
        assert_eq!(ids.trace_id_hex(), "00112233445566778899aabbccddeeff");
        assert_eq!(ids.span_id_hex(), "0101010101010101");
        assert!(ids.are_valid() && !TraceIds { span_id: [0; 8], ..ids }.are_valid());
    }

    fn ids(number: u8) -> Option<TraceIds> {
        Some(TraceIds { trace_id: [number; 16], span_id: [number; 8] })
    }

    #[test]
    fn a_bucket_keeps_one_exemplar_until_it_is_read() {
        let exemplars = Exemplars::default();
        exemplars.offer(15_000, 1, || ids(1));
        exemplars.offer(16_000, 2, || panic!("nobody has read the first one yet"));
        exemplars.offer(30_000, 3, || ids(3));
        let values = |exemplars: &[Exemplar]| exemplars.iter().map(|one| one.value_ns).collect::<Vec<_>>();
        assert_eq!(values(&exemplars.read()), [15_000, 30_000]);
        exemplars.offer(16_000, 4, || ids(4));
        assert_eq!(values(&exemplars.read()), [16_000, 30_000]);
        exemplars.offer(17_000, 5, || None);
        exemplars.offer(17_000, 6, || ids(0));
        assert_eq!(values(&exemplars.read()), [16_000, 30_000]);
    }
}
