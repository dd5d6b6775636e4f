//! The share of traces that is kept by their ids.

use wire::{Randomness, Threshold, TraceState};

use crate::{
    pipeline::kept::{Basis, KeptAt},
    sampling::shard::TraceId,
};

/// A share is counted in parts of this.
const PARTS: u32 = 1 << 16;
/// How many hex digits a threshold has.
const PRECISION: u32 = 14;

/// A share of the traces that come, in parts of 65,536. The same traces are kept wherever their share is the same, and
/// all that a smaller share keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sampling) struct Share(u32);

impl Share {
    #[cfg(test)]
    pub(in crate::sampling) const ALL: Share = Share(PARTS);
    #[cfg(test)]
    pub(in crate::sampling) const HALF: Share = Share(PARTS / 2);

    /// Returns the nearest share. It is 0 only if `percent` is.
    pub(in crate::sampling) fn of_percent(percent: f64) -> Share {
        let parts = (percent / 100.0 * f64::from(PARTS)).round() as u32;
        Share(parts.clamp(u32::from(percent > 0.0), PARTS))
    }

    /// Returns the share in percent, rounded to two digits behind the point.
    pub(in crate::sampling) fn percent(self) -> f64 {
        (self.of_one() * 1e4).round() / 1e2
    }

    /// Returns what the spans of kept traces say.
    pub(in crate::sampling) fn kept_at(self) -> KeptAt {
        KeptAt { rate: self.of_one(), basis: Basis::Nested }
    }

    fn of_one(self) -> f64 {
        f64::from(self.0) / f64::from(PARTS)
    }

    /// Returns whether a trace is kept. `trace_state` is that of one of its spans.
    pub(in crate::sampling) fn keeps(self, id: &TraceId, trace_state: &str) -> bool {
        let state = TraceState::parse(trace_state);
        self.threshold(&state).is_some_and(|threshold| threshold.keeps(randomness(&state, id)))
    }

    /// Returns the threshold that keeps this share of those that the trace's threshold has kept so far.
    fn threshold(self, state: &TraceState<'_>) -> Option<Threshold> {
        let before = state.threshold().map_or(1.0, Threshold::share);
        Threshold::of_share(before * self.of_one(), PRECISION)
    }
}

fn randomness(state: &TraceState<'_>, id: &TraceId) -> Randomness {
    state.randomness().unwrap_or_else(|| Randomness::of_trace_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(bits: u64) -> TraceId {
        u128::from(bits).to_be_bytes()
    }

    /// Scenario: 10,000 traces come, a half of them with a threshold of a half; a tenth is kept.
    /// Guarantees: a tenth of each kind is kept, and the rates that the spans say add up to all that were there.
    #[test]
    fn a_share_is_kept_and_says_for_how_many_it_stands() {
        let share = Share::of_percent(10.0);
        let mut mixed = 0_u64;
        let (mut kept, mut stand_for) = ([0; 2], [0.0; 2]);
        for _ in 0..10_000 {
            mixed = mixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let bits = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 8;
            // The traces of the second kind are those that a half keeps.
            for (kind, (id, text)) in [(id(bits), ""), (id(bits | 1 << 55), "ot=th:8")].iter().enumerate() {
                if share.keeps(id, text) {
                    kept[kind] += 1;
                    let before = TraceState::parse(text).threshold().map_or(1.0, Threshold::share);
                    stand_for[kind] += 1.0 / (before * share.kept_at().rate);
                }
            }
        }
        assert!(kept.iter().all(|kept| (900..1_100).contains(kept)), "{kept:?}");
        let [one, two] = stand_for;
        assert!((9_000.0..11_000.0).contains(&one) && (18_000.0..22_000.0).contains(&two), "{stand_for:?}");
    }

    /// Scenario: shares from nothing to all.
    /// Guarantees: only 0 keeps nothing, only 100 % keeps all, and a share is shown as it was written.
    #[test]
    fn only_no_share_keeps_nothing() {
        for percent in [1e-9, 1.0, 33.3, 99.99, 100.0] {
            assert!(Share::of_percent(percent).keeps(&id(u64::MAX), ""), "{percent}");
        }
        assert!(!Share::of_percent(0.0).keeps(&id(u64::MAX), ""));
        assert!(Share::ALL.keeps(&id(0), "") && !Share::of_percent(99.99).keeps(&id(0), ""));
        assert!(!Share::ALL.kept_at().is_written());
        assert_eq!(Share::of_percent(1.0).percent(), 1.0);
    }
}
