//! A receiver that is a plugin is replaced while senders post to it, in each language that has the example.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest, common::v1::any_value::Value, resource::v1::Resource,
};
use prost::Message as _;
use spanloom_tests::{
    Sink, Spanloom, command,
    guests::built,
    swap::{Arrivals, Load, NOT_FOR_SLOWNESS, Operator, Sent, Way},
};
use tempfile::TempDir;

const PLUGIN: &str = "webhook";
const CONNECTIONS: usize = 4;
const REQUEST_EVENTS: usize = 5;

/// The resource attribute that each build writes. The second build is the first with this text changed.
const KEYS: [&str; 2] = ["service.name", "service.next"];

/// One process with the example `webhook-receiver` of a language.
struct Webhook {
    spanloom: Spanloom,
    builds: [Vec<u8>; 2],
    folder: TempDir,
    arrivals: Arc<Mutex<Arrivals>>,
    _sink: Sink,
}

impl Webhook {
    /// Starts the process with the first build. Returns `None` if the component was not built.
    async fn start(language: &str) -> Option<Webhook> {
        let first = fs::read(built(&format!("{language}-webhook-receiver.wasm"))?).expect("the component");
        let second = with_text(&first, KEYS[0], KEYS[1]);
        let folder = TempDir::new().expect("a folder");
        compile(&folder.path().join("second.wasm"), &second).await;
        fs::write(folder.path().join("plugin.wasm"), &first).expect("a file");
        let arrivals = Arc::new(Mutex::new(Arrivals::default()));
        let taker = arrivals.clone();
        let sink = Sink::start_with(move |request| take(&mut lock(&taker), &request.body)).await;
        let config = format!(
            "plugins:\n  {PLUGIN}: {{path: \"{}\", {NOT_FOR_SLOWNESS}}}\n\
             receivers:\n  {PLUGIN}: {{endpoint: \"${{env:HTTP}}\", service: shop}}\n\
             exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}, \
             sending_queue: {{block_on_overflow: true}}}}\n\
             service:\n  pipelines:\n    logs: {{receivers: [{PLUGIN}], exporters: [otlp_grpc]}}\n",
            folder.path().join("plugin.wasm").display(),
            sink.address,
        );
        let spanloom = Spanloom::start(&config).await;
        Some(Webhook { spanloom, builds: [first, second], folder, arrivals, _sink: sink })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("plugin.wasm")
    }

    /// Ends the process. Each event that was sent has arrived once, no sender saw an error, and no request reached a build
    /// that had been replaced.
    async fn finish(self, sent: &[Sent], walk: &[u32]) {
        let output = self.spanloom.output();
        let errors: Vec<&String> = sent.iter().flat_map(|sent| &sent.errors).collect();
        assert!(errors.is_empty(), "senders were answered {errors:?}:\n{output}");
        let events: Vec<usize> = sent.iter().map(|sent| sent.spans).collect();
        assert!(events.iter().all(|events| *events > 0), "{events:?}");
        let ledger = self.spanloom.finish().await;
        let account = &ledger[&("logs".to_owned(), "otlp_grpc".to_owned())];
        let total = events.iter().sum::<usize>() as u64;
        assert_eq!((account.received, account.delivered), (total, total), "{account:?}:\n{output}");
        let wrong = lock(&self.arrivals).check(&events, REQUEST_EVENTS, walk);
        assert!(wrong.is_empty(), "{wrong:#?} of the walk {walk:?}:\n{output}");
    }
}

/// Swaps the two builds in turns while four connections post as fast as they are answered.
///
/// There are as many swaps as `SPANLOOM_SWAPS` says, or else `swaps`.
async fn check(language: &str, swaps: usize) {
    let Some(webhook) = Webhook::start(language).await else { return };
    let swaps = env::var("SPANLOOM_SWAPS").map_or(swaps, |swaps| swaps.parse().expect("a number"));
    let load = Load::start(&[Way::Webhook(webhook.spanloom.http); CONNECTIONS], REQUEST_EVENTS).await;
    let operator = Operator::of(&webhook.spanloom, PLUGIN);
    let mut walk = vec![0];
    for (number, build) in (1..=swaps).zip([1u32, 0].into_iter().cycle()) {
        let attempt = operator.replace(&webhook.file(), &webhook.builds[build as usize], "swapped").await;
        assert!(attempt["why"].is_null(), "swap {number}: {attempt}");
        walk.push(build);
    }
    let sent = load.stop().await;
    webhook.finish(&sent, &walk).await;
}

/// Scenario: two builds of the receiver in Rust replace each other a hundred times while four connections post.
/// Guarantees: each request is answered with success, each event arrives once, and the ledger balances.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builds_of_a_receiver_in_rust_replace_each_other_under_load() {
    check("rust", 100).await;
}

/// Scenario: two builds of the receiver in JavaScript replace each other a hundred times under the same load.
/// Guarantees: each request is answered with success, each event arrives once, and the ledger balances.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builds_of_a_receiver_in_javascript_replace_each_other_under_load() {
    check("javascript", 100).await;
}

/// Scenario: two builds of the receiver in Python replace each other under the same load, fewer times: a swap takes longer.
/// Guarantees: each request is answered with success, each event arrives once, and the ledger balances.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builds_of_a_receiver_in_python_replace_each_other_under_load() {
    check("python", 25).await;
}

/// Compiles a component into the user's cache. A debug build needs half a minute for one in Python, which is longer than
/// the other tests wait for a swap.
async fn compile(file: &Path, component: &[u8]) {
    fs::write(file, component).expect("a file");
    let ended = command::spanloom(&["plugin", "inspect", file.to_str().expect("UTF-8")]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
}

/// Records the events of a request, each with the build that its resource shows.
fn take(arrivals: &mut Arrivals, request: &[u8]) {
    let request = ExportLogsServiceRequest::decode(request).expect("a logs request");
    for of_resource in request.resource_logs {
        let Some(build) = build_of(&of_resource.resource.unwrap_or_default()) else {
            arrivals.note("a resource shows no build".to_owned());
            continue;
        };
        for record in of_resource.scope_logs.into_iter().flat_map(|scope| scope.log_records) {
            match record.body.and_then(|body| body.value) {
                Some(Value::StringValue(number)) => {
                    arrivals.arrived(number.parse().expect("a number"), build);
                }
                body => arrivals.note(format!("an event has the body {body:?}")),
            }
        }
    }
}

/// Returns the build that made a resource, by the key of its only attribute.
fn build_of(resource: &Resource) -> Option<u32> {
    let [attribute] = &resource.attributes[..] else { return None };
    let build = KEYS.iter().position(|key| *key == attribute.key)?;
    u32::try_from(build).ok()
}

/// Returns the component with another text of the same length in each place of a text.
fn with_text(component: &[u8], text: &str, other: &str) -> Vec<u8> {
    assert_eq!(text.len(), other.len());
    let mut changed = component.to_vec();
    let places = component.windows(text.len()).enumerate().filter(|(_, found)| *found == text.as_bytes());
    for (at, _) in places {
        changed[at..at + text.len()].copy_from_slice(other.as_bytes());
    }
    assert!(changed != component, "the component has no `{text}`");
    changed
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    arrivals.lock().unwrap_or_else(PoisonError::into_inner)
}
