use super::utf8::is_ascii;
use crate::varint;

/// Returns whether the bytes are a plain `KeyValue`: an ASCII key, then a scalar value that is ASCII if it is
/// text. Nearly all are. Most bytes of a request are in attributes, and this test saves four turns of the
/// walk on each. Any other attribute takes the walk.
#[inline(always)]
pub(super) fn is_attribute(entry: &[u8]) -> bool {
    let [0x0a, len @ 0..0x80, rest @ ..] = entry else { return false };
    let Some((key, [0x12, len @ 0..0x80, value @ ..])) = rest.split_at_checked(usize::from(*len)) else {
        return false;
    };
    if value.len() != usize::from(*len) || !is_ascii(key) {
        return false;
    }
    match value {
        [0x0a, len @ 0..0x80, text @ ..] => text.len() == usize::from(*len) && is_ascii(text),
        [0x18, int @ ..] => varint::read(int).is_some_and(|(_, rest)| rest.is_empty()),
        [0x10, 0..0x80] => true,
        [0x21, double @ ..] => double.len() == 8,
        _ => false,
    }
}
