//! Escapes text for JSON strings.

use super::buffer::Buffer;
use crate::hex;

/// Appends text and escapes it. `TWICE` is for a string in JSON that will itself stand in a string.
#[inline(never)]
pub(super) fn escape<const TWICE: bool>(out: &mut Buffer, text: &[u8]) {
    let (words, rest) = text.as_chunks::<8>();
    for word in words {
        if special(u64::from_le_bytes(*word)) == 0 {
            out.extend(word);
        } else {
            escape_bytes::<TWICE>(out, word);
        }
    }
    escape_bytes::<TWICE>(out, rest);
}

/// Copies text to a slice of its length, and returns whether none of it needs escaping. Most texts are short,
/// and in a guest each turn of a loop also checks the deadline. So the last bytes are copied as two
/// overlapping words.
#[inline(always)]
pub(super) fn copy_plain(text: &[u8], to: &mut [u8]) -> bool {
    if text.len() < 8 {
        return copy_few(text, to);
    }
    let mut found = 0;
    for (from, to) in text.as_chunks::<16>().0.iter().zip(to.as_chunks_mut::<16>().0) {
        let both = u128::from_le_bytes(*from);
        found |= special(both as u64) | special((both >> 64) as u64);
        *to = *from;
    }
    let tail = (text.len() & !15).min(text.len() - 8);
    if let (Some(from), Some(to)) = (text.get(tail..), to.get_mut(tail..)) {
        if let (Some(from), Some(to)) = (from.first_chunk(), to.first_chunk_mut()) {
            found |= special(u64::from_le_bytes(*from));
            *to = *from;
        }
        if let (Some(from), Some(to)) = (from.last_chunk(), to.last_chunk_mut()) {
            found |= special(u64::from_le_bytes(*from));
            *to = *from;
        }
    }
    found == 0
}

/// Does the same for fewer than eight bytes.
#[inline]
fn copy_few(text: &[u8], to: &mut [u8]) -> bool {
    let word = if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        if let Some(to) = to.first_chunk_mut() {
            *to = *first;
        }
        if let Some(to) = to.last_chunk_mut() {
            *to = *last;
        }
        u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
    } else {
        to.copy_from_slice(text);
        let [first, middle, last] = match *text {
            [first] => [first; 3],
            [first, last] => [first, first, last],
            [first, middle, last] => [first, middle, last],
            _ => [b' '; 3],
        };
        u64::from_le_bytes([first, middle, last, b' ', b' ', b' ', b' ', b' '])
    };
    special(word) == 0
}

/// Finds quotes, backslashes and control characters in eight bytes. Returns 0 if there are none. Otherwise
/// the high bit of the first such byte is set, and perhaps those of bytes that follow it.
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    // A byte that is zero, or below `n`, borrows from its high bit. Bytes of a longer character have the high
    // bit set themselves and are masked out.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    (below(word, 0x20) | below(quote, 1) | below(backslash, 1)) & HIGHS
}

fn escape_bytes<const TWICE: bool>(out: &mut Buffer, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'"' if TWICE => out.extend(b"\\\\\\\""),
            b'\\' if TWICE => out.extend(b"\\\\\\\\"),
            0..0x20 if TWICE => {
                // The escape has one backslash, which is its first byte.
                out.extend(b"\\");
                once(out, *byte);
            }
            other => once(out, *other),
        }
    }
}

#[inline]
fn once(out: &mut Buffer, byte: u8) {
    match byte {
        b'"' => out.extend(b"\\\""),
        b'\\' => out.extend(b"\\\\"),
        b'\n' => out.extend(b"\\n"),
        b'\r' => out.extend(b"\\r"),
        b'\t' => out.extend(b"\\t"),
        0..0x20 => {
            let [high, low] = hex::of_byte(byte);
            out.extend(&[b'\\', b'u', b'0', b'0', high, low]);
        }
        other => out.extend(&[other]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wants_escaping_is_seen_in_each_place_of_a_text_and_all_else_is_copied() {
        for (byte, length) in (0..=255_u8).flat_map(|byte| (0..50).map(move |length| (byte, length))) {
            for place in 0..length {
                let mut text: Vec<u8> = (b'A'..).take(length).map(|letter| letter.max(b'a')).collect();
                text[place] = byte;
                let wants = byte < 0x20 || byte == b'"' || byte == b'\\';
                let mut copy = vec![0; length];
                assert_eq!(copy_plain(&text, &mut copy), !wants, "{byte:#x} at {place} of {length}");
                assert!(wants || copy == text, "{byte:#x} at {place} of {length}");
            }
        }
        assert!(copy_plain(&[], &mut []));
    }
}
