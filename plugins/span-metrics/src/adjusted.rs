//! Computes how many spans a sampled span stands for, from its trace state (OpenTelemetry TraceState:
//! Probability Sampling).

use prost::Message;

/// Rounds adjusted counts up or down at random, so that their sum is right on average.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Rounding {
    /// The state of an xorshift64* generator. It is never 0 once used.
    #[prost(fixed64, tag = "1")]
    state: u64,
}

/// The number of thresholds, which have 56 bits.
const ALL: u64 = 1 << 56;

impl Rounding {
    /// Returns the adjusted count, or `None` if the trace state has no threshold.
    pub(crate) fn count(&mut self, trace_state: &str) -> Option<u64> {
        let kept = ALL - threshold(trace_state)?;
        let (whole, rest) = (ALL / kept, ALL % kept);
        Some(whole + u64::from(rest != 0 && self.next() % kept < rest))
    }

    fn next(&mut self) -> u64 {
        let mut state = if self.state == 0 { 0x9e37_79b9_7f4a_7c15 } else { self.state };
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.state = state;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Returns the threshold of `ot=th:c;rv:…`. It has hex digits, and omitted last digits are zeros.
fn threshold(trace_state: &str) -> Option<u64> {
    let vendor = trace_state.split(',').find_map(|member| member.trim().strip_prefix("ot="))?;
    let digits = vendor.split(';').find_map(|field| field.strip_prefix("th:"))?;
    let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.is_empty() || digits.len() > 14 || !digits.bytes().all(lower) {
        return None;
    }
    let value = u64::from_str_radix(digits, 16).ok()?;
    Some(value << (56 - 4 * digits.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_hex_with_its_last_zeros_left_out() {
        for (state, is) in [
            ("ot=th:8", Some(ALL / 2)),
            ("a=b, ot=rv:123;th:c,x=y", Some(ALL / 4 * 3)),
            ("ot=th:0", Some(0)),
            ("ot=th:fffffffffffff0", Some(ALL - 16)),
            ("ot=th:fffffffffffffff", None),
            ("ot=th:C", None),
            ("ot=th:", None),
            ("ot=rv:8", None),
            ("xot=th:8", None),
            ("", None),
        ] {
            assert_eq!(threshold(state), is, "{state}");
        }
    }

    #[test]
    fn whole_counts_are_exact_and_others_right_on_the_whole() {
        let mut rounding = Rounding::default();
        assert_eq!(rounding.count("ot=th:0"), Some(1));
        assert_eq!(rounding.count("ot=th:c"), Some(4));
        assert_eq!(rounding.count("vendor=1"), None);
        // A tenth is kept: the threshold is 0xe6666666666666.
        let sum: u64 = (0..10_000).filter_map(|_| rounding.count("ot=th:e66666")).sum();
        assert!((99_900..100_100).contains(&sum), "{sum}");
        let sum: u64 = (0..10_000).filter_map(|_| rounding.count("ot=th:5")).sum();
        assert!((14_400..14_700).contains(&sum), "{sum}");
    }
}
