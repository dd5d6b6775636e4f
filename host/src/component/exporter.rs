//! What every exporter does, and how its sending may end.

use std::time::Duration;

use crate::receipt::Retry;

/// Sends requests to one destination. The queue, batching, timeout and retry before it are [`sending`](crate::sending)'s, the
/// same for all exporters.
///
/// One exporter is built for each id that a pipeline names, and all pipelines that name the id share it. It settles nothing:
/// the batch stays with the caller, who settles it by what `export` returns.
#[async_trait::async_trait]
pub trait Exporter: Send + Sync {
    /// Sends the batch once, and returns when the destination has answered. An exporter neither retries nor waits between
    /// tries.
    ///
    /// Called by up to `sending_queue.num_consumers` tasks at a time, or without a queue by every request under way; again
    /// with the same batch after [`ExportError::Retryable`]; with halves of it after [`ExportError::TooLarge`]; and with the
    /// failed rows after [`ExportError::Partly`].
    ///
    /// # Cancellation
    /// The future is dropped when `timeout` has passed, or at the end of a shutdown. The destination may have taken the batch
    /// by then: what is tried again may arrive twice. An exporter with a state that a dropped call would spoil has to let the
    /// call end on a task of its own.
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError>;

    /// Flushes and closes. Called once, when no call of `export` is under way and none will follow.
    async fn shutdown(&self) {}
}

/// The destination took the batch, but for `rejected` items, which are not sent again (OTLP partial success).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    pub rejected: usize,
    /// What the destination said of it; empty if nothing.
    pub message: String,
}

/// Why the destination did not take a batch, or not all of it; it decides what the queue does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Worth another try, after this long if the destination said so.
    #[error("{message}")]
    Retryable { message: String, after: Option<Duration> },
    /// The same bytes will fail again.
    #[error("{message}")]
    Permanent { message: String },
    /// These items were not taken, the others were. For batches of spans only.
    #[error("{} parts were not delivered", .0.len())]
    Partly(Vec<FailedPart>),
    /// Less at a time may be taken: a batch of several items is split in two and sent again.
    #[error("{message}")]
    TooLarge { message: String },
}

/// Items of a batch that failed alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedPart {
    /// Of the batch; in no other part.
    pub rows: Vec<u32>,
    pub message: String,
    pub retry: Retry,
}

impl ExportError {
    /// What is wrong, if the destination took none of the items. One that wants less at a time may take all of them.
    pub fn of_all(&self, items: usize) -> Option<&str> {
        match self {
            ExportError::Retryable { message, .. } | ExportError::Permanent { message } => Some(message),
            ExportError::Partly(parts) => {
                let failed: usize = parts.iter().map(|part| part.rows.len()).sum();
                parts.first().filter(|_| failed >= items).map(|part| part.message.as_str())
            }
            ExportError::TooLarge { .. } => None,
        }
    }
}
