//! Pipelines with processors, from a config to what arrives.

use std::sync::Mutex;

use tokio::time::Instant;
use wire::Signal;

use super::*;
use crate::{
    component::{ExporterFactory, Factory, ProcessorFactory, ReceiverFactory},
    config::{Node, load::load},
    exporter::{ExportError, Exported, Exporter},
    pipeline::{Batch, Refused, ingest::Acknowledge},
    receiver::Running,
    sending::SendingSettings,
};

/// What happened, in order.
type Log = Arc<Mutex<Vec<String>>>;

/// Every type of component in one: each notes what it does.
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

impl ReceiverFactory for Noting {
    fn build(&self, _: &Node, _: &BuildContext<'_>) -> Result<Box<dyn Receiver>, ConfigError> {
        Ok(Box::new(self.clone()))
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

/// Of a resource, of a scope, without fields; spans and log records alike.
const ONE_ITEM: &[u8] = &[0x0a, 4, 0x12, 2, 0x12, 0];

/// The graph of the config, and the log since it was built.
async fn built(config: &str, sets: &[&str]) -> (Result<Graph, ConfigError>, Log) {
    let log = Log::default();
    let of = |name| Arc::new(Noting { name, log: log.clone() });
    let registry = Registry {
        receivers: vec![of("in")],
        processors: vec![of("step")],
        exporters: vec![of("out")],
        extensions: Vec::new(),
    };
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let root = load(&[config.to_owned()], &sets, &|_| None).unwrap().root;
    let (config, findings) = Config::read(&root);
    assert!(findings.is_empty(), "{findings:?}");
    let graph = build(&config, &registry, &Telemetry::new(), &Extensions::default()).await;
    (graph, log)
}

fn noted(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// A component that two pipelines name is two processors; each hands on to its own pipeline's next.
#[tokio::test]
async fn each_pipeline_has_processors_of_its_own_in_their_order() {
    let (graph, log) = built(CONFIG, &[]).await;
    let graph = graph.unwrap();
    assert_eq!(noted(&log), ["build step/a", "build step/b", "build step/a"], "the back before the front");
    let (_, _, ingest) = &graph.receivers[0];
    for (signal, expected) in [
        (Signal::Traces, ["step/b traces", "step/a traces", "export traces"].as_slice()),
        (Signal::Logs, &["step/a logs", "export logs"]),
    ] {
        let one = wire::Batch::decode(signal, bytes::Bytes::from_static(ONE_ITEM)).unwrap();
        ingest.door(signal, "grpc", Acknowledge::Delivered).submit(one).await.unwrap();
        assert_eq!(noted(&log), expected);
    }
}

/// What one hands on while it drains, the next must still take.
#[tokio::test]
async fn processors_drain_from_the_front_to_the_back() {
    let (graph, log) = built(CONFIG, &[]).await;
    let graph = graph.unwrap();
    noted(&log);
    for stages in &graph.processors {
        crate::service::drain(stages, Instant::now()).await;
    }
    let mut drained = noted(&log);
    drained.retain(|what| what.starts_with("drain"));
    assert_eq!(drained, ["drain step/b", "drain step/a", "drain step/a"]);
}

#[tokio::test]
async fn a_processor_that_cannot_be_built_is_an_error_at_its_place() {
    let (graph, _) = built(CONFIG, &["processors::step/a::wrong=1"]).await;
    let error = graph.map(drop).unwrap_err().to_string();
    assert!(error.starts_with("error: this is wrong\n --> --set processors::step/a::wrong:1:1"), "{error}");
}
