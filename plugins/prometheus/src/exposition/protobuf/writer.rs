//! Appends protobuf fields. A default value is written too, because the messages are proto2.

pub(super) struct Writer(Vec<u8>);

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;

impl Writer {
    pub(super) fn new(out: Vec<u8>) -> Writer {
        Writer(out)
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn uint(&mut self, tag: u32, value: u64) {
        self.key(tag, VARINT);
        self.varint(value);
    }

    /// Writes a zigzag varint.
    pub(super) fn sint(&mut self, tag: u32, value: i64) {
        self.uint(tag, (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned());
    }

    pub(super) fn double(&mut self, tag: u32, value: f64) {
        self.key(tag, FIXED64);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn string(&mut self, tag: u32, text: &str) {
        self.key(tag, BYTES);
        self.varint(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn message(&mut self, tag: u32, fields: impl FnOnce(&mut Writer)) {
        self.key(tag, BYTES);
        self.delimited(fields);
    }

    /// Writes a `google.protobuf.Timestamp`.
    pub(super) fn time(&mut self, tag: u32, unix_nano: u64) {
        self.message(tag, |time| {
            time.uint(1, unix_nano / 1_000_000_000);
            time.uint(2, unix_nano % 1_000_000_000);
        });
    }

    /// Writes a message with its length before it. The length is known only after the message is written. One
    /// byte is reserved for it, and the message is moved if the length needs more.
    pub(super) fn delimited(&mut self, fields: impl FnOnce(&mut Writer)) {
        self.0.push(0);
        let begin = self.0.len();
        fields(self);
        let end = self.0.len();
        let length = end - begin;
        let more = (length.max(1).ilog2() / 7) as usize;
        if more > 0 {
            self.0.resize(end + more, 0);
            self.0.copy_within(begin..end, begin + more);
        }
        for (number, byte) in self.0.iter_mut().skip(begin - 1).take(more + 1).enumerate() {
            let continues = if number < more { 0x80 } else { 0 };
            *byte = (length >> (7 * number)) as u8 & 0x7f | continues;
        }
    }

    fn key(&mut self, tag: u32, wire_type: u32) {
        self.varint(u64::from(tag << 3 | wire_type));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_are_read_again() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut writer = Writer::new(vec![7]);
            writer.delimited(|message| message.0.extend(std::iter::repeat_n(1, length)));
            let bytes = writer.into_bytes();
            let mut rest = &bytes[1..];
            assert_eq!(prost::decode_length_delimiter(&mut rest), Ok(length));
            assert!(rest.len() == length && rest.iter().all(|byte| *byte == 1));
        }
    }
}
