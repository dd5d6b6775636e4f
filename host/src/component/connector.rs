//! What every connector does.

use tokio::time::Instant;

use crate::pipeline::Consumer;

/// Takes what leaves pipelines, and hands on what it makes of it to those that it was built with. One for each id, however
/// many pipelines name it.
#[async_trait::async_trait]
pub trait Connector: Consumer {
    /// Called once, when no batch is under way and none will follow: what it still has to say goes on, by the deadline.
    async fn shutdown(&self, deadline: Instant);
}
