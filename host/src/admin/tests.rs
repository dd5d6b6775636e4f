//! Tests the endpoint with a server that listens and an operator that records requests.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
};

use super::*;
use crate::{
    control::{
        decisions::{DecisionsOfKind, RecentDecision, SamplingDecisions},
        operator::{OperatorError, SwapRequest},
        status::{
            ConfigStatus, DestinationStatus, ErrorStatus, Errors, FailingStatus, PluginState, PluginStatus,
            QueueStatus, ReceiverStatus, Reload, ReloadOutcome, ShadowStatus, Status, UntakenStatus,
        },
    },
    swap::attempt::{Attempt, Outcome},
};

/// Answers with the values that it was given, and records the requests.
pub(crate) struct Recorded {
    asked: Mutex<Vec<String>>,
    pub(crate) status: Status,
    /// The outcome of each attempt.
    pub(crate) attempt: Option<Attempt>,
    pub(crate) reload: Reload,
}

/// A server that runs until this is dropped.
pub(crate) struct Served {
    _stop: tokio_util::sync::DropGuard,
    folder: tempfile::TempDir,
}

impl Served {
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }
}

const TOKEN: &str = "a token";

/// Serves the operator on a free port and a socket until the returned [`Served`] is dropped.
pub(crate) async fn served(operator: Arc<Recorded>) -> (SocketAddr, Served) {
    let (running, folder) = (Running::default(), tempfile::tempdir().unwrap());
    let served = Served { _stop: running.stop.clone().drop_guard(), folder };
    std::fs::write(served.token_file(), format!("{TOKEN}\n")).unwrap();
    let config = AdminConfig {
        socket: AdminSocket::At(served.socket()),
        token: Some(AdminToken::File(served.token_file())),
        ..at("127.0.0.1:0")
    };
    let listening = listen(&config).await.unwrap();
    let address = listening.addresses().unwrap()[0];
    listening.serve(operator, &running);
    (address, served)
}

/// Returns a config for this address without a socket, because a test must not use the socket of the user who
/// runs it.
fn at(address: &str) -> AdminConfig {
    AdminConfig {
        endpoint: AdminEndpoint::At(address.to_owned()),
        socket: AdminSocket::Off,
        ..AdminConfig::default()
    }
}

pub(crate) fn ago(seconds: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(seconds)
}

pub(crate) fn attempt(outcome: Outcome, why: Option<&str>) -> Attempt {
    let (version, why) = (Some("1.3.0".to_owned()), why.map(str::to_owned));
    Attempt { at: ago(90), outcome, sha256: "cd".repeat(32), version, why, took_ms: 123 }
}

/// Returns a status with the plugin `redact` from a file and the built-in plugin `batch`.
/// Returns the decisions of a sampler that kept a trace for its error, and dropped 20 for no reason.
pub(crate) fn decisions() -> SamplingDecisions {
    let at = SystemTime::now() - Duration::from_secs(90);
    let kind = |decision: &str, reason: &str, traces, root: &str, rate, trace: u128| DecisionsOfKind {
        component: "tail_sampling_policies".to_owned(),
        decision: decision.to_owned(),
        reason: reason.to_owned(),
        traces,
        recent: vec![RecentDecision {
            at,
            trace_id: format!("{trace:032x}"),
            rate,
            spans: 12,
            root: root.to_owned(),
        }],
    };
    let kinds = [
        kind("drop", "", 20, "GET /", None, 2),
        kind("keep", "errors", 1, "POST /cart\u{1b}[31m", Some(1.0), 1),
    ];
    SamplingDecisions { decisions: kinds.into() }
}

pub(crate) fn status() -> Status {
    let redact = PluginStatus {
        name: "redact".to_owned(),
        role: "processor".to_owned(),
        version: "1.2.0".to_owned(),
        sha256: "ab".repeat(32),
        path: Some("/etc/spanloom/redact.wasm".to_owned()),
        components: vec!["redact/pci".to_owned(), "redact/urls".to_owned()],
        generation: 3,
        since: ago(90),
        state: PluginState::Probation,
        paused: false,
        calls: 1_234,
        items: 1_234_000,
        busy_ns: 75_397_400,
        ns_per_item: Some(61.1),
        errors: Errors { accidents: 1, refusals: 2 },
        failing: Some(FailingStatus { batches: 12, left_alone: false }),
        last: Some(attempt(Outcome::Rejected, Some("it has no export `processing`"))),
        shadow: None,
    };
    let batch = PluginStatus {
        name: "batch".to_owned(),
        path: None,
        generation: 1,
        since: ago(7_500),
        state: PluginState::Serving,
        paused: true,
        calls: 0,
        items: 0,
        ns_per_item: None,
        errors: Errors::default(),
        failing: None,
        last: None,
        shadow: Some(ShadowStatus {
            batches: 5,
            same: 3,
            different: 1,
            failed: 1,
            skipped: 2,
            first_difference: Some("span 3: `url` is gone".to_owned()),
        }),
        ..redact.clone()
    };
    let reload = Reload {
        at: ago(300),
        outcome: ReloadOutcome::Rejected,
        why: Some("unknown key `exporterz`".to_owned()),
        refused_plugins: Vec::new(),
    };
    Status {
        version: "0.1.0".to_owned(),
        started: ago(7_500),
        config: ConfigStatus { loaded: ago(7_500), last: Some(reload) },
        receivers: vec![receiver("grpc", "traces", 1_000, 0), receiver("http", "logs", 20, 3)],
        untaken: vec![untaken()],
        destinations: destinations(),
        plugins: vec![batch, redact],
    }
}

fn untaken() -> UntakenStatus {
    UntakenStatus {
        receiver: "awsxray".to_owned(),
        transport: "udp".to_owned(),
        rejected: [("no header".to_owned(), 1), ("id".to_owned(), 2)].into(),
        dropped: [("queue_full".to_owned(), 5)].into(),
    }
}

fn receiver(transport: &str, signal: &str, accepted: u64, refused: u64) -> ReceiverStatus {
    let (transport, signal) = (transport.to_owned(), signal.to_owned());
    ReceiverStatus { receiver: "otlp".to_owned(), transport, signal, accepted, refused }
}

/// Returns a destination that works and one that fails.
fn destinations() -> Vec<DestinationStatus> {
    let well = DestinationStatus {
        pipeline: "logs".to_owned(),
        destination: "debug".to_owned(),
        received: 20,
        delivered: 20,
        ..DestinationStatus::default()
    };
    let fails = DestinationStatus {
        pipeline: "traces".to_owned(),
        destination: "otlp_grpc".to_owned(),
        received: 1_000,
        delivered: 700,
        sampled_out: 200,
        dropped: [("rejected".to_owned(), 10), ("queue_full".to_owned(), 30)].into(),
        in_flight: 60,
        queue: Some(QueueStatus { size: 3, capacity: 1_000 }),
        failing_since: Some(ago(300)),
        last_error: Some(ErrorStatus { at: ago(90), message: "connection refused".to_owned() }),
    };
    vec![well, fails]
}

impl Recorded {
    pub(crate) fn new(attempt: Option<Attempt>) -> Recorded {
        let reload = Reload {
            at: ago(0),
            outcome: ReloadOutcome::Reloaded,
            why: Some("pipelines: traces".to_owned()),
            refused_plugins: Vec::new(),
        };
        Recorded { asked: Mutex::default(), status: status(), attempt, reload }
    }

    /// Returns the requests since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ask(&self, request: String) {
        self.asked.lock().unwrap().push(request);
    }

    fn know(&self, plugin: &str) -> Result<(), OperatorError> {
        let known: Vec<String> = self.status.plugins.iter().map(|plugin| plugin.name.clone()).collect();
        let unknown = OperatorError::UnknownPlugin { name: plugin.to_owned(), known: known.clone() };
        known.iter().any(|name| name == plugin).then_some(()).ok_or(unknown)
    }

    fn attempt(&self) -> Result<Attempt, OperatorError> {
        self.attempt.clone().ok_or_else(|| OperatorError::Impossible("there is no version before".to_owned()))
    }
}

#[async_trait]
impl Operator for Recorded {
    async fn status(&self) -> Status {
        self.status.clone()
    }

    async fn decisions(&self) -> SamplingDecisions {
        decisions()
    }

    async fn swap(&self, plugin: &str, request: SwapRequest) -> Result<Attempt, OperatorError> {
        self.know(plugin)?;
        let SwapRequest { file, allow } = request;
        let allowed = if allow.is_empty() { String::new() } else { format!(" {allow:?}") };
        self.ask(format!("swap {plugin} {file:?}{allowed}"));
        self.attempt()
    }

    async fn rollback(&self, plugin: &str) -> Result<Attempt, OperatorError> {
        self.know(plugin)?;
        self.ask(format!("rollback {plugin}"));
        self.attempt()
    }

    async fn pause(&self, plugin: &str) -> Result<(), OperatorError> {
        self.know(plugin)?;
        self.ask(format!("pause {plugin}"));
        Ok(())
    }

    async fn resume(&self, plugin: &str) -> Result<Option<Attempt>, OperatorError> {
        self.know(plugin)?;
        self.ask(format!("resume {plugin}"));
        Ok(self.attempt.clone())
    }

    async fn reload(&self) -> Result<Reload, OperatorError> {
        self.ask("reload".to_owned());
        Ok(self.reload.clone())
    }
}

/// Sends one request and returns the status and the body of the answer. `head` holds the first line without
/// the protocol, and headers. The request shows the token, unless `head` has another authorization.
async fn ask(address: SocketAddr, head: &[&str], body: &str) -> (u16, Value) {
    let authorization = format!("authorization: Bearer {TOKEN}");
    let shows_one = head.iter().any(|line| line.starts_with("authorization"));
    let headers = if shows_one { head.to_vec() } else { [head, &[&authorization]].concat() };
    let stream = TcpStream::connect(address).await.unwrap();
    ask_by(stream, &headers, body).await
}

async fn ask_by(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &[&str], body: &str) -> (u16, Value) {
    let (first, headers) = head.split_first().unwrap();
    let mut request = format!("{first} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        request += &format!("{header}\r\n");
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/json"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
}

const LOCAL: &str = "host: localhost:8899";

/// Scenario: a client asks for the status.
/// Guarantees: the answer has the documented fields, and can be read back unchanged.
#[tokio::test]
async fn the_status_is_told_as_the_contract_has_it() {
    let operator = Arc::new(Recorded::new(None));
    let (address, _running) = served(operator.clone()).await;
    let (code, shown) = ask(address, &["GET /v1/status", LOCAL], "").await;
    assert_eq!(code, 200);
    assert_eq!(shown["plugins"][1]["name"], "redact");
    assert_eq!(shown["plugins"][1]["state"], "probation");
    assert_eq!(shown["plugins"][1]["last"]["outcome"], "rejected");
    assert_eq!(shown["plugins"][0]["path"], Value::Null);
    let read: Status = serde_json::from_value(shown.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), shown);
}

/// Scenario: a client asks for the last decisions of samplers.
/// Guarantees: the answer has the documented fields, and can be read back unchanged.
#[tokio::test]
async fn the_last_decisions_are_told_as_the_contract_has_it() {
    let (address, _running) = served(Arc::new(Recorded::new(None))).await;
    let (code, shown) = ask(address, &["GET /v1/sampling", LOCAL], "").await;
    assert_eq!(code, 200);
    let kept = &shown["decisions"][1];
    assert_eq!(
        (&kept["decision"], &kept["reason"], &kept["traces"]),
        (&json!("keep"), &json!("errors"), &json!(1))
    );
    assert_eq!(kept["recent"][0]["trace_id"], "00000000000000000000000000000001");
    assert_eq!(shown["decisions"][0]["recent"][0]["rate"], Value::Null);
    let read: SamplingDecisions = serde_json::from_value(shown.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), shown);
}

/// Scenario: an operator asks for each kind of change.
/// Guarantees: each is done once, and answered with its outcome.
#[tokio::test]
async fn what_an_operator_asks_for_is_done_once_and_answered_with_what_came_of_it() {
    let operator = Arc::new(Recorded::new(Some(attempt(Outcome::Swapped, None))));
    let (address, _running) = served(operator.clone()).await;
    let expected = serde_json::to_value(operator.attempt.as_ref().unwrap()).unwrap();
    let file = r#"{"file": "/new/redact.wasm"}"#;
    let cases = [
        ("redact/swap", file, r#"swap redact Some("/new/redact.wasm")"#, &expected),
        ("redact/swap", "{}", "swap redact None", &expected),
        ("redact/swap", r#"{"allow": ["role_change"]}"#, "swap redact None [RoleChange]", &expected),
        ("redact/swap", "", "swap redact None", &expected),
        ("batch/rollback", "", "rollback batch", &expected),
        ("redact/pause", "", "pause redact", &Value::Null),
        ("redact/resume", "", "resume redact", &expected),
    ];
    for (path, body, asked, expected) in cases {
        let (code, answer) = ask(address, &[&format!("POST /v1/plugins/{path}"), LOCAL], body).await;
        assert_eq!((code, &answer), (200, expected), "{path}");
        assert_eq!(operator.asked(), [asked]);
    }
    let (code, answer) = ask(address, &["POST /v1/reload", LOCAL], "").await;
    assert_eq!((code, &answer["outcome"]), (200, &json!("reloaded")));
    assert_eq!(operator.asked(), ["reload"]);
}

/// Scenario: a change is rejected, or is not possible.
/// Guarantees: the answer is 409 and says why.
#[tokio::test]
async fn what_is_rejected_or_cannot_be_done_is_a_conflict_and_says_why() {
    let mut operator = Recorded::new(Some(attempt(Outcome::Rejected, Some("no component"))));
    operator.reload.outcome = ReloadOutcome::Rejected;
    let operator = Arc::new(operator);
    let (address, _running) = served(operator.clone()).await;
    for path in ["plugins/redact/swap", "plugins/redact/resume"] {
        let (code, answer) = ask(address, &[&format!("POST /v1/{path}"), LOCAL], "").await;
        assert_eq!((code, answer), (409, serde_json::to_value(&operator.attempt).unwrap()), "{path}");
    }
    let (code, answer) = ask(address, &["POST /v1/reload", LOCAL], "").await;
    assert_eq!((code, &answer["outcome"]), (409, &json!("rejected")));

    let (address, _running) = served(Arc::new(Recorded::new(None))).await;
    let (code, answer) = ask(address, &["POST /v1/plugins/redact/rollback", LOCAL], "").await;
    assert_eq!((code, answer), (409, json!({"error": "there is no version before"})));
}

/// Scenario: requests name unknown plugins or paths, or have wrong bodies.
/// Guarantees: each is refused with the right status and a helpful text, and nothing is changed.
#[tokio::test]
async fn what_cannot_be_understood_is_refused_and_says_what_would_be_right() {
    let operator = Arc::new(Recorded::new(Some(attempt(Outcome::Swapped, None))));
    let (address, _running) = served(operator.clone()).await;
    let swap = "POST /v1/plugins/redact/swap";
    let large = format!(r#"{{"file": "/{}"}}"#, "a".repeat(64 << 10));
    let cases = [
        ("POST /v1/plugins/redcat/swap", "", 404, "no plugin redcat; there are: batch, redact"),
        ("POST /v1/plugins/redact%2Fpci/pause", "", 404, "no plugin redact/pci; there are: batch, redact"),
        (swap, r#"{"file": "a.wasm"}"#, 400, "`file` is a path from the root, and a.wasm is not"),
        (
            swap,
            r#"{"path": "/a.wasm"}"#,
            400,
            "expected {\"file\": \"/path/of/a.wasm\"}: unknown field `path`",
        ),
        (
            swap,
            r#"{"allow": ["all"]}"#,
            400,
            "expected {\"file\": \"/path/of/a.wasm\"}: unknown variant `all`",
        ),
        (swap, "{", 400, "expected {\"file\": \"/path/of/a.wasm\"}: EOF"),
        (swap, &large, 413, "Failed to buffer the request body: length limit exceeded"),
        ("GET /v1/reload", "", 405, "GET reads, POST changes"),
        ("GET /", "", 404, "unknown path; GET /v1/status returns the status"),
    ];
    for (request, body, expected, why) in cases {
        let (code, answer) = ask(address, &[request, LOCAL], body).await;
        let shown = answer["error"].as_str().unwrap();
        assert!(code == expected && shown.starts_with(why), "{request}: {code} {shown}");
    }
    assert_eq!(operator.asked(), [""; 0]);
}

/// Scenario: requests look as if a web page had sent them.
/// Guarantees: they can neither swap a plugin nor read the status, and requests that name this machine itself
/// can.
#[tokio::test]
async fn requests_that_a_web_page_may_have_sent_are_refused() {
    let operator = Arc::new(Recorded::new(None));
    let (address, _running) = served(operator.clone()).await;
    let (reload, status) = ("POST /v1/reload", "GET /v1/status");
    let refused: [&[&str]; 8] = [
        &[reload, LOCAL, "origin: http://localhost:8899"],
        &[reload, LOCAL, "origin: null"],
        &[reload, "host: evil.example"],
        &[status, "host: evil.example:8899"],
        &[status, "host: localhost.evil.example"],
        &[status, "host: 127.0.0.1.evil.example"],
        &["GET http://evil.example/v1/status", LOCAL],
        &["GET /nothing", "host: evil.example"],
    ];
    for head in refused {
        assert_eq!(ask(address, head, "").await.0, 403, "{head:?}");
    }
    assert_eq!(operator.asked(), [""; 0]);
    let hosts = ["127.0.0.1:8899", "localhost", "LOCALHOST.:1", "[::1]:8899", "10.0.0.7:8899"];
    for host in hosts {
        let (code, answer) = ask(address, &[reload, &format!("host: {host}")], "").await;
        assert_eq!(code, 200, "{host}: {answer}");
    }
}

/// Scenario: the config names a host.
/// Guarantees: requests for that host are answered, and requests for another are not.
#[tokio::test]
async fn the_host_that_the_config_names_may_be_asked_for() {
    let operator: Arc<dyn Operator> = Arc::new(Recorded::new(None));
    let routes = routes::routes(operator, "collector.internal:8899", Access::Owner, &AdminWays::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let running = Running::default();
    server::serve(listener, None, routes, ServerSettings::for_operators(), &running);
    assert_eq!(ask(address, &["GET /v1/status", "host: Collector.internal:8899"], "").await.0, 200);
    assert_eq!(ask(address, &["GET /v1/status", "host: other.internal:8899"], "").await.0, 403);
}

/// Scenario: the address is in use.
/// Guarantees: this is an error only if the config names the address.
#[tokio::test]
async fn a_place_that_is_taken_is_an_error_only_if_a_config_asks_for_it() {
    let (taken, _running) = served(Arc::new(Recorded::new(None))).await;
    let shown = format!("{:#}", listen(&at(&taken.to_string())).await.unwrap_err());
    assert!(shown.starts_with(&format!("service.admin.endpoint: cannot listen on {taken}")), "{shown}");
    // Another process or test may use the default address too. In any case it is in use at the second
    // attempt.
    let usual = AdminConfig { endpoint: AdminEndpoint::Usual, ..at("") };
    let first = listen(&usual).await.unwrap();
    assert!(first.addresses().unwrap().len() <= 1);
    let second = listen(&usual).await.unwrap();
    assert_eq!(second.addresses().unwrap(), []);
    let off = AdminConfig { endpoint: AdminEndpoint::Off, ..AdminConfig::default() };
    let off = listen(&off).await.unwrap();
    assert_eq!((off.addresses().unwrap(), off.socket()), (vec![], None), "nor is there a socket");
}

/// Scenario: changes are sent without, with a wrong and with the right authorization. Every user of the
/// machine can reach the endpoint, and could otherwise run a plugin with another user's grants.
/// Guarantees: a change needs the token or the socket; the status needs neither.
#[tokio::test]
async fn a_change_takes_the_token_or_the_socket_and_the_status_neither() {
    let operator = Arc::new(Recorded::new(None));
    let (address, served) = served(operator.clone()).await;
    let changes = [
        "POST /v1/plugins/redact/swap",
        "POST /v1/plugins/redact/rollback",
        "POST /v1/plugins/redact/pause",
        "POST /v1/plugins/redact/resume",
        "POST /v1/reload",
    ];
    let socket = served.socket();
    let by_socket = format!("over the socket {}: `spanloom` finds it by itself", socket.display());
    for change in changes {
        for (shown, why) in [
            ("authorization: Basic YTpi", by_socket.as_str()),
            ("authorization: Bearer another", "the token is not the one of `service.admin.token`"),
            ("authorization: Bearer a toke", "the token is not the one of `service.admin.token`"),
        ] {
            let (code, answer) = ask(address, &[change, LOCAL, shown], "").await;
            let error = answer["error"].as_str().unwrap();
            assert!(code == 403 && error.contains(why), "{change}: {code} {error}");
        }
        assert_eq!(operator.asked(), [""; 0], "{change}");
        let stream = UnixStream::connect(&socket).await.unwrap();
        let (code, _) = ask_by(stream, &[change, LOCAL], "").await;
        assert_ne!(code, 403, "{change}");
        assert_eq!(operator.asked().len(), 1, "{change}");
    }
    let nothing_shown = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask_by(nothing_shown, &["GET /v1/status", LOCAL], "").await.0, 200);
    let (_, ways) = ask(address, &["GET /v1/admin", LOCAL], "").await;
    assert_eq!(ways, json!({"socket": socket, "token": true}));
}

/// Scenario: the config has no token, and a change is sent over TCP.
/// Guarantees: the change is refused, and the answer says how to permit changes.
#[tokio::test]
async fn without_a_token_no_change_is_taken_over_tcp() {
    let (operator, running) = (Arc::new(Recorded::new(None)), Running::default());
    let listening = listen(&at("127.0.0.1:0")).await.unwrap();
    let address = listening.addresses().unwrap()[0];
    listening.serve(operator.clone(), &running);
    let (code, answer) = ask(address, &["POST /v1/reload", LOCAL], "").await;
    let expected = "changes need authorization: set `service.admin.token_file`, and send that token as \
                    `Authorization: Bearer …`";
    assert_eq!((code, answer), (403, json!({"error": expected})));
    assert_eq!(operator.asked(), [""; 0]);
}

/// Scenario: the token's file is empty or missing.
/// Guarantees: the endpoint does not start, and the error names the file.
#[tokio::test]
async fn a_tokens_file_that_cannot_be_had_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, missing) = (folder.path().join("empty"), folder.path().join("missing"));
    std::fs::write(&empty, "\n").unwrap();
    for (path, why) in [(&empty, "its first line holds no token"), (&missing, "No such file")] {
        let config = AdminConfig { token: Some(AdminToken::File(path.clone())), ..at("127.0.0.1:0") };
        let error = format!("{:#}", listen(&config).await.unwrap_err());
        let named = format!("service.admin.token_file: {}: ", path.display());
        assert!(error.starts_with(&named) && error.contains(why), "{error}");
    }
}
