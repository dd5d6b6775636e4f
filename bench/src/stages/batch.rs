//! The `batch` processor as native code: merges batches until they hold enough spans.

use std::{
    mem,
    sync::{Arc, Mutex},
};

use spanloom::pipeline::{Batch, Consumer, Refused};

use super::Run;

/// The default of the processor's `send_batch_size`, in spans.
const SEND_BATCH_SIZE: usize = 8192;

struct Merge {
    waiting: Mutex<Option<Batch>>,
    next: Arc<dyn Consumer>,
}

pub(super) fn native(next: Arc<dyn Consumer>) -> Run {
    Run::Stage(Arc::new(Merge { waiting: Mutex::default(), next }))
}

impl Merge {
    /// Adds a batch to the waiting one, and returns the merged batch if it is large enough.
    fn add(&self, batch: Batch) -> Option<Batch> {
        let mut waiting = self.waiting.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match &mut *waiting {
            Some(waiting) => waiting.merge(batch),
            None => *waiting = Some(batch),
        }
        let is_full = waiting.as_ref().is_some_and(|waiting| waiting.items() >= SEND_BATCH_SIZE);
        if is_full { mem::take(&mut *waiting) } else { None }
    }
}

#[async_trait::async_trait]
impl Consumer for Merge {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        match self.add(batch) {
            Some(merged) => self.next.consume(merged).await,
            None => Ok(()),
        }
    }
}
