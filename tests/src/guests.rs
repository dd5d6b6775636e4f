//! A plugin that misbehaves in one pipeline, and a healthy pipeline beside it.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tonic::Status;

use crate::{
    Sink, Spanloom,
    ledger::{Account, Ledger},
    otlp::{
        self, Signal,
        client::{self, GrpcClient},
        payload,
    },
    skip::skip,
};

/// Says how a component of `tests/guests` is used.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// Which component: `processor`, for example.
    pub guest: &'a str,
    /// What the component is told to do, by its config.
    pub task: &'a str,
    /// More keys of the plugin, as YAML in one line: `on_failure: pass`.
    pub plugin: &'a str,
    /// More keys of the bad pipeline's receiver, as YAML in one line.
    pub receiver: &'a str,
    /// More keys of the bad pipeline's exporter, as YAML in one line.
    pub exporter: &'a str,
}

/// One process with both pipelines. gRPC leads to the bad pipeline, HTTP to the healthy one.
pub struct Guests {
    pub spanloom: Spanloom,
    pub client: GrpcClient,
    /// The destination of the bad pipeline. It gets nothing if the guest is an exporter.
    pub sink: Sink,
    healthy: Sink,
    healthy_sent: usize,
}

/// What a process leaves behind when it ends.
pub struct Remains {
    /// The account of the bad pipeline.
    pub account: Account,
    pub metrics: String,
    pub output: String,
    pub sink: Sink,
}

/// Finds a component of `tests/guests`; see [`built`].
pub fn component(guest: &str) -> Option<PathBuf> {
    built(&format!("guest-{guest}.wasm"))
}

/// Finds a file of `target/plugins`.
///
/// Returns `None` and notes the test as skipped if `cargo xtask plugins` has not made the file.
pub fn built(file: &str) -> Option<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins");
    let component = env::var_os("SPANLOOM_PLUGINS").map_or(built, PathBuf::from).join(file);
    if !component.exists() {
        skip(&format!("no {file}: `cargo xtask plugins` makes it"));
        return None;
    }
    Some(component.canonicalize().expect("its path"))
}

impl Setup<'_> {
    fn config(&self, component: &Path, sink: &Sink, healthy: &Sink) -> String {
        let is_exporter = self.guest.starts_with("exporter");
        let (task, exporter) = (format!("do: {}", self.task), or_nothing(self.exporter));
        let (processors, bad_exporter) = match is_exporter {
            true => ("[]", format!("  misbehave: {{{task}{exporter}}}")),
            false => (
                "[misbehave]",
                format!(
                    "  otlp_grpc/bad: {{endpoint: \"http://{}\", tls: {{insecure: true}}{exporter}}}",
                    sink.address
                ),
            ),
        };
        let bad_id = if is_exporter { "misbehave" } else { "otlp_grpc/bad" };
        let processor =
            if is_exporter { String::new() } else { format!("processors:\n  misbehave: {{{task}}}\n") };
        format!(
            "plugins:\n  misbehave: {{path: \"{}\"{}}}\n\
             receivers:\n  otlp/bad: {{protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}}}{}}}\n  \
             otlp/healthy: {{protocols: {{http: {{endpoint: \"${{env:HTTP}}\"}}}}}}\n\
             {processor}\
             exporters:\n{bad_exporter}\n  otlp_grpc/healthy: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n\
             service:\n  pipelines:\n    \
             traces/bad: {{receivers: [otlp/bad], processors: {processors}, exporters: [{bad_id}]}}\n    \
             traces/healthy: {{receivers: [otlp/healthy], exporters: [otlp_grpc/healthy]}}\n",
            component.display(),
            or_nothing(self.plugin),
            or_nothing(self.receiver),
            healthy.address,
        )
    }
}

impl Guests {
    /// Starts the process. Returns `None` if the component was not built.
    pub async fn start(setup: Setup<'_>) -> Option<Guests> {
        let component = component(setup.guest)?;
        let (sink, healthy) = (Sink::start().await, Sink::start().await);
        let spanloom = Spanloom::start(&setup.config(&component, &sink, &healthy)).await;
        let client = GrpcClient::connect(spanloom.grpc).await;
        Some(Guests { spanloom, client, sink, healthy, healthy_sent: 0 })
    }

    /// Sends spans to the bad pipeline, numbered from `first`.
    pub async fn send(&self, first: usize, spans: usize) -> Result<Bytes, Status> {
        self.client.send(Signal::Traces, payload::traces(first, spans)).await
    }

    /// Sends a span of each name to the bad pipeline.
    pub async fn send_named(&self, names: &[&str]) -> Result<Bytes, Status> {
        self.client.send(Signal::Traces, payload::named_traces(names)).await
    }

    /// Checks that the healthy pipeline still delivers.
    pub async fn check_healthy(&mut self) {
        let answer =
            client::http(self.spanloom.http, Signal::Traces, payload::traces(self.healthy_sent, 5)).await;
        assert!(answer.status().is_success(), "the healthy pipeline answers {}", answer.status());
        self.healthy_sent += 5;
        self.healthy.wait_for_items(Signal::Traces, self.healthy_sent).await;
    }

    /// Returns the names of the spans that the bad pipeline delivered, sorted.
    pub fn delivered(&self) -> Vec<String> {
        names(&self.sink)
    }

    /// Ends the process and checks that it was alive, with its ledger in balance and its healthy pipeline
    /// healthy.
    pub async fn finish(mut self) -> Remains {
        self.check_healthy().await;
        self.spanloom.settled().await;
        self.stop().await
    }

    /// Ends the process while spans are in flight; its exit must be a success. Returns its output and the
    /// sink.
    pub async fn end(mut self) -> (String, Sink) {
        self.check_healthy().await;
        self.spanloom.signal(rustix::process::Signal::TERM);
        let status = self.spanloom.exit().await;
        assert!(status.success(), "it ended with {status}:\n{}", self.spanloom.output());
        (self.spanloom.output(), self.sink)
    }

    async fn stop(mut self) -> Remains {
        assert!(self.spanloom.is_running(), "it ended:\n{}", self.spanloom.output());
        let (metrics, output) = (self.spanloom.metrics().await, self.spanloom.output());
        let mut ledger = self.spanloom.finish().await;
        let sent = self.healthy_sent as u64;
        let healthy = Account { received: sent, delivered: sent, ..Account::default() };
        assert_eq!(take(&mut ledger, "traces/healthy"), healthy);
        let account = take(&mut ledger, "traces/bad");
        Remains { account, metrics, output, sink: self.sink }
    }
}

impl Remains {
    /// Returns the sum of the series of this name that have all of these labels, such as `outcome="trap"`.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        metric(&self.metrics, name, labels)
    }

    pub fn delivered(&self) -> Vec<String> {
        names(&self.sink)
    }

    /// Counts the values of a text attribute over all delivered spans.
    pub fn told(&self, key: &str) -> BTreeMap<String, usize> {
        let mut told = BTreeMap::new();
        let requests = self.sink.accepted();
        for span in requests.iter().flat_map(|request| otlp::spans(&request.body)) {
            *told.entry(otlp::text_attribute(&span, key)).or_default() += 1;
        }
        told
    }
}

/// Returns the sum of some series of an exposition; see [`Remains::metric`].
pub fn metric(exposition: &str, name: &str, labels: &[&str]) -> f64 {
    let series = exposition.lines().filter_map(|line| line.rsplit_once(' ')).filter(|(series, _)| {
        let (found, with) = series.split_once('{').unwrap_or((series, ""));
        found == name && labels.iter().all(|label| with.contains(label))
    });
    series.map(|(_, value)| value.parse::<f64>().expect("a number")).fold(0.0, |sum, value| sum + value)
}

fn names(sink: &Sink) -> Vec<String> {
    let requests = sink.accepted();
    let spans = requests.iter().flat_map(|request| otlp::spans(&request.body));
    let mut names: Vec<String> = spans.map(|span| span.name).collect();
    names.sort();
    names
}

fn take(ledger: &mut Ledger, pipeline: &str) -> Account {
    let key = ledger.keys().find(|(of, _)| of == pipeline).expect("the pipeline's account").clone();
    ledger.remove(&key).expect("it is there")
}

/// Returns the keys as a continuation of a flow mapping.
fn or_nothing(keys: &str) -> String {
    if keys.is_empty() { String::new() } else { format!(", {keys}") }
}
