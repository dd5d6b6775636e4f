//! The processor `tail_sampling`: a trace is kept or dropped whole, however and whenever its spans come.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use rustix::process;
use spanloom_tests::{
    Sink, Spanloom,
    command::spanloom,
    config::ConfigFile,
    guests::built,
    otlp::{self, Signal, client::GrpcClient, payload},
    swap::{Operator, padded},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

const TRACES: usize = 140;

/// Returns a config with a sampler that keeps traces with an error and no others.
fn config(sink: &Sink, plugin: &Path, tail: &str) -> String {
    format!(
        "plugins:\n  keep_errors: {{path: {}, swap: {{probation: 0s}}}}\n\
         receivers:\n  otlp: {{protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}, http: {{endpoint: \"${{env:HTTP}}\"}}}}}}\n\
         processors:\n  keep_errors: {{share: 0, slow_ms: 60000}}\n  tail_sampling: {tail}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"{}\", tls: {{insecure: true}}}}\n\
         service:\n  pipelines:\n    \
         traces: {{receivers: [otlp], processors: [tail_sampling], exporters: [otlp_grpc]}}\n",
        plugin.display(),
        sink.address
    )
}

/// Returns a request with a span of each trace. Without `errors` none of them has failed.
fn request(first: usize, traces: usize, errors: bool) -> Bytes {
    let mut request =
        ExportTraceServiceRequest::decode(payload::traces(first, traces)).expect("a request of ours");
    let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    for span in scopes.flat_map(|scope| &mut scope.spans).filter(|_| !errors) {
        span.status = None;
    }
    request.encode_to_vec().into()
}

/// Returns how many spans of each trace arrived.
fn arrived(sink: &Sink) -> BTreeMap<Vec<u8>, usize> {
    let mut arrived: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for request in sink.accepted() {
        otlp::spans(&request.body)
            .into_iter()
            .for_each(|span| *arrived.entry(span.trace_id).or_default() += 1);
    }
    arrived
}

fn failed(traces: std::ops::Range<usize>) -> usize {
    traces.filter(|number| payload::has_failed(*number)).count()
}

/// Returns the value of a counter of the processor.
async fn counter(spanloom: &Spanloom, name: &str, labels: &str) -> usize {
    let start = format!("otelcol_processor_tail_sampling_{name}{{processor=\"tail_sampling\"{labels}}} ");
    let metrics = spanloom.metrics().await;
    let value = metrics.lines().find_map(|line| line.strip_prefix(&start));
    value.unwrap_or_else(|| panic!("no {start} in\n{metrics}")).parse().expect("a number")
}

/// Scenario: the spans of each trace come over ten connections in any order within the wait, and again after the
/// decision. Only one of a trace's spans may have failed.
/// Guarantees: a trace with an error is kept whole, and no other arrives; each is decided once, and everything is
/// settled.
#[tokio::test]
async fn a_trace_is_kept_or_dropped_whole_with_its_late_spans() {
    let Some(plugin) = built("rust-keep-errors.wasm") else { return };
    let sink = Sink::start().await;
    let tail = "{sampler: keep_errors, decision_wait: 4s}";
    let spanloom = Spanloom::start(&config(&sink, &plugin, tail)).await;
    let mut senders = JoinSet::new();
    for connection in 0..10 {
        let client = GrpcClient::connect(spanloom.grpc).await;
        senders.spawn(async move {
            for part in 0..7 {
                // Each connection begins with another part of the traces.
                let first = (part * 3 + connection * 5) % 7 * (TRACES / 7);
                let request = request(first, TRACES / 7, connection == 6);
                client.send(Signal::Traces, request).await.expect("it is taken");
            }
        });
    }
    senders.join_all().await;
    let kept = failed(0..TRACES);
    sink.wait_for_items(Signal::Traces, kept * 10).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    for late in 1..=3 {
        client.send(Signal::Traces, request(0, TRACES, false)).await.expect("it is taken");
        sink.wait_for_items(Signal::Traces, kept * (10 + late)).await;
    }
    assert_eq!(counter(&spanloom, "new_trace_id_received", "").await, TRACES);
    let sampled = ",sampled=\"true\",decision=\"sampled\"";
    assert_eq!(counter(&spanloom, "global_count_traces_sampled", sampled).await, kept);
    let late = counter(&spanloom, "early_releases_from_cache_decision", ",sampled=\"false\"").await;
    assert_eq!(late, (TRACES - kept) * 3);
    for account in spanloom.finish().await.values() {
        let (kept, all) = ((kept * 13) as u64, (TRACES * 13) as u64);
        assert_eq!((account.delivered, account.sampled_out), (kept, all - kept), "{account:?}");
    }
    let arrived = arrived(&sink);
    assert_eq!((arrived.len(), arrived.values().all(|spans| *spans == 13)), (kept, true), "{arrived:?}");
}

/// A plugin's file, of which there are many versions that do the same.
struct Versions {
    folder: tempfile::TempDir,
    component: Vec<u8>,
}

impl Versions {
    fn of(plugin: &Path) -> Versions {
        let versions = Versions {
            folder: tempfile::tempdir().expect("a folder"),
            component: fs::read(plugin).expect("the plugin"),
        };
        fs::write(versions.path(), versions.version(0)).expect("a file");
        versions
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keep-errors.wasm")
    }

    /// Returns a component that differs in nothing but the hash.
    fn version(&self, number: u32) -> Vec<u8> {
        padded(&self.component, 4, number)
    }
}

/// Scenario: while spans come, the sampler's file is replaced ten times and the config ten times, five of these with
/// another pipeline. Each trace comes four times; the error, if it has one, comes first.
/// Guarantees: nothing is lost, and every trace is kept or dropped whole, because none is decided twice.
#[tokio::test]
async fn swaps_and_reloads_under_load_lose_nothing_and_decide_nothing_twice() {
    let Some(plugin) = built("rust-keep-errors.wasm") else { return };
    let (sink, versions) = (Sink::start().await, Versions::of(&plugin));
    let tail = |wait: usize| format!("{{sampler: keep_errors, decision_wait: {wait}ms}}");
    let with = |change: usize| {
        let config = config(&sink, &versions.path(), &tail(300 + change % 3 * 100));
        match change % 2 {
            0 => config,
            _ => config
                .replace("[otlp_grpc]", "[otlp_grpc, nop]")
                .replace("exporters:\n", "exporters:\n  nop: {}\n"),
        }
    };
    let file = ConfigFile::new(&with(0));
    let spanloom = Spanloom::start_file(file.path()).await;
    let (stop, client) = (Arc::new(AtomicBool::new(false)), GrpcClient::connect(spanloom.grpc).await);
    let load = tokio::spawn({
        let stop = stop.clone();
        async move {
            let mut rounds = 0;
            while !stop.load(SeqCst) {
                // Each request has traces of this round, and of three rounds before it.
                for age in [0, 4, 12, 40] {
                    if let Some(round) = usize::checked_sub(rounds, age) {
                        let request = request(round * TRACES, TRACES, age == 0);
                        client.send(Signal::Traces, request).await.expect("it is taken");
                    }
                }
                rounds += 1;
                sleep(Duration::from_millis(30)).await;
            }
            // What is missing of the last rounds.
            for age in [4, 12, 40] {
                for round in rounds.saturating_sub(age)..rounds {
                    let request = request(round * TRACES, TRACES, false);
                    client.send(Signal::Traces, request).await.expect("it is taken");
                }
            }
            rounds
        }
    });
    let operator = Operator::of(&spanloom, "keep_errors");
    for change in 1..=10 {
        sleep(Duration::from_millis(300)).await;
        operator.replace(&versions.path(), &versions.version(change), "swapped").await;
        let before = spanloom.output().matches("the config is reloaded").count();
        file.write(&with(change as usize));
        while spanloom.output().matches("the config is reloaded").count() == before {
            sleep(Duration::from_millis(20)).await;
        }
    }
    stop.store(true, SeqCst);
    let traces = load.await.expect("the load") * TRACES;
    let kept = failed(0..traces);
    sink.wait_for_items(Signal::Traces, kept * 4).await;
    let ledger = spanloom.finish().await;
    let of_sink = ledger.iter().find(|(names, _)| names.1 == "otlp_grpc").expect("its account").1;
    let (kept_spans, all) = ((kept * 4) as u64, (traces * 4) as u64);
    assert_eq!((of_sink.delivered, of_sink.sampled_out), (kept_spans, all - kept_spans), "{of_sink:?}");
    let arrived = arrived(&sink);
    assert_eq!((arrived.len(), arrived.values().all(|spans| *spans == 4)), (kept, true));
}

/// Waits until a gauge of stress relief has this value.
async fn wait_for_relief(spanloom: &Spanloom, is_on: bool) {
    let line =
        format!("spanloom_tail_sampling_stress_relief{{processor=\"tail_sampling\"}} {}", u8::from(is_on));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !spanloom.metrics().await.lines().any(|shown| shown == line) {
        assert!(Instant::now() < deadline, "no `{line}` in\n{}", spanloom.metrics().await);
        sleep(Duration::from_millis(20)).await;
    }
}

/// Scenario: many traces come while the level of `stress_relief` is reached, and again when the held ones have left.
/// Guarantees: the many are decided at once and counted; the held ones, and those that come later, are decided by the
/// sampler; relief ends, the log says when, and everything is settled.
#[tokio::test]
async fn stress_relief_begins_and_ends() {
    let Some(plugin) = built("rust-keep-errors.wasm") else { return };
    let sink = Sink::start().await;
    let relief = "{activation_level: 14, deactivation_level: 5, minimum_activation_duration: 1s}";
    let tail = format!(
        "{{sampler: keep_errors, decision_wait: 6s, num_traces: {}, stress_relief: {relief}}}",
        TRACES * 7
    );
    let spanloom = Spanloom::start(&config(&sink, &plugin, &tail)).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    let send = async |first, traces| {
        client.send(Signal::Traces, request(first, traces, true)).await.expect("it is taken");
    };
    send(0, TRACES).await;
    wait_for_relief(&spanloom, true).await;
    send(TRACES, 5 * TRACES).await;
    wait_for_relief(&spanloom, false).await;
    send(6 * TRACES, 10).await;
    spanloom.settled().await;
    assert_eq!(counter(&spanloom, "new_trace_id_received", "").await, TRACES + 10);
    let metrics = spanloom.metrics().await;
    let decided = "spanloom_tail_sampling_stress_relief_traces{";
    let decided = metrics.lines().filter(|line| line.starts_with(decided));
    let decided: usize = decided.filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok()).sum();
    assert_eq!(decided, 5 * TRACES);
    let output = spanloom.output();
    for line in ["stress relief begins", "stress relief ends"] {
        assert_eq!(output.matches(line).count(), 1, "{output}");
    }
    for account in spanloom.finish().await.values() {
        assert_eq!(account.received, (6 * TRACES + 10) as u64);
        assert_eq!(account.settled(), account.delivered + account.sampled_out, "{account:?}");
    }
    let arrived = arrived(&sink);
    let is_there = |number: usize| {
        let ids = otlp::spans(&payload::traces(number, 1));
        ids.first().is_some_and(|span| arrived.contains_key(&span.trace_id))
    };
    assert!(
        (0..TRACES)
            .chain(6 * TRACES..6 * TRACES + 10)
            .all(|number| is_there(number) == payload::has_failed(number))
    );
}

/// Scenario: the end comes while traces are held.
/// Guarantees: they are decided, and nothing is lost.
#[tokio::test]
async fn what_is_held_is_decided_before_the_end() {
    let Some(plugin) = built("rust-keep-errors.wasm") else { return };
    let sink = Sink::start().await;
    let tail = "{sampler: keep_errors, decision_wait: 1h}";
    let mut spanloom = Spanloom::start(&config(&sink, &plugin, tail)).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    client.send(Signal::Traces, request(0, TRACES, true)).await.expect("it is taken");
    spanloom.signal(process::Signal::TERM);
    assert!(spanloom.exit().await.success());
    assert_eq!(arrived(&sink).len(), failed(0..TRACES));
    assert!(spanloom.output().contains("nothing was lost"), "{}", spanloom.output());
}

/// Scenario: configs whose sampler is missing, unknown, no sampler, or in the pipeline too; and keys out of range.
/// Guarantees: the error names the key, and which samplers there are.
#[tokio::test]
async fn a_wrong_config_is_refused_with_its_key() {
    let Some(plugin) = built("rust-keep-errors.wasm") else { return };
    let base = "receivers: {otlp: {protocols: {grpc: {}}}}\nexporters: {nop: {}}\n";
    let config = |tail: &str, processors: &str| {
        format!(
            "{base}plugins: {{keep_errors: {{path: {}}}}}\n\
             processors: {{keep_errors: {{}}, memory_limiter: {{check_interval: 1s, limit_mib: 1000}}, tail_sampling: {tail}}}\n\
             service: {{pipelines: {{traces: {{receivers: [otlp], processors: [{processors}], exporters: [nop]}}}}}}\n",
            plugin.display()
        )
    };
    let tail = "tail_sampling";
    for (keys, processors, errors) in [
        ("{}", tail, &["nothing decides", "`policies`", "`sampler`"][..]),
        (
            "{sampler: keep_error}",
            tail,
            &["sampler: no processor `keep_error` is defined", "`sampler` may name: keep_errors"],
        ),
        (
            "{sampler: memory_limiter}",
            tail,
            &["the processor `memory_limiter` is not a sampler", "keep_errors"],
        ),
        ("{sampler: keep_errors, policies: []}", tail, &["policies: a `sampler` decides here"]),
        ("{sampler: keep_errors}", "tail_sampling, keep_errors", &["already decides for `tail_sampling`"]),
        ("{sampler: keep_errors, decision_wait: 0s}", tail, &["decision_wait: must be above 0"]),
        ("{sampler: keep_errors, num_traces: 0}", tail, &["num_traces: must be at least 1"]),
        ("{sampler: keep_errors, max_mib: 0}", tail, &["max_mib: must be at least 1"]),
        ("{sampler: keep_errors, num_shards: 257}", tail, &["num_shards: must be at most 256"]),
        ("{sampler: keep_errors, num_workers: 0}", tail, &["num_workers: must be from 1 to 256"]),
        ("{sampler: tail_sampling}", tail, &["`tail_sampling` names itself", "keep_errors"]),
        (
            "{sampler: keep_errors, stress_relief: {activation_level: 50, deactivation_level: 51}}",
            tail,
            &["stress_relief.deactivation_level: must be from 1 to `activation_level`"],
        ),
        (
            "{sampler: keep_errors, stress_relief: {activation_level: 0}}",
            tail,
            &["stress_relief.activation_level: must be from 1 to 100"],
        ),
        (
            "{sampler: keep_errors, stress_relief: {sampling_percentage: -1}}",
            tail,
            &["stress_relief.sampling_percentage: must be from 0 to 100"],
        ),
        (
            "{sampler: keep_errors, stress_relief: {minimum_activation_duration: 1ms}}",
            tail,
            &["stress_relief.minimum_activation_duration: must be at least 1s"],
        ),
        ("{sampler: keep_errors, sampling_strategy: x}", tail, &["sampling_strategy", "span-ingest"]),
        ("{sampler: keep_errors, nothing: x}", tail, &["unknown key `nothing`", "decision_wait"]),
    ] {
        let ended = spanloom(&["validate", "--config", &format!("yaml:{}", config(keys, processors))]).await;
        assert_eq!(ended.code, 2, "{keys}: {}", ended.stderr);
        for error in errors {
            assert!(ended.stderr.contains(error), "{keys}: no `{error}` in\n{}", ended.stderr);
        }
    }
}
