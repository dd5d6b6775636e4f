//! The id by which X-Ray tells its clients apart: each gets a quota of its own.

use std::fmt::Write as _;

/// 24 hex digits.
const WORDS: u64 = 2;
const DIGITS: usize = 24;

/// Makes an id of what differs between processes: the time, and the id of the first trace that came.
pub(crate) fn make(now_unix_nano: u64, monotonic_nano: u64, trace_id: &[u8; 16]) -> String {
    let (words, _) = trace_id.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_be_bytes(*word)).chain([now_unix_nano, monotonic_nano]);
    let seed = words.fold(0x9e37_79b9_7f4a_7c15, |hash, word| mix(hash ^ word));
    let mut id = String::new();
    for word in 1..=WORDS {
        // Writing to a text never fails.
        let _ = write!(id, "{:016x}", mix(seed.wrapping_add(word.wrapping_mul(0x9e37_79b9_7f4a_7c15))));
    }
    id.truncate(DIGITS);
    id
}

/// The finalizer of SplitMix64. Each bit of the input affects each bit of the output.
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_24_hex_digits_and_depends_on_everything() {
        let ids = [make(1, 1, &[1; 16]), make(2, 1, &[1; 16]), make(1, 2, &[1; 16]), make(1, 1, &[2; 16])];
        for (number, id) in ids.iter().enumerate() {
            assert!(id.len() == 24 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
            assert!(!ids[..number].contains(id), "{id}");
        }
        assert_eq!(make(1, 1, &[1; 16]), ids[0]);
    }
}
