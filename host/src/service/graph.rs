//! What runs: its parts, and how they lead to one another.

mod build;
mod parts;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use wire::Signal;

pub(super) use build::{Plan, Revision, plan};
pub(super) use parts::{Chain, Intake, Junction, Outlet};
use parts::{MadeOf, Stage};

use crate::{
    id::ComponentId,
    pipeline::{fan_out::Destination, ingest::Entrance},
    plugin::Live,
    receipt::ledger::Account,
};

/// What a config describes. A part that a later config leaves as it is belongs to both graphs.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) receivers: BTreeMap<ComponentId, Intake>,
    /// From the front to the back.
    pub(super) waves: Vec<Wave>,
    /// One for each exporter that a pipeline names.
    pub(super) exporters: BTreeMap<ComponentId, Outlet>,
}

/// What may drain at one time, once what feeds it has drained: pipelines, then the connectors that only they feed.
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

    /// Has everything lead where this graph has it lead, from the back to the front. Each batch goes one way or the other.
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

    /// What is there of them, each with its account of those of a pipeline.
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

    /// Into the pipelines that name the component as a receiver.
    fn entrances(&self, id: &ComponentId) -> [Vec<Entrance>; 3] {
        Signal::ALL.map(|signal| {
            let chains = self.waves.iter().rev().flat_map(|wave| &wave.chains);
            let of_signal = chains.filter(|chain| chain.id.signal == signal);
            of_signal.filter(|chain| chain.config.receivers.contains(id)).map(Chain::entrance).collect()
        })
    }

    /// The components that are plugins.
    pub(super) fn lives(&self) -> Vec<Live> {
        let stages = self.chains().flat_map(|chain| &chain.stages);
        let processors = stages.filter_map(|stage| stage.live.clone());
        let connectors = self.connectors().filter_map(|connector| connector.live.clone());
        let exporters = self.exporters.values().filter_map(|exporter| exporter.live.clone());
        processors.chain(connectors).chain(exporters).collect()
    }
}

#[cfg(test)]
mod tests;
