//! The path of a batch: a stage is given its `next` and knows nothing of the graph around it.

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

/// A stage that takes batches: a processor, a fan-out, a sending queue, an exporter.
///
/// Called by any number of tasks at once. Backpressure is a call that has not returned.
#[async_trait::async_trait]
pub trait Consumer: Send + Sync {
    /// Takes the batch over, or gives it back untouched with the reason. After `Ok` the stage settles every item.
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>>;

    /// The accounts of the destinations that it leads to; none if it does not know. What a stage makes itself is entered there.
    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        None
    }
}

/// A batch that a stage would not take.
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
