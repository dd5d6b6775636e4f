//! A compiled and linked component, with its exports.

use std::sync::Arc;

use wasmtime::component::InstancePre;

use super::{Guest, interface::ComponentExports, ticker::Ticker, versions::Version};
use crate::plugin::load::card::Optional;

/// The parts from which instances of a component are made.
#[derive(Clone)]
pub(in crate::plugin) struct Exports {
    pub(in crate::plugin) pre: InstancePre<Guest>,
    /// The ticker of the component's engine.
    pub(in crate::plugin) ticker: Arc<Ticker>,
    pub(in crate::plugin) functions: Arc<dyn ComponentExports>,
}

impl Exports {
    /// Finds the component's exports, in the version that it was built against.
    pub(in crate::plugin) fn find(
        pre: InstancePre<Guest>,
        version: &Version,
        ticker: &Arc<Ticker>,
    ) -> Exports {
        Exports { functions: (version.exports)(&pre), ticker: ticker.clone(), pre }
    }

    pub(in crate::plugin) fn has(&self, export: Optional) -> bool {
        self.functions.has(export)
    }
}
