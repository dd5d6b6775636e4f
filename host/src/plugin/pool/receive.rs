//! Gives receivers requests.

use std::sync::Arc;

use super::{Outcome, Place, Pool, Undone};
use crate::plugin::guest::{
    custody::Passed,
    instance::Instance,
    interface::{Reply, Request},
};

impl Pool {
    /// Gives a guest requests, and returns its replies in their order. If the call fails by accident, the same
    /// requests go to a fresh guest, once.
    pub(in crate::plugin) async fn receive(
        &self,
        place: Place,
        requests: &Arc<[Request]>,
    ) -> Result<Vec<Reply<wire::Batch>>, Undone> {
        let slot = self.slots.lease(place).await;
        let (replies, passed) = self
            .twice(slot, requests.len(), || {
                async |guest: &mut Instance| {
                    let received = guest.receive(requests.clone()).await;
                    received.map_err(|undone| self.keep_held(undone))
                }
            })
            .await?;
        self.later(Outcome::of(passed));
        Ok(replies)
    }

    /// Passes on what a receiver's guest held of earlier calls. It is telemetry already, and belongs to nobody who
    /// could send it again.
    fn keep_held(&self, mut undone: Undone) -> Undone {
        let onward = std::mem::take(&mut undone.batches.held);
        self.later(Outcome::of(Passed { onward, ..Passed::default() }));
        undone
    }
}
