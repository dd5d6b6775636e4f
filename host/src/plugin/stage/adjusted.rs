//! Says in the trace states of kept spans how many traces each stands for: `ot=th` (OTEP 235, W3C Trace Context
//! level 2), from which span metrics and back ends compute adjusted counts.
//!
//! The threshold never falls, and all else in a trace state stays. A malformed trace state stays as it is.

use wire::{Randomness, SpanBatch, TextColumn, Threshold, TraceState};

use crate::plugin::guest::interface::{Basis, SamplingDecision};

/// How many hex digits a threshold has. Last zeros are left out, so that the rates of most samplers are short.
const PRECISION: u32 = 14;

/// Returns the new trace states of the spans whose traces were kept at a rate below 1. `decisions` has the
/// decision on the trace of each span, in order.
pub(super) fn trace_states<'a>(
    spans: &SpanBatch,
    decisions: impl Iterator<Item = &'a SamplingDecision>,
) -> TextColumn {
    let states = spans.trace_states();
    let mut states = states.iter().peekable();
    let rows = spans.trace_ids().iter().zip(decisions).enumerate();
    let changed: Vec<Option<String>> = rows
        .map(|(row, (id, decision))| {
            let text = states.next_if(|(of, _)| *of as usize == row).map_or("", |(_, text)| text);
            match decision {
                SamplingDecision::Keep { rate, basis } if *rate < 1.0 => adjusted(text, id, *rate, *basis),
                _ => None,
            }
        })
        .collect();
    TextColumn::of(changed.iter().map(Option::as_deref))
}

/// Returns whether any trace was kept at a rate that is written.
pub(super) fn is_written(decisions: &[SamplingDecision]) -> bool {
    let is_written = |decision: &SamplingDecision| matches!(decision, SamplingDecision::Keep { rate, basis } if *rate < 1.0 && *basis != Basis::Unknown);
    decisions.iter().any(is_written)
}

/// Returns the trace state with the threshold of the rate, if it changes.
fn adjusted(text: &str, id: &[u8; 16], rate: f64, basis: Basis) -> Option<String> {
    let mut state = TraceState::parse(text);
    if state.is_malformed() {
        return None;
    }
    let randomness = state.randomness().unwrap_or_else(|| Randomness::of_trace_id(id));
    match basis {
        Basis::Consistent => {
            let threshold = Threshold::of_share(rate, PRECISION)?;
            // A threshold above the randomness would say that the trace was not kept.
            if !threshold.keeps(randomness) {
                return None;
            }
            state.raise_threshold(threshold);
        }
        Basis::Independent => {
            let before = state.threshold().map_or(1.0, Threshold::share);
            let threshold = Threshold::of_share(before * rate, PRECISION)?;
            state.raise_threshold(threshold);
            // The sampler did not look at the randomness, which may be below. Then it is moved above, so that
            // samplers behind this one take the trace for a kept one, and see evenly distributed numbers.
            if !threshold.keeps(randomness) {
                state.set_randomness(above(threshold, randomness));
            }
        }
        Basis::Unknown => return None,
    }
    let new = state.to_string();
    (new != text).then_some(new)
}

/// Maps all numbers evenly to those that the threshold keeps.
fn above(threshold: Threshold, randomness: Randomness) -> Randomness {
    let (low, number) = (u128::from(threshold.bits()), u128::from(randomness.bits()));
    let all = u128::from(Threshold::NEVER.bits());
    Randomness::from_bits((low + number * (all - low) / all) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGH: [u8; 16] = [0xff; 16];

    fn id(bits: u64) -> [u8; 16] {
        u128::from(bits).to_be_bytes()
    }

    #[track_caller]
    fn check(text: &str, id: [u8; 16], rate: f64, basis: Basis, expected: Option<&str>) {
        assert_eq!(adjusted(text, &id, rate, basis).as_deref(), expected, "{text}");
    }

    #[test]
    fn the_lowest_of_consistent_rates_counts() {
        let check = |text, expected| check(text, HIGH, 0.25, Basis::Consistent, expected);
        check("", Some("ot=th:c"));
        check("ot=th:8;x:y,a=b", Some("ot=th:c;x:y,a=b"));
        check("ot=th:f", None);
        check("ot=th:c", None);
        check("ot=rv:00000000000000", None);
        check("ot=rv:d0000000000000,a=b", Some("ot=rv:d0000000000000;th:c,a=b"));
        check("ot=th:zz", None);
    }

    #[test]
    fn independent_rates_multiply_and_move_the_randomness_above() {
        let check = |text, bits, expected| check(text, id(bits), 0.5, Basis::Independent, expected);
        check("", 0xff_ffff_ffff_ffff, Some("ot=th:8"));
        check("ot=th:8", 0xff_ffff_ffff_ffff, Some("ot=th:c"));
        check("", 0, Some("ot=rv:80000000000000;th:8"));
        check("", 0x40_0000_0000_0000, Some("ot=rv:a0000000000000;th:8"));
        check("ot=rv:7fffffffffffff;th:4,a=b", 0, Some("ot=rv:cfffffffffffff;th:a,a=b"));
    }

    #[test]
    fn a_sampler_that_says_nothing_of_its_basis_changes_nothing() {
        check("", HIGH, 0.25, Basis::Unknown, None);
        let keep = |rate, basis| SamplingDecision::Keep { rate, basis };
        assert!(!is_written(&[
            keep(0.5, Basis::Unknown),
            keep(1.0, Basis::Consistent),
            SamplingDecision::Drop
        ]));
        assert!(is_written(&[SamplingDecision::Drop, keep(0.5, Basis::Independent)]));
    }

    /// Scenario: 10,000 traces are sampled by chance at 0.1, and the kept ones consistently at 0.05.
    /// Guarantees: both times the adjusted counts add up to about 10,000, within three standard deviations.
    #[test]
    fn adjusted_counts_add_up_to_what_came_in() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        let (mut first, mut second) = (0.0, 0.0);
        for _ in 0..10_000 {
            let (id, chance) = (id(next()), next());
            if chance > u64::MAX / 10 {
                continue;
            }
            let text = adjusted("", &id, 0.1, Basis::Independent).unwrap();
            let kept = TraceState::parse(&text);
            first += 1.0 / kept.threshold().unwrap().share();
            let randomness = kept.randomness().unwrap_or_else(|| Randomness::of_trace_id(&id));
            if Threshold::of_share(0.05, 14).unwrap().keeps(randomness) {
                let text = adjusted(&text, &id, 0.05, Basis::Consistent).unwrap();
                second += 1.0 / TraceState::parse(&text).threshold().unwrap().share();
            }
        }
        // The variance of a count of n at the share p is n (1 - p) / p.
        let deviation = |share: f64| (10_000.0 * (1.0 - share) / share).sqrt();
        assert!((first - 10_000.0).abs() < 3.0 * deviation(0.1), "{first}");
        assert!((second - 10_000.0).abs() < 3.0 * deviation(0.05), "{second}");
    }
}
