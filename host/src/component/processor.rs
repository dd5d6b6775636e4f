//! What every processor does: it changes, adds or leaves out on the way between a receiver and the exporters. Samplers
//! are processors.

use tokio::time::Instant;

use crate::pipeline::Consumer;

/// A stage between the entrance of a pipeline and its fan-out. It hands on what it made of a batch to the `next` that
/// it was built with.
#[async_trait::async_trait]
pub trait Processor: Consumer {
    /// Called once, when no batch is under way and none will follow: what is still held goes on to `next`, by the
    /// deadline. What cannot is dropped with the reason `shutdown`.
    async fn shutdown(&self, deadline: Instant);
}
