//! Stress relief: when traces can hardly be held any more, new ones are decided at once by their ids.
//!
//! Relief begins at one level of stress and ends below another, after a minimum time. While it is on, new traces are
//! not held, so that what is held leaves, the stress falls, and relief ends.

mod noted;
mod share;

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use metrics::{Counter, Gauge};
use tokio::time::Instant;

pub(super) use noted::Noted;
pub(super) use share::Share;

use super::decisions::Decision;

/// When relief begins and ends, and what it keeps. Levels are in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReliefSettings {
    /// Relief begins at this level of stress.
    pub(super) activation_level: u32,
    /// Relief ends below this level, which is not above the other.
    pub(super) deactivation_level: u32,
    /// Relief lasts at least as long.
    pub(super) minimum: Duration,
    /// The share of new traces that is kept.
    pub(super) share: Share,
}

/// How near to its bounds an assembly is, from 0 to 100, and to which bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stress {
    pub(super) percent: u32,
    pub(super) of: &'static str,
}

impl Stress {
    pub(super) const NONE: Stress = Stress { percent: 0, of: "" };
}

/// The reason of its decisions.
pub(super) const REASON: &str = "stress_relief";

/// Whether relief is on, and what it decided.
pub(super) struct Relief {
    processor: String,
    /// What operators see of its decisions.
    pub(super) noted: Noted,
    is_on: AtomicBool,
    since: Mutex<Option<Instant>>,
    kept: AtomicU64,
    not_sampled: AtomicU64,
    metrics: ReliefMetrics,
}

pub(super) struct ReliefMetrics {
    pub(super) stress_percent: Gauge,
    pub(super) is_on: Gauge,
    pub(super) kept: Counter,
    pub(super) not_sampled: Counter,
}

impl Relief {
    pub(super) fn new(processor: &str, noted: Noted, metrics: ReliefMetrics) -> Relief {
        Relief {
            processor: processor.to_owned(),
            noted,
            is_on: AtomicBool::new(false),
            since: Mutex::default(),
            kept: AtomicU64::new(0),
            not_sampled: AtomicU64::new(0),
            metrics,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// Begins or ends relief. Without settings there is none.
    pub(super) fn weigh(&self, settings: Option<ReliefSettings>, stress: Stress) {
        let is_on = self.is_on();
        let Some(settings) = settings else {
            return if is_on {
                self.end()
            };
        };
        if !is_on && stress.percent < settings.activation_level {
            return;
        }
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        match *since {
            None if stress.percent >= settings.activation_level => {
                *since = Some(Instant::now());
                self.is_on.store(true, Relaxed);
                self.tell_begin(settings, stress);
            }
            Some(begun)
                if stress.percent < settings.deactivation_level && begun.elapsed() >= settings.minimum =>
            {
                drop(since);
                self.end();
            }
            _ => {}
        }
    }

    /// Shows the state.
    pub(super) fn show(&self, stress: Stress) {
        self.metrics.stress_percent.set(f64::from(stress.percent));
        self.metrics.is_on.set(if self.is_on() { 1.0 } else { 0.0 });
    }

    pub(super) fn count(&self, decision: Decision) {
        let (count, counter) = match decision {
            Decision::NotSampled => (&self.not_sampled, &self.metrics.not_sampled),
            Decision::Kept | Decision::KeptAt(_) => (&self.kept, &self.metrics.kept),
        };
        count.fetch_add(1, Relaxed);
        counter.increment(1);
    }

    /// Ends relief, if it is on.
    pub(super) fn end(&self) {
        let Some(begun) = self.since.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        self.is_on.store(false, Relaxed);
        self.metrics.is_on.set(0.0);
        let (kept, not_sampled) = (self.kept.swap(0, Relaxed), self.not_sampled.swap(0, Relaxed));
        tracing::info!(
            processor = self.processor,
            lasted_s = begun.elapsed().as_secs(),
            kept,
            not_sampled,
            "stress relief ends: new traces are held again until they are decided"
        );
    }

    fn tell_begin(&self, settings: ReliefSettings, stress: Stress) {
        let Stress { percent, of } = stress;
        tracing::warn!(
            processor = self.processor,
            level = percent,
            reason = of,
            "stress relief begins: {} % of new traces are kept and the others left out, by their ids, without being held",
            settings.share.percent()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Telemetry;

    const SETTINGS: ReliefSettings = ReliefSettings {
        activation_level: 90,
        deactivation_level: 75,
        minimum: Duration::from_secs(10),
        share: Share::ALL,
    };

    fn relief() -> Relief {
        let metrics = ReliefMetrics {
            stress_percent: Gauge::noop(),
            is_on: Gauge::noop(),
            kept: Counter::noop(),
            not_sampled: Counter::noop(),
        };
        Relief::new("tail_sampling", Noted::new(&Telemetry::new(), "tail_sampling"), metrics)
    }

    /// Weighs a level after some seconds, and returns whether relief is on.
    async fn after(relief: &Relief, seconds: u64, percent: u32) -> bool {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        relief.weigh(Some(SETTINGS), Stress { percent, of: "max_mib" });
        relief.is_on()
    }

    /// Scenario: the stress rises to the level of activation, falls between the two levels, and below both.
    /// Guarantees: relief begins at the one and ends below the other, and not before its minimum.
    #[tokio::test(start_paused = true)]
    async fn relief_begins_at_one_level_and_ends_below_another() {
        let relief = relief();
        assert!(!after(&relief, 0, 89).await);
        assert!(after(&relief, 0, 90).await);
        assert!(after(&relief, 9, 0).await, "before its minimum");
        assert!(after(&relief, 60, 75).await, "between the levels");
        assert!(!after(&relief, 0, 74).await);
        assert!(!after(&relief, 0, 89).await);
    }

    /// Scenario: the stress jumps between 0 and 100 each second.
    /// Guarantees: relief changes no more often than its minimum allows.
    #[tokio::test(start_paused = true)]
    async fn relief_does_not_flap() {
        let relief = relief();
        let (mut changes, mut was_on) = (0, false);
        for second in 0..100 {
            let is_on = after(&relief, 1, second % 2 * 100).await;
            changes += u32::from(is_on != was_on);
            was_on = is_on;
        }
        assert!((2..=20).contains(&changes), "{changes}");
    }

    /// Scenario: the config no longer asks for relief while it is on.
    /// Guarantees: it ends at once.
    #[tokio::test(start_paused = true)]
    async fn relief_ends_with_its_settings() {
        let relief = relief();
        assert!(after(&relief, 0, 100).await);
        relief.weigh(None, Stress { percent: 100, of: "max_mib" });
        assert!(!relief.is_on());
    }
}
