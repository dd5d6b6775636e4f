//! The receiver `awsxray`: its proxy, what becomes of segments that a pipeline refuses, and datagrams that no SDK sends.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use spanloom_tests::{
    Answer, Sink, Spanloom,
    aws::{Aws, CREDENTIALS},
    command::spanloom as command,
    config::ConfigFile,
    guests,
    otlp::{Signal, client::http_client},
    spanloom::free_address,
};
use tokio::{
    net::UdpSocket,
    time::{Instant, sleep},
};

const HEADER: &str = "{\"format\":\"json\",\"version\":1}\n";
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// A process with the receiver, and a socket to it.
struct XRay {
    spanloom: Spanloom,
    sender: UdpSocket,
    endpoint: SocketAddr,
}

/// Returns a config with a receiver of these further keys, and an exporter of these further keys to the sink.
fn config(endpoint: SocketAddr, keys: &str, sink: &Sink, exporter: &str) -> String {
    format!(
        "receivers:\n  awsxray: {{endpoint: \"{endpoint}\"{keys}}}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}{exporter}}}\n\
         service:\n  pipelines:\n    traces: {{receivers: [awsxray], exporters: [otlp_grpc]}}\n",
        sink.address
    )
}

const NO_PROXY: &str = ", proxy_server: {enabled: false}";

impl XRay {
    async fn start(keys: &str, sink: &Sink, exporter: &str) -> XRay {
        let endpoint = free_address();
        let text = config(endpoint, keys, sink, exporter);
        let spanloom = Spanloom::start_in(&text, &[], &CREDENTIALS).await;
        let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        sender.connect(endpoint).await.expect("an address");
        XRay { spanloom, sender, endpoint }
    }

    async fn send(&self, datagram: &[u8]) {
        self.sender.send(datagram).await.expect("sent");
    }

    /// Waits until the metrics show this figure.
    async fn wait_for(&self, name: &str, labels: &[&str], figure: f64) {
        let deadline = Instant::now() + WAIT_TIMEOUT;
        loop {
            let metrics = self.spanloom.metrics().await;
            if guests::metric(&metrics, name, labels) >= figure {
                return;
            }
            assert!(Instant::now() < deadline, "{name} {labels:?} is not {figure}:\n{metrics}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns what `spanloom status` says: as JSON, and as a table.
    async fn status(&self) -> (Value, String) {
        let admin = self.spanloom.admin.to_string();
        let json = command(&["status", "--json", "--admin", &admin]).await;
        let table = command(&["status", "--admin", &admin]).await;
        assert_eq!((json.code, table.code), (0, 0), "{json:?}");
        (serde_json::from_str(&json.stdout).expect("JSON"), table.stdout)
    }
}

fn segment(number: usize) -> String {
    let document = json!({
        "name": "shop", "id": format!("{number:016x}"), "trace_id": format!("1-581cf771-{number:024x}"),
        "start_time": 1, "end_time": 2,
    });
    format!("{HEADER}{document}")
}

/// Scenario: an SDK asks the receiver's own proxy for its sampling targets, with fields that AWS may add one day, and
/// sends segments.
/// Guarantees: AWS gets the same path, query and body, signed; the segments arrive.
#[tokio::test]
async fn the_receiver_has_the_proxy_of_the_collectors() {
    let (aws, sink, proxy) = (Aws::start().await, Sink::start().await, free_address());
    let aws_endpoint = format!("http://{}", aws.address);
    let keys = format!(
        ", proxy_server: {{endpoint: \"{proxy}\", region: us-west-2, aws_endpoint: \"{aws_endpoint}\", \
         local_mode: true, proxy_address: '', role_arn: '', tls: {{insecure: false}}}}"
    );
    let x_ray = XRay::start(&keys, &sink, "").await;
    let body = json!({"SamplingStatisticsDocuments": [], "SamplingBoostStatistics": [{"New": [null, 1.5]}]});
    let url = format!("http://{proxy}/SamplingTargets?a=%20b");
    let answer = http_client().post(url).body(body.to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let [asked] = aws.asked().try_into().expect("one request");
    let sent = (asked.uri.to_string(), &*asked.body);
    assert_eq!(sent, ("/SamplingTargets?a=%20b".to_owned(), body.to_string().as_bytes()));
    assert!(asked.header("authorization").contains("/us-west-2/xray/aws4_request"));
    aws.check_signatures().await;
    x_ray.send(segment(1).as_bytes()).await;
    sink.wait_for_items(Signal::Traces, 1).await;
    x_ray.spanloom.finish().await;
}

/// Scenario: the proxy has no region; its endpoint, which the config names, is taken; the default endpoint is taken.
/// Guarantees: Spanloom does not start, and says how to go on; it starts with the default endpoint, with a warning, and
/// takes segments.
#[tokio::test]
async fn only_the_default_endpoint_of_the_proxy_may_be_taken() {
    let sink = Sink::start().await;
    // Whether this or another process has the port: it is taken.
    let _taken = tokio::net::TcpListener::bind("127.0.0.1:2000").await;
    for (proxy, said) in [
        ("local_mode: true, endpoint: '127.0.0.1:0'", "`proxy_server: { enabled: false }` leaves it out"),
        ("region: us-east-1, endpoint: '127.0.0.1:2000'", "proxy_server"),
    ] {
        if proxy.starts_with("local")
            && ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|name| std::env::var_os(name).is_some())
        {
            continue;
        }
        let text = config(free_address(), &format!(", proxy_server: {{{proxy}}}"), &sink, "");
        let file = ConfigFile::new(&text);
        let path = file.path().to_str().expect("UTF-8");
        let metrics = "service::telemetry::metrics::level=none";
        let admin = "service::admin={endpoint: none, socket: none}";
        let ended = command(&["run", "-c", path, "--set", metrics, "--set", admin]).await;
        assert!(ended.code != 0 && ended.stderr.contains(said), "{ended:?}");
    }
    let x_ray = XRay::start(", proxy_server: {region: us-east-1}", &sink, "").await;
    x_ray.spanloom.wait_for_output("it receives segments without `proxy_server`").await;
    x_ray.send(segment(1).as_bytes()).await;
    sink.wait_for_items(Signal::Traces, 1).await;
    x_ray.spanloom.finish().await;
}

/// Scenario: the destination is away, and the exporter's queue full, for longer than a batch of datagrams waits.
/// Guarantees: what waits longer is dropped with the queue's reason, in the ledger, the status and the log; the rest is
/// delivered when the destination is back.
#[tokio::test]
async fn segments_that_find_no_room_in_time_are_counted() {
    let sink = Sink::start().await;
    sink.answer_usually(Answer::Unavailable { retry_after: None });
    let exporter = ", sending_queue: {queue_size: 1, num_consumers: 1}, \
                    retry_on_failure: {initial_interval: 100ms, max_interval: 100ms}";
    let x_ray = XRay::start(NO_PROXY, &sink, exporter).await;
    let accepted = ["receiver=\"awsxray\"", "transport=\"udp\""];
    // One after another, so that each is a batch: the first is under way, the second in the queue.
    for number in 1..=3_u8 {
        x_ray.send(segment(number.into()).as_bytes()).await;
        x_ray.wait_for("otelcol_receiver_accepted_spans", &accepted, number.into()).await;
    }
    let deadline = Instant::now() + WAIT_TIMEOUT;
    let dropped = loop {
        let ledger = x_ray.spanloom.ledger().await;
        let account = &ledger[&("traces".to_owned(), "otlp_grpc".to_owned())];
        assert!(account.holds() && account.received == 3, "{account:?}");
        if let Some(dropped) = account.dropped.get("queue_full") {
            break *dropped;
        }
        assert!(Instant::now() < deadline, "{account:?}");
        sleep(Duration::from_millis(100)).await;
    };
    let (status, _) = x_ray.status().await;
    assert_eq!(status["destinations"][0]["dropped"]["queue_full"], dropped);
    x_ray.spanloom.wait_for_output("queue_full").await;
    sink.answer_usually(Answer::Accept);
    let ledger = x_ray.spanloom.finish().await;
    let account = &ledger[&("traces".to_owned(), "otlp_grpc".to_owned())];
    assert_eq!((account.received, account.delivered + dropped), (3, 3), "{account:?}");
}

/// Scenario: the destination is away for a moment, and the exporter's queue full.
/// Guarantees: no segment is lost: the batch waits, since nobody would send it again.
#[tokio::test]
async fn segments_wait_for_room_in_a_pipeline() {
    let sink = Sink::start().await;
    sink.answer_usually(Answer::After(Duration::from_millis(300)));
    let x_ray = XRay::start(NO_PROXY, &sink, ", sending_queue: {queue_size: 1, num_consumers: 1}").await;
    for number in 1..=8 {
        x_ray.send(segment(number).as_bytes()).await;
        sleep(Duration::from_millis(20)).await;
    }
    sink.wait_for_items(Signal::Traces, 8).await;
    let ledger = x_ray.spanloom.finish().await;
    let account = &ledger[&("traces".to_owned(), "otlp_grpc".to_owned())];
    assert_eq!((account.delivered, account.dropped.values().sum::<u64>()), (8, 0), "{account:?}");
}

/// Returns datagrams that no SDK sends, each as large or deep as its kind allows.
fn hostile() -> Vec<Vec<u8>> {
    const LARGEST: usize = 65_507;
    let whole = |fields: &str| {
        let id = "\"name\":\"x\",\"id\":\"00000000000000aa\",\"start_time\":1,\"end_time\":2";
        format!("{HEADER}{{{id},\"trace_id\":\"1-581cf771-000000000000000000000001\",{fields}}}")
    };
    // Repeats an item as often as a datagram has room for.
    let filled = |before: &str, item: &str, after: &str| {
        let room = LARGEST - whole(&format!("{before}{after}")).len();
        let items = vec![item; room / (item.len() + 1)].join(",");
        whole(&format!("{before}{items}{after}"))
    };
    let child = "{\"name\":\"y\",\"id\":\"00000000000000ab\",\"start_time\":1}";
    let nested = |levels: usize| {
        let open = "\"subsegments\":[{\"name\":\"y\",\"id\":\"00000000000000ab\",\"start_time\":1,";
        whole(&format!("{}\"end_time\":2{}", open.repeat(levels), "}]".repeat(levels)))
    };
    let texts = [
        filled("\"cause\":{\"exceptions\":[", "{}", "]}"),
        filled("\"cause\":{\"exceptions\":[{\"stack\":[", "{}", "]}]}"),
        filled("\"subsegments\":[", child, "]"),
        filled("\"annotations\":{", "\"a\":1", "}"),
        filled("\"metadata\":{\"m\":[", "0", "]}"),
        filled("\"metadata\":{", "\"\":{}", "}"),
        filled(
            "\"links\":[",
            "{\"trace_id\":\"1-581cf771-000000000000000000000001\",\"id\":\"00000000000000aa\"}",
            "]",
        ),
        whole(&format!("\"user\":\"{}\"", "\\u0000".repeat(10_000))),
        whole(&format!("\"user\":\"{}\"", "\\ud83d".repeat(10_000))),
        nested(60),
        nested(500),
        format!("{HEADER}{}", "[".repeat(60_000)),
        format!("{HEADER}{}", "{\"a\":".repeat(12_000)),
        "\n".repeat(LARGEST),
        HEADER.to_owned(),
        String::new(),
    ];
    let mut datagrams: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    // Cut in the middle of a character, and bytes that are no text.
    let cut = [HEADER.as_bytes(), b"{\"name\":\"", "\u{1f600}".as_bytes().split_at(2).0].concat();
    datagrams.extend([cut, vec![0xff; LARGEST], [HEADER.as_bytes(), &[0xc3; 60_000]].concat()]);
    assert!(datagrams.iter().all(|datagram| datagram.len() <= LARGEST));
    datagrams
}

/// Scenario: datagrams of every hostile kind come many times over, and a good one after each. The plugin may take
/// 128 MiB.
/// Guarantees: the plugin fails on none of them and needs no more memory, each is taken or rejected and counted, and
/// every good one is delivered.
#[tokio::test]
async fn no_datagram_fails_the_plugin() {
    const ROUNDS: usize = 8;
    let sink = Sink::start().await;
    let endpoint = free_address();
    // gRPC takes 4 MiB a message.
    let batch =
        ", sending_queue: {batch: {flush_timeout: 10ms, sizer: bytes, min_size: 1, max_size: 3000000}}";
    let text = config(endpoint, NO_PROXY, &sink, batch);
    let limited = format!("plugins: {{awsxray: {{limits: {{memory_mib: 128}}}}}}\n{text}");
    let spanloom = Spanloom::start_in(&limited, &[], &CREDENTIALS).await;
    let sender = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    sender.connect(endpoint).await.expect("an address");
    let x_ray = XRay { spanloom, sender, endpoint };
    let hostile = hostile();
    let mut good = 0;
    for _ in 0..ROUNDS {
        for datagram in &hostile {
            x_ray.send(datagram).await;
            good += 1;
            x_ray.send(segment(good).as_bytes()).await;
            // The kernel's buffer must hold what is under way.
            sleep(Duration::from_millis(2)).await;
        }
    }
    let deadline = Instant::now() + WAIT_TIMEOUT;
    loop {
        let metrics = x_ray.spanloom.metrics().await;
        let rejected: f64 = (metrics.lines())
            .filter(|line| line.starts_with("spanloom_receiver_rejected_requests{"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum();
        let lines = metrics.lines().filter(|line| line.starts_with("spanloom_receiver_dropped_datagrams{"));
        let dropped: Vec<&str> = lines.filter(|line| !line.ends_with(" 0")).collect();
        assert!(dropped.is_empty(), "{dropped:?}\n{}", x_ray.spanloom.output());
        // Some of the hostile ones are segments with too much in them, and the rest is rejected.
        if rejected as usize >= ROUNDS * (hostile.len() - TAKEN) && names(&sink, "shop") >= good {
            assert_eq!(rejected as usize, ROUNDS * (hostile.len() - TAKEN));
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{rejected} rejected, {} of {good} good:\n{metrics}",
            names(&sink, "shop")
        );
        sleep(Duration::from_millis(100)).await;
    }
    let (status, table) = x_ray.status().await;
    assert_eq!(status["untaken"][0]["rejected"]["no header"], ROUNDS * NO_HEADER, "{status:#}");
    assert!(table.contains("REQUESTS TO") && table.contains("awsxray over udp: rejected"), "{table}");
    let errors = status["plugins"][0]["errors"].clone();
    assert_eq!(errors, json!({"accidents": 0, "refusals": 0}), "{status:#}");
    x_ray.spanloom.finish().await;
}

/// The number of hostile datagrams that are segments, and of those without a header.
const TAKEN: usize = 10;
const NO_HEADER: usize = 3;

fn names(sink: &Sink, name: &str) -> usize {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;
    let of_request = |body: &[u8]| {
        let request = ExportTraceServiceRequest::decode(body).expect("spans");
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).filter(|span| span.name == name).count()
    };
    sink.accepted().iter().map(|request| of_request(&request.body)).sum()
}

/// Scenario: ten thousand senders, each from an address of its own, send one good datagram and one bad.
/// Guarantees: every good one is delivered, every bad one counted, and the senders leave no series behind.
#[tokio::test]
async fn ten_thousand_peers_are_like_one() {
    const PEERS: usize = 10_000;
    let sink = Sink::start().await;
    let x_ray = XRay::start(NO_PROXY, &sink, "").await;
    for peer in 0..PEERS {
        // All of 127.0.0.0/8 is this machine.
        let address = format!("127.1.{}.{}:0", peer / 250, 1 + peer % 250);
        let sender = UdpSocket::bind(address).await.expect("an address");
        sender.send_to(segment(peer + 1).as_bytes(), x_ray.endpoint).await.expect("sent");
        sender.send_to(b"bad", x_ray.endpoint).await.expect("sent");
        if peer % 100 == 99 {
            // The kernel's buffer must hold what is under way.
            x_ray
                .wait_for("otelcol_receiver_accepted_spans", &["transport=\"udp\""], (peer + 1) as f64)
                .await;
        }
    }
    sink.wait_for_items(Signal::Traces, PEERS).await;
    x_ray.wait_for("spanloom_receiver_rejected_requests", &["reason=\"no header\""], PEERS as f64).await;
    let metrics = x_ray.spanloom.metrics().await;
    let series = metrics.lines().filter(|line| line.starts_with("spanloom_receiver_")).count();
    assert!(series < 30, "{series} series:\n{metrics}");
    let ledger = x_ray.spanloom.finish().await;
    assert_eq!(ledger[&("traces".to_owned(), "otlp_grpc".to_owned())].delivered, PEERS as u64);
}
