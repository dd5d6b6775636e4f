//! Base-128 varints (protobuf encoding, "Base 128 Varints") of at most ten bytes and 64 bits.

/// Returns the value and the bytes after it, or `None` if the varint is cut short or does not fit 64 bits.
#[inline(always)]
pub(crate) fn read(bytes: &[u8]) -> Option<(u64, &[u8])> {
    match bytes {
        [byte, rest @ ..] if *byte < 0x80 => Some((u64::from(*byte), rest)),
        [low, high, rest @ ..] if *high < 0x80 => {
            Some((u64::from(*low & 0x7f) | u64::from(*high) << 7, rest))
        }
        _ => read_long(bytes),
    }
}

#[cold]
#[inline(never)]
fn read_long(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        if i == 9 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if *byte < 0x80 {
            return Some((value, bytes.get(i + 1..)?));
        }
    }
    None
}

pub(crate) fn write(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Returns how many bytes `write` appends: 1 to 10.
pub(crate) const fn encoded_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_in_the_length_foretold() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                write(&mut bytes, value);
                assert_eq!(bytes.len(), encoded_len(value));
                bytes.push(0xee);
                assert_eq!(read(&bytes), Some((value, &[0xee][..])));
            }
        }
    }

    #[test]
    fn overlong_cut_and_overflowing_varints_are_refused() {
        assert_eq!(read(&[0x80; 9]), None);
        assert_eq!(read(&[0x80; 11]), None);
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), None);
        assert_eq!(read(&[0x80, 0x80, 0x00]), Some((0, &[][..])));
    }
}
