//! One duration that stands for its bucket, with the trace in which to look it up.

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

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
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
}
