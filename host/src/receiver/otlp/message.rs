//! The way from a request's message, in protobuf, into the pipelines. It is the same for both protocols.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use wire::{Batch, Mended, Signal, Summary, WireError, mend};

use super::rpc::Warning;
use crate::{
    cpu::{self, Work},
    pipeline::Metadata,
    receiver::http::{Door, Refusal},
    server::request_body::Held,
};

/// The largest message that is checked in place. A larger one would make other tasks wait too long.
const INLINE_BYTES: usize = 8 << 20;
/// For each item that a request may have, it may have this many envelopes, resources and scopes.
const ENTRIES_AN_ITEM: usize = 4;

/// Checks a message and submits it, or its valid part, to the pipelines. `Ok` may carry a warning for the
/// sender, for `partial_success`. `cuts` of the request's values were cut before. `held` is what the request holds. If the index of many tiny items is larger
/// than the message, the difference is held too, once there is room.
pub(super) async fn take(
    door: &Door,
    message: Bytes,
    cuts: usize,
    metadata: Option<Arc<Metadata>>,
    held: &Arc<Held>,
    until: Instant,
) -> Result<Option<Warning>, Refusal> {
    let signal = door.signal;
    let message = compact(message);
    let len_bytes = message.len();
    let decoded = if message.len() <= INLINE_BYTES {
        Decoded::of(signal, message)
    } else {
        cpu::run(Work::Short, move || Decoded::of(signal, message)).await
    };
    let Decoded { batch, summary, texts, cuts: in_decoding, refused } = decoded?;
    door.check_items(summary.items.max(summary.entries / ENTRIES_AN_ITEM))?;
    held.more_in_turn(summary.index_bytes().saturating_sub(len_bytes), until).await?;
    if texts > 0 {
        door.ingest.mended(texts);
    }
    let cuts = cuts + in_decoding;
    if cuts > 0 {
        door.ingest.cut(cuts);
    }
    if let Some(refused) = &refused {
        door.ingest.refused(refused.items, &refused.first);
    }
    if batch.is_empty() {
        return refused.map_or(Ok(None), |refused| Err(refused.first.into()));
    }
    let warning = warning(cuts, refused);
    let Some(of_destination) = door.submit(batch, metadata).await? else { return Ok(warning) };
    let rejected = warning.as_ref().map_or(0, |warning| warning.rejected);
    let messages = warning.into_iter().map(|warning| warning.message).chain([of_destination]);
    Ok(Some(Warning { rejected, message: messages.collect::<Vec<_>>().join("; ") }))
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
    /// The number of places at which values were cut.
    cuts: usize,
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
            Ok((batch, summary)) => Ok(Decoded { batch, summary, texts: 0, cuts: 0, refused: None }),
            Err(error) if error.kind.is_mendable() => {
                let Mended { bytes, texts, cuts, refused: items, first_refused } = mend(signal, &message)?;
                let (batch, summary) = Batch::decode_counted(signal, bytes.into())?;
                Ok(Decoded {
                    batch,
                    summary,
                    texts,
                    cuts,
                    refused: first_refused.map(|first| RefusedItems { items, first }),
                })
            }
            Err(error) => Err(error),
        }
    }
}

/// Returns what the sender is told about what did not pass, or `None` if everything passed.
fn warning(cuts: usize, refused: Option<RefusedItems>) -> Option<Warning> {
    let rejected = refused.as_ref().map_or(0, |refused| refused.items);
    let left_out = refused.map(|refused| format!("left out, the first for {}", refused.first));
    let cut = (cuts > 0).then(|| format!("values nested too deep and were cut, at {cuts} places"));
    let messages: Vec<String> = left_out.into_iter().chain(cut).collect();
    (!messages.is_empty()).then(|| Warning { rejected, message: messages.join("; ") })
}
