//! The way from a request's bytes into the pipelines, which is the same for both protocols.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use wire::{Batch, Mended, Signal, Summary, WireError, mend};

use super::{rejection::Rejection, rpc::Warning};
use crate::{
    cpu::{self, Work},
    pipeline::{
        Ingest, Metadata,
        ingest::{self, Acknowledge},
    },
    receipt::{Failure, Reason},
    server::request_body::Held,
};

/// The largest message that is checked in place. A larger one would make other tasks wait too long.
const INLINE_BYTES: usize = 8 << 20;

/// The doors of all signals.
pub(super) struct Doors {
    traces: Door,
    metrics: Door,
    logs: Door,
}

pub(super) struct Door {
    pub(super) signal: Signal,
    ingest: ingest::Door,
    max_items: usize,
}

/// For each item that a request may have, it may have this many envelopes, resources and scopes.
const ENTRIES_AN_ITEM: usize = 4;

impl Doors {
    /// Opens the doors. No request may have more than `max_items`.
    pub(super) fn open(
        ingest: &Ingest,
        transport: &'static str,
        acknowledge: Acknowledge,
        max_items: usize,
    ) -> Doors {
        let door = |signal| Door { signal, ingest: ingest.door(signal, transport, acknowledge), max_items };
        Doors { traces: door(Signal::Traces), metrics: door(Signal::Metrics), logs: door(Signal::Logs) }
    }

    /// Returns the signal's door, or `None` if no pipeline takes the signal from this receiver.
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
    /// Checks the message and submits it, or its valid part, to the pipelines. `Ok` may carry a warning for
    /// the sender, for `partial_success`. `held` is what the request holds. If the index of many tiny items
    /// is larger than the message, the difference is held too, once there is room.
    pub(super) async fn take(
        &self,
        message: Bytes,
        metadata: Option<Arc<Metadata>>,
        held: &Arc<Held>,
        until: Instant,
    ) -> Result<Option<Warning>, Rejection> {
        let signal = self.signal;
        let message = compact(message);
        let len_bytes = message.len();
        let decoded = if message.len() <= INLINE_BYTES {
            Decoded::of(signal, message)
        } else {
            cpu::run(Work::Short, move || Decoded::of(signal, message)).await
        };
        let Decoded { batch, summary, texts, refused } = decoded?;
        self.check_size(&summary)?;
        held.more_in_turn(summary.index_bytes().saturating_sub(len_bytes), until).await?;
        if texts > 0 {
            self.ingest.mended(texts);
        }
        if let Some(refused) = &refused {
            self.ingest.refused(refused.items, &refused.first);
        }
        if batch.is_empty() {
            return refused.map_or(Ok(None), |refused| Err(refused.first.into()));
        }
        let warning = refused.map(|refused| refused.warning());
        match self.ingest.submit_from(batch, metadata).await {
            Ok(()) => Ok(warning),
            Err(failure) if was_partly_taken(&failure) => {
                let rejected = warning.as_ref().map_or(0, |warning| warning.rejected);
                let messages = warning.into_iter().map(|warning| warning.message).chain([failure.message]);
                Ok(Some(Warning { rejected, message: messages.collect::<Vec<_>>().join("; ") }))
            }
            Err(failure) => Err(failure.into()),
        }
    }
}

impl Door {
    /// Refuses a request with too many items: the index of many tiny items takes far more memory than their
    /// bytes.
    fn check_size(&self, summary: &Summary) -> Result<(), Rejection> {
        let Door { signal, max_items, .. } = self;
        let items = summary.items.max(summary.entries / ENTRIES_AN_ITEM);
        if items > *max_items {
            let what = signal.items();
            return Err(Rejection::too_large(format!(
                "a request of {items} {what}, empty envelopes included, where {max_items} are taken (`max_request_items`): send \
                 fewer at a time"
            )));
        }
        Ok(())
    }
}

/// Copies a small message. It may lie in a large buffer of its connection, which would live as long as the
/// message.
fn compact(message: Bytes) -> Bytes {
    const SMALL_BYTES: usize = 4 << 10;
    if message.len() < SMALL_BYTES { Bytes::copy_from_slice(&message) } else { message }
}

/// A message, or the valid part of it.
struct Decoded {
    batch: Batch,
    summary: Summary,
    /// The number of texts that were mended.
    texts: usize,
    refused: Option<RefusedItems>,
}

/// Items with an invalid id. A destination could refuse a whole request because of one of them.
struct RefusedItems {
    items: usize,
    first: WireError,
}

impl Decoded {
    fn of(signal: Signal, message: Bytes) -> Result<Decoded, WireError> {
        match Batch::decode_counted(signal, message.clone()) {
            Ok((batch, summary)) => Ok(Decoded { batch, summary, texts: 0, refused: None }),
            Err(error) if error.kind.is_mendable() => {
                let Mended { bytes, texts, refused: items, first_refused } = mend(signal, &message)?;
                let (batch, summary) = Batch::decode_counted(signal, bytes.into())?;
                Ok(Decoded {
                    batch,
                    summary,
                    texts,
                    refused: first_refused.map(|first| RefusedItems { items, first }),
                })
            }
            Err(error) => Err(error),
        }
    }
}

impl RefusedItems {
    fn warning(&self) -> Warning {
        Warning { rejected: self.items, message: format!("left out, the first for {}", self.first) }
    }
}

/// Returns whether a destination accepted the request except for some items. A sender that waited for
/// delivery is told, and must send nothing again.
fn was_partly_taken(failure: &Failure) -> bool {
    failure.reason == Reason::PartiallyRejected && !failure.is_retryable()
}
