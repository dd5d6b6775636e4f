//! From a config to stages: exporters with their queues, a fan-out a pipeline, an ingest a receiver.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use wire::Signal;

use crate::{
    component::{BuildContext, BuiltExporter, ComponentId, Registry},
    config::{Config, ConfigError, PipelineConfig, PipelineId},
    extension::Extensions,
    pipeline::{Consumer, Ingest, fan_out::FanOut, ingest::Entrance},
    receiver::Receiver,
    sending::Sending,
    telemetry::Telemetry,
};

/// What a config describes, built and ready to start.
pub(super) struct Graph {
    pub(super) receivers: Vec<(ComponentId, Box<dyn Receiver>, Ingest)>,
    /// One for each exporter that a pipeline names.
    pub(super) sendings: BTreeMap<ComponentId, Arc<Sending>>,
}

/// Builds what the pipelines use, from the back to the front.
pub(super) fn build(
    config: &Config,
    registry: &Registry,
    telemetry: &Arc<Telemetry>,
    extensions: &Extensions,
) -> Result<Graph, ConfigError> {
    let mut sendings = BTreeMap::new();
    for id in used(config, |pipeline| &pipeline.exporters) {
        let signals = signals_of(config, |pipeline| pipeline.exporters.contains(&id));
        let context = BuildContext { id: &id, telemetry, extensions };
        if let (Some(node), Some(factory)) = (config.exporters.get(&id), registry.exporter(&id.kind)) {
            let BuiltExporter { exporter, sending } =
                factory.build(node, &context).map_err(|error| error.within(node))?;
            let sending = Sending::start(&id.to_string(), &signals, exporter, &sending, telemetry);
            sendings.insert(id, sending);
        }
    }
    let entrances: Vec<(&PipelineId, &PipelineConfig, Entrance)> = (config.service.pipelines.iter())
        .map(|(id, pipeline)| (id, pipeline, entrance(id, pipeline, &sendings, telemetry)))
        .collect();
    let mut receivers = Vec::new();
    for id in used(config, |pipeline| &pipeline.receivers) {
        let of = |signal: Signal| -> Vec<Entrance> {
            (entrances.iter())
                .filter(|(pipeline, uses, _)| pipeline.signal == signal && uses.receivers.contains(&id))
                .map(|(_, _, entrance)| entrance.clone())
                .collect()
        };
        let ways_in = [of(Signal::Traces), of(Signal::Metrics), of(Signal::Logs)];
        let ingest = Ingest::new(&id.to_string(), telemetry.clone(), ways_in);
        let context = BuildContext { id: &id, telemetry, extensions };
        if let (Some(node), Some(factory)) = (config.receivers.get(&id), registry.receiver(&id.kind)) {
            let receiver = factory.build(node, &context).map_err(|error| error.within(node))?;
            receivers.push((id.clone(), receiver, ingest));
        }
    }
    Ok(Graph { receivers, sendings })
}

fn entrance(
    id: &PipelineId,
    pipeline: &PipelineConfig,
    sendings: &BTreeMap<ComponentId, Arc<Sending>>,
    telemetry: &Telemetry,
) -> Entrance {
    let mut accounts = Vec::new();
    let mut consumers: Vec<Arc<dyn Consumer>> = Vec::new();
    let exporters: BTreeSet<&ComponentId> = pipeline.exporters.iter().collect();
    for exporter in exporters {
        if let Some(sending) = sendings.get(exporter) {
            accounts.push(telemetry.ledger.open(&id.to_string(), &exporter.to_string()));
            consumers.push(sending.clone());
        }
    }
    Entrance { first: Arc::new(FanOut::new(consumers)), accounts: accounts.into() }
}

fn used<'a>(
    config: &'a Config,
    list: impl Fn(&'a PipelineConfig) -> &'a Vec<ComponentId>,
) -> BTreeSet<ComponentId> {
    config.service.pipelines.values().flat_map(list).cloned().collect()
}

fn signals_of(config: &Config, uses: impl Fn(&PipelineConfig) -> bool) -> Vec<Signal> {
    let signals: BTreeSet<Signal> = (config.service.pipelines.iter())
        .filter(|(_, pipeline)| uses(pipeline))
        .map(|(id, _)| id.signal)
        .collect();
    signals.into_iter().collect()
}
