use std::cell::RefCell;

use wire::Signal;

use super::{metadata::Metadata, spans::SpanBatch};
use crate::EditError;

#[derive(Debug)]
pub(crate) enum Batch {
    Spans(SpanBatch),
    Metrics(MetricsBatch),
    Logs(LogsBatch),
}

#[derive(Debug)]
pub(crate) struct MetricsBatch(Opaque, pub(crate) Metadata);

#[derive(Debug)]
pub(crate) struct LogsBatch(Opaque, pub(crate) Metadata);

/// A batch that is only read and replaced as a whole.
#[derive(Debug)]
struct Opaque(RefCell<wire::Batch>);

macro_rules! delegate {
    ($batch:ident, $signal:expr) => {
        impl $batch {
            pub(crate) fn decode(otlp: &[u8]) -> Result<$batch, wire::WireError> {
                let batch = wire::Batch::decode($signal, otlp.to_vec().into())?;
                Ok($batch(Opaque(RefCell::new(batch)), Metadata::default()))
            }

            pub(crate) fn from_otlp(otlp: &[u8]) -> Result<$batch, EditError> {
                Self::decode(otlp).map_err(|error| EditError::BadOtlp(error.to_string()))
            }

            pub(crate) fn len(&self) -> u32 {
                self.0.0.borrow().items() as u32
            }

            pub(crate) fn encoded_len(&self) -> u64 {
                self.0.0.borrow().encoded_len() as u64
            }

            pub(crate) fn metadata(&self, key: &str) -> Vec<String> {
                self.1.get(key)
            }

            pub(crate) fn otlp(&self) -> Vec<u8> {
                self.0.0.borrow().chunks().concat()
            }

            pub(crate) fn replace(&self, otlp: &[u8]) -> Result<(), EditError> {
                self.0.0.swap(&Self::from_otlp(otlp)?.0.0);
                Ok(())
            }

            pub(crate) fn count_as_sampled_out(&self) {
                super::world::with(|world| world.samples_out = true);
            }

            pub(crate) fn split_off(&self, count: u32) -> $batch {
                let rest = self.0.0.borrow_mut().split_off_items(count as usize);
                $batch(Opaque(RefCell::new(rest)), self.1.share())
            }

            pub(crate) fn merge(&self, other: $batch) {
                self.1.merge(&other.1);
                // Both batches have the same signal, so merging cannot fail.
                let _ = self.0.0.borrow_mut().merge(other.0.0.into_inner());
            }
        }
    };
}

delegate!(MetricsBatch, Signal::Metrics);
delegate!(LogsBatch, Signal::Logs);
