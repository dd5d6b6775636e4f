//! The way from a request's bytes into the pipelines, the same for both protocols.

use std::sync::Arc;

use bytes::Bytes;
use wire::{Batch, Signal};

use super::rejection::Rejection;
use crate::{
    pipeline::{
        Ingest, Metadata,
        ingest::{self, Acknowledge},
    },
    receipt::{Failure, Reason},
};

/// A door for each signal.
pub(super) struct Doors {
    traces: Door,
    metrics: Door,
    logs: Door,
}

pub(super) struct Door {
    pub(super) signal: Signal,
    ingest: ingest::Door,
}

impl Doors {
    pub(super) fn open(ingest: &Ingest, transport: &'static str, acknowledge: Acknowledge) -> Doors {
        let door = |signal| Door { signal, ingest: ingest.door(signal, transport, acknowledge) };
        Doors { traces: door(Signal::Traces), metrics: door(Signal::Metrics), logs: door(Signal::Logs) }
    }

    /// None if no pipeline takes the signal from this receiver.
    pub(super) fn of(&self, signal: Signal) -> Option<&Door> {
        let door = match signal {
            Signal::Traces => &self.traces,
            Signal::Metrics => &self.metrics,
            Signal::Logs => &self.logs,
        };
        door.ingest.is_open().then_some(door)
    }
}

impl Door {
    /// Checks the message and hands it on. `Ok` may carry a warning for the sender, to go into `partial_success`.
    pub(super) async fn take(
        &self,
        message: Bytes,
        metadata: Option<Arc<Metadata>>,
    ) -> Result<Option<String>, Rejection> {
        let batch = Batch::decode(self.signal, message)?;
        if batch.is_empty() {
            return Ok(None);
        }
        match self.ingest.submit_from(batch, metadata).await {
            Ok(()) => Ok(None),
            Err(failure) if was_partly_taken(&failure) => Ok(Some(failure.message)),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// A sender that waited for the delivery hears that a destination took the request but for some items: these it must
/// not send again, nor the rest.
fn was_partly_taken(failure: &Failure) -> bool {
    failure.reason == Reason::PartiallyRejected && !failure.is_retryable()
}
