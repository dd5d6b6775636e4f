//! The parts of a graph. A clone is the same part. Only its `made_of` may differ, if the part was changed in
//! place.

use std::sync::Arc;

use wire::Signal;

use crate::{
    component::{Connector, Processor, Receiver, SendingSettings},
    config::{Node, PipelineConfig, PipelineId},
    id::ComponentId,
    pipeline::{
        Consumer, Ingest,
        fan_out::{Destination, FanOut},
        ingest::Entrance,
        lead::Leads,
    },
    plugin::{Live, factory::PluginType},
    receipt::ledger::Account,
    running::Running,
    sending::Sending,
};

/// What a part was made of. A reload compares it with the next config to see whether the part can stay.
#[derive(Clone, Default)]
pub(in crate::service) struct MadeOf {
    pub(in crate::service) node: Node,
    /// The type of the plugin, if the part is a plugin.
    pub(in crate::service) plugin: Option<Arc<PluginType>>,
    /// The signals that an exporter or a connector is given, and those that it passes on.
    pub(in crate::service) signals: [Vec<Signal>; 2],
}

/// A receiver, and the way from it into the pipelines.
#[derive(Clone)]
pub(in crate::service) struct Intake {
    pub(in crate::service) made_of: MadeOf,
    pub(in crate::service) receiver: Arc<dyn Receiver>,
    /// The plugin, if the receiver is one.
    pub(in crate::service) live: Option<Live>,
    pub(in crate::service) ingest: Ingest,
    pub(in crate::service) running: Running,
}

/// A pipeline: its processors, and the fan-out to its exporters and connectors.
#[derive(Clone)]
pub(in crate::service) struct Chain {
    pub(in crate::service) id: PipelineId,
    pub(in crate::service) config: PipelineConfig,
    /// The processors from the front to the back.
    pub(in crate::service) stages: Vec<Stage>,
    pub(in crate::service) end: Arc<FanOut>,
    pub(in crate::service) leads: Leads,
    pub(super) first: Arc<dyn Consumer>,
    pub(super) accounts: Arc<[Arc<Account>]>,
}

#[derive(Clone)]
pub(in crate::service) struct Stage {
    pub(in crate::service) id: ComponentId,
    pub(in crate::service) made_of: MadeOf,
    pub(in crate::service) processor: Arc<dyn Processor>,
    /// The plugin, if the processor is one.
    pub(in crate::service) live: Option<Live>,
}

/// A connector, and the way from it into the pipelines behind it.
#[derive(Clone)]
pub(in crate::service) struct Junction {
    pub(in crate::service) id: ComponentId,
    pub(in crate::service) made_of: MadeOf,
    pub(in crate::service) connector: Arc<dyn Connector>,
    /// The plugin, if the connector is one.
    pub(in crate::service) live: Option<Live>,
    pub(in crate::service) ingest: Ingest,
    pub(in crate::service) leads: Leads,
}

/// An exporter with its queue.
#[derive(Clone)]
pub(in crate::service) struct Outlet {
    pub(in crate::service) made_of: MadeOf,
    pub(in crate::service) settings: SendingSettings,
    pub(in crate::service) sending: Arc<Sending>,
    /// The plugin, if the exporter is one.
    pub(in crate::service) live: Option<Live>,
    pub(in crate::service) leads: Leads,
}

impl MadeOf {
    /// Returns true if `next` asks for the same part. `self` is what the part was made of, and `live` runs it
    /// if it is a plugin.
    pub(super) fn is_still(&self, next: &MadeOf, live: Option<&Live>) -> bool {
        let same_type = match (&self.plugin, &next.plugin, live) {
            (None, None, _) => true,
            (Some(before), Some(next), Some(live)) => next.is_run_by(live, before),
            _ => false,
        };
        same_type && self.signals == next.signals && self.node.says_as(&next.node)
    }
}

impl Intake {
    pub(in crate::service) fn is(&self, other: &Intake) -> bool {
        Arc::ptr_eq(&self.receiver, &other.receiver)
    }
}

impl Chain {
    pub(in crate::service) fn is(&self, other: &Chain) -> bool {
        Arc::ptr_eq(&self.end, &other.end)
    }

    pub(super) fn entrance(&self) -> Entrance {
        let (first, accounts) = (self.first.clone(), self.accounts.clone());
        Entrance { first, accounts, lead: Some(self.leads.lead()) }
    }
}

impl Junction {
    pub(in crate::service) fn is(&self, other: &Junction) -> bool {
        Arc::ptr_eq(&self.connector, &other.connector)
    }

    pub(super) fn destination(&self, account: Arc<Account>) -> Destination {
        Destination { to: self.connector.clone(), account, lead: Some(self.leads.lead()) }
    }
}

impl Outlet {
    pub(in crate::service) fn is(&self, other: &Outlet) -> bool {
        Arc::ptr_eq(&self.sending, &other.sending)
    }

    pub(super) fn destination(&self, account: Arc<Account>) -> Destination {
        Destination { to: self.sending.clone(), account, lead: Some(self.leads.lead()) }
    }
}
