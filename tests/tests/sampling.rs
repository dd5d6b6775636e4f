//! Sampling: what is left out counts as sampled out, and what is kept says how many it stands for.

use bytes::Bytes;
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message as _;
use spanloom_tests::{
    Sink, Spanloom,
    guests::{built, metric},
    ledger::Account,
    otlp::{self, Signal, client::GrpcClient, payload},
};

const ITEMS: usize = 300;
/// The trace state with which the payload's spans come.
const CAME: &str = "vendor=value";

/// Returns a config in which the processor is in a pipeline of each of the signals.
fn config(sink: &Sink, processor: &str, keys: &str, signals: &[&str]) -> String {
    let pipeline = |signal: &&str| {
        format!("    {signal}: {{receivers: [otlp], processors: [{processor}], exporters: [otlp_grpc]}}\n")
    };
    let pipelines: String = signals.iter().map(pipeline).collect();
    format!(
        "receivers:\n  otlp: {{protocols: {{grpc: {{endpoint: \"${{env:GRPC}}\"}}}}}}\n\
         processors:\n  {processor}: {keys}\n\
         exporters:\n  otlp_grpc: {{endpoint: \"{}\", tls: {{insecure: true}}}}\n\
         service:\n  pipelines:\n{pipelines}",
        sink.address
    )
}

/// Returns spans whose trace ids end differently.
fn traces() -> Bytes {
    let mut request =
        ExportTraceServiceRequest::decode(payload::traces(0, ITEMS)).expect("a request of ours");
    let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    for (number, span) in scopes.flat_map(|scope| &mut scope.spans).enumerate() {
        let byte = span.trace_id.get_mut(9).expect("an id of 16 bytes");
        *byte = (number * 37 % 256) as u8;
    }
    request.encode_to_vec().into()
}

fn spans(sink: &Sink) -> Vec<Span> {
    sink.accepted().into_iter().flat_map(|request| otlp::spans(&request.body)).collect()
}

/// Checks that everything was delivered or sampled out, and returns how much was sampled out.
#[track_caller]
fn sampled_out(account: &Account) -> u64 {
    assert_eq!(account.received, ITEMS as u64, "{account:?}");
    assert_eq!(account.received, account.delivered + account.sampled_out, "{account:?}");
    account.sampled_out
}

/// Scenario: spans, and log records without trace ids, go through `probabilistic_sampler`, which keeps a half.
/// Guarantees: the kept spans carry randomness and threshold. The others, and all log records, which have no
/// randomness, count as sampled out, not as dropped.
#[tokio::test]
async fn the_probabilistic_sampler_keeps_a_part_and_counts_the_rest_as_sampled_out() {
    let sink = Sink::start().await;
    let keys = "{sampling_percentage: 50}";
    let config = config(&sink, "probabilistic_sampler", keys, &["traces", "logs"]);
    let spanloom = Spanloom::start(&config).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    client.send(Signal::Traces, traces()).await.expect("taken");
    client.send(Signal::Logs, payload::request(Signal::Logs, ITEMS)).await.expect("taken");
    spanloom.settled().await;
    let metrics = spanloom.metrics().await;
    let counted = |name: &str, sampled: &str| {
        let name = format!("otelcol_processor_probabilistic_sampler_count_{name}_sampled");
        metric(&metrics, &name, &[&format!("sampled=\"{sampled}\"")])
    };
    let of_traces = counted("traces", "true");
    assert_eq!(of_traces + counted("traces", "false"), ITEMS as f64);
    assert_eq!((counted("logs", "true"), counted("logs", "false")), (0.0, ITEMS as f64));
    let ledger = spanloom.finish().await;
    let of = |pipeline: &str| sampled_out(&ledger[&(pipeline.to_owned(), "otlp_grpc".to_owned())]);
    assert!((100..200).contains(&of("traces")), "{}", of("traces"));
    assert_eq!(of("traces"), ITEMS as u64 - of_traces as u64);
    assert_eq!(of("logs"), ITEMS as u64);
    let states: Vec<String> = spans(&sink).into_iter().map(|span| span.trace_state).collect();
    assert_eq!(states.len(), of_traces as usize);
    for state in states {
        assert!(state.starts_with("ot=rv:") && state.ends_with(&format!(";th:8,{CAME}")), "{state}");
    }
}

/// Scenario: a sampler keeps every trace that failed, and a half of the others by their randomness.
/// Guarantees: the spans of that half say in their trace states that each stands for two, and the failed ones
/// leave as they came.
#[tokio::test]
async fn kept_spans_say_how_many_they_stand_for() {
    let Some(plugin) = built("rust-keep-errors.wasm") else { return };
    let sink = Sink::start().await;
    let plugins = format!("plugins:\n  keep_errors: {{path: {}}}\n", plugin.display());
    let config = config(&sink, "keep_errors", "{share: 0.5, slow_ms: 60000}", &["traces"]);
    let spanloom = Spanloom::start(&format!("{plugins}{config}")).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    client.send(Signal::Traces, traces()).await.expect("taken");
    spanloom.settled().await;
    spanloom.finish().await;
    let failed = |span: &Span| span.status.as_ref().is_some_and(|status| status.code == 2);
    let (failed, others): (Vec<Span>, Vec<Span>) = spans(&sink).into_iter().partition(failed);
    assert_eq!(failed.len(), (0..ITEMS).filter(|number| payload::has_failed(*number)).count());
    assert!(failed.iter().all(|span| span.trace_state == CAME));
    assert!(!others.is_empty());
    for span in others {
        assert_eq!(span.trace_state, format!("ot=th:8,{CAME}"));
        assert!(span.trace_id[9] >= 0x80, "{:?}", span.trace_id);
    }
}
