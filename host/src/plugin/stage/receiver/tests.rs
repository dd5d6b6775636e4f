use std::{path::Path, sync::Mutex, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::{sleep, timeout},
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::*;
use crate::{
    component::{BuildContext, Extensions},
    config::Node,
    pipeline::{Batch, Consumer, Refused},
    plugin::{
        OnFailure, Outside, Runtime, config::LimitsConfig, guest::limits::Limits, load::file::PluginFile,
        outside::GrantsConfig,
    },
    receipt::{Failure, Reason},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A receiver that has started. It stops when this is dropped.
struct Started {
    receiver: PluginReceiver,
    arrived: Arc<Arrived>,
    telemetry: Arc<Telemetry>,
    running: Running,
}

/// A pipeline that counts what arrives, or refuses everything.
#[derive(Default)]
struct Arrived {
    items: Mutex<usize>,
    refuses: bool,
}

#[async_trait::async_trait]
impl Consumer for Arrived {
    async fn consume(&self, batch: Batch) -> Result<(), Box<Refused>> {
        if self.refuses {
            return Err(batch.refused(Failure::retryable(Reason::QueueFull, "the queue is full".to_owned())));
        }
        *self.items.lock().unwrap() += batch.items();
        batch.delivered();
        Ok(())
    }
}

fn component() -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/0.2.0")).unwrap();
    let world = resolve.select_world(&[package], Some("receiver")).unwrap();
    let mut module = wat::parse_str(include_str!("tested.wat")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

async fn start(yaml: &str, arrived: Arrived) -> Started {
    let telemetry = Telemetry::new();
    let limits = Limits::from(&LimitsConfig::default());
    let file = PluginFile::of_bytes(component());
    let plugin = Plugin::load(&Runtime::shared().unwrap(), "tested", &file, &limits).await.unwrap();
    let config = Node::parse("otel.yaml", yaml).unwrap();
    let config = ReceiverConfig::read(&config, &plugin.listens, limits.memory_bytes).unwrap();
    let extensions = Extensions::default();
    let id = "tested".parse().unwrap();
    let context = BuildContext { id: &id, telemetry: &telemetry, extensions: &extensions, former: None };
    let settings = StageSettings {
        component: "tested".to_owned(),
        config: "{}".to_owned(),
        outside: Outside::new("tested", &GrantsConfig::default(), limits.http_requests, &telemetry).unwrap(),
        limits,
        on_failure: OnFailure::Reject,
        recording: None,
    };
    let guards = config.guards(&extensions).unwrap();
    let receiver = PluginReceiver::build(&plugin, &settings, config, guards, &context).await.unwrap();
    let (arrived, running) = (Arc::new(arrived), Running::default());
    let ingest = Ingest::of_one("tested", &telemetry, arrived.clone());
    receiver.start(ingest, &running).await.unwrap();
    Started { receiver, arrived, telemetry, running }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.running.stop.cancel();
    }
}

impl Started {
    fn address(&self, port: usize) -> SocketAddr {
        self.receiver.bound().unwrap()[port][0]
    }

    /// Sends a request to the first listener, and returns the whole answer.
    async fn ask(&self, line: &str, body: &[u8]) -> String {
        let mut connection = TcpStream::connect(self.address(0)).await.unwrap();
        let length = body.len();
        let head =
            format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        connection.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut answer = String::new();
        timeout(PATIENCE, connection.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }

    async fn status(&self, line: &str, body: &[u8]) -> u16 {
        let answer = self.ask(line, body).await;
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Calls a method over gRPC. Returns the message of the answer, or the code of the status.
    async fn call(&self, path: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        // Only a second call fails.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
        let frame = [&[0][..], &(message.len() as u32).to_be_bytes(), message].concat();
        let request = client.post(format!("http://{}{path}", self.address(0))).timeout(PATIENCE);
        let request = request.header("content-type", "application/grpc").header("te", "trailers");
        let answer = request.body(frame).send().await.unwrap();
        match answer.headers().get("grpc-status") {
            Some(code) => Err(code.to_str().unwrap().to_owned()),
            None => Ok(answer.bytes().await.unwrap().to_vec()),
        }
    }

    /// Waits until the metrics have this line.
    async fn wait_for(&self, line: &str) {
        let found = async {
            while !self.telemetry.render().lines().any(|known| known == line) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let found = timeout(PATIENCE, found).await;
        assert!(found.is_ok(), "no `{line}` in:\n{}", self.telemetry.render());
    }
}

const HTTP: &str = "protocols: { http: }";

/// Scenario: requests are taken, rejected, and sent to another path or by another method.
/// Guarantees: each has the plugin's answer, or the host's where the plugin is not asked. What was taken is in the
/// pipeline, and what was rejected is counted by its reason.
#[tokio::test]
async fn requests_are_answered_as_the_plugin_says() {
    let started = start(HTTP, Arrived::default()).await;
    assert_eq!(started.status("POST /events", b"an event").await, 202);
    assert_eq!(started.status("POST /events", b"?").await, 400);
    assert_eq!(started.status("POST /other", b"an event").await, 404);
    let answer = started.ask("GET /events", b"").await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: POST\r\n"), "{answer}");
    assert_eq!(*started.arrived.items.lock().unwrap(), 1);
    for line in [
        r#"otelcol_receiver_accepted_log_records{receiver="tested",transport="http"} 1"#,
        r#"spanloom_receiver_rejected_requests{receiver="tested",transport="http",reason="bad"} 1"#,
    ] {
        started.wait_for(line).await;
    }
}

/// Scenario: the pipeline refuses everything for the moment. One request asks for an answer of its own then.
/// Guarantees: it gets that answer, and another gets 503 with a delay.
#[tokio::test]
async fn what_a_pipeline_refuses_is_to_be_sent_again() {
    let started = start(HTTP, Arrived { refuses: true, ..Arrived::default() }).await;
    let answer = started.ask("POST /events", b"~").await;
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.ends_with("later"), "{answer}");
    assert_eq!(started.status("POST /events", b"an event").await, 503);
    started.wait_for(r#"otelcol_receiver_refused_log_records{receiver="tested",transport="http"} 2"#).await;
}

/// Scenario: the plugin traps on a request.
/// Guarantees: the call is repeated once, and the sender gets 500. Other requests are taken.
#[tokio::test]
async fn a_request_that_the_plugin_traps_on_is_answered_with_500() {
    let started = start(HTTP, Arrived::default()).await;
    assert_eq!(started.status("POST /events", b"!").await, 500);
    assert_eq!(started.status("POST /events", b"an event").await, 202);
    started.wait_for(r#"spanloom_plugin_replays{component="tested",plugin="tested"} 1"#).await;
}

/// Scenario: calls over gRPC are taken, rejected, trapped on, and made to another method.
/// Guarantees: each has the plugin's answer or code, or the host's code where the plugin has none to give. What was
/// taken is in the pipeline.
#[tokio::test]
async fn calls_over_grpc_are_answered_as_the_plugin_says() {
    const PUT: &str = "/x.Events/Put";
    let started = start("protocols: { grpc: }", Arrived::default()).await;
    assert_eq!(started.call(PUT, b"an event").await, Ok(b"\0\0\0\0\x02ok".to_vec()));
    for (path, message, code) in [(PUT, &b"?"[..], "3"), (PUT, b"!", "13"), ("/x.Events/Get", b"", "12")] {
        assert_eq!(started.call(path, message).await, Err(code.to_owned()), "{path} {message:?}");
    }
    assert_eq!(*started.arrived.items.lock().unwrap(), 1);
    for line in [
        r#"otelcol_receiver_accepted_log_records{receiver="tested",transport="grpc"} 1"#,
        r#"spanloom_receiver_rejected_requests{receiver="tested",transport="grpc",reason="bad"} 1"#,
    ] {
        started.wait_for(line).await;
    }
}

/// Scenario: the pipeline refuses calls over gRPC for the moment. One asks for an answer of its own then.
/// Guarantees: it gets that answer's code, and another gets UNAVAILABLE.
#[tokio::test]
async fn what_a_pipeline_refuses_over_grpc_is_to_be_sent_again() {
    let started = start("protocols: { grpc: }", Arrived { refuses: true, ..Arrived::default() }).await;
    assert_eq!(started.call("/x.Events/Put", b"~").await, Err("8".to_owned()));
    assert_eq!(started.call("/x.Events/Put", b"an event").await, Err("14".to_owned()));
}

/// Scenario: many datagrams come at once, and the plugin traps on one of them.
/// Guarantees: that one is dropped and counted, and the others are taken.
#[tokio::test]
async fn a_datagram_that_the_plugin_traps_on_takes_no_other_with_it() {
    let started = start("protocols: { udp: }", Arrived::default()).await;
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..100 {
        let datagram: &[u8] = if number == 50 { b"!" } else { b"a datagram" };
        sender.send_to(datagram, started.address(0)).await.unwrap();
    }
    started.wait_for(r#"otelcol_receiver_accepted_log_records{receiver="tested",transport="udp"} 99"#).await;
    let dropped =
        r#"spanloom_receiver_dropped_datagrams{receiver="tested",transport="udp",reason="plugin_failed"} 1"#;
    started.wait_for(dropped).await;
    assert_eq!(*started.arrived.items.lock().unwrap(), 99);
}

/// Scenario: datagrams are empty, as large as UDP allows, larger than the config allows, and rejected.
/// Guarantees: each is taken or counted.
#[tokio::test]
async fn datagrams_of_any_size_are_taken_or_counted() {
    let started = start("protocols: { udp: { max_datagram: 60000 } }", Arrived::default()).await;
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for datagram in [&[][..], &[b'a'; 60_000], &[b'a'; 60_001], &[b'a'; 65_507], b"?"] {
        sender.send_to(datagram, started.address(0)).await.unwrap();
    }
    for line in [
        r#"otelcol_receiver_accepted_log_records{receiver="tested",transport="udp"} 2"#,
        r#"spanloom_receiver_dropped_datagrams{receiver="tested",transport="udp",reason="too_large"} 2"#,
        r#"spanloom_receiver_rejected_requests{receiver="tested",transport="udp",reason="bad"} 1"#,
    ] {
        started.wait_for(line).await;
    }
}

/// Scenario: a connection sends messages in pieces, one of which the plugin rejects, and a last line without an end.
/// Guarantees: each is taken, and answered in order.
#[tokio::test]
async fn messages_over_tcp_are_answered_in_order() {
    let started = start("protocols: { tcp: }", Arrived::default()).await;
    let mut connection = TcpStream::connect(started.address(0)).await.unwrap();
    for piece in ["one\ntw", "o\n?", "\nthr", "ee"] {
        connection.write_all(piece.as_bytes()).await.unwrap();
    }
    connection.shutdown().await.unwrap();
    let mut answers = String::new();
    timeout(PATIENCE, connection.read_to_string(&mut answers)).await.unwrap().unwrap();
    assert_eq!(answers, "ok\nok\nok\n");
    assert_eq!(*started.arrived.items.lock().unwrap(), 3);
    for line in [
        r#"otelcol_receiver_accepted_log_records{receiver="tested",transport="tcp"} 3"#,
        r#"spanloom_receiver_rejected_requests{receiver="tested",transport="tcp",reason="bad"} 1"#,
    ] {
        started.wait_for(line).await;
    }
}

/// Scenario: connections send a message that is too large, a message that never ends, and nothing.
/// Guarantees: they are closed and counted, and another connection is served.
#[tokio::test]
async fn connections_that_send_no_message_are_closed() {
    let config = "protocols: { tcp: { max_frame_size: 100, read_timeout: 100ms, idle_timeout: 100ms } }";
    let started = start(config, Arrived::default()).await;
    for sent in [&[b'a'; 200][..], b"a", b""] {
        let mut connection = TcpStream::connect(started.address(0)).await.unwrap();
        connection.write_all(sent).await.unwrap();
        let mut answers = Vec::new();
        // A connection that is closed with bytes unread is reset.
        let _ = timeout(PATIENCE, connection.read_to_end(&mut answers)).await.unwrap();
        assert_eq!(answers, b"");
    }
    for reason in ["malformed_frame", "slow"] {
        let labels = format!(r#"{{receiver="tested",transport="tcp",reason="{reason}"}}"#);
        started.wait_for(&format!("spanloom_receiver_refused_requests{labels} 1")).await;
    }
    let mut connection = TcpStream::connect(started.address(0)).await.unwrap();
    connection.write_all(b"one\n").await.unwrap();
    let mut answer = [0; 3];
    timeout(PATIENCE, connection.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"ok\n");
}

/// Scenario: while requests come, new versions take over one after the other.
/// Guarantees: each request is answered once, as taken, and its record is there.
#[tokio::test]
async fn no_request_is_lost_while_versions_change() {
    const REQUESTS: usize = 200;
    let started = start(HTTP, Arrived::default()).await;
    let (live, settings) =
        (started.receiver.live(), started.receiver.exchange.pool().current().settings.clone());
    let swaps = async {
        for _ in 0..10 {
            let plugin = live.running().plugin;
            live.admit(live.prepare(&plugin, settings.clone()).await.unwrap(), None);
            live.turned_over().await;
        }
    };
    let requests = async {
        for _ in 0..REQUESTS / 4 {
            let four = [(); 4].map(|()| started.status("POST /events", b"an event"));
            assert_eq!(futures::future::join_all(four).await, [202; 4]);
        }
    };
    tokio::join!(swaps, requests);
    assert_eq!(*started.arrived.items.lock().unwrap(), REQUESTS);
    assert_eq!(live.running().generation, 11);
}

/// Scenario: a receiver stops.
/// Guarantees: its tasks end, and its ports are free.
#[tokio::test]
async fn a_receiver_that_stops_frees_its_ports() {
    let started = start("protocols: { http: , udp: , tcp: , grpc: }", Arrived::default()).await;
    let [http, udp, tcp, grpc] = [0, 1, 2, 3].map(|port| started.address(port));
    started.running.stop.cancel();
    started.running.tasks.close();
    timeout(PATIENCE, started.running.tasks.wait()).await.unwrap();
    tokio::net::TcpListener::bind(http).await.unwrap();
    tokio::net::TcpListener::bind(tcp).await.unwrap();
    tokio::net::TcpListener::bind(grpc).await.unwrap();
    UdpSocket::bind(udp).await.unwrap();
}

/// Scenario: configs name no listener, an unknown one, and wrong values.
/// Guarantees: each error names the key and what would be right.
#[tokio::test]
async fn mistakes_in_the_hosts_keys_are_named() {
    let limits = Limits::from(&LimitsConfig::default());
    let file = PluginFile::of_bytes(component());
    let plugin = Plugin::load(&Runtime::shared().unwrap(), "tested", &file, &limits).await.unwrap();
    for (yaml, expected) in [
        ("", "protocols: name one or several of http, udp, tcp, grpc"),
        ("protocols: { htp: }", "htp"),
        ("protocols: { udp: { queue_mib: 0 } }", "queue_mib: must be from 1 to 4096"),
        ("protocols: { udp: { read_buffer_mib: 513 } }", "read_buffer_mib: must be from 1 to 512"),
        ("protocols: { http: { endpoint: here } }", "endpoint: \"here\" is not host:port"),
        ("protocols: { http: }\nacknowledge: never", "acknowledge"),
    ] {
        let config = Node::parse("otel.yaml", yaml).unwrap();
        let error = ReceiverConfig::read(&config, &plugin.listens, limits.memory_bytes).err().unwrap();
        assert!(error.to_string().contains(expected), "{yaml}: {error}");
    }
}

/// Scenario: each key of a listener that `docs/receivers.md` names is set.
/// Guarantees: it is read. The tables name every key of datagrams and of messages over TCP.
#[tokio::test]
async fn the_keys_in_the_docs_are_those_of_the_listeners() {
    const DOCS: &str = include_str!("../../../../../docs/receivers.md");
    let limits = Limits::from(&LimitsConfig::default());
    let file = PluginFile::of_bytes(component());
    let plugin = Plugin::load(&Runtime::shared().unwrap(), "tested", &file, &limits).await.unwrap();
    for (listener, part, keys) in [
        ("udp", "**Datagrams**", &UDP_KEYS[..]),
        ("tcp", "**Messages over TCP**", &TCP_KEYS),
        ("http", "**HTTP.**", &HTTP_KEYS),
        ("grpc", "", &GRPC_KEYS),
    ] {
        for (key, value) in keys {
            let yaml = format!("protocols: {{ {listener}: {{ {key}: {value} }} }}");
            let config = Node::parse("otel.yaml", &yaml).unwrap();
            let read = ReceiverConfig::read(&config, &plugin.listens, limits.memory_bytes);
            assert!(read.is_ok(), "{yaml}: {}", read.err().unwrap());
        }
        if !part.is_empty() {
            let keys: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
            assert_eq!(documented(DOCS, part), keys);
        }
    }
}

const UDP_KEYS: [(&str, &str); 5] = [
    ("endpoint", "localhost:0"),
    ("transport", "udp6"),
    ("queue_mib", "1"),
    ("read_buffer_mib", "1"),
    ("max_datagram", "1"),
];
const TCP_KEYS: [(&str, &str); 7] = [
    ("endpoint", "localhost:0"),
    ("transport", "tcp6"),
    ("tls", "{ cert_file: cert.pem, key_file: key.pem }"),
    ("max_frame_size", "1"),
    ("max_connections", "1"),
    ("read_timeout", "1s"),
    ("idle_timeout", "1s"),
];
const HTTP_KEYS: [(&str, &str); 14] = [
    ("endpoint", "localhost:0"),
    ("transport", "tcp4"),
    ("tls", "{ cert_file: cert.pem, key_file: key.pem }"),
    ("auth", "{ authenticator: basicauth }"),
    ("cors", "{ allowed_origins: [\"*\"] }"),
    ("max_request_body_size", "1"),
    ("compression_algorithms", "[gzip]"),
    ("include_metadata", "true"),
    ("read_timeout", "1s"),
    ("read_header_timeout", "1s"),
    ("idle_timeout", "1s"),
    ("response_headers", "{ x-a: b }"),
    ("keep_alives_enabled", "false"),
    ("middlewares", "[{ id: memory_limiter }]"),
];
const GRPC_KEYS: [(&str, &str); 4] = [
    ("endpoint", "localhost:0"),
    ("transport", "tcp4"),
    ("max_recv_msg_size_mib", "1"),
    ("include_metadata", "true"),
];

/// Returns the keys that a part of the docs names: in the first cells of its table, or in its first sentence.
fn documented<'a>(docs: &'a str, part: &str) -> Vec<&'a str> {
    let (_, text) = docs.split_once(part).unwrap();
    let quoted = |text: &'a str| text.split('`').skip(1).step_by(2);
    if text.starts_with(" Those of ") {
        let (_, text) = text.split_once("paths: ").unwrap();
        let (text, _) = text.split_once(". ").unwrap();
        return quoted(text).collect();
    }
    let rows = text.lines().skip(3).skip_while(|line| !line.starts_with("| `"));
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| quoted(row.split(" | ").next().unwrap_or_default())).collect()
}
