//! The processor `tail_sampling` while its sampler and its config change again and again: every trace has one decision.

use std::{
    collections::{BTreeMap, HashMap},
    env, fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::future::join_all;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use prost::Message as _;
use spanloom_tests::{
    Sink, Spanloom,
    config::ConfigFile,
    guests::built,
    otlp::{self, Signal, client::GrpcClient},
    swap::{Operator, padded},
};
use tokio::time::{Instant, sleep};

const CONNECTIONS: usize = 4;
/// The traces that begin in each round.
const TRACES: usize = 20;
/// The spans of each trace. The first comes before the others, and the last comes late.
const SPANS: usize = 6;
const PAUSE: Duration = Duration::from_millis(20);
const RELOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The span ids that arrived, by their trace id.
type SpansOfTraces = HashMap<Vec<u8>, Vec<Vec<u8>>>;

/// Returns how many versions of the sampler follow one another: `SPANLOOM_SWAPS`, or 100. There is a reload for every
/// three.
fn swaps() -> u32 {
    env::var("SPANLOOM_SWAPS").map_or(100, |swaps| swaps.parse().expect("a number"))
}

fn has_failed(trace: u64) -> bool {
    trace.is_multiple_of(5)
}

/// Returns a config. Each third change is of another kind: what the sampler keeps, how long traces are held, and the
/// pipeline, so that `tail_sampling` is built anew.
fn config(sink: &Sink, plugin: &Path, change: u32) -> String {
    let share = change / 3 % 2;
    let wait = 200 + change.div_ceil(3) % 2 * 200;
    let (nop, exporters) = match (change + 1) / 3 % 2 {
        0 => ("", "otlp_grpc"),
        _ => ("nop: {}", "otlp_grpc, nop"),
    };
    format!(
        "plugins:\n  keep_errors: {{path: {}, swap: {{probation: 0s}}}}\n\
         receivers:\n  otlp: {{protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}}}}}\n\
         processors:\n  keep_errors: {{share: {share}, slow_ms: 60000}}\n  \
         tail_sampling: {{sampler: keep_errors, decision_wait: {wait}ms}}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"{}\", tls: {{insecure: true}}}}\n  {nop}\n\
         service:\n  pipelines:\n    \
         traces: {{receivers: [otlp], processors: [tail_sampling], exporters: [{exporters}]}}\n",
        plugin.display(),
        sink.address
    )
}

/// Numbers that look random and are the same in each run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

/// Spans that are to be sent, by round: their connections, traces and numbers.
type Plan = BTreeMap<usize, Vec<(usize, u64, usize)>>;

/// Adds the traces of a round. Each span has a connection of its own.
fn begin(plan: &mut Plan, round: usize, numbers: &mut Numbers) {
    for trace in (1 + round * TRACES) as u64..=((round + 1) * TRACES) as u64 {
        for span in 0..SPANS {
            let later = match span {
                0 => 0,
                5 => 30 + numbers.below(40),
                _ => 1 + numbers.below(8),
            };
            plan.entry(round + later).or_default().push((numbers.below(CONNECTIONS), trace, span));
        }
    }
}

/// Returns a request of spans. The first span of a trace says whether the trace has failed.
fn request(spans: &[(u64, usize)]) -> Bytes {
    let span = |(trace, span): &(u64, usize)| {
        // The sampler decides by the last bytes.
        let id = u128::from(trace.wrapping_mul(0x9e37_79b9_7f4a_7c15)) << 64 | u128::from(*trace);
        Span {
            trace_id: id.to_be_bytes().to_vec(),
            span_id: (trace * SPANS as u64 + *span as u64 + 1).to_be_bytes().to_vec(),
            name: format!("{trace}/{span}"),
            status: (*span == 0 && has_failed(*trace)).then(|| Status { code: 2, ..Status::default() }),
            ..Span::default()
        }
    };
    let scope_spans = ScopeSpans { spans: spans.iter().map(span).collect(), ..ScopeSpans::default() };
    let resource_spans = ResourceSpans { scope_spans: vec![scope_spans], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec().into()
}

/// Sends traces until told to stop, and then what is missing of them. Returns how many there were.
async fn send_all(clients: Vec<GrpcClient>, stop: Arc<AtomicBool>) -> usize {
    let (mut plan, mut numbers, mut rounds) = (Plan::new(), Numbers(0x2545_f491_4f6c_dd1d), 0);
    for round in 0.. {
        if !stop.load(SeqCst) {
            begin(&mut plan, round, &mut numbers);
            rounds = round + 1;
        }
        let Some(mut spans) = plan.remove(&round) else {
            if plan.is_empty() {
                break;
            }
            continue;
        };
        for at in (1..spans.len()).rev() {
            spans.swap(at, numbers.below(at + 1));
        }
        let sending = clients.iter().enumerate().map(|(connection, client)| {
            let own = spans.iter().filter(|(of, ..)| *of == connection);
            let own: Vec<(u64, usize)> = own.map(|(_, trace, span)| (*trace, *span)).collect();
            async move {
                if !own.is_empty() {
                    client.send(Signal::Traces, request(&own)).await.expect("it is taken");
                }
            }
        });
        // A trace's first span is taken before another of its spans is sent.
        join_all(sending).await;
        sleep(PAUSE).await;
    }
    rounds * TRACES
}

async fn reload(spanloom: &Spanloom, file: &ConfigFile, config: &str) {
    let reloads = || spanloom.output().matches("the config is reloaded").count();
    let (before, deadline) = (reloads(), Instant::now() + RELOAD_TIMEOUT);
    file.write(config);
    while reloads() == before {
        assert!(Instant::now() < deadline, "it was not reloaded:\n{}", spanloom.output());
        sleep(Duration::from_millis(20)).await;
    }
}

/// Scenario: spans come over four connections in random order, some of them long after their trace was decided.
/// Meanwhile the sampler's file is replaced a hundred times, and the config is changed more than thirty times: what the
/// sampler keeps, how long traces are held, and the pipeline.
/// Guarantees: no span is lost or doubled. Each trace is kept or dropped whole, although the sampler would decide
/// otherwise about later spans. Each trace with an error is kept, and each trace is decided once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_and_thirty_reloads_leave_each_trace_one_decision() {
    let Some(plugin) = built("rust-keep-errors.wasm") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (component, path) = (fs::read(&plugin).expect("the plugin"), folder.path().join("keep-errors.wasm"));
    fs::write(&path, padded(&component, 4, 0)).expect("a file");
    let arrived: Arc<Mutex<SpansOfTraces>> = Arc::default();
    let taker = arrived.clone();
    let sink = Sink::start_with(move |request| {
        let mut arrived = taker.lock().unwrap();
        for span in otlp::spans(&request.body) {
            arrived.entry(span.trace_id).or_default().push(span.span_id);
        }
    })
    .await;
    let file = ConfigFile::new(&config(&sink, &path, 0));
    let cache = folder.path().join("cache");
    let cache = [("XDG_CACHE_HOME", cache.to_str().expect("UTF-8"))];
    let spanloom = Spanloom::start_file_with(file.path(), &[], &cache).await;
    let clients = join_all((0..CONNECTIONS).map(|_| GrpcClient::connect(spanloom.grpc))).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(send_all(clients, stop.clone()));
    let operator = Operator::of(&spanloom, "keep_errors");
    for swap in 1..=swaps() {
        operator.replace(&path, &padded(&component, 4, swap), "swapped").await;
        if swap % 3 == 0 {
            reload(&spanloom, &file, &config(&sink, &path, swap / 3)).await;
        }
    }
    stop.store(true, SeqCst);
    let traces = load.await.expect("the load");
    spanloom.settled().await;
    let metrics = spanloom.metrics().await;
    let ledger = spanloom.finish().await;
    let account = ledger.iter().find(|(names, _)| names.1 == "otlp_grpc").expect("its account").1;
    let arrived = arrived.lock().unwrap();
    let spans: usize = arrived.values().map(Vec::len).sum();
    let sent = traces * SPANS;
    assert_eq!((account.received, account.delivered), (sent as u64, spans as u64), "{account:?}");
    assert_eq!(account.sampled_out, (sent - spans) as u64, "{account:?}");
    for (trace, spans) in arrived.iter() {
        let mut distinct = spans.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((spans.len(), distinct.len()), (SPANS, SPANS), "trace {trace:?} is not whole");
    }
    let failed = (1..=traces as u64).filter(|trace| has_failed(*trace)).count();
    let kept_failed = arrived.keys().filter(|id| has_failed(u64::from_be_bytes(id[8..].try_into().unwrap())));
    assert_eq!(kept_failed.count(), failed);
    assert!((failed + 1..traces).contains(&arrived.len()), "the sampler kept others for a time: {traces}");
    let decided = "otelcol_processor_tail_sampling_global_count_traces_sampled{";
    let decided = metrics.lines().filter(|line| line.starts_with(decided));
    let decided = decided.filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok());
    assert_eq!(decided.sum::<usize>(), traces);
}
