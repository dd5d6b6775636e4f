//! `memory_limiter`, as a processor and as an extension: the Collector's keys, and what senders are told.

use spanloom_tests::{
    Spanloom,
    config::ConfigFile,
    guests::metric,
    otlp::{Signal, client, payload},
};
use tonic::Code;

/// A limit that every process exceeds: each has more than one MiB.
const ALWAYS_SHORT: &str = "{check_interval: 10ms, limit_mib: 1}";
/// The extensions: `health_check`, which tells when the process is ready, and `memory_limiter`.
const EXTENSIONS: &str = "service::extensions=[health_check, memory_limiter]";
/// A limit that no process reaches: a tebibyte.
const NEVER_SHORT: &str = "{check_interval: 10ms, limit_mib: 1048576}";

fn with_processor(limits: &str) -> String {
    format!(
        "receivers:\n  otlp: {{protocols: {{grpc: , http: }}}}\nprocessors:\n  memory_limiter: {limits}\n\
         exporters:\n  nop: {{}}\nservice:\n  pipelines:\n    \
         traces: {{receivers: [otlp], processors: [memory_limiter], exporters: [nop]}}\n"
    )
}

/// Scenario: the processor's limit is below the memory of the process; then a reload raises it.
/// Guarantees: senders are told to retry, and refused items count as refused; the limit changes in place.
#[tokio::test]
async fn the_processor_refuses_above_its_limit_and_takes_another_by_a_reload() {
    let file = ConfigFile::new(&with_processor(ALWAYS_SHORT));
    let spanloom = Spanloom::start_file(file.path()).await;
    let refused = client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 5)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(refused.message().contains("high memory usage"), "{refused:?}");
    let metrics = spanloom.metrics().await;
    let processor = ["processor=\"memory_limiter\""];
    assert_eq!(metric(&metrics, "otelcol_processor_memory_limiter_refused_spans", &processor), 5.0);
    assert_eq!(metric(&metrics, "otelcol_processor_memory_limiter_accepted_spans", &processor), 0.0);

    file.write(&with_processor(NEVER_SHORT));
    spanloom.wait_for_output("changed in place: processor memory_limiter").await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 5)).await.unwrap();
    let metrics = spanloom.metrics().await;
    assert_eq!(metric(&metrics, "otelcol_processor_memory_limiter_accepted_spans", &processor), 5.0);
    let ledger = spanloom.finish().await;
    let account = &ledger[&("traces".to_owned(), "nop".to_owned())];
    assert_eq!(
        (account.received, account.delivered),
        (5, 5),
        "what was refused is the sender's: {account:?}"
    );
}

/// Scenario: a receiver names the extension for one of its protocols.
/// Guarantees: that protocol's requests are refused before they are read; the other's are accepted.
#[tokio::test]
async fn a_receiver_refuses_by_the_extension_that_it_names() {
    let config = format!(
        "extensions:\n  memory_limiter: {ALWAYS_SHORT}\nreceivers:\n  otlp:\n    protocols:\n      \
         grpc: {{middlewares: [{{id: memory_limiter}}]}}\n      http:\nexporters:\n  nop: {{}}\nservice:\n  \
         pipelines:\n    traces: {{receivers: [otlp], exporters: [nop]}}\n"
    );
    let file = ConfigFile::new(&config);
    let spanloom = Spanloom::start_file_with(file.path(), &["--set", EXTENSIONS], &[]).await;
    let refused = client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 5)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    let url = format!("http://{}/v1/traces", spanloom.http);
    let post = client::http_client().post(url).header("content-type", "application/x-protobuf");
    assert!(post.body(payload::traces(0, 5)).send().await.unwrap().status().is_success());
    let ledger = spanloom.finish().await;
    assert_eq!(ledger[&("traces".to_owned(), "nop".to_owned())].delivered, 5);
}
