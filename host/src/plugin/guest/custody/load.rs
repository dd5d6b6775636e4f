//! What the call under way makes the host hold: indexes, edited copies, layouts and batches of the guest's own.
//!
//! Exact figures take a look at every batch of the guest, since batches share memory. So each operation adds what it could
//! have allocated at most, which is the weight of the batch that it left; only when these sums reach a share of the limit
//! is the memory counted.

use hashbrown::HashSet;
use wasmtime::Result;

use crate::pipeline::Batch;

/// The exact count is taken when the estimate has grown by this part of the limit.
const COUNTED_AT: usize = 4;

/// Of one guest.
#[derive(Debug)]
pub(super) struct Load {
    limit_bytes: usize,
    /// What operations may have allocated since the last count.
    uncounted_bytes: usize,
}

/// The guest made the host hold more than `limits.held_mib`.
#[derive(Debug, thiserror::Error)]
#[error("in one call it made the host hold {} MiB more, and may {} MiB (`limits.held_mib`)", .grown_bytes >> 20, .limit_bytes >> 20)]
pub(in crate::plugin) struct HeldExceeded {
    grown_bytes: usize,
    limit_bytes: usize,
}

/// Memory of several batches, each piece of it counted once.
#[derive(Default)]
pub(super) struct Memory {
    known: HashSet<usize>,
    bytes: usize,
}

impl Load {
    pub(super) fn new(limit_bytes: usize) -> Load {
        Load { limit_bytes, uncounted_bytes: 0 }
    }

    pub(super) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    /// Adds what an operation may have allocated. Returns whether it is time to count what the call has made the host hold.
    pub(super) fn add(&mut self, allocated_bytes: usize) -> bool {
        self.uncounted_bytes = self.uncounted_bytes.saturating_add(allocated_bytes);
        self.uncounted_bytes >= self.limit_bytes / COUNTED_AT
    }

    /// How much the call has made the host hold was counted.
    pub(super) fn counted(&mut self, grown_bytes: usize) -> Result<()> {
        self.uncounted_bytes = 0;
        self.check(grown_bytes)
    }

    pub(super) fn check(&self, grown_bytes: usize) -> Result<()> {
        let limit_bytes = self.limit_bytes;
        if grown_bytes > limit_bytes {
            return Err(HeldExceeded { grown_bytes, limit_bytes }.into());
        }
        Ok(())
    }

    /// The call has ended.
    pub(super) fn end_call(&mut self) {
        self.uncounted_bytes = 0;
    }
}

impl Memory {
    /// Memory that does not count, though other batches may share it.
    pub(super) fn know(&mut self, data: &wire::Batch) {
        data.each_allocation(|address, _| {
            self.known.insert(address);
        });
    }

    pub(super) fn count(&mut self, batch: &Batch) {
        self.bytes = self.bytes.saturating_add(batch.shares_bytes());
        batch.data.each_allocation(|address, bytes| {
            if self.known.insert(address) {
                self.bytes = self.bytes.saturating_add(bytes);
            }
        });
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What the batch alone keeps alive.
pub(super) fn weight_bytes(batch: &Batch) -> usize {
    batch.shares_bytes().saturating_add(batch.data.weight_bytes())
}
