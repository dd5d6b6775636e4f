//! Converts ids to X-Ray's form.

use spanloom_plugin::hex;

/// The oldest trace ids that are sent. The service refuses them after 30 days; two days are left for the way
/// there.
const MAX_AGE_SECONDS: i64 = 28 * 24 * 60 * 60;
/// How far the sender's clock may be ahead.
const MAX_SKEW_SECONDS: i64 = 5 * 60;

/// A trace id in X-Ray's form, like `1-58406520-a006649127e371903a2de979`: the first 4 bytes, then the other
/// 12.
pub(crate) struct TraceId([u8; 35]);

impl TraceId {
    pub(crate) fn new(id: &[u8; 16]) -> TraceId {
        let mut text = *b"1-00000000-000000000000000000000000";
        let (words, _) = id.as_chunks::<4>();
        for (word, place) in words.iter().zip([2, 11, 19, 27]) {
            if let Some(digits) = text.get_mut(place..).and_then(|rest| rest.first_chunk_mut()) {
                *digits = hex::digits(*word);
            }
        }
        TraceId(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Returns whether the seconds at the beginning of a trace id are in the past 28 days.
pub(crate) fn is_recent(trace_id: &[u8; 16], now_unix_nano: u64) -> bool {
    let [a, b, c, d, ..] = *trace_id;
    let epoch = i64::from(u32::from_be_bytes([a, b, c, d]));
    let age = (now_unix_nano / 1_000_000_000).cast_signed() - epoch;
    (-MAX_SKEW_SECONDS..=MAX_AGE_SECONDS).contains(&age)
}

/// Derives an id for a part of a span that has no id. The id is the same in every translation of the span, so
/// that X-Ray recognizes a span that is sent twice. It is never zero.
pub(crate) fn derived(trace_id: &[u8; 16], span_id: &[u8; 8], index: u64) -> [u8; 8] {
    let (words, _) = trace_id.as_chunks::<8>();
    let words = words.iter().chain([span_id]).map(|word| u64::from_be_bytes(*word));
    let hash = words.chain([index]).fold(0x9e37_79b9_7f4a_7c15, |hash, word| mix(hash ^ word));
    hash.max(1).to_be_bytes()
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

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_trace_id_is_cut_after_its_first_four_bytes() {
        let id = 0x5840_6520_a006_6491_27e3_7190_3a2d_e979_u128.to_be_bytes();
        assert_eq!(TraceId::new(&id).as_str(), "1-58406520-a006649127e371903a2de979");
    }

    #[test]
    fn a_trace_id_is_recent_from_28_days_ago_to_5_minutes_ahead() {
        let id = (1_000_000_000_u128 << 96).to_be_bytes();
        let at = |seconds: i64| is_recent(&id, 1_000_000_000_u64.saturating_add_signed(seconds) * SECOND);
        assert!(at(0) && at(MAX_AGE_SECONDS) && at(-MAX_SKEW_SECONDS));
        assert!(!at(MAX_AGE_SECONDS + 1) && !at(-MAX_SKEW_SECONDS - 1));
        assert!(!is_recent(&[0xff; 16], 0) && !is_recent(&[0; 16], u64::MAX));
    }

    #[test]
    fn derived_ids_are_the_same_each_time_and_differ_from_one_another() {
        let ids: std::collections::BTreeSet<_> =
            (0..1000).map(|index| derived(&[1; 16], &[2; 8], index)).collect();
        assert_eq!(ids.len(), 1000);
        assert_eq!(derived(&[1; 16], &[2; 8], 7), derived(&[1; 16], &[2; 8], 7));
        assert_ne!(derived(&[1; 16], &[3; 8], 7), derived(&[1; 16], &[2; 8], 7));
    }
}
