//! The decision on an item, whether span or log record.

use spanloom_plugin::{Randomness, Threshold};

use crate::{
    config::{Config, MIN_SHARE, ModeName},
    hash::{BELOW_BUCKETS, BUCKETS},
};

/// How an item's threshold is chosen.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// Keeps nothing but what is asked for by its priority.
    Never,
    HashSeed {
        seed: u32,
        threshold: Threshold,
    },
    Equalizing {
        threshold: Threshold,
    },
    Proportional {
        share: f64,
        precision: u32,
    },
}

/// Where an item's randomness comes from, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Missing,
    TraceIdHash,
    TraceIdW3c,
    Explicit,
    /// An attribute of a log record.
    Attribute,
    Priority,
}

/// What an item says of its sampling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    /// `None`: there is none, which is a fault.
    pub(crate) randomness: Option<Randomness>,
    pub(crate) policy: Policy,
    /// The threshold that the item came with.
    pub(crate) arriving: Option<Threshold>,
    /// Whether something could not be read, or contradicts the mode.
    pub(crate) is_faulty: bool,
    /// Whether the decision is written into the item.
    pub(crate) carries: bool,
}

/// The threshold for an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement {
    pub(crate) threshold: Threshold,
    /// Whether the threshold that the item came with is to be removed: its randomness is below.
    pub(crate) is_inconsistent: bool,
}

impl Mode {
    pub(crate) fn of(config: &Config) -> Mode {
        let percentage = config.sampling_percentage.min(100.0);
        let share = (f64::from(percentage) / 100.0).max(MIN_SHARE);
        let precision = config.sampling_precision;
        // In the Collector, this product has 32 bits and is cut.
        let buckets = (percentage * (BUCKETS as f32 / 100.0)) as u32;
        match config.mode {
            _ if percentage == 0.0 => Mode::Never,
            ModeName::Equalizing => Mode::Equalizing {
                threshold: Threshold::of_share(share, precision).unwrap_or(Threshold::ALWAYS),
            },
            ModeName::Proportional => Mode::Proportional { share, precision },
            ModeName::HashSeed if buckets == 0 => Mode::Never,
            ModeName::HashSeed => {
                let rejected = u64::from(BUCKETS.saturating_sub(buckets)) << BELOW_BUCKETS;
                let threshold = Threshold::from_bits(rejected).unwrap_or(Threshold::NEVER);
                Mode::HashSeed { seed: config.hash_seed, threshold }
            }
        }
    }

    /// Returns the threshold for an item without faults.
    fn decide(&self, arriving: Option<Threshold>) -> Threshold {
        match *self {
            Mode::Never => Threshold::NEVER,
            Mode::HashSeed { threshold, .. } => threshold,
            Mode::Equalizing { threshold } => arriving.map_or(threshold, |arriving| arriving.max(threshold)),
            Mode::Proportional { share, precision } => {
                let share = arriving.map_or(1.0, Threshold::share) * share;
                // Below the smallest share nothing is kept.
                Threshold::of_share(share, precision).unwrap_or(Threshold::NEVER)
            }
        }
    }

    /// Returns the threshold for an item, before its priority is looked at.
    pub(crate) fn judge(&self, evidence: &Evidence, fail_closed: bool) -> Judgement {
        let is_inconsistent = match (evidence.randomness, evidence.arriving) {
            (Some(randomness), Some(arriving)) => {
                !evidence.is_faulty && evidence.carries && !arriving.keeps(randomness)
            }
            _ => false,
        };
        let is_faulty = evidence.is_faulty || evidence.randomness.is_none() || is_inconsistent;
        let threshold = match (is_faulty, fail_closed) {
            (false, _) => self.decide(evidence.arriving),
            (true, true) => Threshold::NEVER,
            (true, false) => Threshold::ALWAYS,
        };
        Judgement { threshold, is_inconsistent }
    }
}

impl Evidence {
    /// Returns whether the threshold keeps the item. Without randomness, every threshold but the last does.
    pub(crate) fn is_kept_by(&self, threshold: Threshold) -> bool {
        threshold.keeps(self.randomness.unwrap_or(Randomness::MAX))
    }
}
