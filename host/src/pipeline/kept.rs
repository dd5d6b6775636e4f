//! At which rate a trace was kept, and what its spans say about that: `ot=th` in their trace states (OTEP 235, W3C Trace
//! Context level 2), from which span metrics and back ends compute for how many traces each stands.
//!
//! The threshold never falls, and all else in a trace state stays. A malformed trace state stays as it is.

use wire::{Randomness, SpanBatch, TextColumn, Threshold, TraceState};

/// How many hex digits a threshold has. Last zeros are left out, so that the rates of most samplers are short.
const PRECISION: u32 = 14;

/// A rate at which traces were kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeptAt {
    /// The share of such traces that is kept.
    pub rate: f64,
    pub basis: Basis,
}

/// How a sampler came to keep a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// By the trace's randomness: of several samplers, the lowest rate counts.
    Consistent,
    /// By the trace's randomness, among the traces that were kept before: the rates multiply.
    Nested,
    /// By anything else: the rates of several samplers multiply.
    Independent,
    /// The plugin is of a version of the interface that cannot say it.
    Unknown,
}

impl KeptAt {
    /// Returns whether spans say anything about it.
    pub fn is_written(&self) -> bool {
        self.rate < 1.0 && self.basis != Basis::Unknown
    }

    /// Returns the trace state of a kept span, if it changes. `text` is the one that it came with.
    fn trace_state(&self, text: &str, id: &[u8; 16]) -> Option<String> {
        let KeptAt { rate, basis } = *self;
        let mut state = TraceState::parse(text);
        if !self.is_written() || state.is_malformed() {
            return None;
        }
        let randomness = state.randomness().unwrap_or_else(|| Randomness::of_trace_id(id));
        let before = state.threshold().map_or(1.0, Threshold::share);
        let share = if basis == Basis::Consistent { rate } else { before * rate };
        let threshold = Threshold::of_share(share, PRECISION)?;
        state.raise_threshold(threshold);
        if !threshold.keeps(randomness) {
            // A threshold above the randomness would say that the trace was not kept. If the sampler did not look at
            // the randomness, the randomness is moved above, so that samplers behind this one take the trace for a kept
            // one, and see evenly distributed numbers.
            match basis {
                Basis::Independent => state.set_randomness(above(threshold, randomness)),
                _ => return None,
            }
        }
        let new = state.to_string();
        (new != text).then_some(new)
    }
}

/// Writes into the trace states of kept spans at which rates their traces were kept. `kept` has an entry for each span,
/// in order.
pub fn write_rates(spans: &mut SpanBatch, kept: impl Iterator<Item = Option<KeptAt>>) {
    let states = spans.trace_states();
    let mut states = states.iter().peekable();
    let rows = spans.trace_ids().iter().zip(kept).enumerate();
    let changed: Vec<Option<String>> = rows
        .map(|(row, (id, kept))| {
            let text = states.next_if(|(of, _)| *of as usize == row).map_or("", |(_, text)| text);
            kept?.trace_state(text, id)
        })
        .collect();
    // This fails only above 4 GiB, and the trace states that are left say nothing wrong.
    let _ = spans.set_trace_states(&TextColumn::of(changed.iter().map(Option::as_deref)));
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
        assert_eq!(KeptAt { rate, basis }.trace_state(text, &id).as_deref(), expected, "{text}");
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
    fn nested_rates_multiply_and_leave_the_randomness() {
        let check = |text, bits, expected| check(text, id(bits), 0.5, Basis::Nested, expected);
        check("", 0xff_ffff_ffff_ffff, Some("ot=th:8"));
        check("ot=th:8", 0xff_ffff_ffff_ffff, Some("ot=th:c"));
        check("", 0, None);
        check("ot=th:8", 0x90_0000_0000_0000, None);
    }

    #[test]
    fn nothing_is_written_of_a_rate_of_1_or_an_unknown_basis() {
        check("", HIGH, 0.25, Basis::Unknown, None);
        check("", HIGH, 1.0, Basis::Independent, None);
        assert!(!KeptAt { rate: 0.5, basis: Basis::Unknown }.is_written());
        assert!(!KeptAt { rate: 1.0, basis: Basis::Consistent }.is_written());
        assert!(KeptAt { rate: 0.5, basis: Basis::Independent }.is_written());
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
        let (by_chance, consistent) = (
            KeptAt { rate: 0.1, basis: Basis::Independent },
            KeptAt { rate: 0.05, basis: Basis::Consistent },
        );
        let (mut first, mut second) = (0.0, 0.0);
        for _ in 0..10_000 {
            let (id, chance) = (id(next()), next());
            if chance > u64::MAX / 10 {
                continue;
            }
            let text = by_chance.trace_state("", &id).unwrap();
            let kept = TraceState::parse(&text);
            first += 1.0 / kept.threshold().unwrap().share();
            let randomness = kept.randomness().unwrap_or_else(|| Randomness::of_trace_id(&id));
            if Threshold::of_share(0.05, 14).unwrap().keeps(randomness) {
                let text = consistent.trace_state(&text, &id).unwrap();
                second += 1.0 / TraceState::parse(&text).threshold().unwrap().share();
            }
        }
        // The variance of a count of n at the share p is n (1 - p) / p.
        let deviation = |share: f64| (10_000.0 * (1.0 - share) / share).sqrt();
        assert!((first - 10_000.0).abs() < 3.0 * deviation(0.1), "{first}");
        assert!((second - 10_000.0).abs() < 3.0 * deviation(0.05), "{second}");
    }
}
