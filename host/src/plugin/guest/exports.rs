//! What a plugin exports.

use std::sync::Arc;

use wasmtime::{
    Result, Store,
    component::{Instance, InstancePre},
};

use super::{
    Guest,
    bindings::exported::{self, connecting, processing, sampling},
    ticker::Ticker,
};

/// What a plugin exports, found once.
#[derive(Clone)]
pub(in crate::plugin) struct Exports {
    pub(super) pre: InstancePre<Guest>,
    /// Of its engine.
    pub(super) ticker: Arc<Ticker>,
    pub(in crate::plugin) processing: Option<processing::GuestIndices>,
    pub(in crate::plugin) sampling: Option<sampling::GuestIndices>,
    pub(in crate::plugin) exporting: Option<exported::exporting::GuestIndices>,
    pub(in crate::plugin) connecting: Option<connecting::GuestIndices>,
    pub(in crate::plugin) describe: Option<exported::describe::GuestIndices>,
    pub(in crate::plugin) timer: Option<exported::timer::GuestIndices>,
    pub(in crate::plugin) flush: Option<exported::flush::GuestIndices>,
    pub(in crate::plugin) handover: Option<exported::handover::GuestIndices>,
    pub(in crate::plugin) http_handler: Option<exported::http_handler::GuestIndices>,
}

/// Its functions, of one instance.
pub(in crate::plugin) struct Functions {
    pub(in crate::plugin) processing: Option<processing::Guest>,
    pub(in crate::plugin) sampling: Option<sampling::Guest>,
    pub(in crate::plugin) exporting: Option<exported::exporting::Guest>,
    pub(in crate::plugin) connecting: Option<connecting::Guest>,
    pub(in crate::plugin) describe: Option<exported::describe::Guest>,
    pub(in crate::plugin) timer: Option<exported::timer::Guest>,
    pub(in crate::plugin) flush: Option<exported::flush::Guest>,
    pub(in crate::plugin) handover: Option<exported::handover::Guest>,
    pub(in crate::plugin) http_handler: Option<exported::http_handler::Guest>,
}

impl Exports {
    /// Finds what there is. Which of it there must be is the card's to say.
    pub(in crate::plugin) fn find(pre: InstancePre<Guest>, ticker: &Arc<Ticker>) -> Exports {
        Exports {
            ticker: ticker.clone(),
            processing: processing::GuestIndices::new(&pre).ok(),
            sampling: sampling::GuestIndices::new(&pre).ok(),
            exporting: exported::exporting::GuestIndices::new(&pre).ok(),
            connecting: connecting::GuestIndices::new(&pre).ok(),
            describe: exported::describe::GuestIndices::new(&pre).ok(),
            timer: exported::timer::GuestIndices::new(&pre).ok(),
            flush: exported::flush::GuestIndices::new(&pre).ok(),
            handover: exported::handover::GuestIndices::new(&pre).ok(),
            http_handler: exported::http_handler::GuestIndices::new(&pre).ok(),
            pre,
        }
    }

    /// The functions of an instance of it.
    pub(in crate::plugin) fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> Result<Functions> {
        macro_rules! load {
            ($export:ident) => {
                self.$export.as_ref().map(|indices| indices.load(&mut *store, instance)).transpose()?
            };
        }
        Ok(Functions {
            processing: load!(processing),
            sampling: load!(sampling),
            exporting: load!(exporting),
            connecting: load!(connecting),
            describe: load!(describe),
            timer: load!(timer),
            flush: load!(flush),
            handover: load!(handover),
            http_handler: load!(http_handler),
        })
    }
}
