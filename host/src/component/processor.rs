//! What every processor does: it changes, adds or leaves out on the way between a receiver and the exporters. Samplers
//! are processors.

use tokio::time::Instant;

use crate::{config::Node, pipeline::Consumer};

/// Changes, adds or leaves out data on its way through one pipeline, and hands the rest to the `next` that it was built with.
///
/// One processor is built for each pipeline that names its id: two pipelines share none. It implements [`Consumer`], whose
/// contract holds for every batch. In addition:
/// - A batch that is handed on within [`consume`](Consumer::consume) is refused if `next` refuses it: the sender keeps it.
///   A batch that is held after `consume` has returned `Ok` is the processor's to settle; its sender has had the answer.
/// - What a processor holds is bounded in bytes or in items, by a key of its config.
/// - What it leaves out is settled as filtered or sampled out, and only once `next` has taken the rest of the batch.
#[async_trait::async_trait]
pub trait Processor: Consumer {
    /// Hands on what is still held to `next`, and returns by the deadline. What cannot be handed on is dropped with the reason
    /// `shutdown`.
    ///
    /// Called once, when no call of `consume` is under way and none will follow, at the end of the service or when a reload
    /// has taken the processor out of its pipeline. `next` still takes batches.
    async fn shutdown(&self, deadline: Instant);

    /// Prepares a change to another config in place, for a reload. The processor goes on with what it holds.
    ///
    /// Returns `None` if the config asks for another processor: then one is built, and this one drains. What is returned
    /// is called once, if nothing else of the reload fails, while batches pass; else it is dropped. It must not fail.
    fn revise(&self, _config: &Node) -> Option<Revise> {
        None
    }
}

/// Makes a prepared change.
pub type Revise = Box<dyn FnOnce() + Send>;
