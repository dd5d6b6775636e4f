//! A config that changes while data passes: unchanged components go on, and nothing is lost or doubled.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use rustix::process::Signal as ProcessSignal;
use spanloom_tests::{
    Sink, Spanloom, command,
    config::ConfigFile,
    guests::built,
    otlp::{
        self, Signal,
        client::{self, GrpcClient, http_client},
        payload,
    },
    spanloom::free_address,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
    time::Instant,
};

/// The number of spans in one request of the load.
const SPANS: usize = 20;
/// The number of requests under way at a time.
const SENDERS: usize = 4;

/// Clients that share one connection and send until they are told to stop.
struct Load {
    senders: JoinSet<usize>,
    stop: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
}

impl Load {
    /// Starts the senders. Each of their requests must be answered with success.
    async fn start(to: SocketAddr) -> Load {
        let connections = Arc::new(AtomicUsize::new(0));
        let client = GrpcClient::connect(counted(to, connections.clone()).await).await;
        let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut senders = JoinSet::new();
        for _ in 0..SENDERS {
            let (client, stop, next) = (client.clone(), stop.clone(), next.clone());
            senders.spawn(async move {
                let mut sent = 0;
                while !stop.load(SeqCst) {
                    let request = payload::traces(next.fetch_add(SPANS, SeqCst), SPANS);
                    client.send(Signal::Traces, request).await.expect("every request is taken");
                    sent += SPANS;
                }
                sent
            });
        }
        Load { senders, stop, connections }
    }

    /// Stops the senders, checks that all used one connection, and returns the number of spans sent.
    async fn stop(self) -> usize {
        self.stop.store(true, SeqCst);
        let sent = self.senders.join_all().await.into_iter().sum();
        assert_eq!(self.connections.load(SeqCst), 1, "the connection broke, and another was made");
        sent
    }
}

/// Returns an address that forwards to `to` and counts the connections.
async fn counted(to: SocketAddr, connections: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            connections.fetch_add(1, SeqCst);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(to).await.expect("spanloom listens");
                copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    address
}

/// Returns a config. `processors` and `exporters` are the pipeline's; `redactor` is that processor's config.
fn config(plugin: &Path, sinks: [&Sink; 2], redactor: &str, processors: &str, exporters: &str) -> String {
    let [first, second] = sinks.map(|sink| sink.address);
    format!(
        "plugins:\n  redactor: {{path: \"{}\"}}\n\
         receivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\n\
         processors:\n  redactor: {{{redactor}}}\n  batch: {{timeout: 20ms}}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"http://{first}\", tls: {{insecure: true}}}}\n  \
         otlp_grpc/second: {{endpoint: \"http://{second}\", tls: {{insecure: true}}}}\n\
         service:\n  pipelines:\n    \
         traces: {{receivers: [otlp], processors: [{processors}], exporters: [{exporters}]}}\n",
        plugin.display()
    )
}

/// Counts how often each span arrived, by its name.
fn times(sink: &Sink) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for request in sink.accepted() {
        for span in otlp::spans(&request.body) {
            *times.entry(span.name).or_default() += 1;
        }
    }
    times
}

/// Scenario: under load, the config changes in several ways, and then has a mistake.
/// Guarantees: no request fails, each span arrives once, and one version of the config made each span.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_that_changes_under_load_loses_and_doubles_nothing() {
    let Some(plugin) = built("rust-redactor.wasm") else { return };
    let (sink, second) = (Sink::start().await, Sink::start().await);
    let config = |redactor: &str, processors: &str, exporters: &str| {
        config(&plugin, [&sink, &second], redactor, processors, exporters)
    };
    let file = ConfigFile::new(&config("tag: one", "redactor", "otlp_grpc"));
    let spanloom = Spanloom::start_file(file.path()).await;
    let load = Load::start(spanloom.grpc).await;
    sink.wait_for_items(Signal::Traces, 10 * SPANS).await;

    for (text, expected) in [
        (
            config("tag: two", "redactor", "otlp_grpc"),
            "the config is reloaded: changed in place: processor redactor",
        ),
        (
            config("tag: two", "redactor", "otlp_grpc, otlp_grpc/second"),
            "rewired: receiver otlp; built anew: pipeline traces; started: exporter otlp_grpc/second",
        ),
        (
            config("tag: two", "redactor", "otlp_grpc"),
            "rewired: receiver otlp; built anew: pipeline traces; closed: exporter otlp_grpc/second",
        ),
        (
            config("tag: three", "batch, redactor", "otlp_grpc"),
            "the config is reloaded: rewired: receiver otlp; built anew: pipeline traces\n",
        ),
        (config("tagg: three, token: sesame", "redactor", "otlp_grpc"), "unknown key `tagg`"),
    ] {
        file.write(&text);
        spanloom.wait_for_output(expected).await;
        sink.wait_for_items(Signal::Traces, sink.items(Signal::Traces) + 10 * SPANS).await;
    }

    spanloom.wait_for_output("the config is rejected, and the running config stays").await;
    file.write(&config("tag: three", "batch, redactor", "otlp_grpc"));
    spanloom.signal(ProcessSignal::HUP);
    spanloom.wait_for_output("the config is read again: nothing has changed").await;

    let sent = load.stop().await;
    spanloom.settled().await;
    let metrics = spanloom.metrics().await;
    let output = spanloom.output();
    let ledger = spanloom.finish().await;

    assert!(!output.contains("sesame"), "a secret is in the log:\n{output}");
    assert_eq!(output.matches(" listening ").count(), 2, "the receiver never listened again:\n{output}");
    for counted in ["outcome=\"reloaded\"} 4\n", "outcome=\"rejected\"}"] {
        assert!(metrics.contains(&format!("spanloom_config_reloads{{{counted}")), "{metrics}");
    }
    let times = times(&sink);
    assert_eq!(times.len(), sent, "spans that arrived");
    assert!(times.values().all(|times| *times == 1), "spans that arrived twice");
    let account = |to: &str| &ledger[&("traces".to_owned(), to.to_owned())];
    assert_eq!((account("otlp_grpc").received, account("otlp_grpc").delivered), (sent as u64, sent as u64));
    let second_delivered = account("otlp_grpc/second").delivered;
    assert!(second_delivered > 0);
    assert_eq!(second_delivered, second.items(Signal::Traces) as u64);
    assert_eq!(account("otlp_grpc/second").received, second_delivered);
    check_tags(&sink);
}

/// Checks that each span was processed once, by one version of the config.
fn check_tags(sink: &Sink) {
    let mut by_tag = BTreeMap::<_, usize>::new();
    for span in sink.accepted().iter().flat_map(|request| otlp::spans(&request.body)) {
        let tags: Vec<&str> = (["one", "two", "three"].into_iter())
            .filter(|tag| span.attributes.iter().any(|attribute| attribute.key == *tag))
            .collect();
        assert_eq!(tags.len(), 1, "a span is tagged {tags:?}");
        *by_tag.entry(tags.concat()).or_default() += 1;
    }
    assert_eq!(by_tag.len(), 3, "{by_tag:?}");
}

/// Scenario: an exporter's endpoint changes while its old destination fails.
/// Guarantees: the old queue is delivered to the old destination, and new spans to the new one.
#[tokio::test]
async fn what_waits_for_an_exporter_that_changes_is_still_sent() {
    let (sink, second) = (Sink::start().await, Sink::start().await);
    let config = |to: &Sink| {
        spanloom_tests::config::relay(&format!(
            "otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}",
            to.address
        ))
    };
    let addresses = |text: String| text.replace("\"${env:GRPC}\"", "").replace("\"${env:HTTP}\"", "");
    let file = ConfigFile::new(&addresses(config(&sink)));
    let spanloom = Spanloom::start_file(file.path()).await;
    sink.answer_usually(spanloom_tests::Answer::Unavailable { retry_after: None });
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 5)).await.unwrap();
    sink.wait_for_requests(1).await;

    file.write(&addresses(config(&second)));
    spanloom.wait_for_output("built anew: exporter otlp_grpc").await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(5, 3)).await.unwrap();
    second.wait_for_items(Signal::Traces, 3).await;
    sink.answer_usually(spanloom_tests::Answer::Accept);
    sink.wait_for_items(Signal::Traces, 5).await;
    let ledger = spanloom.finish().await;
    assert_eq!(ledger[&("traces".to_owned(), "otlp_grpc".to_owned())].delivered, 8);
    assert_eq!((sink.items(Signal::Traces), second.items(Signal::Traces)), (5, 3));
}

/// Scenario: a connector that is a plugin is removed from the config and added again.
/// Guarantees: its series disappear and start again; the series of another plugin stay.
#[tokio::test]
async fn the_series_of_a_plugin_that_a_reload_takes_away_go_with_it() {
    let config = |connectors: &str, exporters: &str, graphs: &str| {
        format!(
            "receivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\nprocessors:\n  batch: {{timeout: 1ms}}\n\
             exporters:\n  nop: {{}}\n{connectors}service:\n  pipelines:\n    \
             traces: {{receivers: [otlp], processors: [batch], exporters: [{exporters}]}}\n{graphs}"
        )
    };
    let with = config(
        "connectors:\n  service_graph: {}\n",
        "nop, service_graph",
        "    metrics: {receivers: [service_graph], exporters: [nop]}\n",
    );
    let file = ConfigFile::new(&with);
    let spanloom = Spanloom::start_file(file.path()).await;
    let send = async || client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 5)).await.unwrap();
    let calls = "spanloom_plugin_calls{component=\"service_graph\",plugin=\"service_graph\",outcome=\"ok\"}";
    let of_itself = "otelcol_connector_servicegraph_total_edges{component=\"service_graph\"";
    send().await;
    let before = spanloom.metrics().await;
    assert!(before.contains(calls) && before.contains(of_itself), "{before}");

    file.write(&config("", "nop", ""));
    spanloom.wait_for_output("closed: pipeline metrics, connector service_graph").await;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let metrics = spanloom.metrics().await;
        if !metrics.contains("component=\"service_graph\"") {
            assert!(metrics.contains("spanloom_plugin_calls{component=\"batch\""), "{metrics}");
            break;
        }
        assert!(Instant::now() < deadline, "they are still there:\n{metrics}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    file.write(&with);
    spanloom.wait_for_output("started: ").await;
    send().await;
    // The request is answered before `batch` hands the spans on.
    let deadline = Instant::now() + Duration::from_secs(30);
    let after = loop {
        let metrics = spanloom.metrics().await;
        if metrics.contains(&format!("{calls} 1\n")) {
            break metrics;
        }
        assert!(Instant::now() < deadline, "its calls are not counted from none:\n{metrics}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(after.contains(of_itself), "{after}");
    spanloom.finish().await;
}

/// Scenario: the config of `prometheus` changes: a key of the plugin, the queue, the endpoint.
/// Guarantees: the first keeps the series; the second keeps only the address; the third moves the address.
#[tokio::test]
async fn an_exporter_that_listens_can_be_changed() {
    let (address, another) = (free_address(), free_address());
    let config = |prometheus: &str| {
        format!(
            "receivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\nexporters:\n  prometheus: {{{prometheus}}}\n\
             service:\n  pipelines:\n    metrics: {{receivers: [otlp], exporters: [prometheus]}}\n"
        )
    };
    let scrape = async |address: SocketAddr| {
        let answer = http_client().get(format!("http://{address}/metrics")).send().await.expect("an answer");
        answer.text().await.expect("text")
    };
    let file = ConfigFile::new(&config(&format!("endpoint: \"{address}\"")));
    let spanloom = Spanloom::start_file(file.path()).await;
    let send = async || {
        client::grpc(spanloom.grpc, Signal::Metrics, payload::request(Signal::Metrics, 2)).await.unwrap();
        spanloom.settled().await;
    };
    send().await;
    let series = |text: &str| text.lines().filter(|line| line.contains("cpu=")).count();
    assert_eq!(series(&scrape(address).await), 2);

    file.write(&config(&format!("endpoint: \"{address}\", metric_expiration: 7m")));
    spanloom.wait_for_output("the config is reloaded: changed in place: exporter prometheus").await;
    assert_eq!(series(&scrape(address).await), 2, "the series are handed over");

    file.write(&config(&format!(
        "endpoint: \"{address}\", metric_expiration: 7m, sending_queue: {{queue_size: 77}}"
    )));
    spanloom.wait_for_output("rewired: pipeline metrics; built anew: exporter prometheus").await;
    assert_eq!(series(&scrape(address).await), 0, "a new exporter has seen nothing");
    send().await;
    assert_eq!(series(&scrape(address).await), 2);

    file.write(&config(&format!("endpoint: \"{another}\"")));
    while spanloom.output().matches("built anew: exporter prometheus").count() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    send().await;
    assert_eq!(series(&scrape(another).await), 2);
    spanloom.finish().await;
}

/// Scenario: a pipe without a writer takes the place of each kind of file that a config names, and then of
/// the config.
/// Guarantees: each is refused at once, data still passes all the while, the next reload works, and the process can
/// end.
#[tokio::test]
async fn a_pipe_in_the_place_of_a_file_is_refused_whatever_names_it() {
    let sink = Sink::start().await;
    let config = |http: &str, exporter: &str| {
        format!(
            "receivers:\n  otlp: {{protocols: {{grpc: , http: {{{http}}}}}}}\n\
             exporters:\n  otlp_grpc: {{endpoint: \"{}\"{exporter}}}\n\
             service:\n  pipelines:\n    traces: {{receivers: [otlp], exporters: [otlp_grpc]}}\n",
            sink.address
        )
    };
    let sound = config("", ", tls: {insecure: true}");
    let file = ConfigFile::new(&sound);
    let pipe = file.path().with_file_name("pipe");
    let make_pipe = |path: &Path| {
        assert!(std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
    };
    make_pipe(&pipe);
    let mut spanloom = Spanloom::start_file(file.path()).await;
    let admin = spanloom.admin.to_string();
    let reload = async || command::spanloom(&["reload", "--admin", &admin]).await;
    let pipe = pipe.display();
    for (http, exporter) in [
        ("", format!("headers: {{note: \"${{file:{pipe}}}\"}}")),
        ("", format!("tls: {{ca_file: {pipe}}}")),
        ("", format!("tls: {{cert_file: {pipe}, key_file: {pipe}}}")),
        (&*format!("tls: {{cert_file: {pipe}, key_file: {pipe}}}"), "tls: {insecure: true}".to_owned()),
    ] {
        file.write(&config(http, &format!(", {exporter}")));
        let ended = reload().await;
        assert!(ended.code == 1 && ended.stderr.contains("it is not a file"), "{http} {exporter}: {ended:?}");
        let taken = client::http(spanloom.http, Signal::Traces, payload::traces(0, 5)).await;
        assert!(taken.status().is_success(), "{http} {exporter}: {}", taken.status());
    }
    fs::remove_file(file.path()).expect("removed");
    make_pipe(file.path());
    let ended = reload().await;
    assert!(ended.code == 1 && ended.stderr.contains("again: it is not a file"), "{ended:?}");
    fs::remove_file(file.path()).expect("removed");
    file.write(&sound);
    let ended = reload().await;
    assert!(ended.code == 0, "{ended:?}");
    spanloom.signal(ProcessSignal::HUP);
    spanloom.signal(ProcessSignal::TERM);
    let status = spanloom.exit().await;
    assert!(status.success(), "{status}:\n{}", spanloom.output());
}

/// Scenario: the keys of two receivers change ten times. Meanwhile clients connect, one after the other, and segments
/// come over UDP.
/// Guarantees: no client finds the port closed, and each segment is delivered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_that_change_turn_no_sender_away() {
    let (sink, daemon) = (Sink::start().await, free_address());
    let config = |version: usize| {
        format!(
            "receivers:\n  otlp: {{protocols: {{grpc: , http: {{max_request_body_size: {}}}}}}}\n  \
             awsxray: {{endpoint: \"{daemon}\", max_datagram: {}, proxy_server: {{enabled: false}}}}\n\
             exporters:\n  otlp_grpc: {{endpoint: \"{}\", tls: {{insecure: true}}}}\n\
             service:\n  pipelines:\n    traces: {{receivers: [otlp, awsxray], exporters: [otlp_grpc]}}\n",
            1_000_000 + version,
            60_000 + version,
            sink.address
        )
    };
    let file = ConfigFile::new(&config(0));
    let spanloom = Spanloom::start_file(file.path()).await;
    let (admin, http, stop) = (spanloom.admin.to_string(), spanloom.http, Arc::new(AtomicBool::new(false)));
    let connecting = tokio::spawn({
        let stop = stop.clone();
        async move {
            while !stop.load(SeqCst) {
                TcpStream::connect(http).await.expect("the port is open");
            }
        }
    });
    let sending = tokio::spawn({
        let stop = stop.clone();
        async move {
            let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
            let mut sent = 0;
            while !stop.load(SeqCst) {
                sent += 1;
                let segment = format!(
                    "{{\"format\":\"json\",\"version\":1}}\n{{\"name\":\"shop\",\"id\":\"{sent:016x}\",\
                     \"trace_id\":\"1-581cf771-{sent:024x}\",\"start_time\":1,\"end_time\":2}}"
                );
                socket.send_to(segment.as_bytes(), daemon).await.expect("sent");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            sent
        }
    });
    for version in 1..=10 {
        file.write(&config(version));
        let ended = command::spanloom(&["reload", "--admin", &admin]).await;
        assert!(ended.code == 0, "{ended:?}");
    }
    stop.store(true, SeqCst);
    let sent = sending.await.expect("sent");
    connecting.await.expect("connected");
    sink.wait_for_items(Signal::Traces, sent).await;
    let output = spanloom.output();
    // Two ports of one receiver, and one of the other.
    assert_eq!(output.matches(" listening ").count(), 3 * 11, "{output}");
    spanloom.finish().await;
}
