//! The contract of connectors.

use tokio::time::Instant;

use crate::pipeline::Consumer;

/// Ends some pipelines and begins others. A connector takes batches as an exporter does, and passes its
/// output on as a receiver does.
///
/// One connector is built for each id, however many pipelines name the id on either side. It implements
/// [`Consumer`] for the pipelines that it ends. Its output goes into the [`Ingest`](crate::pipeline::Ingest)
/// that it was built with. In addition:
/// - There is no sending queue before it: `consume` is called by as many tasks as there are requests under
///   way, and the sender waits until the call returns.
/// - The connector settles each batch: as delivered once it has produced its output from the batch, or else
///   as refused.
/// - Its output belongs to no sender, and is lost (and counted) if no pipeline takes it. A connector that
///   passes on batches unchanged, with their shares, says so in its own documentation.
/// - A pipeline never feeds itself through connectors: such a config is refused.
#[async_trait::async_trait]
pub trait Connector: Consumer {
    /// Passes on the remaining output, and returns by the deadline.
    ///
    /// Called once, when no call of `consume` is under way and none will follow: the pipelines before it have
    /// drained, and those behind it still take batches.
    async fn shutdown(&self, deadline: Instant);
}
