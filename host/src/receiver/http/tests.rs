//! Exercises the parts through a receiver that is as small as one can be.

mod webhook;

use std::{
    io::Write as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use self::webhook::WebhookFactory;
use crate::{
    component::{
        BuildContext, Extensions, Factory, Receiver,
        auth::{ServerAuth, Unauthenticated, Verdict},
    },
    config::Node,
    pipeline::{Batch, Consumer, Ingest, Refused},
    receipt::{Failure, Reason},
    running::Running,
    telemetry::Telemetry,
};

/// A time limit for steps that are only as slow as the machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A started receiver. Dropping it stops the receiver.
struct Started {
    address: SocketAddr,
    arrived: Arc<Arrived>,
    telemetry: Arc<Telemetry>,
    _stop: tokio_util::sync::DropGuard,
}

/// A pipeline that keeps what arrives, or refuses everything.
#[derive(Default)]
struct Arrived {
    batches: Mutex<Vec<wire::Batch>>,
    refusal: Option<Failure>,
}

#[async_trait::async_trait]
impl Consumer for Arrived {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        if let Some(failure) = &self.refusal {
            return Err(batch.refused(failure.clone()));
        }
        self.batches.lock().unwrap().push(batch.data.clone());
        batch.delivered();
        Ok(())
    }
}

/// Lets requests in that show one token.
struct Token;

impl ServerAuth for Token {
    fn authenticate(&self, headers: &HeaderMap) -> Verdict {
        let is_known = headers.get("authorization").is_some_and(|token| token == "Bearer right");
        Verdict::Known(if is_known { Ok(()) } else { Err(Unauthenticated("the token is wrong")) })
    }

    fn challenge(&self) -> &str {
        "Bearer"
    }
}

async fn start(yaml: &str, arrived: Arrived) -> Started {
    let (telemetry, arrived, running) = (Telemetry::new(), Arc::new(arrived), Running::default());
    let mut extensions = Extensions::default();
    extensions.server_auth.insert("token".to_owned(), Arc::new(Token));
    let id = "webhook".parse().unwrap();
    let context = BuildContext { id: &id, telemetry: &telemetry, extensions: &extensions, former: None };
    let config = Node::parse("otel.yaml", yaml).unwrap();
    let receiver = WebhookFactory.open(&config, &context).unwrap();
    receiver.start(Ingest::of_one("webhook", &telemetry, arrived.clone()), &running).await.unwrap();
    let address = *receiver.bound().unwrap().first().unwrap();
    Started { address, arrived, telemetry, _stop: running.stop.drop_guard() }
}

impl Started {
    /// Sends a request, and returns the whole answer.
    async fn ask(&self, head: &str, body: &[u8]) -> String {
        self.ask_host(&format!("{head}\r\nhost: x"), body).await
    }

    /// Does the same for a head that names its host.
    async fn ask_host(&self, head: &str, body: &[u8]) -> String {
        let mut connection = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let head = format!("{head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        connection.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, connection.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }

    /// Sends JSON with the right token, and returns the status and the headers of the answer.
    async fn post(&self, body: &[u8], headers: &str) -> String {
        let head = format!(
            "POST /events HTTP/1.1\r\nauthorization: Bearer right\r\ncontent-type: application/json{headers}"
        );
        self.ask(&head, body).await
    }

    fn items(&self) -> Vec<usize> {
        self.arrived.batches.lock().unwrap().iter().map(wire::Batch::items).collect()
    }
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

const GUARDED: &str = "endpoint: 127.0.0.1:0\nauth: { authenticator: token }\nmax_request_body_size: 1000\n\
                       response_headers: { x-from: spanloom }\n";

/// Scenario: a sender posts a compressed list of two events, and a plain one of one event.
/// Guarantees: each is accepted with the configured header, becomes a batch of logs, and is counted.
#[tokio::test]
async fn a_post_becomes_a_batch() {
    let started = start(GUARDED, Arrived::default()).await;
    let answer = started.post(&gzipped(br#"["a", "b"]"#), "\r\ncontent-encoding: gzip").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("x-from: spanloom\r\n"), "{answer}");
    assert!(started.post(br#"["c"]"#, "").await.starts_with("HTTP/1.1 200 "));
    assert_eq!(started.items(), [2, 1]);
    let figures = started.telemetry.receivers();
    let accepted = figures.iter().find(|figures| figures.signal == wire::Signal::Logs).unwrap();
    assert_eq!((accepted.transport, accepted.accepted, accepted.refused), ("http", 3, 0));
}

/// Scenario: requests have a wrong token, path, method, content type, encoding, size or body.
/// Guarantees: each gets the status and header that name its mistake, and nothing arrives.
#[tokio::test]
async fn each_mistake_has_its_answer() {
    let started = start(GUARDED, Arrived::default()).await;
    let large = format!("[{}]", [r#""a""#; 1000].join(","));
    let bomb = gzipped(large.as_bytes());
    assert!(bomb.len() < 1000);
    let json = "content-type: application/json";
    let answers = [
        (
            started.ask("POST /events HTTP/1.1\r\nauthorization: Bearer wrong", br#"["a"]"#).await,
            "401 ",
            "www-authenticate: Bearer",
        ),
        (started.ask("POST /event HTTP/1.1", br#"["a"]"#).await, "404 ", "no path /event here"),
        (started.ask("GET /events HTTP/1.1", b"").await, "405 ", "allow: POST"),
        (
            started.ask("POST /events HTTP/1.1\r\nauthorization: Bearer right", b"1").await,
            "415 ",
            "accept: application/json",
        ),
        (started.post(br#"["a"]"#, "\r\ncontent-encoding: br").await, "415 ", "accept-encoding: gzip, "),
        (started.post(large.as_bytes(), "").await, "413 ", "the body is larger than 1000 bytes"),
        (started.post(&bomb, "\r\ncontent-encoding: gzip").await, "413 ", "once decompressed"),
        (started.post(b"not gzip", "\r\ncontent-encoding: gzip").await, "400 ", "not valid gzip"),
        (started.post(br#"["a""#, "").await, "400 ", "EOF while parsing"),
        (started.post(b"[1]", "").await, "400 ", "expected a string"),
        (started.ask(&format!("PUT /events HTTP/1.1\r\n{json}"), br#"["a"]"#).await, "405 ", "allow: POST"),
    ];
    for (answer, status, content) in answers {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(content), "{answer}");
        assert!(answer.contains("x-from: spanloom\r\n"), "{answer}");
    }
    assert_eq!(started.items(), [0; 0]);
}

/// Scenario: requests name no host, or two; or their encoding in two lines.
/// Guarantees: each is refused, and a request of HTTP/1.0 needs no host.
#[tokio::test]
async fn a_request_names_one_host_and_one_encoding() {
    let started = start(GUARDED, Arrived::default()).await;
    let right = "authorization: Bearer right\r\ncontent-type: application/json";
    for (head, status, content) in [
        (format!("POST /events HTTP/1.1\r\n{right}"), "400 ", "`Host` is missing"),
        (format!("POST /events HTTP/1.1\r\nhost: a\r\nhost: b\r\n{right}"), "400 ", "several headers `Host`"),
        (format!("POST //events HTTP/1.1\r\n{right}"), "400 ", "`Host` is missing"),
    ] {
        let answer = started.ask_host(&head, br#"["a"]"#).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(content), "{answer}");
    }
    let twice = "\r\ncontent-encoding: identity\r\ncontent-encoding: gzip";
    let answer = started.post(&gzipped(br#"["a"]"#), twice).await;
    assert!(answer.starts_with("HTTP/1.1 415 ") && answer.contains("accept-encoding: "), "{answer}");
    assert_eq!(started.items(), [0; 0]);
    let old = started.ask_host(&format!("POST /events HTTP/1.0\r\n{right}"), br#"["a"]"#).await;
    assert!(old.starts_with("HTTP/1.0 200 "), "{old}");
}

/// Scenario: heads are large, or have many headers.
/// Guarantees: what the Collector takes is accepted, and there is a limit.
#[tokio::test]
async fn a_head_may_be_large() {
    let started = start(GUARDED, Arrived::default()).await;
    for (headers, status) in [
        (format!("\r\nx: {}", "x".repeat(600_000)), "200 "),
        ("\r\nx: y".repeat(150), "200 "),
        ("\r\nx: y".repeat(600), "431 "),
    ] {
        let answer = started.post(br#"["a"]"#, &headers).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

/// Scenario: requests are sent to paths that are spelt in another way than they are served.
/// Guarantees: they are sent on to the clean path, and refused only if that is not served.
#[tokio::test]
async fn a_path_to_be_cleaned_is_sent_on() {
    let started = start(GUARDED, Arrived::default()).await;
    let answer = started.ask("POST /x/..//events?a=b HTTP/1.1", br#"["a"]"#).await;
    assert!(answer.starts_with("HTTP/1.1 307 ") && answer.contains("location: /events?a=b\r\n"), "{answer}");
    let answer = started.ask("POST /events/ HTTP/1.1", br#"["a"]"#).await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}

/// Scenario: the receiver stops while a sender has sent half a body, and sends no more.
/// Guarantees: the connection ends long before the time that a request may take.
#[tokio::test]
async fn an_upload_that_stands_still_does_not_hold_up_the_end() {
    let Started { address, _stop, .. } = start(GUARDED, Arrived::default()).await;
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = "POST /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer right\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n[";
    connection.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(_stop);
    let mut answer = Vec::new();
    // Whether the end is orderly does not matter.
    let _ = timeout(Duration::from_secs(20), connection.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
}

/// Scenario: a pipeline refuses batches because its queue is full; another refuses them for good.
/// Guarantees: the first sender may send again (503), and the second need not (500).
#[tokio::test]
async fn a_pipelines_refusal_reaches_the_sender() {
    let refusing = |failure| Arrived { refusal: Some(failure), ..Arrived::default() };
    let full = Failure::retryable(Reason::QueueFull, "the queue is full");
    let started = start(GUARDED, refusing(full)).await;
    let answer = started.post(br#"["a"]"#, "").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("the queue is full\n"), "{answer}");
    let never = Failure::permanent(Reason::Rejected, "never");
    let started = start(GUARDED, refusing(never)).await;
    assert!(started.post(br#"["a"]"#, "").await.starts_with("HTTP/1.1 500 "));
}

/// Scenario: a request has more items than the config permits, though its body is small.
/// Guarantees: it is refused, and the message names the key.
#[tokio::test]
async fn a_request_of_too_many_items_is_refused() {
    let started = start(&format!("{GUARDED}max_request_items: 2\n"), Arrived::default()).await;
    let answer = started.post(br#"["a","b","c"]"#, "").await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("`max_request_items`"), "{answer}");
    assert!(started.post(br#"["a","b"]"#, "").await.starts_with("HTTP/1.1 200 "));
}

/// Scenario: a config has wrong values for the server's keys and an unknown key; another names an extension
/// that does not exist; a third has keys without effect.
/// Guarantees: each error has its key, and each key without effect is warned of.
#[test]
fn a_wrong_config_is_refused_with_its_keys() {
    let check = |yaml| {
        let config = Node::parse("otel.yaml", yaml).unwrap();
        WebhookFactory.check(&config).unwrap_err().to_string()
    };
    let error = check("endpoint: x\ncompression_algorithms: [br]\nmax_in_flight_mib: 1\npaht: /x\n");
    for part in ["did you mean `path`?", "is not host:port", "otel.yaml:2:", "\"br\"", "below the largest"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(check("endpoint: [x]\n").contains("expected text, found a list"));
    let config = Node::parse("otel.yaml", "write_timeout: 1s\ntls: { min_version: '1.0' }\n").unwrap();
    let doubts: Vec<_> = WebhookFactory.doubts(&config).into_iter().map(|doubt| doubt.message).collect();
    assert_eq!(doubts.len(), 2, "{doubts:?}");

    let (telemetry, id) = (Telemetry::new(), "webhook".parse().unwrap());
    let context =
        BuildContext { id: &id, telemetry: &telemetry, extensions: &Extensions::default(), former: None };
    let config = Node::parse("otel.yaml", "auth: { authenticator: nobody }").unwrap();
    let Err(error) = WebhookFactory.open(&config, &context) else { panic!("it was built") };
    let shown = error.within(&config).to_string();
    assert!(shown.contains("no extension \"nobody\"") && shown.contains("auth › authenticator"), "{shown}");
}
