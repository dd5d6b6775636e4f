//! Decides whether a new version is worse than the previous one.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::generation::Figures;
use crate::plugin::config::SwapConfig;

/// Fewer failed calls than this are not compared.
const ERRORS_THAT_COUNT: u64 = 3;
/// This many failed calls in a row end a trial without a comparison.
const ACCIDENTS_IN_A_ROW: u64 = 2;
/// After this many calls, the time of a call can be compared.
const CALLS_THAT_TELL: u64 = 500;

/// The limits within which a new version must stay during its trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbationSettings {
    /// How long the trial lasts.
    pub time: Duration,
    /// By how much the share of failed calls may exceed the previous version's, from 0 to 1.
    pub max_error_rate: f64,
    /// How many times the previous version's time an item may take.
    pub max_slowdown: f64,
}

impl SwapConfig {
    /// Returns the limits for a new version of the plugin.
    pub fn probation(&self) -> ProbationSettings {
        ProbationSettings {
            time: self.probation.0,
            max_error_rate: self.max_error_rate.0,
            max_slowdown: self.max_slowdown,
        }
    }
}

/// The trial of one new version, in all components that use the plugin.
#[derive(Debug)]
pub struct Probation {
    settings: ProbationSettings,
    until: Instant,
    verdict: OnceLock<Verdict>,
    decided: CancellationToken,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The new version is not worse.
    Kept,
    /// The new version is worse, for this reason.
    Worse(String),
    /// Another version arrived before the trial ended.
    Superseded,
}

impl Probation {
    pub fn new(settings: ProbationSettings) -> Probation {
        let until = Instant::now() + settings.time;
        Probation { settings, until, verdict: OnceLock::new(), decided: CancellationToken::new() }
    }

    /// Returns when the trial ends. A version that was not found worse by then is kept.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Gives the verdict, unless there is one already. Returns the verdict that holds.
    pub fn decide(&self, verdict: Verdict) -> &Verdict {
        let decided = self.verdict.get_or_init(|| verdict);
        self.decided.cancel();
        decided
    }

    pub fn verdict(&self) -> Option<&Verdict> {
        self.verdict.get()
    }

    /// Waits for the verdict.
    pub async fn decided(&self) {
        self.decided.cancelled().await;
    }

    /// Returns why the new version is worse than the old one, if it is.
    pub fn is_worse(&self, new: Figures, old: Figures) -> Option<String> {
        if new.accidents_in_a_row >= ACCIDENTS_IN_A_ROW {
            return Some(format!("{} calls in a row failed", new.accidents_in_a_row));
        }
        let errors = new.accidents + new.refusals;
        if errors >= ERRORS_THAT_COUNT && new.error_rate() > old.error_rate() + self.settings.max_error_rate {
            let (rate, before) = (new.error_rate() * 100.0, old.error_rate() * 100.0);
            return Some(format!(
                "{errors} of {} calls failed: {rate:.2} %, and {before:.2} % before",
                new.calls
            ));
        }
        if new.calls < CALLS_THAT_TELL || old.calls < CALLS_THAT_TELL {
            return None;
        }
        let (ns, before) = (new.ns_per_item()?, old.ns_per_item()?);
        let times = ns / before.max(1.0);
        (times > self.settings.max_slowdown)
            .then(|| format!("it takes {ns:.0} ns an item, and the one before {before:.0}: {times:.1} times"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probation() -> Probation {
        let time = Duration::from_secs(30);
        Probation::new(ProbationSettings { time, max_error_rate: 0.01, max_slowdown: 3.0 })
    }

    fn of(calls: u64, accidents: u64, refusals: u64, ns_per_item: u64) -> Figures {
        let (items, busy_ns) = (calls * 10, calls * 10 * ns_per_item);
        Figures { calls, items, busy_ns, accidents, refusals, accidents_in_a_row: 0 }
    }

    #[test]
    fn more_errors_than_before_are_worse_once_they_are_no_chance() {
        let (probation, old) = (probation(), of(10_000, 0, 10, 50));
        assert_eq!(probation.is_worse(of(100, 2, 0, 50), old), None);
        assert!(probation.is_worse(of(100, 2, 1, 50), old).is_some());
        assert!(probation.is_worse(of(100, 0, 3, 50), old).is_some());
        assert_eq!(probation.is_worse(of(1000, 5, 5, 50), old), None);
        assert_eq!(probation.is_worse(of(100, 3, 0, 50), of(100, 3, 0, 50)), None);
    }

    #[test]
    fn two_accidents_in_a_row_are_enough() {
        let of = |accidents_in_a_row| Figures { accidents_in_a_row, ..of(1_000_000, 1, 0, 50) };
        assert_eq!(probation().is_worse(of(1), Figures::default()), None);
        assert_eq!(probation().is_worse(of(2), Figures::default()).unwrap(), "2 calls in a row failed");
    }

    #[test]
    fn slower_is_worse_when_both_have_been_called_often() {
        let (probation, old) = (probation(), of(10_000, 0, 0, 50));
        assert_eq!(probation.is_worse(of(499, 0, 0, 1000), old), None);
        assert_eq!(probation.is_worse(of(500, 0, 0, 140), old), None);
        assert!(probation.is_worse(of(500, 0, 0, 160), old).unwrap().contains("3.2 times"));
        assert_eq!(probation.is_worse(of(500, 0, 0, 160), of(10, 0, 0, 50)), None);
    }

    #[test]
    fn the_first_verdict_stands() {
        let probation = probation();
        assert_eq!(probation.decide(Verdict::Superseded), &Verdict::Superseded);
        assert_eq!(probation.decide(Verdict::Kept), &Verdict::Superseded);
    }
}
