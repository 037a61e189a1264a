//! The machine's units, from the auxiliary vector: there is no libc binding to ask.

use std::path::Path;

/// What numbers in `/proc` are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Units {
    ticks_per_second: u64,
    page_bytes: u64,
}

const NANOS: u64 = 1_000_000_000;

impl Units {
    /// What nearly every Linux has, for those whose vector cannot be read.
    const USUAL: Self = Self { ticks_per_second: 100, page_bytes: 4096 };

    /// Those of the machine that has this `proc`.
    pub(crate) fn of(proc: &Path) -> Self {
        std::fs::read(proc.join("self/auxv")).map_or(Self::USUAL, |bytes| units(&bytes))
    }

    pub(crate) fn nanos(self, ticks: u64) -> u64 {
        let nanos = u128::from(ticks) * u128::from(NANOS) / u128::from(self.ticks_per_second);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }

    pub(crate) fn bytes(self, pages: u64) -> u64 {
        pages.saturating_mul(self.page_bytes)
    }
}

/// The auxiliary vector is pairs of native words: what it says, and the value.
fn units(auxv: &[u8]) -> Units {
    const WORD: usize = size_of::<usize>();
    let word = |bytes: &[u8]| Some(usize::from_ne_bytes(bytes.try_into().ok()?) as u64);
    let value = |wanted: u64| {
        let mut pairs = auxv.chunks_exact(2 * WORD).map(|pair| pair.split_at(WORD));
        let (_, value) = pairs.find(|(kind, _)| word(kind) == Some(wanted))?;
        word(value).filter(|value| *value > 0)
    };
    Units {
        ticks_per_second: value(AT_CLKTCK).unwrap_or(Units::USUAL.ticks_per_second),
        page_bytes: value(AT_PAGESZ).unwrap_or(Units::USUAL.page_bytes),
    }
}

const AT_PAGESZ: u64 = 6;
const AT_CLKTCK: u64 = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_come_from_the_vector_and_are_the_usual_without() {
        let pairs = [3_usize, 999, 6, 16_384, 17, 250, 0, 0];
        let bytes: Vec<u8> = pairs.iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(units(&bytes), Units { ticks_per_second: 250, page_bytes: 16_384 });
        assert_eq!(units(&bytes[..bytes.len() / 4 + 3]), Units::USUAL);
        assert_eq!(units(&[]), Units::USUAL);
        assert_eq!(Units::USUAL.nanos(150), 1_500_000_000);
        assert_eq!(Units::USUAL.nanos(u64::MAX), u64::MAX);
    }
}
