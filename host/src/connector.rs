//! Connectors: each ends pipelines, where it stands among their exporters, and begins others, where it stands among their
//! receivers.

pub mod forward;

use tokio::time::Instant;

use crate::{pipeline::Consumer, plugin::Live};

/// Takes what leaves pipelines, and hands on what it makes of it to those that it was built with. One for each id, however
/// many pipelines name it.
#[async_trait::async_trait]
pub trait Connector: Consumer {
    /// Called once, when no batch is under way and none will follow: what it still has to say goes on, by the deadline.
    async fn shutdown(&self, deadline: Instant);

    /// If it is a plugin: what replaces its version while batches pass.
    fn live(&self) -> Option<Live> {
        None
    }
}
