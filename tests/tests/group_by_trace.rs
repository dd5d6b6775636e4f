//! The processor `groupbytrace`: the spans of a trace leave together, however they come.

use std::collections::BTreeMap;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use rustix::process;
use spanloom_tests::{
    Sink, Spanloom,
    config::ConfigFile,
    guests::built,
    otlp::{self, Signal, client::GrpcClient, payload},
};

/// How many times each trace is sent, one span at a time.
const SPANS: usize = 6;
const TRACES: usize = 300;

fn config(sink: &Sink, group: &str) -> String {
    format!(
        "receivers:\n  otlp: {{protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}, http: {{endpoint: \"${{env:HTTP}}\"}}}}}}\n\
         processors:\n  groupbytrace: {group}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"{}\", tls: {{insecure: true}}}}\n\
         service:\n  pipelines:\n    \
         traces: {{receivers: [otlp], processors: [groupbytrace], exporters: [otlp_grpc]}}\n",
        sink.address
    )
}

/// Sends a span of each trace over a connection of its own, and again for each further span.
async fn send(spanloom: &Spanloom) {
    for _ in 0..SPANS {
        let client = GrpcClient::connect(spanloom.grpc).await;
        for first in (0..TRACES).step_by(TRACES / 3) {
            client.send(Signal::Traces, payload::traces(first, TRACES / 3)).await.unwrap();
        }
    }
}

/// Checks that all traces have arrived whole, each in one request.
fn check_whole(sink: &Sink) {
    let mut arrived: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for request in sink.accepted() {
        let mut in_request: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for span in otlp::spans(&request.body) {
            *in_request.entry(span.trace_id).or_default() += 1;
        }
        assert!(in_request.values().all(|spans| *spans == SPANS), "{in_request:?}");
        arrived.extend(in_request);
    }
    assert_eq!(arrived.len(), TRACES);
}

/// Scenario: the spans of 300 traces come over six connections, and the wait passes.
/// Guarantees: each trace leaves whole, in one request, and every span is delivered.
#[tokio::test]
async fn the_spans_of_a_trace_leave_in_one_request() {
    let sink = Sink::start().await;
    let spanloom = Spanloom::start(&config(&sink, "{wait_duration: 3s}")).await;
    send(&spanloom).await;
    sink.wait_for_items(Signal::Traces, TRACES * SPANS).await;
    check_whole(&sink);
    let metrics = spanloom.metrics().await;
    let released =
        format!("otelcol_processor_groupbytrace_traces_released{{processor=\"groupbytrace\"}} {TRACES}\n");
    assert!(metrics.contains(&released), "{metrics}");
    for account in spanloom.finish().await.values() {
        assert_eq!((account.delivered, account.in_flight), ((TRACES * SPANS) as u64, 0), "{account:?}");
    }
}

/// Scenario: traces are held for an hour; the config is changed in between, and the process ends.
/// Guarantees: the change loses nothing that is held, and all of it leaves whole before the end.
#[tokio::test]
async fn what_is_held_outlasts_a_reload_and_leaves_before_the_end() {
    let sink = Sink::start().await;
    let file = ConfigFile::new(&config(&sink, "{wait_duration: 1h}"));
    let mut spanloom = Spanloom::start_file(file.path()).await;
    send(&spanloom).await;
    file.write(&config(&sink, "{wait_duration: 2h, num_traces: 1000, max_mib: 64}"));
    spanloom.wait_for_output("the config is reloaded: changed in place: processor groupbytrace").await;
    assert_eq!(sink.items(Signal::Traces), 0);
    spanloom.signal(process::Signal::TERM);
    assert!(spanloom.exit().await.success());
    check_whole(&sink);
    let all = TRACES * SPANS;
    let summary = format!("nothing was lost: traces to otlp_grpc: received {all}, delivered {all}");
    assert!(spanloom.output().contains(&summary), "{}", spanloom.output());
}

/// Scenario: a sampler that keeps traces with an error and no others stands behind `groupbytrace`. Of each trace,
/// one span in six may have failed, and comes over a connection of its own.
/// Guarantees: a trace with an error is kept whole, its other spans too; others are sampled out.
#[tokio::test]
async fn a_sampler_behind_it_decides_by_whole_traces() {
    let Some(plugin) = built("rust-keep-errors.wasm") else { return };
    let sink = Sink::start().await;
    let config = config(&sink, "{wait_duration: 3s}")
        .replace("processors:\n", "processors:\n  keep_errors: {share: 0, slow_ms: 60000}\n")
        .replace("[groupbytrace]", "[groupbytrace, keep_errors]");
    let plugins = format!("plugins:\n  keep_errors: {{path: {}}}\n", plugin.display());
    let spanloom = Spanloom::start(&format!("{plugins}{config}")).await;
    for part in 0..SPANS {
        let client = GrpcClient::connect(spanloom.grpc).await;
        client.send(Signal::Traces, with_error(part == 3)).await.unwrap();
    }
    let failed = (0..TRACES).filter(|number| payload::has_failed(*number)).count();
    sink.wait_for_items(Signal::Traces, failed * SPANS).await;
    for account in spanloom.finish().await.values() {
        let kept = (failed * SPANS) as u64;
        let all = (TRACES * SPANS) as u64;
        assert_eq!((account.delivered, account.sampled_out), (kept, all - kept), "{account:?}");
    }
    let mut spans: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for request in sink.accepted() {
        otlp::spans(&request.body).into_iter().for_each(|span| *spans.entry(span.trace_id).or_default() += 1);
    }
    assert_eq!((spans.len(), spans.values().all(|spans| *spans == SPANS)), (failed, true));
}

/// Returns a request with a span of each trace. Without `errors` none of them has failed.
fn with_error(errors: bool) -> Bytes {
    let mut request =
        ExportTraceServiceRequest::decode(payload::traces(0, TRACES)).expect("a request of ours");
    let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    for span in scopes.flat_map(|scope| &mut scope.spans).filter(|_| !errors) {
        span.status = None;
    }
    request.encode_to_vec().into()
}
