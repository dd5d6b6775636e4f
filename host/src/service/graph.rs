//! The graph of a running service: its parts, and the connections between them.

mod build;
mod parts;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use wire::Signal;

pub(super) use build::{Change, Plan, plan};
pub(super) use parts::{Chain, Intake, Junction, Outlet};
use parts::{MadeOf, Stage};

use crate::{
    id::ComponentId,
    pipeline::{fan_out::Destination, ingest::Entrance},
    plugin::Live,
    receipt::ledger::Account,
};

/// The parts that a config describes. A part that the next config does not change belongs to both graphs.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) receivers: BTreeMap<ComponentId, Intake>,
    /// The waves of pipelines, in the direction in which batches flow.
    pub(super) waves: Vec<Wave>,
    /// Each exporter that a pipeline names.
    pub(super) exporters: BTreeMap<ComponentId, Outlet>,
}

/// Pipelines that may drain at the same time once the earlier waves have drained, and the connectors that
/// only these and earlier pipelines feed.
#[derive(Default)]
pub(super) struct Wave {
    pub(super) chains: Vec<Chain>,
    pub(super) connectors: Vec<Junction>,
}

impl Graph {
    pub(super) fn chains(&self) -> impl Iterator<Item = &Chain> {
        self.waves.iter().flat_map(|wave| &wave.chains)
    }

    pub(super) fn connectors(&self) -> impl Iterator<Item = &Junction> {
        self.waves.iter().flat_map(|wave| &wave.connectors)
    }

    fn connector(&self, id: &ComponentId) -> Option<&Junction> {
        self.connectors().find(|connector| connector.id == *id)
    }

    /// Makes each part lead to the parts that follow it in this graph, from the back to the front. A batch
    /// that passes meanwhile takes the old way or the new way.
    pub(super) fn connect(&self) {
        for wave in self.waves.iter().rev() {
            for connector in &wave.connectors {
                connector.ingest.lead_to(self.entrances(&connector.id));
            }
            for chain in &wave.chains {
                chain.end.lead_to(self.destinations(&chain.config.exporters, &chain.accounts));
            }
        }
        for (id, receiver) in &self.receivers {
            receiver.ingest.lead_to(self.entrances(id));
        }
    }

    /// Returns those of `exporters` that this graph has, each with its account among `accounts`.
    fn destinations(&self, exporters: &[ComponentId], accounts: &[Arc<Account>]) -> Vec<Destination> {
        let exporters: BTreeSet<&ComponentId> = exporters.iter().collect();
        let destination = |id: &ComponentId| {
            let name = id.to_string();
            let account = accounts.iter().find(|account| account.destination == name)?.clone();
            match self.exporters.get(id) {
                Some(exporter) => Some(exporter.destination(account)),
                None => Some(self.connector(id)?.destination(account)),
            }
        };
        exporters.into_iter().filter_map(destination).collect()
    }

    /// Returns, for each signal, the entrances of the pipelines that name the component as a receiver.
    fn entrances(&self, id: &ComponentId) -> [Vec<Entrance>; 3] {
        Signal::ALL.map(|signal| {
            let chains = self.waves.iter().rev().flat_map(|wave| &wave.chains);
            let of_signal = chains.filter(|chain| chain.id.signal == signal);
            of_signal.filter(|chain| chain.config.receivers.contains(id)).map(Chain::entrance).collect()
        })
    }

    /// Returns the components that are plugins.
    pub(super) fn lives(&self) -> Vec<Live> {
        let stages = self.chains().flat_map(|chain| &chain.stages);
        let processors = stages.filter_map(|stage| stage.live.clone());
        let connectors = self.connectors().filter_map(|connector| connector.live.clone());
        let exporters = self.exporters.values().filter_map(|exporter| exporter.live.clone());
        let receivers = self.receivers.values().filter_map(|receiver| receiver.live.clone());
        processors.chain(connectors).chain(exporters).chain(receivers).collect()
    }
}

#[cfg(test)]
mod tests;
