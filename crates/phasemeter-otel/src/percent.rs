//! `%XX`, as headers and gRPC's messages have it. Pure.

/// The text that was encoded; nothing where it is broken.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let hex = |digit: Option<u8>| char::from(digit?).to_digit(16);
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(if byte == b'%' {
            u8::try_from(hex(bytes.next())? << 4 | hex(bytes.next())?).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(decoded).ok()
}
