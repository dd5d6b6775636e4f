//! Receivers that are plugins, in a process of its own: the example `webhook-receiver` in each language that has it, and
//! `awsxray`.

use std::{fs, time::Duration};

use spanloom_tests::{Sink, Spanloom, guests, otlp::Signal, spanloom::free_address};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::sleep,
};

/// A process with the receiver, and its destination.
struct Webhook {
    spanloom: Spanloom,
    sink: Sink,
}

impl Webhook {
    /// Starts the process with the receiver of a language, and with more keys of the receiver, as YAML in one line. Returns
    /// `None` if the component was not built.
    async fn start(language: &str, keys: &str) -> Option<Webhook> {
        let component = guests::built(&format!("{language}-webhook-receiver.wasm"))?;
        let sink = Sink::start().await;
        let config = format!(
            "plugins:\n  webhook: {{path: \"{}\"}}\n\
             receivers:\n  webhook: {{endpoint: \"${{env:HTTP}}\", service: shop{keys}}}\n\
             exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n\
             service:\n  pipelines:\n    logs: {{receivers: [webhook], exporters: [otlp_grpc]}}\n",
            component.display(),
            sink.address
        );
        Some(Webhook { spanloom: Spanloom::start(&config).await, sink })
    }

    /// Sends a request and returns the status of the answer.
    async fn ask(&self, line: &str, headers: &str, body: &[u8]) -> u16 {
        let mut connection = TcpStream::connect(self.spanloom.http).await.expect("a connection");
        let head = format!(
            "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        // An answer may come, and the connection end, before all was sent.
        let _ = connection.write_all(&[head.as_bytes(), body].concat()).await;
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no answer: {answer:?}"))
    }

    async fn post(&self, body: &str) -> u16 {
        self.ask("POST /events", "content-type: application/json\r\n", body.as_bytes()).await
    }
}

async fn check(language: &str) {
    let Some(webhook) = Webhook::start(language, "").await else { return };
    assert_eq!(webhook.post(r#"{"message": "paid", "amount": 7}"#).await, 202);
    assert_eq!(webhook.post(r#"[{"message": "a"}, {"message": "b"}]"#).await, 202);
    assert_eq!(webhook.ask("POST /events/shop", "", br#"{"message": "c"}"#).await, 202);
    assert_eq!(webhook.post("[]").await, 202);
    assert_eq!(webhook.post("{").await, 400);
    assert_eq!(webhook.ask("GET /events", "", b"").await, 405);
    assert_eq!(webhook.ask("POST /other", "", b"{}").await, 404);
    assert_eq!(webhook.ask("POST /events", "content-encoding: br\r\n", b"{}").await, 415);
    webhook.sink.wait_for_items(Signal::Logs, 4).await;
    let metrics = webhook.spanloom.metrics().await;
    let rejected = "spanloom_receiver_rejected_requests{receiver=\"webhook\",transport=\"http\"";
    assert!(metrics.lines().any(|line| line.starts_with(rejected) && line.ends_with(" 1")), "{metrics}");
    webhook.spanloom.finish().await;
}

/// Scenario: events come to the receiver in Rust, alone and in lists; other bodies are no events.
/// Guarantees: each event is delivered once, and each sender is told what became of its request. What was rejected is
/// counted.
#[tokio::test]
async fn events_become_log_records_in_rust() {
    check("rust").await;
}

/// Scenario: the same requests come to the receiver in JavaScript.
/// Guarantees: the same.
#[tokio::test]
async fn events_become_log_records_in_javascript() {
    check("javascript").await;
}

/// Scenario: the same requests come to the receiver in Python.
/// Guarantees: the same.
#[tokio::test]
async fn events_become_log_records_in_python() {
    check("python").await;
}

/// Scenario: bodies are larger than the config allows, and than the plugin has memory for.
/// Guarantees: they are refused as too large, and other requests are taken.
#[tokio::test]
async fn bodies_that_are_too_large_are_refused() {
    let Some(webhook) = Webhook::start("rust", ", max_request_body_size: 100000").await else { return };
    let large = format!("{{\"message\": \"{}\"}}", "x".repeat(200_000));
    assert_eq!(webhook.post(&large).await, 413);
    assert_eq!(webhook.post(r#"{"message": "small"}"#).await, 202);
    webhook.sink.wait_for_items(Signal::Logs, 1).await;
    webhook.spanloom.finish().await;
}

/// The size of the kernel's buffers that every process may ask for: socket(7).
fn allowed_buffer_bytes() -> usize {
    let text = fs::read_to_string("/proc/sys/net/core/rmem_max").expect("Linux");
    text.trim().parse().expect("a number")
}

fn segment(number: usize) -> String {
    format!(
        "{{\"format\":\"json\",\"version\":1}}\n{{\"name\":\"shop\",\"id\":\"{number:016x}\",\
         \"trace_id\":\"1-581cf771-{number:024x}\",\"start_time\":1,\"end_time\":2}}"
    )
}

async fn start_xray(keys: &str, sink: &Sink) -> (Spanloom, UdpSocket) {
    let endpoint = free_address();
    let config = format!(
        "receivers:\n  awsxray: {{endpoint: \"{endpoint}\", proxy_server: {{enabled: false}}{keys}}}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\n\
         service:\n  pipelines:\n    traces: {{receivers: [awsxray], exporters: [otlp_grpc]}}\n",
        sink.address
    );
    let spanloom = Spanloom::start(&config).await;
    let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    sender.connect(endpoint).await.expect("an address");
    (spanloom, sender)
}

/// Scenario: as many segments come at once as the kernel's buffer holds, if it is not read meanwhile.
/// Guarantees: each is delivered.
#[tokio::test]
async fn a_burst_that_the_kernels_buffer_holds_is_delivered_whole() {
    // A segment takes 640 bytes of the buffer, and the kernel counts what was read late.
    let burst = (allowed_buffer_bytes() / 1024).min(4000);
    let sink = Sink::start().await;
    let (spanloom, sender) = start_xray("", &sink).await;
    for number in 1..=burst {
        sender.send(segment(number).as_bytes()).await.expect("sent");
    }
    sink.wait_for_items(Signal::Traces, burst).await;
    let metrics = spanloom.metrics().await;
    let dropped = |line: &&str| line.starts_with("spanloom_receiver_dropped_datagrams{");
    assert!(metrics.lines().filter(dropped).all(|line| line.ends_with(" 0")), "{metrics}");
    spanloom.finish().await;
}

/// Scenario: more and more datagrams come, until the kernel drops some, because the process is stopped meanwhile.
/// Guarantees: what was sent is delivered or counted.
#[tokio::test]
async fn datagrams_that_the_kernel_drops_are_counted() {
    const SENT: usize = 8000;
    let sink = Sink::start().await;
    let (spanloom, sender) = start_xray(", read_buffer_mib: 1", &sink).await;
    spanloom.signal(rustix::process::Signal::STOP);
    for number in 1..=SENT {
        sender.send(segment(number).as_bytes()).await.expect("sent");
    }
    spanloom.signal(rustix::process::Signal::CONT);
    let counted = async {
        loop {
            let metrics = spanloom.metrics().await;
            let reason = ["reason=\"read_buffer_full\""];
            let dropped = guests::metric(&metrics, "spanloom_receiver_dropped_datagrams", &reason) as usize;
            if dropped > 0 && dropped + sink.items(Signal::Traces) == SENT {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(60), counted).await;
    assert!(counted.is_ok(), "{} arrived:\n{}", sink.items(Signal::Traces), spanloom.metrics().await);
    spanloom.finish().await;
}
