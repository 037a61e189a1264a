//! The gzip format (RFC 1952) around a deflated body, and its checksum. Pure.

/// Magic number, deflate, no flags, no time, the fastest way, an unknown system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// Expositions repeat themselves: what higher levels still find is a few percent, at many times the cost.
const LEVEL: u8 = 1;

/// A whole gzip file of these bytes.
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    let deflated = miniz_oxide::deflate::compress_to_vec(bytes, LEVEL);
    // The format wants the length modulo 2^32.
    let length = bytes.len() as u32;
    [&HEAD, &*deflated, &crc32(bytes).to_le_bytes(), &length.to_le_bytes()].concat()
}

/// The checksum of gzip, eight bytes at a time: each of them through the table that knows how far it is from the end.
fn crc32(bytes: &[u8]) -> u32 {
    let mut chunks = bytes.chunks_exact(8);
    let whole = chunks.by_ref().fold(u32::MAX, |crc, chunk| {
        let chunk = chunk.try_into().expect("invariant: a chunk has eight bytes");
        let mixed = (u64::from_le_bytes(chunk) ^ u64::from(crc)).to_le_bytes();
        TABLES.iter().rev().zip(mixed).fold(0, |crc, (table, byte)| crc ^ table[usize::from(byte)])
    });
    let [table, ..] = &TABLES;
    !chunks.remainder().iter().fold(whole, |crc, byte| (crc >> 8) ^ table[usize::from(crc as u8 ^ byte)])
}

/// What a byte does to the checksum, with 0 to 7 bytes of zeros behind it.
static TABLES: [[u32; 256]; 8] = tables();

const fn tables() -> [[u32; 256]; 8] {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (POLYNOMIAL * (crc & 1));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut behind = 1;
    while behind < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[behind - 1][byte];
            tables[behind][byte] = (before >> 8) ^ tables[0][(before & 255) as usize];
            byte += 1;
        }
        behind += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8]) -> usize {
        let compressed = compress(bytes);
        let mut decoder = GzDecoder::new(&*compressed);
        let mut decoded = Vec::new();
        // It compares length and checksum as well.
        decoder.read_to_end(&mut decoded).expect("a gzip file");
        assert!(decoded == bytes, "{} bytes came back as {}", bytes.len(), decoded.len());
        assert_eq!(decoder.into_inner(), [0; 0], "nothing behind it");
        compressed.len()
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b""), 0);
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"The quick brown fox jumps over the lazy dog"), 0x414f_a339);
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for length in (0..70).chain([4_095, 4_096, 100_000]) {
            check(&vec![b'x'; length]);
            let mut state = length as u32 + 1;
            let noise = std::iter::repeat_with(|| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            });
            check(&noise.take(length).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_exposition_becomes_much_smaller() {
        let line =
            |number: u32| format!("requests_total{{code=\"{}\",path=\"/{number}\"}} {}\n", number % 7, number * 31);
        let text: String = (0..2_000).map(line).collect();
        let length = check(text.as_bytes());
        assert!(length * 4 < text.len(), "{length} of {}", text.len());
    }
}
