//! `sending_queue` and `retry_on_failure`, with the Collector's names and defaults.

pub mod limits;
mod partition;
mod sizer;

use serde::Deserialize;

use self::{partition::PartitionConfig, sizer::sizer};
use crate::{
    component::{BatchSettings, QueueSettings, RetrySettings, SendingSettings, Sizer},
    config::{ConfigError, Duration, present},
};

/// The value of `sending_queue`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    pub enabled: bool,
    pub num_consumers: usize,
    pub queue_size: usize,
    /// `requests`, `items` or `bytes`. If unset: `requests`.
    #[serde(deserialize_with = "sizer")]
    pub sizer: Option<Sizer>,
    /// The most that the queue may hold in MiB, whatever the sizer. Without effect if the sizer is `bytes`.
    /// This key is Spanloom's.
    pub max_mib: usize,
    pub block_on_overflow: bool,
    pub wait_for_result: bool,
    /// If absent, each request is sent as it arrived. If empty, requests are gathered with the default sizes.
    #[serde(deserialize_with = "present")]
    pub batch: Option<BatchConfig>,
    /// Must be absent, because the queue lives in memory only.
    storage: Option<String>,
}

/// The value of `sending_queue.batch`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    pub flush_timeout: Duration,
    pub min_size: usize,
    /// 0 means no limit.
    pub max_size: usize,
    /// `items` or `bytes`. If unset: `bytes` if the queue counts bytes, otherwise `items`.
    #[serde(default, deserialize_with = "sizer")]
    pub sizer: Option<Sizer>,
    /// Which requests are not gathered together.
    partition: PartitionConfig,
}

/// The value of `retry_on_failure`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    pub enabled: bool,
    pub initial_interval: Duration,
    pub randomization_factor: f64,
    pub multiplier: f64,
    pub max_interval: Duration,
    /// 0 means no limit.
    pub max_elapsed_time: Duration,
}

/// The keys of every exporter that sends to a destination, without other keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SendingConfig {
    /// The timeout of one attempt. 0 means no timeout.
    pub timeout: Duration,
    pub sending_queue: QueueConfig,
    pub retry_on_failure: RetryConfig,
}

impl Default for QueueConfig {
    fn default() -> QueueConfig {
        QueueConfig {
            enabled: true,
            num_consumers: 10,
            queue_size: 1000,
            sizer: None,
            max_mib: 96,
            block_on_overflow: false,
            wait_for_result: false,
            batch: None,
            storage: None,
        }
    }
}

impl Default for BatchConfig {
    fn default() -> BatchConfig {
        // This default is for `batch:` without a value, which counts items whatever the queue counts.
        let sizer = Some(Sizer::Items);
        BatchConfig {
            flush_timeout: millis(200),
            min_size: 8192,
            max_size: 0,
            sizer,
            partition: PartitionConfig::default(),
        }
    }
}

impl Default for RetryConfig {
    fn default() -> RetryConfig {
        RetryConfig {
            enabled: true,
            initial_interval: millis(5_000),
            randomization_factor: 0.5,
            multiplier: 1.5,
            max_interval: millis(30_000),
            max_elapsed_time: millis(300_000),
        }
    }
}

impl Default for SendingConfig {
    fn default() -> SendingConfig {
        SendingConfig {
            timeout: Duration::from_secs(30),
            sending_queue: QueueConfig::default(),
            retry_on_failure: RetryConfig::default(),
        }
    }
}

impl SendingConfig {
    pub fn settings(&self) -> Result<SendingSettings, ConfigError> {
        settings(self.timeout, &self.sending_queue, &self.retry_on_failure)
    }
}

/// Checks the three keys that every exporter with a destination has, and returns their settings. A `timeout`
/// of 0 means none.
pub fn settings(
    timeout: Duration,
    queue: &QueueConfig,
    retry: &RetryConfig,
) -> Result<SendingSettings, ConfigError> {
    let (queue, retry) = both(queue.settings(), retry.settings())?;
    Ok(SendingSettings { timeout: (!timeout.0.is_zero()).then_some(timeout.0), queue, retry, limits: None })
}

/// Returns both values, or the errors of both.
fn both<A, B>(a: Result<A, ConfigError>, b: Result<B, ConfigError>) -> Result<(A, B), ConfigError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err(ConfigError::all([a.map(drop), b.map(drop)])
            .err()
            .unwrap_or_else(|| ConfigError::new("sending_queue: cannot be read"))),
    }
}

/// Returns an error with this message unless the condition holds.
fn must(holds: bool, message: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { wrong(message) }
}

impl QueueConfig {
    fn sizer(&self) -> Sizer {
        self.sizer.unwrap_or(Sizer::Requests)
    }

    /// Checks the keys, and returns their settings: `None` if the queue is not enabled.
    pub(crate) fn settings(&self) -> Result<Option<QueueSettings>, ConfigError> {
        if !self.enabled {
            return Ok(None);
        }
        let own = ConfigError::all([
            must(
                self.storage.is_none(),
                "sending_queue.storage: there is no persistent queue yet; without this key the queue waits in memory",
            ),
            must(self.num_consumers > 0, "sending_queue.num_consumers: must be at least 1"),
            must(
                self.queue_size > 0,
                "sending_queue.queue_size: must be at least 1; for no queue, set `enabled: false`",
            ),
            must(self.max_mib > 0, "sending_queue.max_mib: must be at least 1"),
        ]);
        let batch = self.batch.as_ref().map(|batch| batch.settings(self)).transpose();
        let ((), batch) = both(own, batch)?;
        Ok(Some(QueueSettings {
            num_consumers: self.num_consumers,
            queue_size: self.queue_size,
            sizer: self.sizer(),
            max_bytes: match self.sizer() {
                Sizer::Bytes => self.queue_size,
                _ => self.max_mib.saturating_mul(1 << 20),
            },
            block_on_overflow: self.block_on_overflow,
            wait_for_result: self.wait_for_result,
            batch,
        }))
    }
}

impl BatchConfig {
    fn settings(&self, queue: &QueueConfig) -> Result<BatchSettings, ConfigError> {
        let sizer = self.sizer.unwrap_or(match queue.sizer() {
            Sizer::Bytes => Sizer::Bytes,
            Sizer::Requests | Sizer::Items => Sizer::Items,
        });
        ConfigError::all([
            must(sizer != Sizer::Requests, "sending_queue.batch.sizer: must be `items` or `bytes`"),
            must(
                !self.flush_timeout.0.is_zero(),
                "sending_queue.batch.flush_timeout: must be more than 0, such as 200ms",
            ),
            must(
                self.max_size == 0 || self.max_size >= self.min_size,
                "sending_queue.batch.max_size: must be 0 (no limit) or at least min_size",
            ),
            must(
                sizer != queue.sizer() || self.min_size <= queue.queue_size,
                "sending_queue.batch.min_size: must not be more than queue_size, or the queue is full first",
            ),
            self.partition.check(),
        ])?;
        Ok(BatchSettings {
            flush_timeout: self.flush_timeout.0,
            min_size: self.min_size,
            max_size: self.max_size,
            sizer,
            partition: self.partition.metadata_keys.clone(),
        })
    }
}

impl RetryConfig {
    fn settings(&self) -> Result<Option<RetrySettings>, ConfigError> {
        if !self.enabled {
            return Ok(None);
        }
        let max_elapsed_time = self.max_elapsed_time.0;
        ConfigError::all([
            must(
                (0.0..=1.0).contains(&self.randomization_factor),
                "retry_on_failure.randomization_factor: must be from 0 to 1",
            ),
            must(
                (0.0..=1000.0).contains(&self.multiplier),
                "retry_on_failure.multiplier: must be from 0 to 1000",
            ),
            must(
                max_elapsed_time.is_zero() || max_elapsed_time >= self.initial_interval.0,
                "retry_on_failure.max_elapsed_time: must be 0 (for ever) or at least initial_interval",
            ),
        ])?;
        Ok(Some(RetrySettings {
            initial_interval: self.initial_interval.0,
            randomization_factor: self.randomization_factor,
            multiplier: self.multiplier,
            max_interval: self.max_interval.0,
            max_elapsed_time: (!max_elapsed_time.is_zero()).then_some(max_elapsed_time),
        }))
    }
}

fn millis(millis: u64) -> Duration {
    Duration(std::time::Duration::from_millis(millis))
}

fn wrong<T>(message: &str) -> Result<T, ConfigError> {
    Err(ConfigError::new(message.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(queue: Value, retry: Value) -> Result<SendingSettings, String> {
        let queue: QueueConfig = serde_json::from_value(queue).map_err(|error| error.to_string())?;
        let retry: RetryConfig = serde_json::from_value(retry).map_err(|error| error.to_string())?;
        settings(millis(5000), &queue, &retry).map_err(|error| error.to_string())
    }

    /// Scenario: a config leaves both sections out.
    /// Guarantees: the defaults are the Collector's.
    #[test]
    fn the_defaults_are_the_collectors() {
        let settings = read(json!({}), json!({})).unwrap();
        let queue = settings.queue.unwrap();
        assert_eq!((queue.num_consumers, queue.queue_size, queue.sizer), (10, 1000, Sizer::Requests));
        assert!(!queue.block_on_overflow && !queue.wait_for_result && queue.batch.is_none());
        let retry = settings.retry.unwrap();
        assert_eq!(retry.max_elapsed_time, Some(std::time::Duration::from_secs(300)));
        assert_eq!((retry.multiplier, retry.randomization_factor), (1.5, 0.5));
    }

    /// Scenario: `batch` is an empty map, or nothing.
    /// Guarantees: batching is on, with the Collector's defaults.
    #[test]
    fn an_empty_batch_section_gathers_8192_items() {
        for queue in [json!({"batch": {}}), json!({"batch": null})] {
            let batch = read(queue, json!({})).unwrap().queue.unwrap().batch.unwrap();
            assert_eq!((batch.min_size, batch.max_size, batch.sizer), (8192, 0, Sizer::Items));
            assert_eq!(batch.flush_timeout, std::time::Duration::from_millis(200));
        }
    }

    /// Scenario: the batch's sizer is left out, for each sizer of the queue; requests cannot be counted
    /// within a batch.
    /// Guarantees: the batch counts as its queue does, and items otherwise. An empty `batch:` always counts
    /// items.
    #[test]
    fn a_batch_without_a_sizer_counts_as_its_queue() {
        for (queue, sizer) in [
            (json!({"sizer": "bytes", "queue_size": 9000, "batch": {}}), Sizer::Bytes),
            (json!({"sizer": "items", "queue_size": 9000, "batch": {}}), Sizer::Items),
            (json!({"sizer": "requests", "batch": {}}), Sizer::Items),
            (json!({"sizer": "bytes", "batch": {"sizer": "items"}}), Sizer::Items),
            (json!({"sizer": "bytes", "batch": null}), Sizer::Items),
        ] {
            let batch = read(queue.clone(), json!({})).unwrap().queue.unwrap().batch.unwrap();
            assert_eq!(batch.sizer, sizer, "{queue}");
        }
    }

    /// Scenario: both sections have several wrong values.
    /// Guarantees: one error names all their keys.
    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let queue =
            json!({"queue_size": 0, "num_consumers": 0, "batch": {"sizer": "requests", "max_size": 1}});
        let error = read(queue, json!({"multiplier": -0.5, "max_elapsed_time": "1s"})).unwrap_err();
        for key in
            ["queue_size", "num_consumers", "batch.sizer", "batch.max_size", "multiplier", "max_elapsed_time"]
        {
            assert!(error.contains(&format!("{key}: ")), "{error} names {key}");
        }
    }

    /// Scenario: `max_elapsed_time` is 0, and the queue is disabled.
    /// Guarantees: retries have no time limit, and there is no queue.
    #[test]
    fn zero_elapsed_time_is_for_ever_and_disabled_is_none() {
        let settings = read(json!({"enabled": false}), json!({"max_elapsed_time": "0s"})).unwrap();
        assert!(settings.queue.is_none());
        assert_eq!(settings.retry.unwrap().max_elapsed_time, None);
    }

    /// Scenario: the first wait and its growth are 0, as the Collector accepts them.
    /// Guarantees: both are accepted.
    #[test]
    fn a_first_wait_of_nothing_is_accepted() {
        let retry = json!({"initial_interval": "0s", "multiplier": 0});
        assert_eq!(
            read(json!({}), retry).unwrap().retry.unwrap().initial_interval,
            std::time::Duration::ZERO
        );
    }

    /// Scenario: one key at a time has a value that cannot work.
    /// Guarantees: the error names the key.
    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        for (queue, retry, key) in [
            (json!({"storage": "file_storage"}), json!({}), "storage"),
            (json!({"queue_size": 0}), json!({}), "queue_size"),
            (json!({"num_consumers": 0}), json!({}), "num_consumers"),
            (json!({"batch": {"sizer": "requests"}}), json!({}), "batch.sizer"),
            (json!({"batch": {"min_size": 10, "max_size": 9}}), json!({}), "batch.max_size"),
            (json!({"batch": {}, "sizer": "items"}), json!({}), "batch.min_size"),
            (json!({"batch": {"flush_timeout": "0s"}}), json!({}), "flush_timeout"),
            (json!({"batch": {"partition": {"metadata_keys": ["a", "A"]}}}), json!({}), "`A` is there twice"),
            (
                json!({"batch": {"partition": {"metadata_keys": ["Authorization"]}}}),
                json!({}),
                "sending_queue.batch.partition.metadata_keys: `Authorization` carries a secret",
            ),
            (json!({}), json!({"multiplier": -0.5}), "multiplier"),
            (json!({}), json!({"randomization_factor": 2}), "randomization_factor"),
            (json!({}), json!({"max_elapsed_time": "1s"}), "max_elapsed_time"),
            (json!({"queue": 1}), json!({}), "queue"),
        ] {
            let error = read(queue, retry).unwrap_err();
            assert!(error.contains(key), "{error} names {key}");
        }
    }
}
