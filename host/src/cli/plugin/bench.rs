//! `spanloom plugin bench`: measures what a plugin costs.

pub(super) mod identity;
mod report;
mod subject;

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::{Bytes, BytesMut};
use clap::{Args, ValueEnum};
use http::{HeaderMap, StatusCode};
use wire::{Batch, Signal};

use self::{
    report::{Figure, Report},
    subject::{Given, Subject},
};
use super::{fixture, open::OpenPlugin};
use crate::{
    cli::{
        Exit, Terminal,
        generate::{self, SignalArg},
    },
    plugin::{
        Limits, OnFailure, Outside, PluginReceiver, Role, Runtime, StageSettings,
        config::LimitsConfig,
        outside::http::{Http, HttpError, HttpLimits, HttpRequest, HttpResponse},
    },
    telemetry::Telemetry,
};

/// Measure what a plugin costs: nanoseconds a span, and memory.
#[derive(Debug, Args)]
#[command(after_help = "\
The plugin is compared with no plugin and with one that does nothing, in turns within one run. A figure is the time \
of one batch on one task, from the bytes of a request to the bytes of a request: checking them and, with a plugin, \
indexing, the calls, the edits and encoding. Receiving and sending are not included. An exporter's HTTP requests are \
answered with 200 at once, and are not sent.

A receiver needs --fixture: the body of a request, to its first listener. The figures are of the time from that body to \
the telemetry in it. No plugin reads the same telemetry as OTLP, and the plugin that does nothing passes it on.

Exit codes: 0 done, 1 the plugin failed, 2 wrong usage, file or config.

Example: a thousand spans of a shop a batch, for ten seconds.
  spanloom plugin bench redact.wasm --config '{keys: [card]}' --seconds 10")]
pub struct BenchArgs {
    /// The plugin: a wasm component.
    pub file: PathBuf,

    /// The plugin's config: a JSON or YAML file, or the text itself.
    #[arg(short, long, value_name = "CONFIG", default_value = "{}")]
    pub config: String,

    /// The batch: an OTLP request as .json or .binpb. Without it, spans as `spanloom generate` makes them. For a receiver,
    /// the body of a request, whatever it holds.
    #[arg(short, long, value_name = "FILE")]
    pub fixture: Option<PathBuf>,

    /// The signal of a .binpb file.
    #[arg(long, value_enum, default_value = "traces")]
    pub signal: SignalArg,

    /// The number of spans in a batch, if the batch is made.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub spans: u32,

    /// How many seconds to measure.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub seconds: u32,

    /// The format of the figures.
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One object.
    Json,
}

/// A measurement: the subjects, and what they are given.
struct Bench {
    title: String,
    role: Role,
    load: Load,
    subjects: Vec<Subject>,
}

/// What the subjects are given.
struct Load {
    /// What no plugin and the identity plugin are given.
    otlp: Given,
    /// What the plugin is given.
    own: Given,
    /// The signal, if it is one.
    signal: Option<Signal>,
    items: usize,
    /// The length of `otlp`.
    len_bytes: usize,
}

/// The number of rounds. With this many, one disturbance does not move the median.
const ROUNDS: usize = 25;
/// The seed of the batch, so that each run has the same traces.
const SEED: u64 = 1;

pub async fn run(args: &BenchArgs, terminal: &mut Terminal<'_>) -> anyhow::Result<Exit> {
    let bench = match Bench::new(args).await {
        Ok(bench) => bench,
        Err(error) => return super::open::wrong(&error, terminal),
    };
    if cfg!(debug_assertions) {
        writeln!(terminal.err, "warning: this is a debug build: its figures say little")?;
    }
    let report = bench.run(Duration::from_secs(args.seconds.into())).await?;
    match args.format {
        Format::Table => write!(terminal.out, "{report}")?,
        Format::Json => writeln!(terminal.out, "{}", serde_json::to_string_pretty(&report)?)?,
    }
    Ok(Exit::Done)
}

impl Bench {
    async fn new(args: &BenchArgs) -> anyhow::Result<Bench> {
        let limits = Limits { instances: NonZeroUsize::MIN, ..Limits::from(&LimitsConfig::default()) };
        let opened = OpenPlugin::load(&args.file, limits.clone()).await?;
        let config = opened.config(&args.config).await?;
        let settings = StageSettings {
            component: "bench".to_owned(),
            config,
            limits: limits.clone(),
            outside: Outside::of_trial(Arc::new(Answer::default())),
            on_failure: OnFailure::Reject,
            recording: None,
        };
        let load = match opened.plugin.role {
            Role::Receiver => Load::of_receiver(args, &opened, &settings).await?,
            _ => Load::of_batch(args, &opened)?,
        };
        let runtime = Runtime::shared().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let identity = identity::load(opened.plugin.role, &runtime, &limits).await?;
        let unconfigured = StageSettings { config: "{}".to_owned(), ..settings.clone() };
        let name = &opened.plugin.description.name;
        let subjects = vec![
            Subject::without_plugin(load.otlp.clone()),
            Subject::start("identity plugin", &identity, &unconfigured, load.otlp.clone()).await?,
            Subject::start(name, &opened.plugin, &settings, load.own.clone()).await?,
        ];
        Ok(Bench { title: opened.title(), role: opened.plugin.role, load, subjects })
    }

    /// Measures the subjects in turns. Each round begins with another subject.
    async fn run(self, time: Duration) -> anyhow::Result<Report> {
        let count = self.subjects.len();
        let slice = time / (ROUNDS * count) as u32;
        let bar = generate::progress_bar((ROUNDS * count) as u64);
        let mut rounds_ns = vec![Vec::with_capacity(ROUNDS); count];
        // The first pass differs from the others: memory is allocated, and caches are cold.
        for subject in &self.subjects {
            self.measure(subject, slice / 4).await?;
        }
        for round in 0..ROUNDS {
            for turn in 0..count {
                let place = (round + turn) % count;
                let (Some(subject), Some(rounds)) = (self.subjects.get(place), rounds_ns.get_mut(place))
                else {
                    continue;
                };
                bar.set_message(subject.name.clone());
                rounds.push(self.measure(subject, slice).await?);
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(self.report(rounds_ns).await)
    }

    /// Returns nanoseconds a batch.
    async fn measure(&self, subject: &Subject, time: Duration) -> anyhow::Result<f64> {
        let (begun, mut passes) = (Instant::now(), 0u32);
        loop {
            let passed = subject.pass().await;
            passed.with_context(|| format!("{}, batch {}", subject.name, passes + 1))?;
            passes += 1;
            let elapsed = begun.elapsed();
            if elapsed >= time {
                return Ok(elapsed.as_nanos() as f64 / f64::from(passes));
            }
        }
    }

    async fn report(self, rounds_ns: Vec<Vec<f64>>) -> Report {
        let usage = self.subjects.last().map(Subject::usage).unwrap_or_default();
        let mut without_plugin_ns = None;
        let mut subjects = Vec::new();
        for (subject, rounds_ns) in std::iter::zip(self.subjects, rounds_ns) {
            let figure = Figure::new(&subject.name, rounds_ns.clone(), self.load.items, 1.0);
            let to_ns = *without_plugin_ns.get_or_insert(figure.us_per_batch * 1e3);
            subjects.push(Figure::new(&subject.name, rounds_ns, self.load.items, to_ns));
            subject.stop().await;
        }
        Report {
            plugin: self.title,
            given_is: if self.role == Role::Receiver { "request" } else { "batch" },
            items_are: match self.load.signal {
                Some(Signal::Traces) => "spans",
                Some(Signal::Metrics) => "data points",
                Some(Signal::Logs) => "log records",
                None => "items",
            },
            items: self.load.items,
            bytes: self.load.len_bytes,
            rounds: ROUNDS,
            subjects,
            guest_instances: usage.instances,
            guest_memory_bytes: usage.memory_bytes,
        }
    }
}

impl Load {
    /// Returns the batch that the fixture holds, or that is made.
    fn of_batch(args: &BenchArgs, opened: &OpenPlugin) -> anyhow::Result<Load> {
        let batch = match &args.fixture {
            Some(path) => fixture::read(path, args.signal.into())?,
            None => Batch::decode(Signal::Traces, generate::traces(args.spans as usize, SEED)?)?,
        };
        if let Some(why) = opened.does_not_take(batch.signal()) {
            anyhow::bail!("{why}");
        }
        Ok(Load::of(&[batch], None))
    }

    /// Returns the body that the fixture holds, and the telemetry that the receiver makes of it.
    async fn of_receiver(
        args: &BenchArgs,
        opened: &OpenPlugin,
        settings: &StageSettings,
    ) -> anyhow::Result<Load> {
        let no_fixture = "a receiver needs --fixture FILE: the body of a request";
        let path = args.fixture.as_ref().context(no_fixture)?;
        let body = Bytes::from(fixture::read_limited(path)?);
        let receiver = PluginReceiver::without_ports(&opened.plugin, settings, &Telemetry::new()).await?;
        let made = subject::receive(&receiver, None, &body).await;
        let made = made.with_context(|| path.display().to_string())?;
        let load = Load::of(&made, Some(body));
        anyhow::ensure!(load.items > 0, "{}: the receiver makes no telemetry of it", path.display());
        Ok(load)
    }

    fn of(batches: &[Batch], body: Option<Bytes>) -> Load {
        let batches: Vec<&Batch> = batches.iter().filter(|batch| !batch.is_empty()).collect();
        let requests = batches.iter().map(|batch| {
            let mut request = BytesMut::with_capacity(batch.encoded_len());
            batch.chunks().iter().for_each(|chunk| request.extend_from_slice(chunk));
            (batch.signal(), request.freeze())
        });
        let requests: Arc<[(Signal, Bytes)]> = requests.collect();
        let first = requests.first().map(|(signal, _)| *signal);
        let otlp = Given::Otlp(requests.clone());
        Load {
            own: body.map_or_else(|| otlp.clone(), Given::Body),
            otlp,
            signal: first.filter(|first| requests.iter().all(|(signal, _)| signal == first)),
            items: batches.iter().map(|batch| batch.items()).sum(),
            len_bytes: requests.iter().map(|(_, request)| request.len()).sum(),
        }
    }
}

/// Answers every request with 200 at once.
#[derive(Default)]
struct Answer(HttpLimits);

#[async_trait::async_trait]
impl Http for Answer {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        Ok(HttpResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new() })
    }

    fn limits(&self) -> &HttpLimits {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: an identity plugin of each role is measured; the receiver with a fixture, whose body is OTLP.
    /// Guarantees: the report compares it with no plugin and with the identity plugin, and knows the guest's
    /// memory.
    #[tokio::test]
    async fn a_plugin_is_held_against_no_plugin_and_one_that_does_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let request = folder.path().join("request.binpb");
        std::fs::write(&request, generate::traces(50, SEED).unwrap()).unwrap();
        for (role, bytes) in identity::ALL {
            let file = folder.path().join(format!("{role}.wasm"));
            std::fs::write(&file, bytes).unwrap();
            let fixture = (role == Role::Receiver).then(|| request.clone());
            let args = args(file, fixture);
            let report = Bench::new(&args).await.unwrap().run(Duration::from_millis(150)).await.unwrap();
            let [none, identity, plugin] = &report.subjects[..] else { panic!("{report}") };
            let names = [none, identity, plugin].map(|figure| figure.name.clone());
            assert_eq!(names, ["no plugin".to_owned(), "identity plugin".to_owned(), role.to_string()]);
            assert_eq!((report.items, report.guest_instances), (50, 1), "{role}");
            assert!(report.guest_memory_bytes >= 64 << 10, "{role}");
            assert!((none.ratio - 1.0).abs() < 1e-9, "{role}: {}", none.ratio);
            assert!(
                [none, identity, plugin].iter().all(|figure| figure.ns_per_item > 0.0),
                "{role}: {report}"
            );
        }
    }

    /// Scenario: a receiver is measured without a fixture, and with bodies that it rejects or makes nothing of.
    /// Guarantees: the error says why there are no figures.
    #[tokio::test]
    async fn a_receiver_is_not_measured_without_a_request_that_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("receiver.wasm");
        let (_, bytes) = identity::ALL.into_iter().find(|(role, _)| *role == Role::Receiver).unwrap();
        std::fs::write(&file, bytes).unwrap();
        let body = |name: &str, body: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, body).unwrap();
            Some(path)
        };
        let cases = [
            (None, "a receiver needs --fixture FILE: the body of a request"),
            (body("wrong.json", b"{"), "wrong.json: the request is rejected: not OTLP"),
            (body("empty.json", b""), "empty.json: the receiver makes no telemetry of it"),
        ];
        for (fixture, expected) in cases {
            let error = Bench::new(&args(file.clone(), fixture)).await.err().unwrap();
            let error = format!("{error:#}");
            assert!(error.ends_with(expected), "{error}");
        }
    }

    fn args(file: PathBuf, fixture: Option<PathBuf>) -> BenchArgs {
        BenchArgs {
            file,
            config: "{}".to_owned(),
            fixture,
            signal: SignalArg::Traces,
            spans: 50,
            seconds: 1,
            format: Format::Json,
        }
    }
}
