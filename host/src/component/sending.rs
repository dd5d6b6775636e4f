//! How an exporter wants to be fed: what the queue, the batching and the retry before it are given.

use std::{fmt, time::Duration};

use serde::Deserialize;

/// How an exporter wants to be fed. The default sends at once, once, and waits as long as it takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SendingSettings {
    /// How long one attempt may take; `None` for as long as it likes.
    pub timeout: Option<Duration>,
    pub queue: Option<QueueSettings>,
    pub retry: Option<RetrySettings>,
}

impl SendingSettings {
    /// For what writes here and now: no queue, no retry, no time limit.
    pub fn direct() -> SendingSettings {
        SendingSettings::default()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// How many requests are sent at a time.
    pub num_consumers: usize,
    /// What may wait or be under way, in units of the sizer.
    pub queue_size: usize,
    pub sizer: Sizer,
    /// What may wait or be under way, in bytes.
    pub max_bytes: usize,
    /// Whether a full queue makes callers wait, instead of giving their batches back.
    pub block_on_overflow: bool,
    /// Whether `consume` returns only when every item of its batch is settled.
    pub wait_for_result: bool,
    pub batch: Option<BatchSettings>,
}

/// Gather small requests into larger ones.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchSettings {
    pub flush_timeout: Duration,
    /// Send as soon as so much is gathered.
    pub min_size: usize,
    /// Split what is larger; 0 never splits.
    pub max_size: usize,
    pub sizer: Sizer,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    pub initial_interval: Duration,
    /// Each wait is multiplied by a random number between one less this and one more this.
    pub randomization_factor: f64,
    pub multiplier: f64,
    pub max_interval: Duration,
    /// How long a batch is tried; `None` for ever.
    pub max_elapsed_time: Option<Duration>,
}

/// What a size counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sizer {
    Requests,
    /// Spans, data points, log records.
    Items,
    /// Encoded as protobuf, uncompressed.
    Bytes,
}

impl Sizer {
    /// The size of one request.
    pub(crate) fn size(self, data: &wire::Batch) -> usize {
        match self {
            Sizer::Requests => 1,
            Sizer::Items => data.items(),
            Sizer::Bytes => data.encoded_len(),
        }
    }
}

impl fmt::Display for Sizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Sizer::Requests => "requests",
            Sizer::Items => "items",
            Sizer::Bytes => "bytes",
        })
    }
}
