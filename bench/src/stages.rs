//! Compares plugins in the path of a batch with the same work done natively.
//!
//! The components of `examples/plugins/rust` run in the host's own stages. The native code works on the same
//! bytes. Both are measured in one interleaved run within this process.
//!
//! A figure is the cost above that of a batch that merely passes. The figure includes indexing, the call, the
//! edits and encoding.

mod batch;
mod native;
mod table;

use std::{
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use spanloom::{
    component::Exporter,
    pipeline::{Batch, Consumer, Refused},
    plugin::{
        Limits, OnFailure, Outside, Plugin, PluginExporter, PluginProcessor, PluginSampler, Runtime,
        StageSettings, config::LimitsConfig, load::file::PluginFile, outside::GrantsConfig,
    },
    receipt::Receipt,
    telemetry::Telemetry,
};

use crate::payload::Payload;

/// The share that the sampler keeps of the traces that neither failed nor were slow.
pub(crate) const SHARE: f64 = 0.05;
pub(crate) const SLOW_MS: u64 = 80;
pub(crate) const URL_KEY: &str = "url.full";
pub(crate) const TAG: &str = "team";
/// The number of batches in a row. The first ones find cold caches, and hardly count among so many.
const IN_A_ROW: usize = 200;

#[derive(Args)]
pub(crate) struct StagesArgs {
    /// The folder where `cargo xtask plugins` puts components
    #[arg(long, value_name = "DIR")]
    plugins: PathBuf,
    /// How many seconds to measure
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Measure only the tasks whose name contains this text, for use with a profiler
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// One way to do one task.
struct Way {
    task: &'static str,
    kind: Kind,
    run: Run,
    /// How many batches run with nothing between them. If there are many, caches are warm.
    in_a_row: usize,
    samples_ns: Vec<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The batch is decoded and encoded, and nothing else is done.
    Pass,
    Native,
    Plugin,
}

enum Run {
    Native(fn(wire::SpanBatch)),
    Stage(Arc<dyn Consumer>),
    Exporter(Arc<dyn Exporter>),
}

/// The end of the path: encodes the batch, as an exporter does first.
struct Encode;

#[async_trait::async_trait]
impl Consumer for Encode {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        black_box(batch.data.chunks());
        batch.delivered();
        Ok(())
    }
}

/// Measures every way and prints the tables.
pub(crate) fn run(args: &StagesArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        for spans in [1_000, 100] {
            let payload = Payload::new(spans);
            let mut ways = ways(&args.plugins).await?;
            ways.retain(|way| args.only.as_ref().is_none_or(|only| way.task.contains(only.as_str())));
            let deadline = Instant::now() + Duration::from_secs(args.seconds) / 2;
            while Instant::now() < deadline {
                for way in &mut ways {
                    way.measure(&payload).await;
                }
            }
            table::print(&payload, &ways);
        }
        Ok(())
    })
}

impl Way {
    async fn measure(&mut self, payload: &Payload) {
        let Ok(spans) = wire::SpanBatch::decode(payload.bytes.clone()) else { return };
        let mut batches = vec![spans; self.in_a_row];
        let accounts: Arc<[_]> = Arc::from([]);
        let begun = Instant::now();
        while let Some(spans) = batches.pop() {
            match &self.run {
                Run::Native(work) => work(spans),
                Run::Stage(stage) => {
                    // No stage here refuses a batch.
                    let spans = wire::Batch::Spans(spans);
                    let _ = stage.consume(Batch::enter(spans, Receipt::unawaited(), accounts.clone())).await;
                }
                Run::Exporter(exporter) => {
                    // The exporter is not granted its destination, so the measurement ends where the host
                    // would send.
                    let _ = black_box(exporter.export(&wire::Batch::Spans(spans)).await);
                }
            }
        }
        self.samples_ns.push(begun.elapsed().as_nanos() as f64 / self.in_a_row as f64);
    }

    fn native(task: &'static str, work: fn(wire::SpanBatch)) -> Way {
        Way { task, kind: Kind::Native, run: Run::Native(work), in_a_row: 1, samples_ns: Vec::new() }
    }

    fn plugin(task: &'static str, run: Run) -> Way {
        Way { task, kind: Kind::Plugin, run, in_a_row: 1, samples_ns: Vec::new() }
    }

    fn in_a_row(self, in_a_row: usize) -> Way {
        Way { in_a_row, ..self }
    }
}

async fn ways(folder: &Path) -> anyhow::Result<Vec<Way>> {
    let telemetry = Telemetry::new();
    let redactor = load(folder, "rust-redactor").await?;
    let sampler = load(folder, "rust-keep-errors").await?;
    let webhook = load(folder, "rust-webhook").await?;
    let redacts = format!(r#"{{"query_keys":["{URL_KEY}"],"tag":"{TAG}"}}"#);
    let samples = format!(r#"{{"slow_ms":{SLOW_MS},"share":{SHARE}}}"#);
    let process = async |config: &str| {
        PluginProcessor::start(&redactor, &settings(config, &telemetry)?, &telemetry, Arc::new(Encode)).await
    };
    let sample = async |next: Arc<dyn Consumer>| -> anyhow::Result<PluginSampler> {
        PluginSampler::start(&sampler, &settings(&samples, &telemetry)?, &telemetry, next).await
    };
    let empty: Arc<dyn Consumer> = Arc::new(process(r#"{"query_keys":[]}"#).await?);
    let processor = Arc::new(process(&redacts).await?);
    let both = Arc::new(sample(Arc::new(process(&redacts).await?)).await?);
    let batch = load(folder, "builtin-batch").await?;
    let batch = Arc::new(
        PluginProcessor::start(&batch, &settings("{}", &telemetry)?, &telemetry, Arc::new(Encode)).await?,
    );
    let exporter = settings(r#"{"url":"http://127.0.0.1:1/"}"#, &telemetry)?;
    let exporter = Arc::new(PluginExporter::start(&webhook, &exporter, &telemetry).await?);
    Ok(vec![
        Way { kind: Kind::Pass, ..Way::native("pass-through", native::pass) },
        Way::plugin("empty plugin", Run::Stage(empty.clone())),
        // This pass is so short that the cost of the stage itself counts. The stage is there without a plugin
        // too.
        Way { kind: Kind::Pass, ..Way::plugin("pass-through", Run::Stage(Arc::new(Encode))) }
            .in_a_row(IN_A_ROW),
        Way::plugin("empty plugin, in a row", Run::Stage(empty)).in_a_row(IN_A_ROW),
        Way { kind: Kind::Native, ..Way::plugin("batch, in a row", batch::native(Arc::new(Encode))) }
            .in_a_row(IN_A_ROW),
        Way::plugin("batch, in a row", Run::Stage(batch)).in_a_row(IN_A_ROW),
        Way::native("sampler", native::sampler),
        Way::plugin("sampler", Run::Stage(Arc::new(sample(Arc::new(Encode)).await?))),
        Way::native("processor", native::processor),
        Way::plugin("processor", Run::Stage(processor)),
        Way::native("sampler, processor", native::both),
        Way::plugin("sampler, processor", Run::Stage(both)),
        Way::native("exporter", native::exporter),
        Way::plugin("exporter", Run::Exporter(exporter)),
    ])
}

async fn load(folder: &Path, name: &str) -> anyhow::Result<Arc<Plugin>> {
    let path = folder.join(name).with_extension("wasm");
    let file = PluginFile::read(&path, None)
        .with_context(|| format!("{} is not there: `cargo xtask plugins` makes it", path.display()))?;
    let runtime = Runtime::shared().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    Ok(Plugin::load(&runtime, name, &file, &limits()).await?)
}

fn limits() -> Limits {
    Limits::from(&LimitsConfig::default())
}

fn settings(config: &str, telemetry: &Arc<Telemetry>) -> anyhow::Result<StageSettings> {
    Ok(StageSettings {
        component: "bench".to_owned(),
        config: config.to_owned(),
        limits: limits(),
        outside: Outside::new("bench", &GrantsConfig::default(), limits().http_requests, telemetry)?,
        on_failure: OnFailure::Reject,
        recording: None,
    })
}
