//! Measures how much comes in at a component.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::plugin::guest::traces::IncomingRates;

/// Over how many seconds the rates are measured, the present one included.
const SECONDS: usize = 10;

/// Counts what came in during the last seconds.
#[derive(Debug)]
pub(super) struct Meter {
    begun: Instant,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    /// The counts of traces and spans by second, in a ring.
    counts: [[u64; 2]; SECONDS],
    /// The present second.
    second: u64,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter { begun: Instant::now(), window: Mutex::default() }
    }
}

impl Meter {
    /// Adds what comes in now, and returns the rates with it.
    pub(super) fn add(&self, traces: usize, spans: usize) -> IncomingRates {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.add(self.begun.elapsed(), traces, spans)
    }
}

impl Window {
    fn add(&mut self, at: Duration, traces: usize, spans: usize) -> IncomingRates {
        let ring = SECONDS as u64;
        let second = at.as_secs();
        let passed = second.saturating_sub(self.second).min(ring);
        for stale in second + 1 - passed..=second {
            if let Some(counts) = self.counts.get_mut((stale % ring) as usize) {
                *counts = [0; 2];
            }
        }
        self.second = second;
        if let Some([all_traces, all_spans]) = self.counts.get_mut((second % ring) as usize) {
            *all_traces += traces as u64;
            *all_spans += spans as u64;
        }
        let [traces, spans] =
            self.counts.iter().fold([0; 2], |[a, b], [traces, spans]| [a + traces, b + spans]);
        // In the first second, less time than that says little.
        let part = f64::from(at.subsec_nanos()) / 1e9;
        let seconds = (second.min(ring - 1) as f64 + part).max(1.0);
        IncomingRates { traces: traces as f64 / seconds, spans: spans as f64 / seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: 10 traces of 30 spans come in each second, and then nothing for a while.
    /// Guarantees: the rates are those of the last ten seconds, from the first second on.
    #[test]
    fn rates_are_those_of_the_last_seconds() {
        let mut window = Window::default();
        let rates = |traces, spans| IncomingRates { traces, spans };
        let half = |second: u64| Duration::from_millis(second * 1_000 + 500);
        assert_eq!(window.add(half(0), 10, 30), rates(10.0, 30.0));
        for second in 1..40 {
            let seen = window.add(half(second), 10, 30);
            assert!((10.0..14.0).contains(&seen.traces), "{seen:?}");
            assert!((seen.spans - seen.traces * 3.0).abs() < 1e-9, "{seen:?}");
        }
        assert_eq!(window.add(half(45), 0, 0).traces, 40.0 / 9.5);
        assert_eq!(window.add(half(1_000), 0, 0), rates(0.0, 0.0));
    }
}
