//! Metrics and logs, as encoded OTLP; and where batches go.

use wasmtime::{
    Result,
    component::{Linker, Resource},
};
use wire::Signal;

use super::{
    bindings::imported::{
        batches::{self, Batch},
        output,
        spans::EditError,
    },
    exports::handle,
};
use crate::plugin::guest::{
    Guest,
    custody::{Logs, Metrics, NotBrought, Spans},
};

impl output::Host for Guest {
    fn emit(&mut self, batch: Batch) -> Result<()> {
        self.custody.emit(handle(&batch))
    }

    fn discard(&mut self, batch: Batch) -> Result<()> {
        self.custody.discard(handle(&batch))
    }
}

impl batches::Host for Guest {}

/// The same for both: there is nothing in them yet that only one of them has.
macro_rules! opaque {
    ($host:ident, $handle:ident, $signal:expr) => {
        impl batches::$host for Guest {
            fn from_otlp(&mut self, otlp: Vec<u8>) -> Result<Result<Resource<$handle>, EditError>> {
                Ok(self.custody.make($signal, otlp)?.map(Resource::new_own).map_err(not_brought))
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
                Ok(self.custody.replace(batch.rep(), $signal, otlp)?.map_err(not_brought))
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

pub(super) fn not_brought(why: NotBrought) -> EditError {
    match why {
        NotBrought::TooLarge => EditError::TooLarge,
        NotBrought::BadOtlp(why) => EditError::BadOtlp(why),
    }
}

/// Links `otlp` with [`bytes::Bytes`], which go into the guest from where they lie. The generated functions, which these take the
/// place of, know only lists of their own.
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
