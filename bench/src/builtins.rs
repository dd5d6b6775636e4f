//! Compares the built-in exporters as components with the same crates run natively.
//!
//! Both are measured in one interleaved run within this process.
//!
//! X-Ray is measured from a checked batch to answered requests. No request leaves the process.
//!
//! Prometheus is measured at two tasks: accepting points, and a scrape of 100,000 series. The figures of "the
//! call" do not include sending. The component gets a `HEAD` request: the guest writes the whole body, and
//! the host copies the body out of the guest but does not send it. The figures of "a socket" include sending
//! the body. The native answer is sent over the socket as a bare body without HTTP.

mod points;

use std::{
    hint::black_box,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::Context;
use clap::Args;
use spanloom::{
    component::Exporter as _,
    plugin::{
        Limits, OnFailure, Outside, Plugin, PluginExporter, Runtime, StageSettings,
        config::LimitsConfig,
        load::file::PluginFile,
        outside::http::{Http, HttpError, HttpLimits, HttpRequest, HttpResponse},
    },
    telemetry::Telemetry,
};
use spanloom_plugin::{Exporter as _, HttpHandler as _, Incoming, MetricsBatch, SpanBatch, testing};
use spanloom_prometheus::Prometheus;
use spanloom_xray::XRay;

use crate::payload::Payload;

const SPANS: u32 = 1_000;
const XRAY_CONFIG: &str = r#"{"endpoint":"http://127.0.0.1:1","region":"us-east-1"}"#;
const NOTHING_UNPROCESSED: &[u8] = br#"{"UnprocessedTraceSegments":[]}"#;
const DOCUMENTS_A_PUT: u32 = 50;

#[derive(Args)]
pub(crate) struct BuiltinsArgs {
    /// The folder where `cargo xtask plugins` puts components
    #[arg(long, value_name = "DIR")]
    plugins: PathBuf,
    /// How many times each task is measured
    #[arg(long, default_value_t = 15)]
    rounds: usize,
}

/// Answers at once, with X-Ray's answer to a request whose segments were all taken.
struct Answer(HttpLimits);

#[async_trait::async_trait]
impl Http for Answer {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        black_box(request.body.len());
        let (status, headers) = (http::StatusCode::OK, http::HeaderMap::new());
        Ok(HttpResponse { status, headers, body: NOTHING_UNPROCESSED.into() })
    }

    fn limits(&self) -> &HttpLimits {
        &self.0
    }
}

/// The measurements of one task, in nanoseconds.
#[derive(Default)]
struct Samples {
    native: Vec<f64>,
    component: Vec<f64>,
}

#[derive(Default)]
struct PrometheusSamples {
    /// One sample for each request of points.
    points: Samples,
    calls: Samples,
    scrapes: Samples,
    /// The guest's memory at the end of the run.
    memory_bytes: usize,
}

/// Measures both exporters and prints the table.
pub(crate) fn run(args: &BuiltinsArgs) -> anyhow::Result<()> {
    // Two threads: one asks for a scrape while the other answers.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("\nBuilt-in plugins, as components and natively (medians of {} rounds)", args.rounds);
    println!("  {:<44}{:>10}{:>12}{:>8}", "", "native", "component", "ratio");
    let xray = runtime.block_on(xray(&args.plugins, args.rounds))?;
    xray.print("awsxray: translate and put, ns a span", f64::from(SPANS));
    let prometheus = runtime.block_on(prometheus(&args.plugins, args.rounds))?;
    prometheus.points.print("prometheus: take a point in, ns", points::POINTS as f64);
    prometheus.calls.print("prometheus: scrape 100,000 series, the call, ms", 1e6);
    prometheus.scrapes.print("prometheus: scrape 100,000 series, a socket, ms", 1e6);
    let bytes = prometheus.memory_bytes / points::SERIES;
    println!("  prometheus: memory of the component's guest: {bytes} bytes a series");
    Ok(())
}

async fn xray(folder: &Path, rounds: usize) -> anyhow::Result<Samples> {
    let component = exporter(folder, "builtin-xray", XRAY_CONFIG).await?;
    let payload = Payload::new(SPANS);
    let data = wire::Batch::decode(wire::Signal::Traces, payload.bytes.clone())?;
    let mut samples = Samples::default();
    for _ in 0..rounds {
        let mut native =
            testing::Exporter::<XRay>::new(XRAY_CONFIG).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        (0..SPANS.div_ceil(DOCUMENTS_A_PUT)).for_each(|_| testing::answer(200, &[], NOTHING_UNPROCESSED));
        let spans = SpanBatch::from_otlp(&payload.bytes).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let begun = Instant::now();
        native.export(spans).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        samples.native.push(begun.elapsed().as_nanos() as f64);

        let begun = Instant::now();
        component.export(&data).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        samples.component.push(begun.elapsed().as_nanos() as f64);
    }
    Ok(samples)
}

async fn prometheus(folder: &Path, rounds: usize) -> anyhow::Result<PrometheusSamples> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let config = format!(r#"{{"endpoint":"{address}"}}"#);
    let component = exporter(folder, "builtin-prometheus", &config).await?;
    let mut native =
        testing::Exporter::<Prometheus>::new(&config).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let mut samples = PrometheusSamples::default();
    let requests = points::requests();
    for _ in 0..rounds {
        for request in &requests {
            let metrics = MetricsBatch::from_otlp(request).map_err(|error| anyhow::anyhow!("{error:?}"))?;
            let begun = Instant::now();
            native.plugin().export_metrics(metrics).map_err(|error| anyhow::anyhow!("{error:?}"))?;
            samples.points.native.push(begun.elapsed().as_nanos() as f64);

            let data = wire::Batch::decode(wire::Signal::Metrics, request.clone())?;
            let begun = Instant::now();
            component.export(&data).await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
            samples.points.component.push(begun.elapsed().as_nanos() as f64);
        }
        let asked = || Incoming { path: "/metrics".into(), ..Incoming::default() };
        let begun = Instant::now();
        drop(native.plugin().handle(asked()));
        samples.calls.native.push(begun.elapsed().as_nanos() as f64);

        let begun = Instant::now();
        let head = tokio::task::spawn_blocking(move || ask(address, "HEAD")).await??;
        samples.calls.component.push(begun.elapsed().as_nanos() as f64);

        let begun = Instant::now();
        let body = native.plugin().handle(asked()).body;
        let sent = tokio::task::spawn_blocking(move || over_a_socket(&body)).await??;
        samples.scrapes.native.push(begun.elapsed().as_nanos() as f64);

        let begun = Instant::now();
        let scraped = tokio::task::spawn_blocking(move || ask(address, "GET")).await??;
        samples.scrapes.component.push(begun.elapsed().as_nanos() as f64);
        anyhow::ensure!(scraped == sent + head, "the component answers {scraped} bytes");
    }
    samples.memory_bytes = component.usage().memory_bytes;
    Ok(samples)
}

/// Asks an endpoint for `/metrics` and returns how many bytes it answers, head included.
fn ask(address: SocketAddr, method: &str) -> std::io::Result<usize> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "{method} /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new())
}

/// Sends the bytes over a socket to a reader in this process, and returns how many bytes the reader got.
fn over_a_socket(bytes: &[u8]) -> std::io::Result<usize> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut stream = TcpStream::connect(listener.local_addr()?)?;
    std::thread::scope(|scope| {
        // When everything is sent, this thread ends and its connection closes.
        let sender = scope.spawn(move || listener.accept()?.0.write_all(bytes));
        let read = stream.read_to_end(&mut Vec::new())?;
        sender.join().unwrap_or(Ok(()))?;
        Ok(read)
    })
}

async fn exporter(folder: &Path, name: &str, config: &str) -> anyhow::Result<PluginExporter> {
    let path = folder.join(name).with_extension("wasm");
    let file = PluginFile::read(&path, None)
        .with_context(|| format!("{} is not there: `cargo xtask plugins` makes it", path.display()))?;
    let limits = LimitsConfig { memory_mib: 1024, instances: 1, ..LimitsConfig::default() };
    let limits = Limits::from(&limits);
    let runtime = Runtime::shared().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let plugin: Arc<Plugin> = Plugin::load(&runtime, name, &file, &limits).await?;
    let telemetry = Telemetry::new();
    let settings = StageSettings {
        component: "bench".to_owned(),
        config: config.to_owned(),
        limits,
        outside: Outside::of_trial(Arc::new(Answer(HttpLimits::default()))),
        on_failure: OnFailure::Reject,
        recording: None,
    };
    PluginExporter::start(&plugin, &settings, &telemetry).await
}

impl Samples {
    fn print(&self, what: &str, units: f64) {
        let [native, component] = [&self.native, &self.component].map(|samples| median(samples) / units);
        println!("  {what:<44}{native:>10.1}{component:>12.1}{:>8.2}", component / native);
    }
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
