//! Metrics and logs, as encoded OTLP; and what batches of all signals can do.

use bytes::Bytes;
use wasmtime::{
    Result, bail,
    component::{Linker, Resource},
};
use wire::Signal;

use crate::plugin::guest::{
    Guest,
    bindings::imported::{batches, spans::EditError},
    custody::{Custody, Logs, Metrics, Spans},
    runtime::MEMORY_LIMIT_BYTES,
};

/// The longest request that a guest can be given whole: none could have more in its memory.
const OTLP_LIMIT_BYTES: usize = MEMORY_LIMIT_BYTES;

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
                Ok(self.custody.otlp(batch.rep())?.into())
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

/// `otlp` as [`Bytes`], which go into the guest from where they lie. The generated functions, which these take the place of, know
/// only lists of their own.
pub(super) fn link_otlp(linker: &mut Linker<Guest>) -> Result<()> {
    fn link<T: 'static>(linker: &mut Linker<Guest>, interface: &str, method: &str) -> Result<()> {
        linker.instance(interface)?.func_wrap(method, |store, (batch,): (Resource<T>,)| {
            Ok((store.data().custody.otlp(batch.rep())?,))
        })
    }
    linker.allow_shadowing(true);
    link::<Spans>(linker, "spanloom:plugin/spans@0.1.0", "[method]span-batch.otlp")?;
    link::<Metrics>(linker, "spanloom:plugin/batches@0.1.0", "[method]metrics-batch.otlp")?;
    link::<Logs>(linker, "spanloom:plugin/batches@0.1.0", "[method]logs-batch.otlp")?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Batches of any signal.
impl Custody {
    pub(super) fn encoded_len(&self, number: u32) -> Result<u64> {
        Ok(self.data(number)?.encoded_len() as u64)
    }

    /// One request. A copy only of what did not come in one piece.
    pub(super) fn otlp(&self, number: u32) -> Result<Bytes> {
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
            chunks => chunks.concat().into(),
        })
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
                self.charge(number)?;
                Ok(())
            }
            Err(error) => Err(error),
        })
    }

    /// A batch that was not there before.
    pub(super) fn make(&mut self, signal: Signal, otlp: Vec<u8>) -> Result<Result<u32, EditError>> {
        self.check_room()?;
        let made = self.bring(signal, otlp).map(|data| self.own(data));
        if let Ok(number) = &made {
            self.charge(*number)?;
        }
        Ok(made)
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
        let part = self.add(number, part);
        self.charge(number)?;
        self.charge(part)?;
        Ok(part)
    }
}
