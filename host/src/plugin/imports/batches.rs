//! Metrics and logs, as encoded OTLP; and what batches of all signals can do.

use wasmtime::{Result, component::Resource};
use wire::Signal;

use crate::plugin::{
    bindings::imported::{batches, spans::EditError},
    custody::{Custody, Logs, Metrics},
    guest::Guest,
};

impl batches::Host for Guest {}

/// The same for both: there is nothing in them yet that only one of them has.
macro_rules! opaque {
    ($host:ident, $handle:ident, $signal:expr) => {
        impl batches::$host for Guest {
            fn from_otlp(&mut self, otlp: Vec<u8>) -> Result<Result<Resource<$handle>, EditError>> {
                Ok(self.custody.make($signal, otlp)?.map(Resource::new_own))
            }

            fn len(&mut self, batch: Resource<$handle>) -> Result<u32> {
                Ok(self.custody.data(batch.rep())?.items() as u32)
            }

            fn encoded_len(&mut self, batch: Resource<$handle>) -> Result<u64> {
                self.custody.encoded_len(batch.rep())
            }

            fn metadata(&mut self, batch: Resource<$handle>, key: String) -> Result<Vec<String>> {
                self.custody.metadata(batch.rep(), &key)
            }

            fn otlp(&mut self, batch: Resource<$handle>) -> Result<Vec<u8>> {
                self.custody.otlp(batch.rep())
            }

            fn replace(&mut self, batch: Resource<$handle>, otlp: Vec<u8>) -> Result<Result<(), EditError>> {
                self.custody.replace(batch.rep(), $signal, otlp)
            }

            fn split_off(&mut self, batch: Resource<$handle>, count: u32) -> Result<Resource<$handle>> {
                Ok(Resource::new_own(self.custody.split_off(batch.rep(), count)?))
            }

            fn merge(&mut self, batch: Resource<$handle>, other: Resource<$handle>) -> Result<()> {
                self.custody.merge(batch.rep(), other.rep())
            }

            fn drop(&mut self, batch: Resource<$handle>) -> Result<()> {
                self.custody.drop(batch.rep())
            }
        }
    };
}

opaque!(HostMetricsBatch, Metrics, Signal::Metrics);
opaque!(HostLogsBatch, Logs, Signal::Logs);

/// Batches of any signal.
impl Custody {
    pub(super) fn encoded_len(&self, number: u32) -> Result<u64> {
        Ok(self.data(number)?.encoded_len() as u64)
    }

    pub(super) fn otlp(&self, number: u32) -> Result<Vec<u8>> {
        Ok(self.data(number)?.chunks().concat())
    }

    pub(super) fn replace(
        &mut self,
        number: u32,
        signal: Signal,
        otlp: Vec<u8>,
    ) -> Result<Result<(), EditError>> {
        Ok(match self.bring(signal, otlp) {
            Ok(data) => {
                self.edit(number)?.data = data;
                Ok(())
            }
            Err(error) => Err(error),
        })
    }

    /// A batch that was not there before.
    pub(super) fn make(&mut self, signal: Signal, otlp: Vec<u8>) -> Result<Result<u32, EditError>> {
        self.check_room()?;
        Ok(self.bring(signal, otlp).map(|data| self.own(data)))
    }

    fn bring(&mut self, signal: Signal, otlp: Vec<u8>) -> Result<wire::Batch, EditError> {
        if !self.brings(otlp.len()) {
            return Err(EditError::TooLarge);
        }
        wire::Batch::decode(signal, otlp.into()).map_err(|error| EditError::BadOtlp(error.to_string()))
    }

    pub(super) fn split_off(&mut self, number: u32, count: u32) -> Result<u32> {
        self.check_room()?;
        let batch = self.edit(number)?;
        let (count, items) = (count as usize, batch.items());
        // Where one side gets nothing, it keeps the receipts all the same: it may be given spans.
        let part = if batch.owed() == items && (1..items).contains(&count) {
            batch.split_off(count)
        } else {
            let data = batch.data.split_off_items(count);
            batch.derive(data)
        };
        Ok(self.add(number, part))
    }

    pub(super) fn merge(&mut self, number: u32, other: u32) -> Result<()> {
        let other = self.take(other)?;
        self.edit(number)?.merge(other);
        Ok(())
    }
}
