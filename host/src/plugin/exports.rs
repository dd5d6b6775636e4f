//! What a plugin exports.

use std::sync::Arc;

use wasmtime::{
    Result, Store,
    component::{Instance, InstancePre},
};

use super::{
    bindings::exported::{self, connecting, processing, sampling},
    guest::Guest,
    ticker::Ticker,
};

/// What a plugin exports, found once.
#[derive(Clone)]
pub(super) struct Exports {
    pub(super) pre: InstancePre<Guest>,
    /// Of its engine.
    pub(super) ticker: Arc<Ticker>,
    pub(super) processing: Option<processing::GuestIndices>,
    pub(super) sampling: Option<sampling::GuestIndices>,
    pub(super) exporting: Option<exported::exporting::GuestIndices>,
    pub(super) connecting: Option<connecting::GuestIndices>,
    pub(super) describe: Option<exported::describe::GuestIndices>,
    pub(super) timer: Option<exported::timer::GuestIndices>,
    pub(super) flush: Option<exported::flush::GuestIndices>,
    pub(super) handover: Option<exported::handover::GuestIndices>,
    pub(super) http_handler: Option<exported::http_handler::GuestIndices>,
}

/// Its functions, of one instance.
pub(super) struct Functions {
    pub(super) processing: Option<processing::Guest>,
    pub(super) sampling: Option<sampling::Guest>,
    pub(super) exporting: Option<exported::exporting::Guest>,
    pub(super) connecting: Option<connecting::Guest>,
    pub(super) describe: Option<exported::describe::Guest>,
    pub(super) timer: Option<exported::timer::Guest>,
    pub(super) flush: Option<exported::flush::Guest>,
    pub(super) handover: Option<exported::handover::Guest>,
    pub(super) http_handler: Option<exported::http_handler::Guest>,
}

impl Exports {
    /// Finds what there is. Which of it there must be is the card's to say.
    pub(super) fn find(pre: InstancePre<Guest>, ticker: &Arc<Ticker>) -> Exports {
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
    pub(super) fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> Result<Functions> {
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
