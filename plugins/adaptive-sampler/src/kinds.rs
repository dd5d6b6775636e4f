//! The kinds of traces: how many there are of each, and which share of each is kept.

use std::{collections::HashMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::config::Config;

/// A kind whose average falls below this is forgotten.
const RARE: f64 = 0.05;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Kinds {
    kinds: HashMap<Box<str>, Kind>,
    /// Traces of kinds for which there was no room.
    others: Kind,
    /// When the interval began. `None` before the first trace.
    began: Option<Duration>,
    /// Whether an interval has ended, so that the averages mean something.
    is_known: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Kind {
    /// The traces of this interval.
    count: f64,
    /// The exponential moving average of the counts of intervals.
    average: f64,
    /// `None` until the kind has been there for a whole interval.
    share: Option<f64>,
}

impl Kinds {
    /// Calculates the shares anew if the interval is over.
    pub(crate) fn turn(&mut self, now: Duration, config: &Config) {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_sub(began).div_duration_f64(*config.interval);
        if passed < 1.0 {
            return;
        }
        self.began = Some(now);
        // Whole intervals without a batch had no traces. The counts are of the rest of the time, which is up to two
        // intervals.
        let silent = passed.floor() - 1.0;
        let (scale, idle) = (1.0 / (passed - silent), (1.0 - config.weight).powf(silent));
        for kind in self.kinds.values_mut().chain([&mut self.others]) {
            // A kind that is new has no average yet.
            let weight = if kind.share.is_none() { 1.0 } else { config.weight };
            kind.turn(scale, idle, weight);
        }
        self.kinds.retain(|_, kind| kind.average >= RARE);
        self.is_known = true;
        self.share_out(config.goal());
    }

    /// Counts a trace of a kind, and returns the share of this kind that is kept.
    pub(crate) fn count(&mut self, name: &str, config: &Config) -> f64 {
        let unknown = if self.is_known { 1.0 } else { config.initial_percentage / 100.0 };
        if let Some(kind) = self.kinds.get_mut(name) {
            kind.count += 1.0;
            // A new kind is rare until it is known, unless it comes in masses.
            return kind.share.unwrap_or_else(|| unknown.min(config.goal() / kind.count));
        }
        if self.kinds.len() < config.max_keys {
            self.kinds.insert(name.into(), Kind { count: 1.0, ..Kind::default() });
            return unknown;
        }
        self.others.count += 1.0;
        self.others.share.unwrap_or_else(|| unknown.min(config.goal() / self.others.count))
    }

    /// Returns the number of kinds.
    pub(crate) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Divides `goal` traces between the kinds. Each kind has a claim that grows with the logarithm of its average. What a
    /// kind does not need is divided between the others, so the rare kinds come first.
    fn share_out(&mut self, goal: f64) {
        let mut kinds: Vec<&mut Kind> = self.kinds.values_mut().chain([&mut self.others]).collect();
        kinds.retain(|kind| kind.average > 0.0);
        kinds.sort_by(|one, other| one.average.total_cmp(&other.average));
        let mut claims: f64 = kinds.iter().map(|kind| kind.claim()).sum();
        let mut left = goal;
        for kind in kinds {
            let due = left * kind.claim() / claims;
            let kept = due.min(kind.average);
            kind.share = Some((kept / kind.average).clamp(f64::MIN_POSITIVE, 1.0));
            claims -= kind.claim();
            left -= kept;
        }
    }
}

impl Kind {
    fn turn(&mut self, scale: f64, idle: f64, weight: f64) {
        self.average = (self.average * (1.0 - weight) + self.count * scale * weight) * idle;
        self.count = 0.0;
    }

    fn claim(&self) -> f64 {
        self.average.ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts so many traces of each kind in each of some intervals. Returns how many of each are kept in the last.
    fn kept<const N: usize>(config: &Config, kinds: [(&str, u32); N], intervals: u32) -> [f64; N] {
        let mut all = Kinds::default();
        for interval in 0..intervals {
            all.turn(*config.interval * interval, config);
            for (name, count) in kinds {
                (0..count).for_each(|_| _ = all.count(name, config));
            }
        }
        all.turn(*config.interval * intervals, config);
        kinds.map(|(name, count)| f64::from(count) * all.count(name, config))
    }

    /// Guarantees: rare kinds are kept whole, common ones in part, and together they make the goal.
    #[test]
    fn the_rare_are_kept_and_the_common_thinned() {
        let config = Config::default();
        assert_eq!(config.goal(), 150.0);
        let [rare, few, common, most] =
            kept(&config, [("rare", 2), ("few", 20), ("common", 1000), ("most", 100_000)], 5);
        assert!((rare - 2.0).abs() < 1e-9 && (few - 20.0).abs() < 1e-9, "{rare} {few}");
        assert!(common > 40.0 && most > common && most < 90.0, "{common} {most}");
        assert!((rare + few + common + most - 150.0).abs() < 1e-6);
    }

    #[test]
    fn below_the_goal_everything_is_kept() {
        let counts = [("a", 2), ("b", 100)];
        let kept = kept(&Config::default(), counts, 3);
        assert!(
            kept.iter().zip(counts).all(|(kept, (_, count))| (kept - f64::from(count)).abs() < 1e-9),
            "{kept:?}"
        );
    }

    #[test]
    fn the_first_interval_has_the_initial_share_and_a_new_kind_is_kept() {
        let config = Config::default();
        let mut kinds = Kinds::default();
        kinds.turn(Duration::ZERO, &config);
        assert_eq!(kinds.count("a", &config), 0.1);
        kinds.turn(*config.interval, &config);
        assert_eq!(kinds.count("b", &config), 1.0);
        // It comes in masses.
        let shares: Vec<f64> = (0..1500).map(|_| kinds.count("b", &config)).collect();
        assert!(shares.last().is_some_and(|share| *share < 0.11), "{:?}", shares.last());
    }

    #[test]
    fn the_kinds_are_bounded_and_forgotten() {
        let config = Config { max_keys: 3, ..Config::default() };
        let mut kinds = Kinds::default();
        kinds.turn(Duration::ZERO, &config);
        for number in 0..1000 {
            kinds.count(&number.to_string(), &config);
        }
        assert_eq!(kinds.len(), 3);
        kinds.turn(*config.interval, &config);
        assert!(kinds.count("another", &config) < 0.2);
        kinds.turn(*config.interval * 100, &config);
        assert_eq!(kinds.len(), 0);
    }
}
