//! The `marker` plugin between senders and a sink. A test replaces its file and reads the outcome at the
//! admin endpoint.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    Sink, Spanloom,
    guests::{built, component},
};

use super::{
    Arrivals, Broken, Concurrency, Mode, Operator, Sent, Way, grown, move_into_place, stamp, with_concurrency,
};

const PASS_TIMEOUT: Duration = Duration::from_secs(30);
const PASS_POLL: Duration = Duration::from_millis(5);

/// One process with the `marker` in its pipeline.
pub struct Rig {
    pub spanloom: Spanloom,
    /// The component as it was built.
    pub marker: Vec<u8>,
    folder: TempDir,
    arrivals: Arc<Mutex<Arrivals>>,
    _sink: Sink,
    /// The marks of the versions that ran, in order.
    walk: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
pub struct RigSettings<'a> {
    /// More keys of the plugin, as YAML in one line: `swap: {probation: 0s}`.
    pub plugin: &'a str,
    /// More arguments of the command.
    pub args: &'a [&'a str],
    /// More keys of the exporter's queue.
    pub queue: &'a str,
    /// A component of `target/plugins` and a length. Each version is made at least so long by copies of the
    /// component's code.
    pub grown: Option<(&'a str, usize)>,
    pub concurrency: Concurrency,
}

/// One replacement of the plugin's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A version that works, with this mark.
    Good(u32),
    Broken(Broken, u32),
}

/// Keeps a version from being rolled back because the machine is busy.
pub const NOT_FOR_SLOWNESS: &str = "swap: {max_slowdown: 1000}";

impl Default for RigSettings<'_> {
    fn default() -> Self {
        let concurrency = Concurrency::default();
        RigSettings { plugin: NOT_FOR_SLOWNESS, args: &[], queue: "", grown: None, concurrency }
    }
}

impl Rig {
    /// Starts the process with version 0. Returns `None` if the component was not built.
    pub async fn start(settings: RigSettings<'_>) -> Option<Rig> {
        let mut marker = fs::read(component(PLUGIN)?).expect("the component");
        marker = with_concurrency(&marker, settings.concurrency);
        if let Some((other, len)) = settings.grown {
            marker = grown(&marker, &fs::read(built(other)?).expect("the component"), len);
        }
        let folder = TempDir::new().expect("a folder");
        fs::write(folder.path().join(FILE), stamp(&marker, Mode::Works, 0)).expect("a file");
        let arrivals = Arc::new(Mutex::new(Arrivals::default()));
        let taker = arrivals.clone();
        let sink = Sink::start_with(move |request| lock(&taker).take(&request.body)).await;
        let config = folder.path().join("spanloom.yaml");
        fs::write(&config, config_of(settings, &sink)).expect("a file");
        // Compiled versions are kept for each user. The many versions of this test would push out the user's
        // own.
        let cache = folder.path().join("cache");
        let cache = [("XDG_CACHE_HOME", cache.to_str().expect("UTF-8"))];
        let spanloom = Spanloom::start_file_with(&config, settings.args, &cache).await;
        Some(Rig { spanloom, marker, folder, arrivals, _sink: sink, walk: vec![0] })
    }

    /// Returns this many gRPC connections and this many over HTTP.
    pub fn ways(&self, grpc: usize, http: usize) -> Vec<Way> {
        let Spanloom { grpc: to_grpc, http: to_http, .. } = self.spanloom;
        [vec![Way::Grpc(to_grpc); grpc], vec![Way::Http(to_http); http]].concat()
    }

    /// Returns the path of the plugin's file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn version(&self, mark: u32) -> Vec<u8> {
        stamp(&self.marker, Mode::Works, mark)
    }

    pub fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        lock(&self.arrivals)
    }

    /// Moves the file into place and returns the attempt once it has the outcome that the step expects.
    pub async fn step(&mut self, step: Step) -> Value {
        let (bytes, outcome) = match step {
            Step::Good(mark) => (self.version(mark), "swapped"),
            Step::Broken(broken, mark) => {
                let outcome = if broken.runs() { "rolled_back" } else { "rejected" };
                (broken.file(&self.marker, mark), outcome)
            }
        };
        let attempt = self.operator().replace(&self.path(), &bytes, outcome).await;
        let ran = *self.walk.last().expect("the first");
        match step {
            Step::Good(mark) => self.walk.push(mark),
            Step::Broken(broken, mark) if broken.runs() => self.walk.extend([mark, ran]),
            Step::Broken(..) => {}
        }
        attempt
    }

    /// Notes that the test made this version run by other means.
    pub fn runs(&mut self, mark: u32) {
        self.walk.push(mark);
    }

    /// Replaces the plugin's file by these bytes.
    pub fn put(&self, bytes: &[u8]) {
        move_into_place(&self.path(), bytes);
    }

    /// Waits until the latest span of the first connection is marked by this version.
    pub async fn passes(&self, mark: u32) {
        let deadline = Instant::now() + PASS_TIMEOUT;
        while self.arrivals().last_mark(0) != Some(mark) {
            let last = self.arrivals().last_mark(0);
            assert!(Instant::now() < deadline, "spans are marked {last:?}, not {mark}");
            sleep(PASS_POLL).await;
        }
    }

    pub fn operator(&self) -> Operator<'static> {
        Operator::of(&self.spanloom, PLUGIN)
    }

    /// Ends the process and checks the result.
    ///
    /// No sender saw an error. Every span that was sent has arrived once, marked by one version. That version
    /// had not been replaced when the span's request was sent.
    pub async fn finish(self, sent: &[Sent]) {
        let errors: Vec<&String> = sent.iter().flat_map(|sent| &sent.errors).collect();
        assert!(errors.is_empty(), "senders were answered {errors:?}:\n{}", self.spanloom.output());
        let spans: Vec<usize> = sent.iter().map(|sent| sent.spans).collect();
        let request_spans = sent.iter().map(|sent| sent.request_spans).max().unwrap_or(1);
        let output = self.spanloom.output();
        let ledger = self.spanloom.finish().await;
        let account = &ledger[&("traces".to_owned(), "otlp_grpc".to_owned())];
        let total = spans.iter().sum::<usize>() as u64;
        assert_eq!((account.received, account.delivered), (total, total), "{account:?}:\n{output}");
        let wrong = lock(&self.arrivals).check(&spans, request_spans, &self.walk);
        assert!(wrong.is_empty(), "{wrong:#?} of the walk {:?}:\n{output}", self.walk);
    }
}

const PLUGIN: &str = "marker";
const FILE: &str = "plugin.wasm";

fn config_of(settings: RigSettings<'_>, sink: &Sink) -> String {
    let or_nothing = |keys: &str| if keys.is_empty() { String::new() } else { format!(", {keys}") };
    let (more, queue) = (or_nothing(settings.plugin), or_nothing(settings.queue));
    format!(
        "plugins:\n  {PLUGIN}: {{path: ./{FILE}{more}}}\n\
         receivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\n\
         processors:\n  {PLUGIN}:\n\
         exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}, sending_queue: {{block_on_overflow: true{queue}}}}}\n\
         service:\n  pipelines:\n    traces: {{receivers: [otlp], processors: [{PLUGIN}], exporters: [otlp_grpc]}}\n",
        sink.address,
    )
}

fn lock(arrivals: &Mutex<Arrivals>) -> MutexGuard<'_, Arrivals> {
    arrivals.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
