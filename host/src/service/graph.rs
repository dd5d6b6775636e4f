//! From a config to stages: exporters with their queues, a fan-out and the processors a pipeline, an ingest a receiver.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use wire::Signal;

use crate::{
    component::{BuildContext, BuiltExporter, ComponentId, Registry},
    config::{Config, ConfigError, PipelineConfig, PipelineId},
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
    /// Those of each pipeline, from the front to the back.
    pub(super) processors: Vec<Vec<Arc<dyn Processor>>>,
    /// One for each exporter that a pipeline names.
    pub(super) sendings: BTreeMap<ComponentId, Arc<Sending>>,
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

/// Builds what the pipelines use, from the back to the front.
pub(super) async fn build(
    config: &Config,
    registry: &Registry,
    telemetry: &Arc<Telemetry>,
    extensions: &Extensions,
) -> Result<Graph, ConfigError> {
    let builder = Builder { config, registry, telemetry, extensions };
    let sendings = builder.sendings().await?;
    let mut entrances = Vec::new();
    let mut processors = Vec::new();
    for (id, pipeline) in &config.service.pipelines {
        let end = builder.end(id, pipeline, &sendings);
        let (entrance, stages) = builder.processors(pipeline, end).await?;
        entrances.push((id, pipeline, entrance));
        processors.push(stages);
    }
    let receivers = builder.receivers(&entrances)?;
    Ok(Graph { receivers, processors, sendings })
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

    /// A pipeline without its processors.
    fn end(
        &self,
        id: &PipelineId,
        pipeline: &PipelineConfig,
        sendings: &BTreeMap<ComponentId, Arc<Sending>>,
    ) -> Entrance {
        let mut accounts = Vec::new();
        let mut consumers: Vec<Arc<dyn Consumer>> = Vec::new();
        let exporters: BTreeSet<&ComponentId> = pipeline.exporters.iter().collect();
        for exporter in exporters {
            if let Some(sending) = sendings.get(exporter) {
                accounts.push(self.telemetry.ledger.open(&id.to_string(), &exporter.to_string()));
                consumers.push(sending.clone());
            }
        }
        Entrance { first: Arc::new(FanOut::new(consumers)), accounts: accounts.into() }
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

    fn receivers(
        &self,
        entrances: &[(&PipelineId, &PipelineConfig, Entrance)],
    ) -> Result<Vec<Entry>, ConfigError> {
        let mut receivers = Vec::new();
        for id in used(self.config, |pipeline| &pipeline.receivers) {
            let of = |signal: Signal| -> Vec<Entrance> {
                (entrances.iter())
                    .filter(|(pipeline, uses, _)| pipeline.signal == signal && uses.receivers.contains(&id))
                    .map(|(_, _, entrance)| entrance.clone())
                    .collect()
            };
            let ways_in = [of(Signal::Traces), of(Signal::Metrics), of(Signal::Logs)];
            let ingest = Ingest::new(&id.to_string(), self.telemetry.clone(), ways_in);
            if let (Some(node), Some(factory)) =
                (self.config.receivers.get(&id), self.registry.receiver(&id.kind))
            {
                let receiver = factory.build(node, &self.context(&id)).map_err(|error| error.within(node))?;
                receivers.push((id.clone(), receiver, ingest));
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
