//! Computes how many spans a sampled span stands for, from its trace state (OpenTelemetry TraceState:
//! Probability Sampling).

use prost::Message;
use spanloom_plugin::{Threshold, TraceState};

/// Rounds adjusted counts up or down at random, so that their sum is right on average.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Rounding {
    /// The state of an xorshift64* generator. It is never 0 once used.
    #[prost(fixed64, tag = "1")]
    state: u64,
}

impl Rounding {
    /// Returns the adjusted count, or `None` if the trace state has no threshold or is malformed.
    pub(crate) fn count(&mut self, trace_state: &str) -> Option<u64> {
        let (all, threshold) = (Threshold::NEVER.bits(), threshold(trace_state)?.bits());
        let kept = all - threshold;
        let (whole, rest) = (all / kept, all % kept);
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

/// Returns the threshold of `ot=th:c;rv:…`. As in the Collector, a mistake anywhere in the trace state means
/// that there is none.
fn threshold(trace_state: &str) -> Option<Threshold> {
    if !trace_state.contains("ot=") {
        return None;
    }
    let state = TraceState::parse(trace_state);
    state.threshold().filter(|_| !state.is_malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_trace_state_has_no_threshold() {
        for state in ["ot=th:zz", "ot=th:8;rv:1", "ot=th:8,x", "xot=th:8", "ot=p:1"] {
            assert_eq!(threshold(state), None, "{state}");
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
