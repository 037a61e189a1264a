//! The few kinds of fields that protobuf has, written. What they mean is not known here.

/// Writes the fields of one message, behind what stands in the buffer already.
#[derive(Debug)]
pub struct Message<'a>(&'a mut Vec<u8>);

const VARINT: u32 = 0;
const FIXED_64: u32 = 1;
const BYTES: u32 = 2;

impl<'a> Message<'a> {
    /// A message that is all that the buffer holds, without its length in front.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    /// An unsigned integer, an enumeration, or a truth as 0 or 1.
    pub fn uint(&mut self, field: u32, value: u64) {
        self.tag(field, VARINT);
        push_varint(value, self.0);
    }

    /// A signed integer that is small on either side of 0.
    pub fn sint(&mut self, field: u32, value: i64) {
        self.uint(field, zigzag(value));
    }

    /// An unsigned integer that takes eight bytes whatever it is.
    pub fn fixed(&mut self, field: u32, value: u64) {
        self.tag(field, FIXED_64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A float.
    pub fn double(&mut self, field: u32, value: f64) {
        self.fixed(field, value.to_bits());
    }

    /// Text.
    pub fn string(&mut self, field: u32, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    /// Bytes that are no text.
    pub fn bytes(&mut self, field: u32, value: &[u8]) {
        self.tag(field, BYTES);
        push_varint(value.len() as u64, self.0);
        self.0.extend_from_slice(value);
    }

    /// A message within this one.
    pub fn message(&mut self, field: u32, write: impl FnOnce(&mut Message<'_>)) {
        self.tag(field, BYTES);
        delimited(self.0, write);
    }

    /// Many unsigned integers in one field.
    pub fn packed_uint(&mut self, field: u32, values: impl Iterator<Item = u64>) {
        self.message(field, |packed| values.for_each(|value| push_varint(value, packed.0)));
    }

    /// Many signed integers in one field.
    pub fn packed_sint(&mut self, field: u32, values: impl Iterator<Item = i64>) {
        self.packed_uint(field, values.map(zigzag));
    }

    /// Many integers of eight bytes in one field. Floats are such by their bits.
    pub fn packed_fixed(&mut self, field: u32, values: impl Iterator<Item = u64>) {
        self.message(field, |packed| values.for_each(|value| packed.0.extend_from_slice(&value.to_le_bytes())));
    }

    fn tag(&mut self, field: u32, kind: u32) {
        push_varint(u64::from(field << 3 | kind), self.0);
    }
}

/// Writes a message with its length in front.
pub fn delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Message<'_>)) {
    let start = out.len();
    write(&mut Message(out));
    // The length is known only now: it is written behind, and turned to the front.
    let end = out.len();
    push_varint((end - start) as u64, out);
    let length = out.len() - end;
    if let Some(message) = out.get_mut(start..) {
        message.rotate_right(length);
    }
}

fn push_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_encoding_says() {
        let mut out = Vec::new();
        delimited(&mut out, |message| {
            message.uint(1, 150);
            message.string(2, "testing");
            message.sint(3, -1);
            message.message(4, |inner| inner.uint(1, 1));
            message.double(5, 1.0);
            message.packed_uint(6, [3, 270].into_iter());
            message.packed_fixed(7, [1].into_iter());
            message.bytes(8, &[0xff]);
        });
        let expected = [
            &[0x2d_u8][..],
            &[0x08, 0x96, 0x01],
            b"\x12\x07testing",
            &[0x18, 0x01],
            &[0x22, 0x02, 0x08, 0x01],
            &[0x29, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
            &[0x32, 0x03, 0x03, 0x8e, 0x02],
            &[0x3a, 0x08, 1, 0, 0, 0, 0, 0, 0, 0],
            &[0x42, 0x01, 0xff],
        ];
        assert_eq!(out, expected.concat());
    }

    #[test]
    fn long_messages_have_long_lengths() {
        let mut out = Vec::new();
        delimited(&mut out, |message| message.string(1, &"x".repeat(300)));
        assert_eq!(out[..5], [0xaf, 0x02, 0x0a, 0xac, 0x02]);
        assert_eq!(zigzag(i64::MIN), u64::MAX);
    }
}
