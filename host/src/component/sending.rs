//! The settings of the queue, the batching and the retry before an exporter.

use std::{fmt, time::Duration};

use serde::Deserialize;

/// How an exporter is given its batches. By default each batch is sent at once, in one attempt without a time
/// limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SendingSettings {
    /// How long one attempt may take; `None` means no limit.
    pub timeout: Option<Duration>,
    pub queue: Option<QueueSettings>,
    pub retry: Option<RetrySettings>,
    /// What the destination takes in one request; `None` if nothing is known of it.
    pub limits: Option<RequestLimits>,
}

impl SendingSettings {
    /// The settings for an exporter that writes at once: no queue, no retry, no time limit.
    pub fn direct() -> SendingSettings {
        SendingSettings::default()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// The number of requests that are sent at one time.
    pub num_consumers: usize,
    /// How much may wait or be under way, in units of the sizer.
    pub queue_size: usize,
    pub sizer: Sizer,
    /// How much may wait or be under way, in bytes.
    pub max_bytes: usize,
    /// Whether a full queue makes callers wait, instead of giving their batches back.
    pub block_on_overflow: bool,
    /// Whether `consume` returns only when every item of its batch is settled.
    pub wait_for_result: bool,
    pub batch: Option<BatchSettings>,
}

/// The settings by which small requests are gathered into larger ones.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchSettings {
    pub flush_timeout: Duration,
    /// The gathered requests are sent when they reach this size.
    pub min_size: usize,
    /// Larger requests are split. 0 means no limit.
    pub max_size: usize,
    pub sizer: Sizer,
    /// The names of headers. Requests with different values of one of them are not gathered together.
    pub partition: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RetrySettings {
    pub initial_interval: Duration,
    /// Each wait is multiplied by a random number from `1 - randomization_factor` to
    /// `1 + randomization_factor`.
    pub randomization_factor: f64,
    pub multiplier: f64,
    pub max_interval: Duration,
    /// How long a batch is retried; `None` means without limit.
    pub max_elapsed_time: Option<Duration>,
}

/// What a destination takes in one request. Requests are split to stay within the limits, and an item that no request
/// could have is dropped and counted, so that it does not cost the others. `None` means no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestLimits {
    pub request_bytes: Option<usize>,
    pub request_items: Option<usize>,
    /// The size of one span or log record.
    pub item_bytes: Option<usize>,
    /// The size of a resource and its scope.
    pub resource_bytes: Option<usize>,
    pub window: Option<TimeWindow>,
}

impl RequestLimits {
    /// Returns whether any limit is one of bytes.
    pub fn counts_bytes(&self) -> bool {
        self.request_bytes.or(self.item_bytes).or(self.resource_bytes).is_some()
    }
}

/// How much earlier than the destination's the limits of a [`TimeWindow`] are reached: a request takes a while, and clocks
/// differ.
pub const WINDOW_MARGIN: Duration = Duration::from_secs(60);

/// The times of spans and log records that a destination takes; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeWindow {
    /// How long ago.
    pub past: Option<Duration>,
    /// How far ahead.
    pub future: Option<Duration>,
    /// How far apart in one request.
    pub spread: Option<Duration>,
}

/// The unit of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sizer {
    Requests,
    /// Spans, data points, log records.
    Items,
    /// The bytes of the protobuf encoding, uncompressed.
    Bytes,
}

impl Sizer {
    /// Returns the size of one request.
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
