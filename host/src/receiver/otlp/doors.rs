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

/// A door for each signal that some pipeline takes from this receiver.
pub(super) struct Doors {
    traces: Option<Door>,
    metrics: Option<Door>,
    logs: Option<Door>,
}

pub(super) struct Door {
    pub(super) signal: Signal,
    ingest: ingest::Door,
}

impl Doors {
    pub(super) fn open(ingest: &Ingest, transport: &'static str, acknowledge: Acknowledge) -> Doors {
        let door = |signal| {
            let takes = ingest.takes(signal);
            takes.then(|| Door { signal, ingest: ingest.door(signal, transport, acknowledge) })
        };
        Doors { traces: door(Signal::Traces), metrics: door(Signal::Metrics), logs: door(Signal::Logs) }
    }

    pub(super) fn of(&self, signal: Signal) -> Option<&Door> {
        match signal {
            Signal::Traces => self.traces.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
            Signal::Logs => self.logs.as_ref(),
        }
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
