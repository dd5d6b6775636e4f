/// Returns whether the text is UTF-8. Most text is short ASCII: that is tested eight bytes at a time, and the
/// rest by two overlapping loads.
#[inline]
pub(super) fn is_valid(text: &[u8]) -> bool {
    is_ascii(text) || is_utf8(text)
}

#[inline(always)]
pub(super) fn is_ascii(text: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, tail) = text.as_chunks::<8>();
    let mut seen = 0;
    for word in words {
        seen |= u64::from_ne_bytes(*word);
    }
    if let Some(last) = text.last_chunk::<8>() {
        seen |= u64::from_ne_bytes(*last);
    } else if let (Some(first), Some(last)) = (tail.first_chunk::<4>(), tail.last_chunk::<4>()) {
        seen |= u64::from(u32::from_ne_bytes(*first) | u32::from_ne_bytes(*last));
    } else {
        seen |= tail.iter().fold(0, |seen, byte| seen | u64::from(*byte));
    }
    seen & HIGH == 0
}

#[inline(never)]
fn is_utf8(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library_at_every_length_and_position() {
        for len in 0..40 {
            for at in 0..len {
                for byte in [b'x', 0x7f, 0x80, 0xc3, 0xff] {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    assert_eq!(is_valid(&text), std::str::from_utf8(&text).is_ok(), "{len} {at} {byte}");
                }
            }
        }
        assert!(is_valid("naïve – 漢字 🎉".as_bytes()));
    }
}
