//! The way from a receiver's requests into the pipelines.

use std::sync::Arc;

use wire::{Batch, Signal};

use super::{Cause, Refusal, RequestsConfig};
use crate::{
    pipeline::{Ingest, Metadata, ingest},
    receipt::{Failure, Reason},
};

/// The doors of one port of a receiver, one for each signal.
pub struct Doors([Door; 3]);

/// Takes the requests of one signal into the pipelines.
pub struct Door {
    pub signal: Signal,
    pub ingest: ingest::Door,
    max_items: usize,
}

impl Doors {
    /// Opens the doors of a port. `transport` (`http`, `grpc`) is a label of its metrics.
    pub fn open(ingest: &Ingest, transport: &'static str, requests: &RequestsConfig) -> Doors {
        Doors(Signal::ALL.map(|signal| Door {
            signal,
            ingest: ingest.door(signal, transport, requests.acknowledge),
            max_items: requests.max_request_items,
        }))
    }

    /// Returns the signal's door.
    ///
    /// # Errors
    /// No pipeline takes the signal from this receiver.
    pub fn open_for(&self, signal: Signal) -> Result<&Door, Refusal> {
        self.of(signal)
            .ok_or_else(|| Refusal::not_found(format!("no pipeline takes {signal} from this receiver")))
    }

    /// Returns the signal's door, or `None` if no pipeline takes the signal from this receiver.
    pub fn of(&self, signal: Signal) -> Option<&Door> {
        self.0.iter().find(|door| door.signal == signal && door.ingest.is_open())
    }
}

impl Door {
    /// Refuses a request with too many items: the index of many tiny items takes far more memory than their
    /// bytes.
    pub fn check_items(&self, items: usize) -> Result<(), Refusal> {
        let Door { signal, max_items, .. } = self;
        if items > *max_items {
            let what = signal.items();
            return Err(Refusal::new(
                Cause::TooLarge,
                format!(
                    "a request of {items} {what}, empty envelopes included, where {max_items} are taken (`max_request_items`): send \
                     fewer at a time"
                ),
            ));
        }
        Ok(())
    }

    /// Hands a request's batch to the pipelines, and waits until its sender may be answered. Returns a
    /// warning if a destination accepted the batch except for some items: the sender must send nothing again.
    pub async fn submit(
        &self,
        batch: Batch,
        metadata: Option<Arc<Metadata>>,
    ) -> Result<Option<String>, Refusal> {
        match self.ingest.submit_from(batch, metadata).await {
            Ok(()) => Ok(None),
            Err(failure) if was_partly_taken(&failure) => Ok(Some(failure.message)),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// Returns whether a destination accepted the request except for some items.
fn was_partly_taken(failure: &Failure) -> bool {
    failure.reason == Reason::PartiallyRejected && !failure.is_retryable()
}
