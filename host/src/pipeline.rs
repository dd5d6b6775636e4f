//! The path of a batch through the stages of a pipeline. A stage knows the next stage and nothing else of the
//! graph.

pub mod batch;
pub mod fan_out;
pub mod ingest;
pub mod kept;
pub mod lead;
pub mod limiter;
pub mod metadata;

pub use batch::Batch;
pub use ingest::Ingest;
pub use metadata::Metadata;

use std::sync::Arc;

use crate::receipt::{Failure, ledger::Account};
use kept::KeptAt;

/// A stage of a pipeline that takes batches: a processor, a connector, a fan-out, a sending queue.
#[async_trait::async_trait]
pub trait Consumer: Send + Sync {
    /// Takes the batch over, or gives it back with the reason.
    ///
    /// Called by any number of tasks at a time, from the moment when the stage was built until it is told to
    /// shut down. There is no order between calls.
    ///
    /// # Backpressure
    /// While a call has not returned, the sender waits, and the bytes of its request stay in memory. A stage
    /// that cannot take more waits for a bounded time, or refuses.
    ///
    /// # Settling
    /// After `Ok`, the stage, or the stage to which it passed the batch, must settle every item. `Err`
    /// returns all shares of the batch, even if its data was changed, and none of them has been settled. One
    /// exception: a queue with `wait_for_result` has settled them, and returns a batch without shares.
    ///
    /// # Cancellation
    /// The future is dropped when the sender goes away. A batch that is dropped with it counts as abandoned,
    /// and is reported. A stage that holds batches of other senders must not lose them in this way.
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>>;

    /// Returns the accounts of the destinations that this stage leads to, or `None` if it does not know them.
    /// Data that a stage makes itself is entered there.
    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        None
    }

    /// Learns at which rates traces were kept whose spans come with the next batch. A sampler calls this before it passes
    /// kept traces on, with those whose spans say their rate. Whoever passes on later spans of these traces writes the
    /// same.
    fn learn_rates(&self, _traces: &[([u8; 16], KeptAt)]) {}
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
