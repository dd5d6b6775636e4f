//! Tests pipelines with processors, from the config to the data that arrives.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::*;
use crate::{
    component::{
        BuildContext, BuiltExporter, Connector, ConnectorFactory, ExportError, Exported, Exporter,
        ExporterFactory, Extensions, Factory, Processor, ProcessorFactory, Receiver, ReceiverFactory,
        Registry, SendingSettings,
    },
    config::{Config, ConfigError, Node, load::load},
    pipeline::{
        Batch, Consumer, Ingest, Refused,
        ingest::{Acknowledge, Door},
    },
    plugin::factory::Plugins,
    running::Running,
    service::Opened,
    telemetry::Telemetry,
};

/// What the components did, in order.
type Log = Arc<Mutex<Vec<String>>>;

/// A factory and a component of every type. Each notes what it does.
#[derive(Clone)]
struct Noting {
    name: &'static str,
    log: Log,
}

struct Stage {
    id: String,
    log: Log,
    next: Arc<dyn Consumer>,
}

impl Noting {
    fn note(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }
}

impl Factory for Noting {
    fn name(&self) -> &str {
        self.name
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces, Signal::Logs]
    }

    fn check(&self, _: &Node) -> Result<(), ConfigError> {
        Ok(())
    }
}

#[async_trait::async_trait]
impl ReceiverFactory for Noting {
    async fn build(&self, _: &Node, _: &BuildContext<'_>) -> Result<Arc<dyn Receiver>, ConfigError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl ProcessorFactory for Noting {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<Arc<dyn Processor>, ConfigError> {
        if config.get("wrong").is_some() {
            return Err(ConfigError::on("wrong", "this is wrong"));
        }
        self.note(format!("build {}", context.id));
        Ok(Arc::new(Stage { id: context.id.to_string(), log: self.log.clone(), next }))
    }
}

#[async_trait::async_trait]
impl ExporterFactory for Noting {
    async fn build(&self, _: &Node, _: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        Ok(BuiltExporter { exporter: Arc::new(self.clone()), sending: SendingSettings::direct() })
    }
}

/// A connector that passes on each batch, and passes on its last batch again when it is drained.
struct Link {
    id: String,
    log: Log,
    doors: [Door; 3],
    last: Mutex<Option<wire::Batch>>,
}

#[async_trait::async_trait]
impl ConnectorFactory for Noting {
    async fn build(
        &self,
        _: &Node,
        context: &BuildContext<'_>,
        ingest: Ingest,
    ) -> Result<Arc<dyn Connector>, ConfigError> {
        self.note(format!("build {}", context.id));
        let doors = Signal::ALL.map(|signal| ingest.door(signal, Door::CONNECTOR, Acknowledge::Accepted));
        let (id, log) = (context.id.to_string(), self.log.clone());
        Ok(Arc::new(Link { id, log, doors, last: Mutex::default() }))
    }
}

#[async_trait::async_trait]
impl Consumer for Link {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        self.log.lock().unwrap().push(format!("{} {}", self.id, batch.data.signal()));
        *self.last.lock().unwrap() = Some(batch.data.clone());
        self.doors[batch.data.signal() as usize].forward(batch).await
    }
}

#[async_trait::async_trait]
impl Connector for Link {
    async fn shutdown(&self, _: Instant) {
        self.log.lock().unwrap().push(format!("drain {}", self.id));
        let last = self.last.lock().unwrap().take();
        if let Some(last) = last {
            self.doors[last.signal() as usize].bring(last).await;
        }
    }
}

#[async_trait::async_trait]
impl Receiver for Noting {
    async fn start(&self, _: Ingest, _: &Running) -> anyhow::Result<()> {
        Ok(())
    }
}

#[async_trait::async_trait]
impl Exporter for Noting {
    async fn export(&self, data: &wire::Batch) -> Result<Exported, ExportError> {
        self.note(format!("export {}", data.signal()));
        Ok(Exported::default())
    }
}

#[async_trait::async_trait]
impl Consumer for Stage {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        self.log.lock().unwrap().push(format!("{} {}", self.id, batch.data.signal()));
        self.next.consume(batch).await
    }
}

#[async_trait::async_trait]
impl Processor for Stage {
    async fn shutdown(&self, _: Instant) {
        self.log.lock().unwrap().push(format!("drain {}", self.id));
    }
}

const CONFIG: &str = "yaml:{
    receivers: {in: }, processors: {step/a: , step/b: }, exporters: {out: },
    service: {pipelines: {
        traces: {receivers: [in], processors: [step/b, step/a], exporters: [out]},
        logs: {receivers: [in], processors: [step/a], exporters: [out]},
    }}
}";

/// A request with one resource, one scope and one item without fields. It is valid for spans and for log
/// records.
const ONE_ITEM: &[u8] = &[0x0a, 4, 0x12, 2, 0x12, 0];

/// Builds the graph of a config. Returns the graph, and the log since the start of the build.
async fn built(config: &str, sets: &[&str]) -> (Result<Graph, ConfigError>, Log) {
    let log = Log::default();
    let of = |name| Arc::new(Noting { name, log: log.clone() });
    let registry = Registry {
        receivers: vec![of("in")],
        processors: vec![of("step")],
        exporters: vec![of("out")],
        connectors: vec![of("link")],
        extensions: Vec::new(),
    };
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let opened = opened(config, &sets, registry);
    let (plan, outcome) = plan(&opened, &Telemetry::new(), &Extensions::default(), &Graph::default()).await;
    (outcome.map(|()| plan.graph), log)
}

fn opened(config: &str, sets: &[String], registry: Registry) -> Opened {
    let root = load(&[config.to_owned()], sets, &|_| None).unwrap().root;
    let (config, findings) = Config::read(&root);
    assert!(findings.is_empty(), "{findings:?}");
    Opened { config, registry, plugins: Plugins::default(), warnings: Vec::new(), files: Vec::new() }
}

fn ingest(graph: &Graph) -> &Ingest {
    &graph.receivers.values().next().unwrap().ingest
}

fn noted(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// Scenario: two pipelines name the same processor.
/// Guarantees: each pipeline has a processor of its own, which passes batches to the next part of its own
/// pipeline.
#[tokio::test]
async fn each_pipeline_has_processors_of_its_own_in_their_order() {
    let (graph, log) = built(CONFIG, &[]).await;
    let graph = graph.unwrap();
    assert_eq!(noted(&log), ["build step/a", "build step/b", "build step/a"], "the back before the front");
    let ingest = ingest(&graph);
    for (signal, expected) in [
        (Signal::Traces, ["step/b traces", "step/a traces", "export traces"].as_slice()),
        (Signal::Logs, &["step/a logs", "export logs"]),
    ] {
        let one = wire::Batch::decode(signal, bytes::Bytes::from_static(ONE_ITEM)).unwrap();
        ingest.door(signal, "grpc", Acknowledge::Delivered).submit(one).await.unwrap();
        assert_eq!(noted(&log), expected);
    }
}

/// Scenario: a pipeline with two processors drains.
/// Guarantees: the front one drains before the back one, which can still take what the front one passes on.
#[tokio::test]
async fn processors_drain_from_the_front_to_the_back() {
    let (graph, log) = built(CONFIG, &[]).await;
    let graph = graph.unwrap();
    noted(&log);
    crate::service::drain(&graph.waves, Instant::now()).await;
    let mut drained = noted(&log);
    drained.retain(|what| what.starts_with("drain"));
    assert_eq!(drained, ["drain step/b", "drain step/a", "drain step/a"]);
}

/// Scenario: the config of a processor is wrong.
/// Guarantees: the build fails, and the error names the place in the config.
#[tokio::test]
async fn a_processor_that_cannot_be_built_is_an_error_at_its_place() {
    let (graph, _) = built(CONFIG, &["processors::step/a::wrong=1"]).await;
    let error = graph.map(drop).unwrap_err().to_string();
    assert!(error.starts_with("error: this is wrong\n --> --set processors::step/a::wrong:1:1"), "{error}");
}

const CONNECTED: &str = "yaml:{
    receivers: {in: }, processors: {step/a: , step/b: , step/c: }, exporters: {out: }, connectors: {link: , link/2: },
    service: {pipelines: {
        traces: {receivers: [link/2], processors: [step/c], exporters: [out]},
        traces/2: {receivers: [link, in], processors: [step/b], exporters: [link/2, out]},
        traces/3: {receivers: [in], processors: [step/a], exporters: [link]},
    }}
}";

/// Scenario: connectors join three pipelines, and the names sort in another order than the data flows.
/// Guarantees: each part is built after the parts that it leads to.
#[tokio::test]
async fn pipelines_that_connectors_join_are_built_from_the_back_to_the_front() {
    let (graph, log) = built(CONNECTED, &[]).await;
    let graph = graph.unwrap();
    assert_eq!(noted(&log), ["build step/c", "build link/2", "build step/b", "build link", "build step/a"]);
    let ingest = ingest(&graph);
    let one = wire::Batch::decode(Signal::Traces, bytes::Bytes::from_static(ONE_ITEM)).unwrap();
    ingest.door(Signal::Traces, "grpc", Acknowledge::Delivered).submit(one).await.unwrap();
    let mut noted = noted(&log);
    noted.retain(|what| what.starts_with("link") || what.starts_with("step/c"));
    // The batch enters two pipelines, and reaches the last pipeline from both.
    assert_eq!(noted, ["link/2 traces", "step/c traces", "link traces", "link/2 traces", "step/c traces"]);
}

/// Scenario: connectors that pass on data while they drain join three pipelines.
/// Guarantees: a connector drains after the pipelines that feed it and before those that it feeds, so its
/// last data is still accepted.
#[tokio::test]
async fn a_connector_drains_after_those_that_feed_it_and_before_those_it_feeds() {
    let (graph, log) = built(CONNECTED, &["service::pipelines::traces/2::receivers=[link]"]).await;
    let graph = graph.unwrap();
    let ingest = ingest(&graph);
    let one = wire::Batch::decode(Signal::Traces, bytes::Bytes::from_static(ONE_ITEM)).unwrap();
    ingest.door(Signal::Traces, "grpc", Acknowledge::Delivered).submit(one).await.unwrap();
    noted(&log);
    crate::service::drain(&graph.waves, Instant::now()).await;
    let mut noted = noted(&log);
    noted.retain(|what| !what.starts_with("export"));
    let passed_on = ["step/b traces", "link/2 traces", "step/c traces"];
    let expected = [
        &["drain step/a", "drain link"][..],
        &passed_on,
        &["drain step/b", "drain link/2"],
        &["step/c traces", "drain step/c"],
    ];
    assert_eq!(noted, expected.concat());
}

/// Scenario: a sender waits for delivery, and its span passes the connector `forward`.
/// Guarantees: the sender is answered after the delivery behind the connector, and both accounts balance.
#[tokio::test]
async fn what_goes_through_forward_is_owed_to_its_sender_behind_it() {
    const FORWARDED: &str = "yaml:{
        receivers: {in: }, exporters: {out: }, connectors: {forward: },
        service: {pipelines: {
            traces: {receivers: [in], exporters: [forward]},
            traces/2: {receivers: [forward], exporters: [out]},
        }}
    }";
    let log = Log::default();
    let of = |name| Arc::new(Noting { name, log: log.clone() });
    let registry = Registry {
        receivers: vec![of("in")],
        exporters: vec![of("out")],
        connectors: vec![Arc::new(crate::connector::forward::ForwardFactory)],
        ..Registry::default()
    };
    let telemetry = Telemetry::new();
    let opened = opened(FORWARDED, &[], registry);
    let (Plan { graph, .. }, outcome) =
        plan(&opened, &telemetry, &Extensions::default(), &Graph::default()).await;
    outcome.unwrap();
    let ingest = ingest(&graph);
    let one = wire::Batch::decode(Signal::Traces, bytes::Bytes::from_static(ONE_ITEM)).unwrap();
    ingest.door(Signal::Traces, "grpc", Acknowledge::Delivered).submit(one).await.unwrap();
    assert_eq!(noted(&log), ["export traces"]);
    for balance in telemetry.ledger.balances() {
        assert_eq!((balance.received, balance.delivered, balance.in_flight), (1, 1, 0), "{balance:?}");
    }
    assert_eq!(telemetry.ledger.balances().len(), 2);
    let accepted = "otelcol_receiver_accepted_spans{receiver=\"forward\",transport=\"connector\"} 1";
    assert!(telemetry.render().contains(accepted), "{}", telemetry.render());
}
