//! What every receiver does.

use crate::{pipeline::Ingest, running::Running};

/// Takes requests in until it is told to stop.
#[async_trait::async_trait]
pub trait Receiver: Send + Sync {
    /// Binds its sockets and serves them on tasks of the tracker. Returns once it listens.
    ///
    /// When `running.stop` is cancelled it takes no new connection, finishes the requests under way and ends its tasks. It may be
    /// started again then.
    async fn start(&self, ingest: Ingest, running: &Running) -> anyhow::Result<()>;
}
