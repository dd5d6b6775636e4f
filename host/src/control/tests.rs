//! Tests the control task and its board with a running service, in this process. The service has one plugin, of
//! which each test makes the versions that it needs.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use wire::Signal;

use super::{
    operator::{Allowance, Operator, OperatorError, SwapRequest},
    status::{PluginState, PluginStatus, ReloadOutcome},
    *,
};
use crate::{
    builtin,
    component::{BuildContext, Factory, Receiver, ReceiverFactory},
    config::{ConfigError, Node},
    hash::Sha256,
    pipeline::{
        Ingest,
        ingest::{Acknowledge, Door},
    },
    plugin::testing::{Fails, Guest},
    running::Running,
    service::{self, Drained, Service},
    swap::attempt::{Attempt, Outcome},
};

/// The limit of the tests' waits, which no step reaches on a working machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A receiver that hands its door to the test.
#[derive(Clone, Default)]
struct Source(Arc<Mutex<Option<Door>>>);

impl Factory for Source {
    fn name(&self) -> &str {
        "source"
    }

    fn signals(&self) -> &[Signal] {
        &[Signal::Traces]
    }

    fn check(&self, _: &Node) -> Result<(), ConfigError> {
        Ok(())
    }
}

#[async_trait::async_trait]
impl ReceiverFactory for Source {
    async fn build(&self, _: &Node, _: &BuildContext<'_>) -> Result<Arc<dyn Receiver>, ConfigError> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl Receiver for Source {
    async fn start(&self, ingest: Ingest, _: &Running) -> anyhow::Result<()> {
        *self.0.lock().unwrap() = Some(ingest.door(Signal::Traces, "test", Acknowledge::Delivered));
        Ok(())
    }
}

struct Subject {
    folder: TempDir,
    door: Door,
    control: Control,
    running: JoinHandle<Service>,
    stop: CancellationToken,
}

/// A version that works. Versions with different titles are different files.
fn version(title: &'static str) -> Guest {
    let schema = match title {
        "first" => r#"{"type": "object", "title": "first"}"#,
        _ => r#"{"type": "object", "title": "another"}"#,
    };
    Guest { schema, ..Guest::default() }
}

impl Subject {
    /// Starts a service whose plugin is in its first version.
    async fn start(swap: &str) -> Subject {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("plugin.wasm");
        version("first").write(&path);
        let config = folder.path().join("config.yaml");
        let text = format!(
            "plugins: {{tested: {{path: {}, swap: {{{swap}}}}}}}\n\
             receivers: {{source: }}\nprocessors: {{tested: }}\nexporters: {{nop: }}\n\
             service: {{telemetry: {{metrics: {{level: none}}}}, pipelines: {{\n  \
             traces: {{receivers: [source], processors: [tested], exporters: [nop]}}}}}}\n",
            path.display()
        );
        std::fs::write(&config, text).unwrap();
        let source = Source::default();
        let mut registry = builtin::registry();
        registry.receivers.push(Arc::new(source.clone()));
        let sources = Sources { configs: vec![config.display().to_string()], sets: Vec::new(), registry };
        let opened = service::open(&sources.configs, &[], &|_| None, &sources.registry).await;
        let opened = opened.map_err(|error| error.render(false)).unwrap();
        let service = Service::start(&opened).await.unwrap();
        let door = source.0.lock().unwrap().take().unwrap();
        let stop = CancellationToken::new();
        let (controller, control) = Controller::new(service, opened, sources, stop.clone());
        let running = tokio::spawn(controller.run());
        Subject { folder, door, control, running, stop }
    }

    /// Returns the path of the configured file.
    fn configured(&self) -> PathBuf {
        self.folder.path().join("plugin.wasm")
    }

    /// Writes a version to another file than the configured one.
    fn elsewhere(&self, guest: &Guest) -> SwapRequest {
        let path = self.folder.path().join("another.wasm");
        guest.write(&path);
        SwapRequest { file: Some(path), allow: Vec::new() }
    }

    /// Puts a version in the place of the configured file.
    fn configure(&self, guest: &Guest) {
        let SwapRequest { file, .. } = self.elsewhere(guest);
        std::fs::rename(file.unwrap(), self.configured()).unwrap();
    }

    fn is_configured(&self, guest: &Guest) -> bool {
        std::fs::read(self.configured()).unwrap() == guest.component()
    }

    async fn swap(&self, request: SwapRequest) -> Attempt {
        timeout(PATIENCE, self.control.swap("tested", request)).await.unwrap().unwrap()
    }

    async fn status(&self) -> PluginStatus {
        self.control.status().await.plugins.pop().unwrap()
    }

    async fn runs(&self, guest: &Guest) -> bool {
        self.status().await.sha256 == Sha256::of(&guest.component()).to_string()
    }

    /// Waits for the outcome of an attempt that no operator asked for.
    async fn until(&self, outcome: Outcome) -> Attempt {
        let wait = async {
            loop {
                match self.status().await.last {
                    Some(last) if last.outcome == outcome => return last,
                    _ => sleep(Duration::from_millis(5)).await,
                }
            }
        };
        timeout(PATIENCE, wait).await.unwrap()
    }

    /// Sends batches of one span. All must be delivered.
    async fn send(&self, batches: usize) {
        const ONE_ITEM: &[u8] = &[0x0a, 4, 0x12, 2, 0x12, 0];
        for _ in 0..batches {
            let one = wire::Batch::decode(Signal::Traces, bytes::Bytes::from_static(ONE_ITEM)).unwrap();
            self.door.submit_from(one, None).await.unwrap();
        }
    }

    async fn finish(self) {
        self.stop.cancel();
        let service = self.running.await.unwrap();
        assert_eq!(service.telemetry.ledger.balances().iter().find(|balance| !balance.holds()), None);
        assert_eq!(service.shutdown().await, Drained::Whole);
        let ending = self.control.rollback("tested").await;
        assert!(matches!(ending, Err(OperatorError::Unavailable(_))), "{ending:?}");
    }
}

/// Scenario: an operator swaps in another file, goes back, and tries to go back once more.
/// Guarantees: the other file takes the place of the configured one. The operator can return to one version
/// only, and the version that was left is not loaded again from its file.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_swaps_a_version_in_and_goes_back_once() {
    let (first, another) = (version("first"), version("another"));
    let subject = Subject::start("probation: 1h").await;
    subject.send(2).await;
    let request = subject.elsewhere(&another);
    assert_eq!(subject.swap(request.clone()).await.outcome, Outcome::Swapped);
    assert!(subject.runs(&another).await && subject.is_configured(&another));
    let status = subject.status().await;
    assert_eq!((status.generation, status.state), (2, PluginState::Probation));
    assert_eq!(subject.swap(request).await.outcome, Outcome::Unchanged);
    subject.send(2).await;
    let back = subject.control.rollback("tested").await.unwrap();
    assert_eq!(back.outcome, Outcome::Swapped);
    assert!(subject.runs(&first).await);
    let again = subject.control.rollback("tested").await.unwrap();
    assert_eq!(again.outcome, Outcome::Rejected);
    assert!(again.why.unwrap().contains("no version before 1.2.3"));
    // The file still holds the version that was left.
    assert_eq!(subject.control.resume("tested").await.unwrap(), None);
    assert!(subject.runs(&first).await);
    subject.send(2).await;
    subject.finish().await;
}

/// Scenario: an operator names files that are no plugin, refuse the config, trap on made-up data, or have
/// another role.
/// Guarantees: each is rejected with its reason, the running version stays, and so does the configured file.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_cannot_run_is_rejected_and_changes_nothing() {
    let subject = Subject::start("probation: 1h").await;
    let sampler = Guest { role: "sampling", ..Guest::default() };
    let refused = [
        (Guest { fails: Some(Fails::Traps(0)), ..Guest::default() }, "trapped"),
        (Guest { needs_http: true, ..Guest::default() }, "http"),
        (Guest { schema: "{", ..Guest::default() }, "schema"),
        (sampler, "--allow-role-change"),
    ];
    for (guest, why) in refused {
        let attempt = subject.swap(subject.elsewhere(&guest)).await;
        assert_eq!(attempt.outcome, Outcome::Rejected, "{why}");
        assert!(attempt.why.as_ref().is_some_and(|told| told.contains(why)), "{why}: {attempt:?}");
        assert_eq!(subject.status().await.last, Some(attempt));
    }
    let text = subject.folder.path().join("another.wasm");
    std::fs::write(&text, "no plugin").unwrap();
    let attempt = subject.swap(SwapRequest { file: Some(text), allow: Vec::new() }).await;
    assert_eq!((attempt.outcome, attempt.sha256.as_str()), (Outcome::Rejected, ""));
    assert!(subject.runs(&version("first")).await && subject.is_configured(&version("first")));
    assert_eq!(subject.status().await.generation, 1);
    let unknown = subject.control.swap("other", SwapRequest::default()).await;
    let known = vec!["tested".to_owned()];
    assert_eq!(unknown, Err(OperatorError::UnknownPlugin { name: "other".to_owned(), known }));
    subject.send(1).await;
    subject.finish().await;
}

/// Scenario: an operator allows a version with another role.
/// Guarantees: the component is built again with it, and the service continues.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_with_another_role_runs_if_the_operator_allows_it() {
    let subject = Subject::start("probation: 1h").await;
    let sampler = Guest { role: "sampling", schema: r#"{"type": "object"}"#, ..Guest::default() };
    let request = SwapRequest { allow: vec![Allowance::RoleChange], ..subject.elsewhere(&sampler) };
    assert_eq!(subject.swap(request).await.outcome, Outcome::Swapped);
    assert_eq!(subject.status().await.role, "sampler");
    assert!(subject.is_configured(&sampler));
    subject.finish().await;
}

/// Scenario: the file changes while its plugin is paused; then the operator resumes.
/// Guarantees: the new version takes over only after the resume.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_a_pause_is_taken_when_the_pause_ends() {
    let (first, another) = (version("first"), version("another"));
    let subject = Subject::start("probation: 1h").await;
    subject.control.pause("tested").await.unwrap();
    assert!(subject.status().await.paused);
    subject.configure(&another);
    // Longer than the watch takes to report a file that was moved into place.
    sleep(Duration::from_millis(500)).await;
    assert!(subject.runs(&first).await);
    let attempt = subject.control.resume("tested").await.unwrap().unwrap();
    assert_eq!(attempt.outcome, Outcome::Swapped);
    assert!(subject.runs(&another).await && !subject.status().await.paused);
    assert_eq!(subject.control.resume("tested").await.unwrap(), None);
    subject.finish().await;
}

/// Scenario: the file changes to a version that traps on its second batch.
/// Guarantees: the previous version runs again, nothing is lost, and the file is not tried again by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_worse_gives_way_to_the_one_before() {
    let worse = Guest { fails: Some(Fails::Traps(2)), ..version("another") };
    let subject = Subject::start("probation: 1h").await;
    subject.send(5).await;
    subject.configure(&worse);
    subject.until(Outcome::Swapped).await;
    assert!(subject.runs(&worse).await);
    subject.send(20).await;
    let back = subject.until(Outcome::RolledBack).await;
    assert!(back.why.as_ref().is_some_and(|why| why.contains("unreachable")), "{back:?}");
    assert!(subject.runs(&version("first")).await);
    let status = subject.status().await;
    assert_eq!((status.generation, status.state), (3, PluginState::Serving));
    assert_eq!(subject.control.resume("tested").await.unwrap(), None);
    subject.send(5).await;
    subject.finish().await;
}

/// Scenario: an operator swaps in a version that gets half of the batches for a while.
/// Guarantees: the configured file is replaced only once the version is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_proves_itself_takes_over_with_its_file() {
    let (first, another) = (version("first"), version("another"));
    let subject = Subject::start("canary: 50%, probation: 1s, max_slowdown: 1000").await;
    assert_eq!(subject.swap(subject.elsewhere(&another)).await.outcome, Outcome::Canary);
    assert_eq!(subject.status().await.state, PluginState::Canary);
    assert!(subject.runs(&first).await && subject.is_configured(&first));
    subject.send(20).await;
    subject.until(Outcome::Swapped).await;
    assert!(subject.runs(&another).await && subject.is_configured(&another));
    assert_eq!(subject.status().await.state, PluginState::Serving);
    subject.send(5).await;
    subject.finish().await;
}

/// Scenario: a canary runs when an operator asks for a third version, which is a canary too.
/// Guarantees: the first canary's trial ends without a verdict, and the third version's goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_version_ends_the_trial_of_a_canary() {
    let subject = Subject::start("canary: 50%, probation: 1h").await;
    assert_eq!(subject.swap(subject.elsewhere(&version("another"))).await.outcome, Outcome::Canary);
    let third = Guest { fails: Some(Fails::Traps(1_000)), ..Guest::default() };
    let attempt = subject.swap(subject.elsewhere(&third)).await;
    assert_eq!((attempt.outcome, subject.status().await.state), (Outcome::Canary, PluginState::Canary));
    subject.send(10).await;
    assert_eq!(subject.status().await.last, Some(attempt));
    assert!(subject.runs(&version("first")).await);
    subject.finish().await;
}

/// Scenario: the file changes while versions from it only run on copies.
/// Guarantees: the running version stays and the status compares both, until an operator asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_runs_on_copies_until_an_operator_asks_for_it() {
    let another = version("another");
    let subject = Subject::start("shadow: true, probation: 1h").await;
    subject.configure(&another);
    subject.until(Outcome::Shadowing).await;
    assert_eq!(subject.status().await.state, PluginState::Shadow);
    assert!(subject.runs(&version("first")).await);
    subject.send(3).await;
    let compared = async {
        while subject.status().await.shadow.is_none_or(|shadow| shadow.same == 0) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, compared).await.unwrap();
    assert_eq!(subject.swap(SwapRequest::default()).await.outcome, Outcome::Swapped);
    assert!(subject.runs(&another).await && subject.status().await.shadow.is_none());
    subject.finish().await;
}

/// Scenario: the config is read again: unchanged, with a mistake, and with another setting.
/// Guarantees: a mistake changes nothing and is told; the next config is applied.
#[tokio::test(flavor = "multi_thread")]
async fn a_config_with_a_mistake_is_rejected_and_the_next_one_applied() {
    let subject = Subject::start("probation: 1h").await;
    let path = subject.folder.path().join("config.yaml");
    let good = std::fs::read_to_string(&path).unwrap();
    subject.control.pause("tested").await.unwrap();
    let reload = async || subject.control.reload().await.unwrap();
    assert_eq!(reload().await.outcome, ReloadOutcome::Unchanged);
    std::fs::write(&path, good.replace("processors: [tested]", "processors: [tasted]")).unwrap();
    let rejected = reload().await;
    assert_eq!(rejected.outcome, ReloadOutcome::Rejected);
    let why = rejected.why.clone().unwrap_or_default();
    assert!(why.contains("config.yaml:6:") && why.contains("tasted"), "{rejected:?}");
    assert_eq!(subject.control.status().await.config.last.map(|last| last.outcome), Some(rejected.outcome));
    subject.send(1).await;
    std::fs::write(&path, good.replace("processors: [tested], ", "")).unwrap();
    let applied = reload().await;
    assert_eq!(applied.outcome, ReloadOutcome::Reloaded, "{applied:?}");
    subject.send(1).await;
    subject.finish().await;
}

/// Scenario: a plugin's file is gone when the config is read again; then it is no component.
/// Guarantees: each reload names the plugin whose file was refused, and the running version stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_tells_which_plugins_file_was_refused() {
    let subject = Subject::start("probation: 1h").await;
    let before = subject.status().await.sha256;
    std::fs::remove_file(subject.configured()).unwrap();
    let gone = subject.control.reload().await.unwrap();
    std::fs::write(subject.configured(), "no component").unwrap();
    let broken = subject.control.reload().await.unwrap();
    for reload in [gone, broken] {
        assert_eq!(reload.refused_plugins, ["tested"], "{reload:?}");
        assert_ne!(reload.outcome, ReloadOutcome::Rejected, "{reload:?}");
    }
    assert_eq!(subject.status().await.sha256, before);
    subject.send(1).await;
    subject.finish().await;
}
