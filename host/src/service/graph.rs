//! From a config to stages: exporters with their queues, a fan-out and the processors a pipeline, an ingest a receiver
//! or connector.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use wire::Signal;

use crate::{
    component::{BuildContext, BuiltExporter, ComponentId, Registry},
    config::{
        Config, ConfigError, PipelineConfig, PipelineId,
        flow::{self, Wave},
    },
    connector::Connector,
    extension::Extensions,
    pipeline::{Consumer, Ingest, fan_out::FanOut, ingest::Entrance},
    processor::Processor,
    receiver::Receiver,
    sending::Sending,
    telemetry::Telemetry,
};

/// What a config describes, built and ready to start.
pub(super) struct Graph {
    pub(super) receivers: Vec<Entry>,
    /// From the front to the back.
    pub(super) waves: Vec<Stages>,
    /// One for each exporter that a pipeline names.
    pub(super) sendings: BTreeMap<ComponentId, Arc<Sending>>,
}

/// What may drain at one time, once what feeds it has drained: pipelines, then the connectors that only they feed.
#[derive(Default)]
pub(super) struct Stages {
    /// Those of each pipeline, from the front to the back.
    pub(super) processors: Vec<Vec<Arc<dyn Processor>>>,
    pub(super) connectors: Vec<Arc<dyn Connector>>,
}

/// A receiver and its way into the pipelines.
type Entry = (ComponentId, Box<dyn Receiver>, Ingest);

/// What building takes.
struct Builder<'a> {
    config: &'a Config,
    registry: &'a Registry,
    telemetry: &'a Arc<Telemetry>,
    extensions: &'a Extensions,
}

/// What has been built so far: all that a pipeline may lead to.
#[derive(Default)]
struct Built<'a> {
    sendings: BTreeMap<ComponentId, Arc<Sending>>,
    connectors: BTreeMap<ComponentId, Arc<dyn Connector>>,
    entrances: Vec<(&'a PipelineId, &'a PipelineConfig, Entrance)>,
}

/// Builds what the pipelines use, from the back to the front.
pub(super) async fn build(
    config: &Config,
    registry: &Registry,
    telemetry: &Arc<Telemetry>,
    extensions: &Extensions,
) -> Result<Graph, ConfigError> {
    let builder = Builder { config, registry, telemetry, extensions };
    let mut built = Built { sendings: builder.sendings().await?, ..Built::default() };
    let order = flow::waves(config).map_err(|cycle| ConfigError::new(cycle.to_string()))?;
    let mut waves = VecDeque::new();
    for wave in order.iter().rev() {
        waves.push_front(builder.wave(wave, &mut built).await?);
    }
    let receivers = builder.receivers(&built)?;
    Ok(Graph { receivers, waves: waves.into(), sendings: built.sendings })
}

impl Builder<'_> {
    fn context<'a>(&'a self, id: &'a ComponentId) -> BuildContext<'a> {
        BuildContext { id, telemetry: self.telemetry, extensions: self.extensions }
    }

    async fn sendings(&self) -> Result<BTreeMap<ComponentId, Arc<Sending>>, ConfigError> {
        let mut sendings = BTreeMap::new();
        for id in used(self.config, |pipeline| &pipeline.exporters) {
            let signals = signals_of(self.config, |pipeline| pipeline.exporters.contains(&id));
            if let (Some(node), Some(factory)) =
                (self.config.exporters.get(&id), self.registry.exporter(&id.kind))
            {
                let BuiltExporter { exporter, sending } =
                    factory.build(node, &self.context(&id)).await.map_err(|error| error.within(node))?;
                let sending = Sending::start(&id.to_string(), &signals, exporter, &sending, self.telemetry);
                sendings.insert(id, sending);
            }
        }
        Ok(sendings)
    }

    /// The connectors lead into pipelines of later waves, which have been built.
    async fn wave<'a>(&self, wave: &Wave<'a>, built: &mut Built<'a>) -> Result<Stages, ConfigError> {
        let mut stages = Stages::default();
        for id in &wave.connectors {
            if let (Some(node), Some(factory)) =
                (self.config.connectors.get(id), self.registry.connector(&id.kind))
            {
                let ingest = self.ingest(id, built);
                let connector = factory.build(node, &self.context(id), ingest).await;
                let connector = connector.map_err(|error| error.within(node))?;
                built.connectors.insert((*id).clone(), connector.clone());
                stages.connectors.push(connector);
            }
        }
        for (id, pipeline) in &wave.pipelines {
            let end = self.end(id, pipeline, built);
            let (entrance, processors) = self.processors(pipeline, end).await?;
            built.entrances.push((id, pipeline, entrance));
            stages.processors.push(processors);
        }
        Ok(stages)
    }

    /// A pipeline without its processors.
    fn end(&self, id: &PipelineId, pipeline: &PipelineConfig, built: &Built<'_>) -> Entrance {
        let mut accounts = Vec::new();
        let mut consumers: Vec<Arc<dyn Consumer>> = Vec::new();
        let exporters: BTreeSet<&ComponentId> = pipeline.exporters.iter().collect();
        for exporter in exporters {
            let sending = built.sendings.get(exporter).map(|sending| sending.clone() as Arc<dyn Consumer>);
            let connector = || built.connectors.get(exporter).map(|known| known.clone() as Arc<dyn Consumer>);
            if let Some(consumer) = sending.or_else(connector) {
                accounts.push(self.telemetry.ledger.open(&id.to_string(), &exporter.to_string()));
                consumers.push(consumer);
            }
        }
        Entrance { first: Arc::new(FanOut::new(consumers)), accounts: accounts.into() }
    }

    /// Into the pipelines that name the component as a receiver.
    fn ingest(&self, id: &ComponentId, built: &Built<'_>) -> Ingest {
        let of = |signal: Signal| -> Vec<Entrance> {
            (built.entrances.iter())
                .filter(|(pipeline, uses, _)| pipeline.signal == signal && uses.receivers.contains(id))
                .map(|(_, _, entrance)| entrance.clone())
                .collect()
        };
        Ingest::new(&id.to_string(), self.telemetry.clone(), Signal::ALL.map(of))
    }

    /// Puts the pipeline's processors before its end. Returns them from the front to the back.
    async fn processors(
        &self,
        pipeline: &PipelineConfig,
        end: Entrance,
    ) -> Result<(Entrance, Vec<Arc<dyn Processor>>), ConfigError> {
        let mut first = end.first;
        let mut processors = VecDeque::new();
        for id in pipeline.processors.iter().rev() {
            if let (Some(node), Some(factory)) =
                (self.config.processors.get(id), self.registry.processor(&id.kind))
            {
                let processor = factory
                    .build(node, &self.context(id), first)
                    .await
                    .map_err(|error| error.within(node))?;
                first = processor.clone();
                processors.push_front(processor);
            }
        }
        Ok((Entrance { first, accounts: end.accounts }, processors.into()))
    }

    fn receivers(&self, built: &Built<'_>) -> Result<Vec<Entry>, ConfigError> {
        let mut receivers = Vec::new();
        for id in used(self.config, |pipeline| &pipeline.receivers) {
            if let (Some(node), Some(factory)) =
                (self.config.receivers.get(&id), self.registry.receiver(&id.kind))
            {
                let ingest = self.ingest(&id, built);
                let receiver = factory.build(node, &self.context(&id)).map_err(|error| error.within(node))?;
                receivers.push((id, receiver, ingest));
            }
        }
        Ok(receivers)
    }
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

#[cfg(test)]
mod tests;
