//! The path of a batch through the stages of a pipeline. A stage knows the next stage and nothing else of the
//! graph.

pub mod batch;
pub mod fan_out;
pub mod ingest;
pub mod lead;
pub mod metadata;

pub use batch::Batch;
pub use ingest::Ingest;
pub use metadata::Metadata;

use std::sync::Arc;

use crate::receipt::{Failure, ledger::Account};

/// A stage that accepts batches: a processor, a fan-out, a sending queue, an exporter.
///
/// Any number of tasks may call a stage at once. A call that has not returned yet is backpressure.
#[async_trait::async_trait]
pub trait Consumer: Send + Sync {
    /// Takes over the batch, or returns it unchanged with the reason. After `Ok` the stage is responsible for
    /// settling every item.
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>>;

    /// Returns the accounts of the destinations behind this stage, or `None` if the stage does not know them.
    /// Batches that a stage makes itself are entered there.
    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        None
    }
}

/// A batch that a stage has refused, with the reason.
#[derive(Debug)]
pub struct Refused {
    pub batch: Batch,
    pub failure: Failure,
}

impl Batch {
    pub fn refused(self, failure: Failure) -> Box<Refused> {
        Box::new(Refused { batch: self, failure })
    }
}
