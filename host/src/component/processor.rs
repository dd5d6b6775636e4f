//! The contract of processors, which change, add or remove data between a receiver and the exporters.
//! Samplers are processors.

use std::{any::Any, sync::Arc};

use tokio::time::Instant;

use crate::{config::Node, id::ComponentId, pipeline::Consumer};

/// Changes, adds or removes data on its way through one pipeline, and passes the rest to the `next` that it
/// was built with.
///
/// One processor is built for each pipeline that names its id. Pipelines do not share processors. It
/// implements [`Consumer`], whose contract holds for every batch. In addition:
/// - A batch that is passed on within [`consume`](Consumer::consume) is refused if `next` refuses it, and its
///   sender keeps it. If a batch is still held when `consume` returns `Ok`, its sender has been answered, and
///   the processor must settle the batch.
/// - A batch may be passed on in parts. If `next` refuses the first part, the rest is merged to it and all is
///   refused. Once `next` has taken a part, `consume` returns `Ok`, and parts that are refused later are dropped
///   with the failure ([`Batch::dropped`](crate::pipeline::Batch::dropped)).
/// - The data that a processor holds is bounded in bytes or in items, by a key of its config.
/// - Removed data is settled as filtered or sampled out, after `next` has taken the rest of the batch.
#[async_trait::async_trait]
pub trait Processor: Consumer {
    /// Passes on what is still held to `next`, and returns by the deadline. What cannot be passed on is
    /// dropped with the reason `shutdown`.
    ///
    /// Called once, when no call of `consume` is under way and none will follow, at the end of the service or
    /// when a reload has taken the processor out of its pipeline. `next` still takes batches.
    async fn shutdown(&self, deadline: Instant);

    /// Prepares the processor for another config at a reload. The processor keeps what it holds.
    ///
    /// Returns `None` if the config requires a new processor; this one then drains. If the rest of the reload
    /// succeeds, the returned change is called once, while batches pass; otherwise it is dropped. The change
    /// must not fail.
    fn revise(&self, _config: &Node) -> Option<Revise> {
        None
    }

    /// Returns the processor as one that a sampler stands behind, if its factory names a sampler
    /// ([`ProcessorFactory::sampler`](super::ProcessorFactory::sampler)).
    fn gathers(&self) -> Option<&dyn Gathers> {
        None
    }

    /// Returns what the processor that takes this one's place at a reload goes on with
    /// ([`BuildContext::former`](super::BuildContext::former)). Both may use it while this one drains.
    fn legacy(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
}

/// A processor that gathers data for a sampler. The sampler is a component of its own, which stands between this
/// processor and `next`.
pub trait Gathers: Send + Sync {
    /// Returns the stage that the sampler is built with as its `next`. It leads to the processor's `next`.
    fn behind_sampler(&self) -> Arc<dyn Consumer>;

    /// Makes the processor lead to its sampler. Called once, before the first batch.
    fn lead_to(&self, sampler: Arc<dyn Consumer>);
}

/// The sampler behind a processor, as the processor's config names it.
#[derive(Clone, Debug)]
pub struct Sampler {
    /// The key that names it.
    pub key: &'static str,
    pub id: ComponentId,
    /// The sampler's config, if it is a part of the processor's. Otherwise the sampler is in `processors`.
    pub config: Option<Node>,
}

/// Applies a prepared change.
pub type Revise = Box<dyn FnOnce() + Send>;
