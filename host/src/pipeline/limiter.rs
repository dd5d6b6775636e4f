//! The `memory_limiter` of a pipeline or receiver: refuses data while memory is above configurable
//! thresholds.
//!
//! The keys, their defaults and the order of events are the Collector's. It compares the resident memory of
//! the process, which includes everything that the process holds. The Collector compares Go's heap.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde::Deserialize;

use crate::{
    config::{self, ConfigError},
    memory::{self, give_back, is_due},
};

/// The default distance of the soft limit below the hard limit, in percent of the hard limit.
const DEFAULT_SPIKE_PERCENT: u64 = 20;

/// The keys of the processor and the extension `memory_limiter`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryLimiterConfig {
    /// How often the memory is measured. Must be above zero.
    pub check_interval: config::Duration,
    /// The hard limit. With 0, `limit_percentage` applies.
    pub limit_mib: u32,
    /// The distance of the soft limit below the hard limit, for data that arrives between two checks. 0 means
    /// a fifth of the hard limit.
    pub spike_limit_mib: u32,
    /// The hard limit in percent of the memory of the container or the machine.
    pub limit_percentage: u32,
    pub spike_limit_percentage: u32,
    /// The shortest time between two returns of unused memory to the system above the soft limit.
    pub min_gc_interval_when_soft_limited: config::Duration,
    pub min_gc_interval_when_hard_limited: config::Duration,
    /// The longest such time. While giving memory back does not help, the time is doubled, up to this. A value
    /// below the shortest time means the shortest time.
    pub max_gc_interval_when_soft_limited: config::Duration,
    pub max_gc_interval_when_hard_limited: config::Duration,
}

/// Refuses new data after a check has found the resident memory above the soft limit, until a check finds it
/// below. Any number of tasks may share it. A check between two intervals is one atomic read.
pub struct Limiter {
    thresholds: Mutex<Thresholds>,
    check_interval_millis: AtomicU64,
    checked_at_millis: AtomicU64,
    given_back_at_millis: AtomicU64,
    /// The time until memory is given back again, while that does not help. 0 if it has helped.
    patience_millis: AtomicU64,
    is_short: AtomicBool,
    last: Mutex<Short>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Thresholds {
    soft_bytes: u64,
    hard_bytes: u64,
    soft_give_back: Intervals,
    hard_give_back: Intervals,
}

/// The shortest and the longest time between two returns of unused memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Intervals {
    least_millis: u64,
    most_millis: u64,
}

/// The resident memory is above the soft limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error(
    "data refused due to high memory usage: {} MiB are in use, above the soft limit of {} MiB (`memory_limiter`)",
    resident_bytes >> 20,
    soft_bytes >> 20
)]
pub struct Short {
    pub resident_bytes: u64,
    pub soft_bytes: u64,
}

impl Default for MemoryLimiterConfig {
    fn default() -> MemoryLimiterConfig {
        MemoryLimiterConfig {
            check_interval: config::Duration::from_nanos(0),
            limit_mib: 0,
            spike_limit_mib: 0,
            limit_percentage: 0,
            spike_limit_percentage: 0,
            min_gc_interval_when_soft_limited: config::Duration::from_secs(10),
            min_gc_interval_when_hard_limited: config::Duration::from_nanos(0),
            max_gc_interval_when_soft_limited: config::Duration::from_secs(30),
            max_gc_interval_when_hard_limited: config::Duration::from_secs(30),
        }
    }
}

impl MemoryLimiterConfig {
    /// # Errors
    /// Returns an error that names each key that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, message: &str| Err(ConfigError::on(key, format!("{key}: {message}")));
        let percent = |key: &str, percent: u32| match percent {
            0..=100 => Ok(()),
            _ => wrong(key, "a percentage is due, 0 to 100"),
        };
        let soft = self.min_gc_interval_when_soft_limited;
        ConfigError::all([
            match self.check_interval.0.is_zero() {
                true => wrong("check_interval", "must be above zero: `1s` suits most"),
                false => Ok(()),
            },
            match (self.limit_mib, self.limit_percentage) {
                (0, 0) => wrong("limit_mib", "must be above zero, or else `limit_percentage`"),
                _ => Ok(()),
            },
            match self.limit_mib > 0 && self.spike_limit_mib >= self.limit_mib {
                true => wrong("spike_limit_mib", "must be below `limit_mib`"),
                false => Ok(()),
            },
            percent("limit_percentage", self.limit_percentage),
            percent("spike_limit_percentage", self.spike_limit_percentage),
            match self.limit_mib == 0
                && self.limit_percentage > 0
                && self.spike_limit_percentage >= self.limit_percentage
            {
                true => wrong("spike_limit_percentage", "must be below `limit_percentage`"),
                false => Ok(()),
            },
            match soft < self.min_gc_interval_when_hard_limited {
                true => wrong(
                    "min_gc_interval_when_soft_limited",
                    "must not be below `min_gc_interval_when_hard_limited`",
                ),
                false => Ok(()),
            },
        ])
    }

    /// `limit_mib` has precedence over `limit_percentage`.
    fn thresholds(&self, total_bytes: u64) -> Thresholds {
        let (hard_bytes, spike_bytes) = if self.limit_mib > 0 {
            (u64::from(self.limit_mib) << 20, u64::from(self.spike_limit_mib) << 20)
        } else {
            let part = |percent: u32| total_bytes / 100 * u64::from(percent);
            (part(self.limit_percentage), part(self.spike_limit_percentage))
        };
        let spike_bytes =
            if spike_bytes > 0 { spike_bytes } else { hard_bytes / 100 * DEFAULT_SPIKE_PERCENT };
        Thresholds {
            soft_bytes: hard_bytes.saturating_sub(spike_bytes),
            hard_bytes,
            soft_give_back: Intervals::of(
                self.min_gc_interval_when_soft_limited,
                self.max_gc_interval_when_soft_limited,
            ),
            hard_give_back: Intervals::of(
                self.min_gc_interval_when_hard_limited,
                self.max_gc_interval_when_hard_limited,
            ),
        }
    }
}

impl Limiter {
    /// # Errors
    /// A percentage is configured, and the system does not tell how much memory there is.
    pub fn new(config: &MemoryLimiterConfig) -> Result<Limiter, ConfigError> {
        let limiter = Limiter {
            thresholds: Mutex::new(Thresholds {
                soft_bytes: u64::MAX,
                hard_bytes: u64::MAX,
                soft_give_back: Intervals::default(),
                hard_give_back: Intervals::default(),
            }),
            check_interval_millis: AtomicU64::new(0),
            checked_at_millis: AtomicU64::new(0),
            given_back_at_millis: AtomicU64::new(0),
            patience_millis: AtomicU64::new(0),
            is_short: AtomicBool::new(false),
            last: Mutex::default(),
        };
        limiter.set(config)?;
        Ok(limiter)
    }

    /// Sets other limits, which the next check uses.
    ///
    /// # Errors
    /// As for [`Limiter::new`]. The limits then stay as they are.
    pub fn set(&self, config: &MemoryLimiterConfig) -> Result<(), ConfigError> {
        let total_bytes = match (config.limit_mib, total_bytes()) {
            (0, None) => {
                let message =
                    "limit_percentage: the system does not tell how much memory there is; set `limit_mib`";
                return Err(ConfigError::on("limit_percentage", message));
            }
            (_, total) => total.unwrap_or(0),
        };
        *self.thresholds.lock().unwrap_or_else(PoisonError::into_inner) = config.thresholds(total_bytes);
        self.check_interval_millis.store(millis(config.check_interval.0).max(1), Relaxed);
        self.checked_at_millis.store(0, Relaxed);
        Ok(())
    }

    /// Measures the memory if the interval is over.
    ///
    /// # Errors
    /// The last check found the memory above the soft limit.
    pub fn check(&self) -> Result<(), Short> {
        if is_due(&self.checked_at_millis, self.check_interval_millis.load(Relaxed)) {
            self.measure(memory::resident_bytes() as u64, || {
                give_back();
                memory::resident_bytes_now() as u64
            });
        }
        if !self.is_short.load(Relaxed) {
            return Ok(());
        }
        Err(*self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// `give_back` returns unused memory to the system, and returns the resident memory after that.
    fn measure(&self, mut resident_bytes: u64, give_back: impl FnOnce() -> u64) {
        let thresholds = *self.thresholds.lock().unwrap_or_else(PoisonError::into_inner);
        if resident_bytes > thresholds.soft_bytes {
            let intervals = if resident_bytes > thresholds.hard_bytes {
                thresholds.hard_give_back
            } else {
                thresholds.soft_give_back
            };
            let patience_millis = self.patience_millis.load(Relaxed);
            if is_due(&self.given_back_at_millis, intervals.after(patience_millis)) {
                resident_bytes = give_back();
                let least_millis = intervals.least_millis.max(self.check_interval_millis.load(Relaxed));
                self.patience_millis.store(patience_millis.saturating_mul(2).max(least_millis), Relaxed);
            }
        }
        if resident_bytes <= thresholds.soft_bytes {
            self.patience_millis.store(0, Relaxed);
        }
        let short = Short { resident_bytes, soft_bytes: thresholds.soft_bytes };
        let is_short = resident_bytes > thresholds.soft_bytes;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = short;
        let was_short = self.is_short.swap(is_short, Relaxed);
        let (used_mib, soft_mib) = (resident_bytes >> 20, thresholds.soft_bytes >> 20);
        match (was_short, is_short) {
            (false, true) => {
                tracing::warn!(
                    used_mib,
                    soft_mib,
                    "memory is above the soft limit of `memory_limiter`: data is refused"
                );
            }
            (true, false) => {
                tracing::info!(
                    used_mib,
                    soft_mib,
                    "memory is below the soft limit of `memory_limiter` again: data is taken"
                );
            }
            _ => {}
        }
    }
}

impl Intervals {
    fn of(least: config::Duration, most: config::Duration) -> Intervals {
        Intervals { least_millis: millis(least.0), most_millis: millis(most.0) }
    }

    /// Returns the time until memory is given back again, if it should be as long as the patience.
    fn after(self, patience_millis: u64) -> u64 {
        patience_millis.min(self.most_millis).max(self.least_millis)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the memory of the container or, without a container, of the machine.
fn total_bytes() -> Option<u64> {
    memory::container_bytes().map(|bytes| bytes as u64).or_else(machine_bytes)
}

#[cfg(target_os = "linux")]
fn machine_bytes() -> Option<u64> {
    use procfs::Current as _;
    procfs::Meminfo::current().ok().map(|memory| memory.mem_total)
}

#[cfg(not(target_os = "linux"))]
fn machine_bytes() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn config(limit_mib: u32, spike_limit_mib: u32) -> MemoryLimiterConfig {
        let check_interval = config::Duration::from_secs(1);
        MemoryLimiterConfig { check_interval, limit_mib, spike_limit_mib, ..MemoryLimiterConfig::default() }
    }

    /// Scenario: the memory grows above the soft limit, is given back, grows again and falls.
    /// Guarantees: data is refused from the check that finds the memory above the limit until one that finds
    /// it below.
    #[test]
    fn data_is_refused_above_the_soft_limit_until_it_is_below() {
        let limiter = Limiter::new(&config(100, 20)).unwrap();
        let refused = || limiter.is_short.load(Relaxed);
        limiter.measure(80 * MIB, || panic!("nothing is to be given back"));
        assert!(!refused());
        limiter.measure(90 * MIB, || 70 * MIB);
        assert!(!refused(), "what was given back was enough");
        limiter.measure(90 * MIB, || panic!("it was given back less than ten seconds ago"));
        assert!(refused());
        limiter.measure(110 * MIB, || 105 * MIB);
        assert!(refused(), "above the hard limit it is given back at every check");
        limiter.measure(80 * MIB, || panic!("nothing is to be given back"));
        assert!(!refused());
    }

    /// Scenario: limits in MiB, in percent, with and without a spike limit.
    /// Guarantees: the thresholds are the Collector's: MiB have precedence over percent, and the spike limit
    /// is a fifth by default.
    #[test]
    fn limits_are_read_as_the_collector_reads_them() {
        let bytes = |config: &MemoryLimiterConfig| {
            let of = config.thresholds(1000 * MIB);
            (of.soft_bytes / MIB, of.hard_bytes / MIB)
        };
        assert_eq!(bytes(&config(100, 30)), (70, 100));
        assert_eq!(bytes(&config(100, 0)), (80, 100));
        let percent = MemoryLimiterConfig { limit_percentage: 50, ..config(0, 0) };
        assert_eq!(bytes(&percent), (400, 500));
        assert_eq!(bytes(&MemoryLimiterConfig { spike_limit_percentage: 30, ..percent.clone() }), (200, 500));
        assert_eq!(bytes(&MemoryLimiterConfig { limit_mib: 100, ..percent }), (80, 100));
    }

    /// Scenario: one key at a time is out of its range.
    /// Guarantees: the error names the key.
    #[test]
    fn what_is_out_of_range_is_refused_by_its_key() {
        let wrong = |config: MemoryLimiterConfig| config.validate().unwrap_err().to_string();
        assert!(config(100, 20).validate().is_ok());
        assert!(wrong(MemoryLimiterConfig::default()).contains("check_interval"));
        assert!(wrong(config(0, 0)).contains("limit_mib"));
        assert!(wrong(config(100, 100)).contains("spike_limit_mib"));
        assert!(
            wrong(MemoryLimiterConfig { limit_percentage: 101, ..config(0, 0) }).contains("limit_percentage")
        );
        let spike = MemoryLimiterConfig { limit_percentage: 50, spike_limit_percentage: 50, ..config(0, 0) };
        assert!(wrong(spike).contains("spike_limit_percentage"));
        let hard = config::Duration::from_secs(20);
        let intervals = MemoryLimiterConfig { min_gc_interval_when_hard_limited: hard, ..config(100, 0) };
        assert!(wrong(intervals).contains("min_gc_interval_when_soft_limited"));
    }

    /// Scenario: memory is given back several times above the hard limit, without a limit and with one, and
    /// does not help.
    /// Guarantees: the time between is doubled from the interval of the checks up to the limit. Once the
    /// memory is low again, the time is the shortest again.
    #[test]
    fn memory_is_given_back_more_and_more_rarely() {
        let limiter = Limiter::new(&config(100, 20)).unwrap();
        let mut patience = Vec::new();
        for _ in 0..7 {
            limiter.given_back_at_millis.store(0, Relaxed);
            limiter.measure(110 * MIB, || 110 * MIB);
            patience.push(limiter.patience_millis.load(Relaxed) / 1_000);
        }
        assert_eq!(patience, [1, 2, 4, 8, 16, 32, 64]);
        let intervals = Intervals { least_millis: 0, most_millis: 30_000 };
        assert_eq!([0, 4_000, 64_000].map(|patience| intervals.after(patience)), [0, 4_000, 30_000]);
        assert_eq!(Intervals { least_millis: 10_000, most_millis: 0 }.after(64_000), 10_000);
        limiter.measure(70 * MIB, || panic!("nothing is to be given back"));
        assert_eq!(limiter.patience_millis.load(Relaxed), 0);
    }
}
