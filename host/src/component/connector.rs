//! What every connector does.

use tokio::time::Instant;

use crate::pipeline::Consumer;

/// Ends some pipelines and begins others: takes the batches of the former as an exporter does, and hands what it makes of them
/// to the latter as a receiver does.
///
/// One connector is built for each id, however many pipelines name the id on either side. It implements [`Consumer`] for the
/// pipelines that it ends; what comes out goes into the [`Ingest`](crate::pipeline::Ingest) that it was built with. In
/// addition:
/// - There is no sending queue before it: `consume` is called by as many tasks as there are requests under way, and a call
///   that has not returned holds its sender.
/// - A batch is settled by the connector: as delivered once the connector has made of it what it makes, or else refused.
/// - What it makes is new, owed to nobody, and lost (and counted) if no pipeline takes it. A connector that passes batches on
///   as they came, with what is owed for them, says so in its own documentation.
/// - A pipeline never leads to itself through connectors: such a config is refused.
#[async_trait::async_trait]
pub trait Connector: Consumer {
    /// Hands on what the connector still has to say, and returns by the deadline.
    ///
    /// Called once, when no call of `consume` is under way and none will follow: the pipelines before it have drained, and
    /// those behind it still take batches.
    async fn shutdown(&self, deadline: Instant);
}
