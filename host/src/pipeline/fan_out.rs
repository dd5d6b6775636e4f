//! The end of a pipeline: every exporter gets the batch, sharing its bytes.

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::future::join_all;

use super::{Batch, Consumer, Refused, lead::Lead};
use crate::receipt::Failure;

/// Hands each batch to every destination. The destinations stand in the order of the pipeline's accounts.
pub struct FanOut {
    destinations: ArcSwap<Vec<Destination>>,
}

/// One of them.
pub struct Destination {
    pub to: Arc<dyn Consumer>,
    /// Keeps it open, if it asks who leads to it.
    pub lead: Option<Lead>,
}

impl FanOut {
    pub fn new(destinations: Vec<Arc<dyn Consumer>>) -> FanOut {
        let destinations = destinations.into_iter().map(|to| Destination { to, lead: None });
        FanOut { destinations: ArcSwap::from_pointee(destinations.collect()) }
    }

    /// From the next batch on; those under way go where they went. As many, in the same order.
    pub fn lead_to(&self, destinations: Vec<Destination>) {
        self.destinations.store(Arc::new(destinations));
    }
}

#[async_trait::async_trait]
impl Consumer for FanOut {
    /// Refuses only what every destination refuses: were one refusal enough, the sender's retry would reach the other
    /// destinations twice. What a single destination refuses is dropped for that destination and counted there.
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        let destinations = self.destinations.load_full();
        if let [only] = destinations.as_slice() {
            return only.to.consume(batch).await;
        }
        let parts = batch.fan_out(destinations.len());
        let calls = std::iter::zip(destinations.iter(), parts).map(|(next, part)| next.to.consume(part));
        gather(join_all(calls).await)
    }
}

/// What became of the parts of one batch: refused if every part was, else those that were are dropped.
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

/// Makes one refused batch of the parts again, so that the stage before sees what it handed in.
fn rejoin(refused: impl Iterator<Item = Refused>) -> Result<(), Box<Refused>> {
    let mut failure: Option<Failure> = None;
    let mut whole: Option<Batch> = None;
    for Refused { batch: part, failure: why } in refused {
        if failure.as_ref().is_none_or(|known| !known.is_retryable()) {
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
