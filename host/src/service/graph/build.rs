//! Builds a graph from a config: first exporters with their queues, then wave by wave from the back
//! connectors, fan-outs and processors, and then receivers. Parts of the previous graph that can stay are
//! reused.

use std::{collections::BTreeSet, sync::Arc};

use tokio::time::Instant;
use wire::Signal;

use super::{Chain, Graph, Intake, Junction, MadeOf, Outlet, Stage, Wave};
use crate::{
    component::{BuildContext, BuiltExporter, Extensions, Revise},
    config::{ConfigError, Node, PipelineConfig, PipelineId},
    id::{ComponentId, Kind},
    pipeline::{Consumer, Ingest, fan_out::FanOut, lead::Leads},
    plugin::{Live, Prepared},
    running::Running,
    sending::Sending,
    service::{
        Opened,
        changes::{Changes, What},
        flow::{self, Wave as WaveConfig},
        samplers,
    },
    telemetry::Telemetry,
};

/// A graph that may replace the previous one, and the changes that are made when it does.
#[derive(Default)]
pub(in crate::service) struct Plan {
    pub(in crate::service) graph: Graph,
    /// Components that are changed in place.
    pub(in crate::service) revisions: Vec<Revision>,
    /// Plugins that stopped listening, because a new plugin needs their address.
    pub(in crate::service) silenced: Vec<Live>,
    pub(in crate::service) changes: Changes,
}

/// A running component, and its prepared change.
pub(in crate::service) struct Revision {
    kind: Kind,
    component: String,
    pub(in crate::service) change: Change,
}

/// How a component changes in place.
pub(in crate::service) enum Change {
    Plugin { live: Live, next: Prepared },
    Native(Revise),
}

impl Revision {
    fn is_of(&self, plugin: &Live) -> bool {
        matches!(&self.change, Change::Plugin { live, .. } if live.is(plugin))
    }
}

impl Plan {
    /// Returns the plugins of the previous graph that stay unchanged.
    pub(in crate::service) fn untouched(&self, before: &Graph) -> Vec<Live> {
        let is_revised = |live: &Live| self.revisions.iter().any(|revision| revision.is_of(live));
        let is_new = |live: &Live| !before.lives().iter().any(|known| known.is(live));
        self.graph.lives().into_iter().filter(|live| !is_revised(live) && !is_new(live)).collect()
    }
}

/// The inputs and the result of building a graph.
struct Builder<'a> {
    opened: &'a Opened,
    telemetry: &'a Arc<Telemetry>,
    extensions: &'a Extensions,
    before: &'a Graph,
    plan: Plan,
}

/// Builds the parts that the pipelines use and that do not exist yet. Running parts are not touched, except
/// that a plugin stops listening if a new one needs its address. If a part cannot be built, the plan holds
/// the parts that were built before.
pub(in crate::service) async fn plan(
    opened: &Opened,
    telemetry: &Arc<Telemetry>,
    extensions: &Extensions,
    before: &Graph,
) -> (Plan, Result<(), ConfigError>) {
    let mut builder = Builder { opened, telemetry, extensions, before, plan: Plan::default() };
    let outcome = builder.build().await;
    let mut plan = builder.plan;
    for Revision { kind, component, .. } in &plan.revisions {
        plan.changes.note(What::Changed, kind, component);
    }
    plan.changes.compare(before, &plan.graph);
    (plan, outcome)
}

impl<'a> Builder<'a> {
    async fn build(&mut self) -> Result<(), ConfigError> {
        let opened = self.opened;
        self.silence_what_goes().await;
        for id in used(opened, |pipeline| &pipeline.exporters) {
            self.exporter(id).await?;
        }
        let order = flow::waves(&opened.config).map_err(|cycle| ConfigError::new(cycle.to_string()))?;
        for wave in order.iter().rev() {
            self.wave(wave).await?;
        }
        for id in used(opened, |pipeline| &pipeline.receivers) {
            self.receiver(id).await?;
        }
        Ok(())
    }

    async fn exporter(&mut self, id: &ComponentId) -> Result<(), ConfigError> {
        let Some(node) = self.opened.config.exporters.get(id) else { return Ok(()) };
        let Some(factory) = self.opened.registry.exporter(&id.component_type) else { return Ok(()) };
        let signals = signals(self.opened, |pipeline| pipeline.exporters.contains(id));
        let made_of = self.made_of(Kind::Exporter, id, node, [signals, Vec::new()]);
        if let Some(known) = self.before.exporters.get(id) {
            let live = known.live.clone();
            let fed_alike = known.made_of.signals == made_of.signals
                && made_of.plugin.as_ref().is_none_or(|plugin| {
                    plugin.sending_settings(node).is_ok_and(|settings| settings == known.settings)
                });
            if fed_alike && self.is_had(&known.made_of, &made_of, live.as_ref()).await {
                self.plan.graph.exporters.insert(id.clone(), Outlet { made_of, ..known.clone() });
                return Ok(());
            }
            self.silence(live).await;
        }
        let context = self.context(id);
        let built = match &made_of.plugin {
            Some(plugin) => plugin.exporter(node, &context).await.map(|(built, live)| (built, Some(live))),
            None => factory.build(node, &context).await.map(|built| (built, None)),
        };
        let (BuiltExporter { exporter, sending: settings }, live) =
            built.map_err(|error| error.within(node))?;
        let [signals, _] = &made_of.signals;
        let sending = Sending::start(&id.to_string(), signals, exporter, &settings, self.telemetry);
        let outlet = Outlet { made_of, settings, sending, live, leads: Leads::default() };
        self.plan.graph.exporters.insert(id.clone(), outlet);
        Ok(())
    }

    /// The connectors lead into pipelines of later waves, which have been built.
    async fn wave(&mut self, wave: &WaveConfig<'_>) -> Result<(), ConfigError> {
        self.plan.graph.waves.insert(0, Wave::default());
        for id in &wave.connectors {
            if let Some(junction) = self.connector(id).await?
                && let Some(wave) = self.plan.graph.waves.first_mut()
            {
                wave.connectors.push(junction);
            }
        }
        for (id, pipeline) in &wave.pipelines {
            let chain = self.chain(id, pipeline).await?;
            if let Some(wave) = self.plan.graph.waves.first_mut() {
                wave.chains.push(chain);
            }
        }
        Ok(())
    }

    async fn connector(&mut self, id: &ComponentId) -> Result<Option<Junction>, ConfigError> {
        let Some(node) = self.opened.config.connectors.get(id) else { return Ok(None) };
        let Some(factory) = self.opened.registry.connector(&id.component_type) else { return Ok(None) };
        let takes = signals(self.opened, |pipeline| pipeline.exporters.contains(id));
        let emits = signals(self.opened, |pipeline| pipeline.receivers.contains(id));
        let made_of = self.made_of(Kind::Connector, id, node, [takes, emits]);
        if let Some(known) = self.before.connector(id) {
            let live = known.live.clone();
            if known.made_of.signals == made_of.signals
                && self.is_had(&known.made_of, &made_of, live.as_ref()).await
            {
                return Ok(Some(Junction { made_of, ..known.clone() }));
            }
            self.silence(live).await;
        }
        let ingest = self.ingest(id);
        let (context, leads_into) = (self.context(id), ingest.clone());
        let built = match &made_of.plugin {
            Some(plugin) => {
                plugin.connector(node, &context, leads_into).await.map(|(built, live)| (built, Some(live)))
            }
            None => factory.build(node, &context, leads_into).await.map(|built| (built, None)),
        };
        let (connector, live) = built.map_err(|error| error.within(node))?;
        let id = id.clone();
        Ok(Some(Junction { id, made_of, connector, live, ingest, leads: Leads::default() }))
    }

    /// Returns the running chain, if the pipeline still has the same processors and leads to the same
    /// destinations.
    async fn kept_chain(&mut self, known: &Chain, pipeline: &PipelineConfig) -> Option<Chain> {
        let destinations = |of: &PipelineConfig| of.exporters.iter().cloned().collect::<BTreeSet<_>>();
        if known.config.processors != pipeline.processors
            || destinations(&known.config) != destinations(pipeline)
        {
            return None;
        }
        let all = samplers::all(&self.opened.config, &self.opened.registry, pipeline);
        if !all.iter().eq(known.stages.iter().map(|stage| &stage.id)) {
            return None;
        }
        let revisions = self.plan.revisions.len();
        let mut chain = Chain { config: pipeline.clone(), ..known.clone() };
        for stage in &mut chain.stages {
            let node = self.opened.config.processors.get(&stage.id)?;
            let made_of = self.made_of(Kind::Processor, &stage.id, node, <[Vec<Signal>; 2]>::default());
            let is_had = self.is_had(&stage.made_of, &made_of, stage.live.as_ref()).await;
            if !is_had && !self.revises(stage, &made_of) {
                // The stages before this one are built again too.
                self.plan.revisions.truncate(revisions);
                return None;
            }
            stage.made_of = made_of;
        }
        Some(chain)
    }

    async fn chain(&mut self, id: &PipelineId, pipeline: &PipelineConfig) -> Result<Chain, ConfigError> {
        if let Some(known) = self.before.chains().find(|chain| chain.id == *id) {
            if let Some(kept) = self.kept_chain(known, pipeline).await {
                return Ok(kept);
            }
            for stage in &known.stages {
                self.silence(stage.live.clone()).await;
            }
        }
        self.new_chain(id, pipeline).await
    }

    async fn new_chain(&mut self, id: &PipelineId, pipeline: &PipelineConfig) -> Result<Chain, ConfigError> {
        let exporters: BTreeSet<&ComponentId> = pipeline.exporters.iter().collect();
        let ledger = &self.telemetry.ledger;
        let accounts = exporters.iter().map(|exporter| ledger.open(&id.to_string(), &exporter.to_string()));
        let accounts: Arc<[_]> = accounts.collect();
        let destinations = self.plan.graph.destinations(&pipeline.exporters, &accounts);
        let end = Arc::new(FanOut::new(destinations));
        let mut stages = Vec::new();
        let before = self.before;
        let known = before.chains().find(|chain| chain.id == *id);
        let outcome = self.stages(pipeline, known, end.clone(), &mut stages).await;
        stages.reverse();
        let first = stages.first().map(|stage| stage.processor.clone() as Arc<dyn Consumer>);
        let first = first.unwrap_or_else(|| end.clone());
        let (id, config, leads) = (id.clone(), pipeline.clone(), Leads::default());
        let chain = Chain { id, config, stages, end, leads, first, accounts };
        if let Err(error) = outcome {
            for stage in &chain.stages {
                stage.processor.shutdown(Instant::now()).await;
            }
            return Err(error);
        }
        Ok(chain)
    }

    /// Builds the pipeline's processors from the back to the front, each with the sampler behind it. `known` is the
    /// chain that the pipeline had before.
    async fn stages(
        &mut self,
        pipeline: &PipelineConfig,
        known: Option<&Chain>,
        end: Arc<FanOut>,
        stages: &mut Vec<Stage>,
    ) -> Result<(), ConfigError> {
        let mut next: Arc<dyn Consumer> = end;
        for id in pipeline.processors.iter().rev() {
            let Some(stage) = self.stage(id, known, next.clone()).await? else { continue };
            next = stage.processor.clone();
            let sampler = self.sampler_behind(&stage, known).await;
            let outcome = sampler.map(|sampler| stages.extend(sampler));
            stages.push(stage);
            outcome?;
        }
        Ok(())
    }

    async fn stage(
        &mut self,
        id: &ComponentId,
        known: Option<&Chain>,
        next: Arc<dyn Consumer>,
    ) -> Result<Option<Stage>, ConfigError> {
        let Some(node) = self.opened.config.processors.get(id) else { return Ok(None) };
        let Some(factory) = self.opened.registry.processor(&id.component_type) else { return Ok(None) };
        let made_of = self.made_of(Kind::Processor, id, node, <[Vec<Signal>; 2]>::default());
        let known = known.and_then(|chain| chain.stages.iter().find(|stage| stage.id == *id));
        let former = known.and_then(|stage| stage.processor.legacy());
        let context = BuildContext { former, ..self.context(id) };
        let built = match &made_of.plugin {
            Some(plugin) => {
                plugin.processor(node, &context, next).await.map(|(built, live)| (built, Some(live)))
            }
            None => factory.build(node, &context, next).await.map(|built| (built, None)),
        };
        let (processor, live) = built.map_err(|error| error.within(node))?;
        Ok(Some(Stage { id: id.clone(), made_of, processor, live }))
    }

    /// Builds the sampler behind a processor, and makes the processor lead to it.
    async fn sampler_behind(
        &mut self,
        stage: &Stage,
        known: Option<&Chain>,
    ) -> Result<Option<Stage>, ConfigError> {
        let Some(gathers) = stage.processor.gathers() else { return Ok(None) };
        let sampler = samplers::behind(&self.opened.config, &self.opened.registry, &stage.id);
        let Some(sampler) = sampler else { return Ok(None) };
        let built = self.stage(&sampler.id, known, gathers.behind_sampler()).await?;
        if let Some(built) = &built {
            gathers.lead_to(built.processor.clone());
        }
        Ok(built)
    }

    async fn receiver(&mut self, id: &ComponentId) -> Result<(), ConfigError> {
        let Some(node) = self.opened.config.receivers.get(id) else { return Ok(()) };
        let Some(factory) = self.opened.registry.receiver(&id.component_type) else { return Ok(()) };
        let made_of = self.made_of(Kind::Receiver, id, node, <[Vec<Signal>; 2]>::default());
        let known = self.before.receivers.get(id);
        if let Some(known) = known {
            let plugin = made_of.plugin.as_ref();
            let listens_alike = plugin.is_none_or(|plugin| plugin.listens_alike(&known.made_of.node, node));
            if listens_alike && self.is_had(&known.made_of, &made_of, known.live.as_ref()).await {
                self.plan.graph.receivers.insert(id.clone(), Intake { made_of, ..known.clone() });
                return Ok(());
            }
        }
        let context = self.context(id);
        let built = match &made_of.plugin {
            Some(plugin) => plugin.receiver(node, &context).await.map(|(built, live)| (built, Some(live))),
            None => factory.build(node, &context).await.map(|built| (built, None)),
        };
        let (receiver, live) = built.map_err(|error| error.within(node))?;
        // Requests that the old receiver still has go the same way as the new receiver's.
        let ingest = known.map_or_else(|| self.ingest(id), |known| known.ingest.clone());
        let intake = Intake { made_of, receiver, live, ingest, running: Running::default() };
        self.plan.graph.receivers.insert(id.clone(), intake);
        Ok(())
    }

    /// Returns whether the running component matches the config, or can be changed in place to match it.
    async fn is_had(&mut self, known: &MadeOf, next: &MadeOf, live: Option<&Live>) -> bool {
        if known.is_still(next, live) {
            return true;
        }
        let (Some(live), Some(_), Some(plugin)) = (live, &known.plugin, &next.plugin) else { return false };
        match plugin.prepare(live, &next.node).await {
            Ok(next) => {
                let (component, live) = (live.component().to_owned(), live.clone());
                let change = Change::Plugin { live, next };
                self.plan.revisions.push(Revision { kind: plugin.kind(), component, change });
                true
            }
            // The component is built again. If that fails too, that error is returned.
            Err(why) => {
                tracing::info!(component = live.component(), "is built anew: {why}");
                false
            }
        }
    }

    /// Returns whether a native processor can be changed in place.
    fn revises(&mut self, stage: &Stage, next: &MadeOf) -> bool {
        if stage.made_of.plugin.is_some() || next.plugin.is_some() {
            return false;
        }
        let Some(revise) = stage.processor.revise(&next.node) else { return false };
        let (kind, component) = (Kind::Processor, stage.id.to_string());
        self.plan.revisions.push(Revision { kind, component, change: Change::Native(revise) });
        true
    }

    /// Stops the listeners of components that the config no longer has, because others may need their
    /// addresses.
    async fn silence_what_goes(&mut self) {
        let (opened, before) = (self.opened, self.before);
        let exporters = used(opened, |one| &one.exporters);
        let pipelines = opened.config.service.pipelines.values();
        let processors = pipelines.flat_map(|one| samplers::all(&opened.config, &opened.registry, one));
        let processors: BTreeSet<ComponentId> = processors.collect();
        let of_exporters = before.exporters.iter().filter(|(id, _)| !exporters.contains(id));
        let of_connectors = before.connectors().filter(|one| !exporters.contains(&one.id));
        let stages = before.chains().flat_map(|chain| &chain.stages);
        let of_processors = stages.filter(|stage| !processors.contains(&stage.id));
        let gone = (of_exporters.filter_map(|(_, one)| one.live.clone()))
            .chain(of_connectors.filter_map(|one| one.live.clone()))
            .chain(of_processors.filter_map(|one| one.live.clone()));
        for live in gone {
            self.silence(Some(live)).await;
        }
    }

    /// Stops a plugin's listener, because only one part can listen on an address.
    async fn silence(&mut self, live: Option<Live>) {
        if let Some(live) = live
            && live.stop_listening().await
        {
            self.plan.silenced.push(live);
        }
    }

    fn made_of(&self, kind: Kind, id: &ComponentId, node: &Node, signals: [Vec<Signal>; 2]) -> MadeOf {
        MadeOf {
            node: node.clone(),
            plugin: self.opened.plugins.find(kind, &id.component_type).cloned(),
            signals,
        }
    }

    fn context<'b>(&self, id: &'b ComponentId) -> BuildContext<'b>
    where
        'a: 'b,
    {
        BuildContext { id, telemetry: self.telemetry, extensions: self.extensions, former: None }
    }

    fn ingest(&self, id: &ComponentId) -> Ingest {
        Ingest::new(&id.to_string(), self.telemetry.clone(), self.plan.graph.entrances(id))
    }
}

fn used(opened: &Opened, list: impl Fn(&PipelineConfig) -> &Vec<ComponentId>) -> BTreeSet<&ComponentId> {
    opened.config.service.pipelines.values().flat_map(list).collect()
}

fn signals(opened: &Opened, uses: impl Fn(&PipelineConfig) -> bool) -> Vec<Signal> {
    let pipelines = &opened.config.service.pipelines;
    let signals: BTreeSet<Signal> =
        pipelines.iter().filter(|(_, pipeline)| uses(pipeline)).map(|(id, _)| id.signal).collect();
    signals.into_iter().collect()
}
