//! Tests which parts a reload keeps and which it builds again. The parts of this service note what happens to
//! them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use tokio::{sync::Notify, time::Instant};
use wire::Signal;

use super::*;
use crate::{
    component::{
        BuildContext, BuiltExporter, ConnectorFactory, ExportError, Exported, Exporter, ExporterFactory,
        Factory, Processor, ProcessorFactory, Receiver, ReceiverFactory, Registry, SendingSettings,
    },
    config::{ConfigError, load::load},
    connector::forward::ForwardFactory,
    pipeline::{
        Batch, Consumer, Ingest, Refused,
        ingest::{Acknowledge, Door},
    },
    plugin::factory::Plugins,
    service::{Drained, retire::Draining},
};

/// The log of what happened, and the orders to the parts.
#[derive(Default)]
struct World {
    log: Mutex<Vec<String>>,
    /// The door of each receiver, since its last start.
    doors: Mutex<BTreeMap<String, Arc<Door>>>,
    /// While true, exports wait for `go`.
    holds: AtomicBool,
    go: Notify,
}

/// A factory and a component of every type.
#[derive(Clone)]
struct Part {
    name: &'static str,
    id: String,
    /// The value of `v` in the part's config, with a space before it.
    version: String,
    world: Arc<World>,
}

struct Stage {
    part: Part,
    next: Arc<dyn Consumer>,
}

impl Part {
    fn note(&self, what: &str) {
        self.world.log.lock().unwrap().push(format!("{what} {}{}", self.id, self.version));
    }

    fn built(&self, config: &Node, context: &BuildContext<'_>) -> Result<Part, ConfigError> {
        if config.get("wrong").is_some() {
            return Err(ConfigError::on("wrong", "this is wrong"));
        }
        let version = config.get("v").map(|v| format!(" {}", v.read::<u32>().unwrap())).unwrap_or_default();
        let part = Part { id: context.id.to_string(), version, ..self.clone() };
        part.note("build");
        Ok(part)
    }
}

impl Factory for Part {
    fn name(&self) -> &str {
        self.name
    }

    fn signals(&self) -> &[Signal] {
        &Signal::ALL
    }

    fn check(&self, _: &Node) -> Result<(), ConfigError> {
        Ok(())
    }
}

#[async_trait::async_trait]
impl ReceiverFactory for Part {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
    ) -> Result<Arc<dyn Receiver>, ConfigError> {
        Ok(Arc::new(self.built(config, context)?))
    }
}

#[async_trait::async_trait]
impl ProcessorFactory for Part {
    async fn build(
        &self,
        config: &Node,
        context: &BuildContext<'_>,
        next: Arc<dyn Consumer>,
    ) -> Result<Arc<dyn Processor>, ConfigError> {
        Ok(Arc::new(Stage { part: self.built(config, context)?, next }))
    }
}

#[async_trait::async_trait]
impl ExporterFactory for Part {
    async fn build(&self, config: &Node, context: &BuildContext<'_>) -> Result<BuiltExporter, ConfigError> {
        let exporter = Arc::new(self.built(config, context)?);
        Ok(BuiltExporter { exporter, sending: SendingSettings::direct() })
    }
}

#[async_trait::async_trait]
impl Receiver for Part {
    /// Fails with `v: 12`, as if its certificate were missing.
    async fn check_files(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.version != " 12", "no certificate");
        Ok(())
    }

    /// Fails with `v: 13`, as if the port were taken.
    async fn start(&self, ingest: Ingest, _: &Running) -> anyhow::Result<()> {
        anyhow::ensure!(self.version != " 13", "the port is taken");
        self.note("start");
        let door = ingest.door(Signal::Traces, "grpc", Acknowledge::Delivered);
        self.world.doors.lock().unwrap().insert(self.id.clone(), Arc::new(door));
        Ok(())
    }
}

#[async_trait::async_trait]
impl Exporter for Part {
    async fn export(&self, _: &wire::Batch) -> Result<Exported, ExportError> {
        if self.world.holds.load(Relaxed) {
            self.note("hold");
            self.world.go.notified().await;
        }
        self.note("export");
        Ok(Exported::default())
    }

    async fn shutdown(&self) {
        self.note("close");
    }
}

#[async_trait::async_trait]
impl Consumer for Stage {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        self.part.note("pass");
        self.next.consume(batch).await
    }
}

#[async_trait::async_trait]
impl Processor for Stage {
    async fn shutdown(&self, _: Instant) {
        self.part.note("drain");
    }
}

const CONFIG: &str = "yaml:{
    receivers: {in: {v: 1}, in/2: }, processors: {step: {v: 1}, step/2: }, exporters: {out: {v: 1}, out/2: },
    connectors: {forward: },
    service: {telemetry: {metrics: {level: none}}, pipelines: {
        traces: {receivers: [in], processors: [step], exporters: [out]},
    }}
}";

struct Subject {
    service: Service,
    world: Arc<World>,
}

impl World {
    fn opened(self: &Arc<World>, sets: &[&str]) -> Opened {
        let of = |name| {
            let (id, version) = (String::new(), String::new());
            Arc::new(Part { name, id, version, world: self.clone() })
        };
        let registry = Registry {
            receivers: vec![of("in")],
            processors: vec![of("step")],
            exporters: vec![of("out")],
            connectors: vec![Arc::new(ForwardFactory) as Arc<dyn ConnectorFactory>],
            extensions: Vec::new(),
        };
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let root = load(&[CONFIG.to_owned()], &sets, &|_| None).unwrap().root;
        let (config, findings) = Config::read(&root);
        assert!(findings.is_empty(), "{findings:?}");
        Opened { config, registry, plugins: Plugins::default(), warnings: Vec::new(), files: Vec::new() }
    }

    fn noted(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// Sends one span, and waits until the span is delivered.
    async fn send(self: Arc<World>, receiver: &str) -> Result<(), crate::receipt::Failure> {
        const ONE_ITEM: &[u8] = &[0x0a, 4, 0x12, 2, 0x12, 0];
        let door = self.doors.lock().unwrap()[receiver].clone();
        let one = wire::Batch::decode(Signal::Traces, bytes::Bytes::from_static(ONE_ITEM)).unwrap();
        door.submit(one).await
    }

    async fn until(&self, noted: &str) {
        while !self.log.lock().unwrap().iter().any(|known| known == noted) {
            tokio::task::yield_now().await;
        }
    }
}

impl Subject {
    async fn start(sets: &[&str]) -> Subject {
        let world = Arc::new(World::default());
        let service = Service::start(&world.opened(sets)).await.unwrap();
        world.noted();
        Subject { service, world }
    }

    async fn reload(&mut self, sets: &[&str]) -> anyhow::Result<Changes> {
        self.service.reload(&self.world.opened(sets), |_| Ok(())).await
    }

    /// Waits until all replaced parts have drained. Returns what was noted until then.
    async fn drained(&self) -> Vec<String> {
        let Draining { stages, exporters } = &self.service.draining;
        for tasks in [stages, exporters] {
            tasks.close();
            tasks.wait().await;
        }
        self.world.noted()
    }

    async fn finish(self) {
        assert_eq!(self.service.telemetry.ledger.balances().iter().find(|balance| !balance.holds()), None);
        assert_eq!(self.service.shutdown().await, Drained::Whole);
    }
}

/// Scenario: the config is reloaded with the same content, written differently.
/// Guarantees: each part is kept, and none is built or drained.
#[tokio::test(start_paused = true)]
async fn a_config_that_says_the_same_changes_nothing() {
    let mut running = Subject::start(&[]).await;
    let changes = running.reload(&["exporters::out={v: 1}"]).await.unwrap();
    assert!(changes.is_empty(), "{changes:?}");
    assert_eq!(changes.kept, ["exporter out", "pipeline traces", "receiver in"]);
    assert_eq!(running.drained().await, [""; 0]);
    running.finish().await;
}

/// Scenario: an exporter's config changes while a batch waits in the old exporter.
/// Guarantees: that batch ends in the old exporter, the next one goes to the new exporter, and the old one
/// closes after its batch.
#[tokio::test(start_paused = true)]
async fn an_exporter_that_changes_is_led_to_by_the_chain_that_runs() {
    let mut running = Subject::start(&[]).await;
    let world = running.world.clone();
    world.holds.store(true, Relaxed);
    let under_way = tokio::spawn(world.clone().send("in"));
    world.until("hold out 1").await;
    world.holds.store(false, Relaxed);
    let changes = running.reload(&["exporters::out::v=2"]).await.unwrap();
    assert_eq!(
        (changes.rebuilt, changes.rewired),
        (vec!["exporter out".into()], vec!["pipeline traces".into()])
    );
    world.clone().send("in").await.unwrap();
    let noted = world.noted();
    assert!(noted.ends_with(&["pass step 1".to_owned(), "export out 2".to_owned()]), "{noted:?}");
    world.go.notify_one();
    under_way.await.unwrap().unwrap();
    assert_eq!(running.drained().await, ["export out 1", "close out 1"]);
    let balance = &running.service.telemetry.ledger.balances()[0];
    assert_eq!((balance.received, balance.delivered), (2, 2), "one account, whoever delivers");
    running.finish().await;
}

/// Scenario: a pipeline's processors and exporters change while a batch is under way.
/// Guarantees: the old processors drain once no batch is in them, and before the exporter that they lead to
/// closes.
#[tokio::test(start_paused = true)]
async fn a_pipeline_with_other_processors_is_built_anew_and_the_old_one_drains() {
    let mut running = Subject::start(&[]).await;
    let world = running.world.clone();
    world.holds.store(true, Relaxed);
    let under_way = tokio::spawn(world.clone().send("in"));
    world.until("hold out 1").await;
    world.holds.store(false, Relaxed);
    let sets = ["service::pipelines::traces={processors: [step/2], exporters: [out/2]}"];
    let changes = running.reload(&sets).await.unwrap();
    assert_eq!(
        changes.to_string(),
        "rewired: receiver in; built anew: pipeline traces; started: exporter out/2; closed: exporter out"
    );
    world.clone().send("in").await.unwrap();
    let noted = world.noted();
    assert!(noted.ends_with(&["pass step/2".to_owned(), "export out/2".to_owned()]), "{noted:?}");
    world.go.notify_one();
    under_way.await.unwrap().unwrap();
    assert_eq!(running.drained().await, ["export out 1", "drain step 1", "close out 1"]);
    running.finish().await;
}

/// Scenario: the config of a native processor changes.
/// Guarantees: its pipeline is built again, and the exporter is kept.
#[tokio::test(start_paused = true)]
async fn a_native_processor_whose_config_changes_is_built_anew() {
    let mut running = Subject::start(&[]).await;
    let changes = running.reload(&["processors::step::v=2"]).await.unwrap();
    assert_eq!(changes.kept, ["exporter out"]);
    assert_eq!(changes.rebuilt, ["pipeline traces"]);
    running.world.clone().send("in").await.unwrap();
    assert_eq!(running.drained().await, ["build step 2", "pass step 2", "export out 1", "drain step 1"]);
    running.finish().await;
}

/// Scenario: an exporter's config changes, and a processor's config is wrong.
/// Guarantees: the reload fails, the service runs as before, and the exporter that was built is closed.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_built_changes_nothing() {
    let mut running = Subject::start(&[]).await;
    let error = running.reload(&["exporters::out::v=2", "processors::step::wrong=1"]).await.unwrap_err();
    assert!(error.to_string().contains("processors::step::wrong"), "{error}");
    running.world.clone().send("in").await.unwrap();
    let mut noted = running.drained().await;
    noted.sort();
    assert_eq!(noted, ["build out 2", "close out 2", "export out 1", "pass step 1"]);
    running.finish().await;
}

/// Scenario: a reload gives a receiver a port that is taken.
/// Guarantees: the reload fails, and the old receiver is started again and leads to the same pipelines.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_does_not_start_leaves_the_one_before() {
    let mut running = Subject::start(&[]).await;
    let error = running.reload(&["receivers::in::v=13", "processors::step::v=2"]).await.unwrap_err();
    assert_eq!(format!("{error:#}"), "receiver in did not start: the port is taken");
    running.world.clone().send("in").await.unwrap();
    let noted = running.drained().await;
    assert!(
        noted.contains(&"start in 1".to_owned()) && noted.contains(&"pass step 1".to_owned()),
        "{noted:?}"
    );
    assert!(!running.reload(&[]).await.unwrap().kept.is_empty());
    running.finish().await;
}

/// Scenario: a reload gives a receiver a certificate that cannot be read.
/// Guarantees: the reload fails, and the old receiver listens all the while: it is neither stopped nor started.
#[tokio::test(start_paused = true)]
async fn a_receiver_whose_files_cannot_be_read_interrupts_nobody() {
    let mut running = Subject::start(&[]).await;
    let listens = running.service.graph.receivers.values().map(|intake| intake.running.stop.clone());
    let listens: Vec<_> = listens.collect();
    let error = running.reload(&["receivers::in::v=12"]).await.unwrap_err();
    assert_eq!(format!("{error:#}"), "receiver in did not start: no certificate");
    assert!(!listens.is_empty() && listens.iter().all(|stop| !stop.is_cancelled()));
    running.world.clone().send("in").await.unwrap();
    let noted = running.drained().await;
    assert!(!noted.iter().any(|event| event.starts_with("start ")), "{noted:?}");
    running.finish().await;
}

/// Scenario: a receiver's config changes.
/// Guarantees: the new receiver starts, and requests of the old one can still be submitted.
#[tokio::test(start_paused = true)]
async fn a_receiver_that_changes_takes_the_place_of_the_one_before() {
    let mut running = Subject::start(&[]).await;
    let old = running.world.doors.lock().unwrap()["in"].clone();
    let changes = running.reload(&["receivers::in::v=2"]).await.unwrap();
    assert_eq!((changes.rebuilt, changes.kept.len()), (vec!["receiver in".into()], 2));
    assert_eq!(running.drained().await, ["build in 2", "start in 2"]);
    assert!(old.is_open(), "what it has under way has a way to go");
    running.world.clone().send("in").await.unwrap();
    running.finish().await;
}

/// Scenario: reloads add a pipeline behind a connector, and then move the pipeline to another exporter.
/// Guarantees: parts are started, rewired and closed as the config says, and batches take the new ways.
#[tokio::test(start_paused = true)]
async fn pipelines_come_and_go() {
    const JOINED: [&str; 2] = [
        "service::pipelines::traces::exporters=[forward]",
        "service::pipelines::traces/2={receivers: [forward, in/2], exporters: [out/2]}",
    ];
    let mut running = Subject::start(&[]).await;
    let world = running.world.clone();
    let changes = running.reload(&JOINED).await.unwrap();
    assert_eq!(changes.closed, ["exporter out"]);
    assert_eq!(
        changes.started,
        ["exporter out/2", "connector forward", "pipeline traces/2", "receiver in/2"]
    );
    running.drained().await;
    world.clone().send("in").await.unwrap();
    world.clone().send("in/2").await.unwrap();
    assert_eq!(world.noted(), ["pass step 1", "export out/2", "export out/2"]);

    let before = world.doors.lock().unwrap()["in/2"].clone();
    let moved = [
        JOINED[0],
        "service::pipelines::traces/2={receivers: [forward], processors: [step/2], exporters: [out]}",
    ];
    let changes = running.reload(&moved).await.unwrap();
    assert_eq!(changes.rewired, ["connector forward"]);
    running.drained().await;
    world.clone().send("in").await.unwrap();
    assert_eq!(world.noted(), ["pass step 1", "pass step/2", "export out 1"]);
    drop(before);
    running.finish().await;
}

/// Scenario: a reload changes a key that only a restart can apply, and an exporter.
/// Guarantees: the whole reload is refused, and the error names the key.
#[tokio::test(start_paused = true)]
async fn what_takes_a_restart_is_named() {
    let mut running = Subject::start(&[]).await;
    for (set, key) in [
        ("service::telemetry::logs::level=warn", "service.telemetry"),
        ("service::admin::endpoint=none", "service.admin"),
        ("service::extensions=[health_check]", "service.extensions"),
    ] {
        let error = running.reload(&[set, "exporters::out::v=2"]).await.unwrap_err().to_string();
        assert_eq!(error, format!("`{key}` changed: restart Spanloom to apply it"));
    }
    assert_eq!(running.drained().await, [""; 0]);
    running.finish().await;
}

/// Scenario: the service shuts down while a replaced exporter still has a batch.
/// Guarantees: the shutdown waits, and the batch is delivered.
#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_what_drains() {
    let mut running = Subject::start(&[]).await;
    let world = running.world.clone();
    world.holds.store(true, Relaxed);
    let under_way = tokio::spawn(world.clone().send("in"));
    world.until("hold out 1").await;
    world.holds.store(false, Relaxed);
    running.reload(&["exporters::out::v=2", "processors::step::v=2"]).await.unwrap();
    let ending = tokio::spawn(running.service.shutdown());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!ending.is_finished());
    world.go.notify_one();
    under_way.await.unwrap().unwrap();
    assert_eq!(ending.await.unwrap(), Drained::Whole);
    let noted = world.noted();
    let at = |what: &str| noted.iter().position(|known| known == what).unwrap();
    assert!(at("export out 1") < at("close out 1"), "{noted:?}");
    assert!(at("drain step 1") < at("close out 1"), "{noted:?}");
}
