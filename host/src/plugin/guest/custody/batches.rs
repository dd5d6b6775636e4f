//! What a guest does with batches: as wholes, whatever they hold, and with their spans.

use bytes::Bytes;
use wasmtime::{Result, bail};
use wire::{EditError, Signal, SpanBatch};

use super::Custody;
use crate::{memory, pipeline::Batch, plugin::guest::runtime::MEMORY_LIMIT_BYTES};

/// The longest request that a guest can be given whole: none could have more in its memory.
const OTLP_LIMIT_BYTES: usize = MEMORY_LIMIT_BYTES;

/// An edit that writes less than this is not counted in advance to the byte.
const LARGE_EDIT_BYTES: usize = 1 << 20;

/// Why a guest's bytes did not become a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::plugin) enum NotBrought {
    /// One call may bring so much and no more.
    TooLarge,
    BadOtlp(String),
}

/// Batches of any signal.
impl Custody {
    pub(in crate::plugin) fn encoded_len(&self, number: u32) -> Result<u64> {
        Ok(self.data(number)?.encoded_len() as u64)
    }

    /// One request. A copy only of what did not come in one piece.
    pub(in crate::plugin) fn otlp(&self, number: u32) -> Result<Bytes> {
        let data = self.data(number)?;
        let len_bytes = data.encoded_len();
        if len_bytes > OTLP_LIMIT_BYTES {
            bail!(
                "batch {number} has {len_bytes} bytes when it is encoded, which is more than a guest can have"
            );
        }
        let chunks = data.chunks();
        Ok(match chunks.as_slice() {
            [whole] => whole.clone(),
            chunks => {
                let _room = memory::Grant::of(len_bytes)?;
                chunks.concat().into()
            }
        })
    }

    pub(in crate::plugin) fn replace(
        &mut self,
        number: u32,
        signal: Signal,
        otlp: Bytes,
    ) -> Result<Result<(), NotBrought>> {
        Ok(match self.bring(signal, otlp) {
            Ok(data) => {
                self.edit(number)?.data = data;
                self.charge(number)?;
                Ok(())
            }
            Err(error) => Err(error),
        })
    }

    /// A batch that was not there before.
    pub(in crate::plugin) fn make(&mut self, signal: Signal, otlp: Bytes) -> Result<Result<u32, NotBrought>> {
        self.check_room()?;
        let made = self.bring(signal, otlp).map(|data| self.own(data));
        if let Ok(number) = &made {
            self.charge(*number)?;
        }
        Ok(made)
    }

    fn bring(&mut self, signal: Signal, otlp: Bytes) -> Result<wire::Batch, NotBrought> {
        if !self.brings(otlp.len()) {
            return Err(NotBrought::TooLarge);
        }
        wire::Batch::decode(signal, otlp).map_err(|error| NotBrought::BadOtlp(error.to_string()))
    }

    pub(in crate::plugin) fn split_off(&mut self, number: u32, count: u32) -> Result<u32> {
        self.check_room()?;
        let _room = memory::Grant::of(self.weight_bytes(number))?;
        let batch = self.edit(number)?;
        let (count, items) = (count as usize, batch.items());
        // Where one side gets nothing, it keeps the receipts all the same: it may be given spans.
        let part = if batch.owed() == items && (1..items).contains(&count) {
            batch.split_off(count)
        } else {
            let data = batch.data.split_off_items(count);
            batch.derive(data)
        };
        let part = self.add(number, part);
        self.charge(number)?;
        self.charge(part)?;
        Ok(part)
    }
}

/// Spans.
impl Custody {
    pub(in crate::plugin) fn spans(&self, number: u32) -> Result<&SpanBatch> {
        match self.data(number)? {
            wire::Batch::Spans(spans) => Ok(spans),
            _ => bail!("batch {number} holds no spans"),
        }
    }

    /// Changes spans, and counts what that makes the host hold. The edit writes `brought_bytes` from the guest into the
    /// batch, or less.
    pub(in crate::plugin) fn edit_spans<E>(
        &mut self,
        number: u32,
        brought_bytes: usize,
        edit: impl FnOnce(&mut SpanBatch) -> Result<(), E>,
    ) -> Result<Result<(), E>> {
        // An edit may copy all that was edited before into a buffer that grows. What the guest brings is written twice
        // before it is there.
        let copied_bytes = brought_bytes.saturating_mul(2).saturating_add(self.weight_bytes(number));
        let _room = memory::Grant::of(copied_bytes.saturating_mul(2))?;
        let edited = match self.edit(number)? {
            Batch { data: wire::Batch::Spans(spans), .. } => edit(spans),
            _ => bail!("batch {number} holds no spans"),
        };
        self.charge(number)?;
        Ok(edited)
    }

    /// Returns how many bytes a text or value of this length comes to if it is written wherever the attribute is.
    pub(in crate::plugin) fn repeated_bytes(
        &self,
        number: u32,
        key: &str,
        len_bytes: usize,
    ) -> Result<usize> {
        let spans = self.spans(number)?;
        let at_most = len_bytes.saturating_mul(spans.items());
        // The exact number takes a look at every span.
        Ok(if at_most < LARGE_EDIT_BYTES {
            at_most
        } else {
            len_bytes.saturating_mul(spans.values(key).flatten().count())
        })
    }

    /// Leaves out the spans that are not to be kept.
    pub(in crate::plugin) fn retain(&mut self, number: u32, keep: &[bool]) -> Result<Result<(), EditError>> {
        if keep.iter().all(|keep| *keep) && keep.len() == self.spans(number)?.items() {
            return Ok(Ok(()));
        }
        self.edit_spans(number, 0, |spans| {
            if keep.len() != spans.items() {
                return Err(EditError::Length { rows: spans.items(), values: keep.len() });
            }
            spans.retain(|row| keep.get(row).copied().unwrap_or_default());
            Ok(())
        })
    }

    /// Takes a batch apart: each span goes to the part that `parts` names. The batch is empty afterwards.
    pub(in crate::plugin) fn partition(
        &mut self,
        number: u32,
        parts: &[u32],
    ) -> Result<Result<Vec<u32>, EditError>> {
        self.check_room()?;
        let _room = memory::Grant::of(self.weight_bytes(number))?;
        let made = match self.spans(number)?.partition(parts) {
            Ok(made) => made,
            Err(error) => return Ok(Err(error)),
        };
        let whole = self.edit(number)?;
        whole.data = wire::Batch::empty(Signal::Traces);
        let made = whole.divide(made.into_iter().map(wire::Batch::Spans));
        // All of them are there before the first is charged: a part that were dropped would be settled, and again when the
        // call is taken back.
        let numbers: Vec<u32> = made.into_iter().map(|part| self.add(number, part)).collect();
        for part in &numbers {
            self.charge(*part)?;
        }
        Ok(Ok(numbers))
    }
}
