//! The end of a pipeline: every destination gets the batch, and the batch's bytes are shared.

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::future::join_all;

use super::{Batch, Consumer, Refused, lead::Lead};
use crate::receipt::{Failure, ledger::Account};

/// Hands each batch to every destination.
pub struct FanOut {
    ends: ArcSwap<Ends>,
}

struct Ends {
    destinations: Vec<Destination>,
    /// The accounts of the destinations.
    accounts: Arc<[Arc<Account>]>,
}

/// A consumer at the end of a pipeline, with the account of the items for it.
pub struct Destination {
    pub to: Arc<dyn Consumer>,
    pub account: Arc<Account>,
    /// Keeps the destination open, if the destination counts its leads.
    pub lead: Option<Lead>,
}

impl FanOut {
    pub fn new(destinations: Vec<Destination>) -> FanOut {
        FanOut { ends: ArcSwap::from_pointee(Ends::of(destinations)) }
    }

    /// Replaces the destinations from the next batch on. Batches under way stay on their way.
    pub fn lead_to(&self, destinations: Vec<Destination>) {
        self.ends.store(Arc::new(Ends::of(destinations)));
    }
}

impl Ends {
    fn of(destinations: Vec<Destination>) -> Ends {
        let accounts = destinations.iter().map(|destination| destination.account.clone()).collect();
        Ends { destinations, accounts }
    }
}

#[async_trait::async_trait]
impl Consumer for FanOut {
    /// Returns the batch only if every destination refuses it. If one refusal were enough, a sender's retry
    /// would reach the other destinations twice. A part that one destination refuses is dropped and counted
    /// for that destination.
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let ends = self.ends.load_full();
        if let [only] = ends.destinations.as_slice() {
            return only.to.consume(batch).await;
        }
        let parts = batch.fan_out(ends.destinations.iter().map(|destination| &destination.account));
        let calls = std::iter::zip(&ends.destinations, parts).map(|(next, part)| next.to.consume(part));
        gather(join_all(calls).await)
    }

    fn accounts(&self) -> Option<Arc<[Arc<Account>]>> {
        Some(self.ends.load().accounts.clone())
    }
}

/// Combines the outcomes of a batch's parts: if all parts were refused, so is the batch; otherwise the
/// refused parts are dropped.
pub(crate) fn gather(outcomes: Vec<Result<(), Box<Refused>>>) -> Result<(), Box<Refused>> {
    let all_refused = outcomes.iter().all(Result::is_err);
    let refused = outcomes.into_iter().filter_map(Result::err).map(|refused| *refused);
    if all_refused {
        return rejoin(refused);
    }
    for Refused { batch, failure } in refused {
        batch.dropped(&failure);
    }
    Ok(())
}

/// Joins the refused parts to one batch, so that the stage before gets back what it handed in. The failure is
/// that which [outweighs](Failure::outweighs) the others.
fn rejoin(refused: impl Iterator<Item = Refused>) -> Result<(), Box<Refused>> {
    let mut failure: Option<Failure> = None;
    let mut whole: Option<Batch> = None;
    for Refused { batch: part, failure: why } in refused {
        if failure.as_ref().is_none_or(|known| why.outweighs(known)) {
            failure = Some(why);
        }
        match &mut whole {
            None => whole = Some(part),
            Some(batch) => batch.join(part),
        }
    }
    match (whole, failure) {
        (Some(batch), Some(failure)) => Err(batch.refused(failure)),
        _ => Ok(()),
    }
}
