//! Writes bytes as lower-case hexadecimal digits, as ids are written.

/// Returns the digits as a string.
///
/// ```
/// # use spanloom_plugin::hex;
/// assert_eq!(hex::string(&[0x0a, 0xf7]), "0af7");
/// ```
pub fn string(bytes: &[u8]) -> String {
    bytes.iter().copied().flat_map(of_byte).map(char::from).collect()
}

/// Returns the digits of four bytes, computed without a loop.
#[inline]
pub fn digits(bytes: [u8; 4]) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Give each digit a byte: halves move apart, then quarters, then the two digits of a byte.
    let word = u64::from(u32::from_be_bytes(bytes));
    let word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    let word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    let word = (word | word << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    // Adding six carries digits above nine into the next half byte.
    let letters = (word + ONES * 6) >> 4 & ONES;
    (word + ONES * u64::from(b'0') + letters * u64::from(b'a' - b'9' - 1)).to_be_bytes()
}

#[inline]
pub(crate) fn of_byte(byte: u8) -> [u8; 2] {
    let [.., high, low] = digits([0, 0, 0, byte]);
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_that_the_standard_library_writes() {
        for byte in 0..=255_u8 {
            for bytes in [[byte, 0, 0, 0], [0, byte, 0, 0xff], [0xff, 0, byte, 0x9a], [1, 2, 3, byte]] {
                let expected = format!("{:08x}", u32::from_be_bytes(bytes));
                assert_eq!(digits(bytes), expected.as_bytes(), "{expected}");
            }
        }
        assert_eq!(&of_byte(0x1f), b"1f");
    }
}
