//! Under every attack, the process keeps to `service.memory_limit_mib`. It refuses requests for which it has
//! no room, and accepts an honest request when the attack is over.
//!
//! Each attack is limited in number and in time.

use std::{fs, net::SocketAddr};

use spanloom_tests::{
    attack::{
        bodies,
        connections::{with_partial_frames, with_partial_heads},
        uploads::IdleUploads,
    },
    guests::{built, component},
    spanloom::free_address,
    swap::{Mode, Operator, grown, move_into_place, stamp},
};
use tempfile::TempDir;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};

use super::*;

/// How long an honest sender retries after the attack.
const HONEST_PATIENCE: Duration = Duration::from_secs(60);
const MIB_BYTES: usize = 1 << 20;
const PROTOBUF: &str = "application/x-protobuf";

/// The settings of a process that is attacked.
struct Target<'a> {
    config: String,
    limit_mib: u64,
    environment: &'a [(&'a str, &'a str)],
}

impl Default for Target<'_> {
    fn default() -> Self {
        Target { config: config::relay("nop:"), limit_mib: 256, environment: &[] }
    }
}

impl Target<'_> {
    /// Attacks the process and checks it.
    ///
    /// After the attack, honest requests must be accepted. The peak memory must be below the limit, and the
    /// ledger must balance.
    async fn holds(self, attack: impl AsyncFnOnce(&Spanloom)) {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("spanloom.yaml");
        fs::write(&path, &self.config).expect("a file");
        let limit = format!("service::memory_limit_mib={}", self.limit_mib);
        let spanloom = Spanloom::start_file_with(&path, &["--set", &limit], self.environment).await;
        let before = spanloom.peak_rss_bytes().unwrap_or_default();
        println!("before: {} MiB", before / MIB);
        attack(&spanloom).await;
        println!("after: {} MiB", spanloom.rss_bytes().unwrap_or_default() / MIB);
        honest_requests_are_taken(&spanloom).await;
        assert_peak_below(&spanloom, self.limit_mib);
        spanloom.finish().await;
    }
}

/// Checks that a request over each protocol is accepted in time, with a sender that retries.
async fn honest_requests_are_taken(spanloom: &Spanloom) {
    let body = payload::request(Signal::Traces, 100);
    let taken = async {
        while client::grpc(spanloom.grpc, Signal::Traces, body.clone()).await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
        while client::http(spanloom.http, Signal::Traces, body.clone()).await.status() != StatusCode::OK {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = timeout(HONEST_PATIENCE, taken).await;
    assert!(in_time.is_ok(), "honest requests are not taken:\n{}", spanloom.output());
}

/// Returns a config that leads through these processors to the exporter `nop`.
fn through(plugins: &str, processors: &str, pipelines: &[&str]) -> String {
    let pipelines: String = pipelines.iter().map(|pipeline| format!("    {pipeline}\n")).collect();
    format!(
        "{plugins}receivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\nprocessors:\n{processors}exporters:\n  nop:\n\
         service:\n  pipelines:\n{pipelines}"
    )
}

/// Runs this many, some at a time.
async fn times<F: Future>(times: usize, at_a_time: usize, one: impl Fn(usize) -> F) {
    stream::iter(0..times).map(one).buffer_unordered(at_a_time).for_each(|_| std::future::ready(())).await;
}

/// Scenario: many gzip bombs come at once; some exceed the limit of a request, and some just reach it.
/// Guarantees: memory stays below the limit, and honest requests are accepted afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn many_gzip_bombs_at_once() {
    let bombs = [bodies::gzip_of_zeros(128 << 20), bodies::gzipped(&payload::large_traces(60 << 20))];
    Target::default()
        .holds(async |spanloom| {
            times(48, 24, |number| {
                let (bomb, http, grpc) = (bombs[number / 2 % 2].clone(), spanloom.http, spanloom.grpc);
                async move {
                    match number % 2 {
                        0 => drop(bodies::post_gzip(http, Signal::Traces, PROTOBUF, bomb).await),
                        _ => drop(bodies::grpc_gzip(grpc, &bomb).await),
                    }
                }
            })
            .await;
        })
        .await;
}

/// Scenario: millions of empty spans, with an index thrice their size, pass a redactor and a sampler.
/// Guarantees: memory stays below the limit, and honest requests are accepted afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn millions_of_empty_spans_before_a_redactor_and_a_sampler() {
    let (Some(redactor), Some(sampler)) = (built("rust-redactor.wasm"), built("rust-keep-errors.wasm"))
    else {
        return;
    };
    let patient = "limits: {call_timeout: 60s}";
    let plugins = format!(
        "plugins:\n  redactor: {{path: {}, {patient}}}\n  sampler: {{path: {}, {patient}}}\n",
        redactor.display(),
        sampler.display()
    );
    let config = through(
        &plugins,
        "  redactor: {tag: service}\n  sampler: {share: 0.5}\n",
        &["traces: {receivers: [otlp], processors: [redactor, sampler], exporters: [nop]}"],
    );
    let [many, fewer] = [1_000_000, 200_000].map(|spans| bodies::gzipped(&payload::empty_traces(spans)));
    Target { config, ..Target::default() }
        .holds(async |spanloom| {
            times(16, 8, |number| {
                let gzip = if number % 4 == 0 { many.clone() } else { fewer.clone() };
                bodies::post_gzip(spanloom.http, Signal::Traces, PROTOBUF, gzip)
            })
            .await;
        })
        .await;
}

/// Scenario: large uploads come at once, in total three times what the process may hold.
/// Guarantees: memory stays below the limit, and honest requests are accepted afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn many_large_uploads_at_once() {
    let body = payload::large_traces(40 * MIB_BYTES);
    Target::default()
        .holds(async |spanloom| {
            times(16, 16, |number| {
                let (body, http, grpc) = (body.clone(), spanloom.http, spanloom.grpc);
                async move {
                    match number % 2 {
                        0 => drop(bodies::post(http, Signal::Traces, body).await),
                        _ => drop(client::grpc(grpc, Signal::Traces, body).await),
                    }
                }
            })
            .await;
        })
        .await;
}

/// Scenario: 32 uploads stop before their last byte.
/// Guarantees: memory stays below the limit, and honest requests are accepted afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_stop_before_their_last_byte() {
    Target::default()
        .holds(async |spanloom| {
            let mut idle = IdleUploads::default();
            for _ in 0..16 {
                idle.over_http(spanloom.http);
                idle.over_grpc(spanloom.grpc);
            }
            idle.lie_still(32 * MIB_BYTES).await;
            idle.end().await;
        })
        .await;
}

/// Scenario: a thousand connections send heads and frames that lack their end.
/// Guarantees: memory stays below the limit, and honest requests are accepted afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_with_heads_and_frames_that_lack_their_end() {
    Target::default()
        .holds(async |spanloom| {
            let (frames, heads) =
                tokio::join!(with_partial_frames(spanloom.grpc, 500), with_partial_heads(spanloom.http, 500));
            drop((frames, heads));
        })
        .await;
}

/// Scenario: large gzipped requests come as JSON.
/// Guarantees: memory stays below the limit, and honest requests are accepted afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn large_gzipped_json() {
    let large = bodies::gzipped(&bodies::json(100_000));
    Target::default()
        .holds(async |spanloom| {
            times(12, 6, |_| {
                bodies::post_gzip(spanloom.http, Signal::Traces, "application/json", large.clone())
            })
            .await;
        })
        .await;
}

/// Scenario: a destination hangs, its queue may hold more than the process, and senders do not stop.
/// Guarantees: memory stays below the limit, and every accepted span arrives later.
#[tokio::test]
async fn a_destination_that_hangs_behind_a_large_queue() {
    let (sink, items) = counting_sink().await;
    sink.answer_usually(Answer::After(Duration::from_secs(8)));
    let exporter = format!(
        "otlp_grpc:\n  endpoint: {}\n  tls: {{insecure: true}}\n  timeout: 20s\n  \
         sending_queue: {{queue_size: 100000, max_mib: 4000}}\n",
        sink.address
    );
    let request = payload::request(Signal::Traces, 10_000);
    let times = 700 * MIB as usize / request.len();
    let accepted = AtomicUsize::new(0);
    Target { config: config::relay(&exporter), ..Target::default() }
        .holds(async |spanloom| {
            accepted.store(send(spanloom, &request, times).await, Relaxed);
            sink.answer_usually(Answer::Accept);
        })
        .await;
    let accepted = accepted.into_inner();
    println!("{accepted} of {times} accepted");
    assert!(accepted > 0 && accepted < times, "{accepted} of {times}");
    assert_eq!(items.load(Relaxed), accepted * 10_000 + 200);
}

/// Scenario: clients ask for answers of megabytes and never read them.
/// Guarantees: memory stays below the limit, and honest requests are accepted afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn answers_to_scrapes_that_nobody_reads() {
    let scraped = free_address();
    let config = format!(
        "receivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\n\
         exporters:\n  nop:\n  prometheus: {{endpoint: \"{scraped}\"}}\nservice:\n  pipelines:\n    \
         traces: {{receivers: [otlp], exporters: [nop]}}\n    metrics: {{receivers: [otlp], exporters: [prometheus]}}\n"
    );
    Target { config, ..Target::default() }
        .holds(async |spanloom| {
            let series = payload::request(Signal::Metrics, 50_000);
            let taken = bodies::post(spanloom.http, Signal::Metrics, series).await;
            assert_eq!(taken, Some(StatusCode::OK));
            let scrape = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(20);
            let mut unread = Vec::new();
            for number in 0..100 {
                let to: SocketAddr = if number % 2 == 0 { scraped } else { spanloom.admin };
                let Ok(Ok(mut connection)) = timeout(Duration::from_secs(1), TcpStream::connect(to)).await
                else {
                    continue;
                };
                let _ = timeout(Duration::from_secs(1), connection.write_all(scrape.as_bytes())).await;
                unread.push(connection);
            }
            sleep(Duration::from_secs(5)).await;
            drop(unread);
        })
        .await;
}

/// Scenario: plugins, each with a limit above the process's, use up memory in different ways.
/// Guarantees: memory stays below the limit, and honest requests are accepted afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn guests_that_split_merge_and_allocate_up_to_their_limits() {
    const TASKS: [&str; 5] =
        ["hoard-bytes", "grow-for-ever", "halve-for-ever", "partition-for-ever", "bomb-memory"];
    let Some(guest) = component("processor") else { return };
    let plugins = format!(
        "plugins:\n  bad: {{path: {}, on_failure: pass, limits: {{instances: 4, memory_mib: 512, call_timeout: 3s}}}}\n",
        guest.display()
    );
    let processors: String = TASKS.iter().map(|task| format!("  bad/{task}: {{do: {task}}}\n")).collect();
    let pipelines = TASKS.map(|task| {
        format!("traces/{task}: {{receivers: [otlp], processors: [bad/{task}], exporters: [nop]}}")
    });
    let config = through(&plugins, &processors, &pipelines.each_ref().map(String::as_str));
    Target { config, limit_mib: 384, ..Target::default() }
        .holds(async |spanloom| {
            let request = payload::request(Signal::Traces, 1000);
            times(8, 4, |_| client::http(spanloom.http, Signal::Traces, request.clone())).await;
        })
        .await;
}

/// Scenario: large versions of a plugin are compiled and swapped in while requests come.
/// Guarantees: memory stays below the limit, and honest requests are accepted afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn swaps_of_a_large_plugin_while_requests_come_in() {
    let (Some(marker), Some(other)) = (component("marker"), built("builtin-prometheus.wasm")) else { return };
    let marker = fs::read(marker).expect("the component");
    let other = fs::read(other).expect("the component");
    let folder = TempDir::new().expect("a folder");
    let plugin = folder.path().join("plugin.wasm");
    fs::write(&plugin, stamp(&marker, Mode::Works, 0)).expect("a file");
    let config = through(
        &format!(
            "plugins:\n  marker: {{path: {}, limits: {{call_timeout: 60s}}, swap: {{max_slowdown: 1000}}}}\n",
            plugin.display()
        ),
        "  marker:\n",
        &["traces: {receivers: [otlp], processors: [marker], exporters: [nop]}"],
    );
    let cache = folder.path().join("cache");
    let environment = [("XDG_CACHE_HOME", cache.to_str().expect("UTF-8"))];
    Target { config, limit_mib: 384, environment: &environment }
        .holds(async |spanloom| {
            let request = payload::request(Signal::Traces, 10_000);
            let swaps = async {
                for mark in 1..=2 {
                    let operator = Operator::of(spanloom, "marker");
                    let before = operator.last().await;
                    let version = grown(&stamp(&marker, Mode::Works, mark), &other, 3 << 20);
                    move_into_place(&plugin, &version);
                    while operator.last().await["at"] == before["at"] {
                        sleep(Duration::from_millis(50)).await;
                    }
                    println!("{}", operator.last().await);
                }
            };
            let load = async {
                loop {
                    send(spanloom, &request, 4).await;
                    sleep(Duration::from_millis(200)).await;
                }
            };
            tokio::select! {
                in_time = timeout(Duration::from_secs(400), swaps) => in_time.expect("swapped in time"),
                () = load => {}
            }
        })
        .await;
}
