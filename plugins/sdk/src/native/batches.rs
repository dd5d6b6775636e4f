use std::cell::RefCell;

use wire::Signal;

use super::spans::SpanBatch;
use crate::EditError;

#[derive(Debug)]
pub(crate) enum Batch {
    Spans(SpanBatch),
    Metrics(MetricsBatch),
    Logs(LogsBatch),
}

#[derive(Debug)]
pub(crate) struct MetricsBatch(Opaque);

#[derive(Debug)]
pub(crate) struct LogsBatch(Opaque);

/// A batch that is only read and replaced as a whole.
#[derive(Debug)]
struct Opaque(RefCell<wire::Batch>);

macro_rules! delegate {
    ($batch:ident, $signal:expr) => {
        impl $batch {
            pub(crate) fn decode(otlp: &[u8]) -> Result<$batch, wire::WireError> {
                Ok($batch(Opaque(RefCell::new(wire::Batch::decode($signal, otlp.to_vec().into())?))))
            }

            pub(crate) fn from_otlp(otlp: &[u8]) -> Result<$batch, EditError> {
                Self::decode(otlp).map_err(|error| EditError::BadOtlp(error.to_string()))
            }

            pub(crate) fn len(&self) -> u32 {
                self.0.0.borrow().items() as u32
            }

            pub(crate) fn otlp(&self) -> Vec<u8> {
                self.0.0.borrow().chunks().concat()
            }

            pub(crate) fn replace(&self, otlp: &[u8]) -> Result<(), EditError> {
                self.0.0.swap(&Self::from_otlp(otlp)?.0.0);
                Ok(())
            }

            pub(crate) fn split_off(&self, count: u32) -> $batch {
                $batch(Opaque(RefCell::new(self.0.0.borrow_mut().split_off_items(count as usize))))
            }

            pub(crate) fn merge(&self, other: $batch) {
                // Both are of one signal.
                let _ = self.0.0.borrow_mut().merge(other.0.0.into_inner());
            }
        }
    };
}

delegate!(MetricsBatch, Signal::Metrics);
delegate!(LogsBatch, Signal::Logs);
