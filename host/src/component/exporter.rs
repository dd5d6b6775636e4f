//! What every exporter does, and how its sending may end.

use std::time::Duration;

use crate::receipt::Retry;

/// Sends requests to one destination.
#[async_trait::async_trait]
pub trait Exporter: Send + Sync {
    /// Sends one batch, once. Called by up to `num_consumers` tasks at a time, and again with the same batch after a
    /// retryable error.
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError>;

    /// Called once, when no call to `export` is under way and none will follow: flush and close.
    async fn shutdown(&self) {}
}

/// The destination took the batch, but for `rejected` items (OTLP partial success).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    pub rejected: usize,
    /// What the destination said of it; empty if nothing.
    pub message: String,
}

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
