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
    subject::Subject,
};
use super::{fixture, open::OpenPlugin};
use crate::{
    cli::{
        Exit, Terminal,
        generate::{self, SignalArg},
    },
    plugin::{
        Limits, OnFailure, Outside, Runtime, StageSettings,
        config::LimitsConfig,
        outside::http::{Http, HttpError, HttpLimits, HttpRequest, HttpResponse},
    },
};

/// Measure what a plugin costs: nanoseconds a span, and memory.
#[derive(Debug, Args)]
#[command(after_help = "\
The plugin is compared with no plugin and with one that does nothing, in turns within one run. A figure is the time \
of one batch on one task, from the bytes of a request to the bytes of a request: checking them and, with a plugin, \
indexing, the calls, the edits and encoding. Receiving and sending are not included. An exporter's HTTP requests are \
answered with 200 at once, and are not sent.

Exit codes: 0 done, 1 the plugin failed, 2 wrong usage, file or config.

Example: a thousand spans of a shop a batch, for ten seconds.
  spanloom plugin bench redact.wasm --config '{keys: [card]}' --seconds 10")]
pub struct BenchArgs {
    /// The plugin: a wasm component.
    pub file: PathBuf,

    /// The plugin's config: a JSON or YAML file, or the text itself.
    #[arg(short, long, value_name = "CONFIG", default_value = "{}")]
    pub config: String,

    /// The batch: an OTLP request as .json or .binpb. Without it, spans as `spanloom generate` makes them.
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

/// A measurement: the subjects, and the request that each is given.
struct Bench {
    title: String,
    signal: Signal,
    request: Bytes,
    items: usize,
    subjects: Vec<Subject>,
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
        let batch = match &args.fixture {
            Some(path) => fixture::read(path, args.signal.into())?,
            None => Batch::decode(Signal::Traces, generate::traces(args.spans as usize, SEED)?)?,
        };
        if let Some(why) = opened.does_not_take(batch.signal()) {
            anyhow::bail!("{why}");
        }
        let config = opened.config(&args.config).await?;
        let settings = StageSettings {
            component: "bench".to_owned(),
            config,
            limits: limits.clone(),
            outside: Outside::of_trial(Arc::new(Answer::default())),
            on_failure: OnFailure::Reject,
            recording: None,
        };
        let runtime = Runtime::shared().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let identity = identity::load(opened.plugin.role, &runtime, &limits).await?;
        let unconfigured = StageSettings { config: "{}".to_owned(), ..settings.clone() };
        let subjects = vec![
            Subject::without_plugin(),
            Subject::start("identity plugin", &identity, &unconfigured).await?,
            Subject::start(&opened.plugin.description.name, &opened.plugin, &settings).await?,
        ];
        let mut request = BytesMut::with_capacity(batch.encoded_len());
        batch.chunks().iter().for_each(|chunk| request.extend_from_slice(chunk));
        let (signal, items) = (batch.signal(), batch.items());
        Ok(Bench { title: opened.title(), signal, request: request.freeze(), items, subjects })
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
            let passed = subject.pass(self.signal, &self.request).await;
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
            let figure = Figure::new(&subject.name, rounds_ns.clone(), self.items, 1.0);
            let to_ns = *without_plugin_ns.get_or_insert(figure.us_per_batch * 1e3);
            subjects.push(Figure::new(&subject.name, rounds_ns, self.items, to_ns));
            subject.stop().await;
        }
        Report {
            plugin: self.title,
            items_are: match self.signal {
                Signal::Traces => "spans",
                Signal::Metrics => "data points",
                Signal::Logs => "log records",
            },
            items: self.items,
            bytes: self.request.len(),
            rounds: ROUNDS,
            subjects,
            guest_instances: usage.instances,
            guest_memory_bytes: usage.memory_bytes,
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

    /// Scenario: an identity plugin of each role is measured.
    /// Guarantees: the report compares it with no plugin and with the identity plugin, and knows the guest's
    /// memory.
    #[tokio::test]
    async fn a_plugin_is_held_against_no_plugin_and_one_that_does_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for (role, bytes) in identity::ALL {
            let path = folder.path().join(format!("{role}.wasm"));
            std::fs::write(&path, bytes).unwrap();
            let args = BenchArgs {
                file: path,
                config: "{}".to_owned(),
                fixture: None,
                signal: SignalArg::Traces,
                spans: 50,
                seconds: 1,
                format: Format::Json,
            };
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
}
