//! The contract of exporters, and the outcomes of sending.

use std::time::Duration;

use wire::Signal;

use crate::receipt::{Code, Retry};

/// Sends requests to one destination. The queue, batching, timeout and retry are done by
/// [`sending`](crate::sending), in the same way for all exporters.
///
/// One exporter is built for each id that a pipeline names, and all pipelines that name the id share it. An
/// exporter settles nothing: the caller keeps the batch, and settles it by the result of `export`.
#[async_trait::async_trait]
pub trait Exporter: Send + Sync {
    /// Sends the batch once, and returns when the destination has answered. An exporter neither retries nor
    /// waits between tries.
    ///
    /// Called by up to `sending_queue.num_consumers` tasks at a time, or without a queue by every request
    /// under way; again with the same batch after [`ExportError::Retryable`]; with halves of it after
    /// [`ExportError::TooLarge`]; and with only the failed rows after [`ExportError::Partly`].
    ///
    /// # Cancellation
    /// The future is dropped when `timeout` has passed, or at the end of a shutdown. The destination may have
    /// taken the batch by then, so a retry may deliver it twice. If a dropped call would damage the
    /// exporter's state, the exporter must complete the call on a separate task.
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError>;

    /// Returns the server to which batches of the signal are sent, for the labels of the exporter's metrics.
    /// `None` if it sends to no server.
    fn server(&self, _signal: Signal) -> Option<ServerLabels> {
        None
    }

    /// Flushes and closes. Called once, when no call of `export` is under way and none will follow.
    async fn shutdown(&self) {}
}

/// The server of a destination, as its config names it: `server_address`, `server_port` and `url_path` in the
/// metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerLabels {
    pub address: String,
    pub port: Option<u16>,
    pub path: Option<String>,
}

/// The destination took the batch, except `rejected` items, which are not sent again (OTLP partial success).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    pub rejected: usize,
    /// The destination's message about the rejected items, or an empty string.
    pub message: String,
}

/// Why the destination did not take all of a batch. The kind decides what the queue does next. The code is what
/// the sender of the batch is told, if it still waits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A retry may succeed. `after` is the wait that the destination asked for.
    #[error("{message}")]
    Retryable { message: String, code: Code, after: Option<Duration> },
    /// A retry of the same bytes would fail.
    #[error("{message}")]
    Permanent { message: String, code: Code },
    /// The destination took the batch except for these items. Only for batches of spans.
    #[error("{} parts were not delivered", .0.len())]
    Partly(Vec<FailedPart>),
    /// The destination may accept a smaller request: a batch of several items is split in two and sent again.
    #[error("{message}")]
    TooLarge { message: String, code: Code },
}

/// Items of a batch that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedPart {
    /// The items' rows in the batch. Each row is in one part only.
    pub rows: Vec<u32>,
    pub message: String,
    pub retry: Retry,
}

impl ExportError {
    /// Returns an error for which the destination gave no code, such as a connection that broke.
    pub fn retryable(message: impl Into<String>) -> ExportError {
        ExportError::Retryable { message: message.into(), code: Code::Unavailable, after: None }
    }

    /// Returns an error for which the destination gave no code.
    pub fn permanent(message: impl Into<String>) -> ExportError {
        ExportError::Permanent { message: message.into(), code: Code::Internal }
    }

    /// Returns an error for a request above a limit.
    pub fn too_large(message: impl Into<String>) -> ExportError {
        ExportError::TooLarge { message: message.into(), code: Code::ResourceExhausted }
    }

    /// Returns the message if the destination took none of the items. Returns `None` after
    /// [`ExportError::TooLarge`], because smaller requests may succeed.
    pub fn of_all(&self, items: usize) -> Option<&str> {
        match self {
            ExportError::Retryable { message, .. } | ExportError::Permanent { message, .. } => Some(message),
            ExportError::Partly(parts) => {
                let failed: usize = parts.iter().map(|part| part.rows.len()).sum();
                parts.first().filter(|_| failed >= items).map(|part| part.message.as_str())
            }
            ExportError::TooLarge { .. } => None,
        }
    }
}
