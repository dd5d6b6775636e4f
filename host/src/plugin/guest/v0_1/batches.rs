//! Metrics and logs, as encoded OTLP, and the functions that settle batches.

use bytes::Bytes;
use wasmtime::{
    Result, StoreContextMut,
    component::{Linker, LinkerInstance, Resource, WasmList},
};
use wire::Signal;

use super::{
    VERSION,
    bindings::imported::{
        batches::{self, Batch},
        output,
        spans::EditError,
    },
    exports::handle,
};
use crate::{
    memory::Grant,
    plugin::guest::{
        Guest,
        custody::{Logs, Metrics, NotBrought, Spans},
    },
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

/// Metrics and logs have the same functions so far.
macro_rules! opaque {
    ($host:ident, $handle:ident, $signal:expr) => {
        impl batches::$host for Guest {
            fn from_otlp(&mut self, otlp: Vec<u8>) -> Result<Result<Resource<$handle>, EditError>> {
                Ok(self.custody.make($signal, otlp.into())?.map(Resource::new_own).map_err(not_brought))
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
                Ok(self.custody.replace(batch.rep(), $signal, otlp.into())?.map_err(not_brought))
            }

            fn split_off(&mut self, batch: Resource<$handle>, count: u32) -> Result<Resource<$handle>> {
                Ok(Resource::new_own(self.custody.split_off(batch.rep(), count)?))
            }

            fn merge(&mut self, batch: Resource<$handle>, other: Resource<$handle>) -> Result<()> {
                self.custody.merge(batch.rep(), other.rep())
            }

            newer_of_batches!($handle);

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

/// Links the methods that take or return a whole request. They replace the generated functions, which copy a
/// request once more, into memory for which no room was requested.
pub(super) fn link_requests(linker: &mut Linker<Guest>) -> Result<()> {
    linker.allow_shadowing(true);
    let interface = |name| format!("spanloom:plugin/{name}@{}", VERSION.name);
    link::<Spans>(&mut linker.instance(&interface("spans"))?, "span-batch", Signal::Traces)?;
    let mut batches = linker.instance(&interface("batches"))?;
    link::<Metrics>(&mut batches, "metrics-batch", Signal::Metrics)?;
    link::<Logs>(&mut batches, "logs-batch", Signal::Logs)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn link<T: 'static>(interface: &mut LinkerInstance<'_, Guest>, resource: &str, signal: Signal) -> Result<()> {
    interface.func_wrap(&format!("[method]{resource}.otlp"), |store, (batch,): (Resource<T>,)| {
        Ok((store.data().custody.otlp(batch.rep())?,))
    })?;
    interface.func_wrap(
        &format!("[static]{resource}.from-otlp"),
        move |mut store, (otlp,): (WasmList<u8>,)| {
            let (otlp, _room) = copied(&store, &otlp)?;
            let made = store.data_mut().custody.make(signal, otlp)?;
            Ok((made.map(Resource::<T>::new_own).map_err(not_brought),))
        },
    )?;
    interface.func_wrap(
        &format!("[method]{resource}.replace"),
        move |mut store, (batch, otlp): (Resource<T>, WasmList<u8>)| {
            let (otlp, _room) = copied(&store, &otlp)?;
            let replaced = store.data_mut().custody.replace(batch.rep(), signal, otlp)?;
            Ok((replaced.map_err(not_brought),))
        },
    )
}

/// Copies a request out of the guest's memory, if there is room for it.
fn copied(store: &StoreContextMut<'_, Guest>, otlp: &WasmList<u8>) -> Result<(Bytes, Grant)> {
    let otlp = otlp.as_le_slice(store);
    let room = Grant::of(otlp.len())?;
    Ok((Bytes::copy_from_slice(otlp), room))
}
