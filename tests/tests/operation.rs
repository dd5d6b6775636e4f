//! What an operator sees: the first start, the process's own metrics, and the report of losses.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rustix::process::Signal as ProcessSignal;
use spanloom_tests::{
    Answer, Sink, Spanloom, command, config,
    otlp::{Signal, client, payload},
};

/// Scenario: `spanloom run` starts without a config, and spans arrive over both protocols.
/// Guarantees: the process prints how to send spans, and prints the spans.
#[tokio::test]
async fn without_a_config_it_shows_what_passes() {
    let spanloom = Spanloom::start_default().await;
    spanloom.wait_for_output("spanloom generate traces").await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(41, 1)).await.unwrap();
    client::http(spanloom.http, Signal::Traces, payload::traces(42, 1)).await;
    spanloom.wait_for_output("GET /cart/41").await;
    spanloom.wait_for_output("GET /cart/42").await;
    let ledger = spanloom.finish().await;
    assert_eq!(ledger[&("traces".to_owned(), "debug".to_owned())].delivered, 2);
}

/// Scenario: each signal is sent, and one malformed request.
/// Guarantees: the metrics have the Collector's names, so that its dashboards work.
#[tokio::test]
async fn it_counts_under_the_collectors_names() {
    let spanloom = Spanloom::start(&config::relay("nop:")).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::request(Signal::Traces, 3)).await.unwrap();
    client::http(spanloom.http, Signal::Metrics, payload::request(Signal::Metrics, 4)).await;
    client::http(spanloom.http, Signal::Logs, payload::request(Signal::Logs, 5)).await;
    client::grpc(spanloom.grpc, Signal::Traces, vec![0xFF; 9].into()).await.unwrap_err();
    let metrics = spanloom.metrics().await;
    for (sample, value) in [
        (r#"otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"}"#, 3),
        (r#"otelcol_receiver_accepted_metric_points{receiver="otlp",transport="http"}"#, 4),
        (r#"otelcol_receiver_accepted_log_records{receiver="otlp",transport="http"}"#, 5),
        (r#"spanloom_ledger_items{pipeline="logs",destination="nop",state="delivered"}"#, 5),
    ] {
        assert!(metrics.contains(&format!("{sample} {value}\n")), "no `{sample} {value}` in:\n{metrics}");
    }
    for name in ["otelcol_process_uptime", "otelcol_process_memory_rss", "otelcol_process_cpu_seconds"] {
        assert!(metrics.contains(name), "no {name} in:\n{metrics}");
    }
    spanloom.finish().await;
}

/// Scenario: one span of three has an id of eight bytes, another a name that is not UTF-8.
/// Guarantees: the first is refused and counted, the second is mended and counted, and the rest arrives.
#[tokio::test]
async fn what_a_sender_gets_wrong_is_counted_and_the_rest_passes() {
    let spanloom = Spanloom::start(&config::relay("nop:")).await;
    let mut request = ExportTraceServiceRequest::decode(payload::traces(0, 3)).unwrap();
    let spans = &mut request.resource_spans[0].scope_spans[0].spans;
    spans[1].trace_id.truncate(8);
    spans[2].name = "MARKED".to_owned();
    let mut bytes = request.encode_to_vec();
    let name = bytes.windows(6).position(|name| name == b"MARKED").unwrap();
    bytes[name] = 0xFF;
    assert!(client::http(spanloom.http, Signal::Traces, bytes.into()).await.status().is_success());
    let metrics = spanloom.metrics().await;
    for sample in [
        r#"otelcol_receiver_accepted_spans{receiver="otlp",transport="http"} 2"#,
        r#"otelcol_receiver_refused_spans{receiver="otlp",transport="http"} 1"#,
        r#"spanloom_receiver_refused_items{receiver="otlp",transport="http",reason="invalid_id"} 1"#,
        r#"spanloom_receiver_mended_texts{receiver="otlp",transport="http"} 1"#,
    ] {
        assert!(metrics.contains(&format!("{sample}\n")), "no `{sample}` in:\n{metrics}");
    }
    spanloom.wait_for_output("resource_spans[0].scope_spans[0].spans[1].trace_id").await;
    let ledger = spanloom.finish().await;
    assert_eq!(ledger[&("traces".to_owned(), "nop".to_owned())].delivered, 2);
}

/// Scenario: a destination refuses one request for good and accepts the next.
/// Guarantees: the log, the status and the summary at the end say how many items were lost, where and why.
#[tokio::test]
async fn what_is_lost_is_named_where_an_operator_looks() {
    let sink = Sink::start().await;
    sink.answer_next([Answer::Refuse]);
    let exporters =
        format!("otlp_grpc: {{endpoint: \"http://{}\", tls: {{insecure: true}}}}\nnop:\n", sink.address);
    let mut spanloom = Spanloom::start(&config::relay(&exporters)).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(5, 3)).await.unwrap();
    sink.wait_for_requests(1).await;
    client::http(spanloom.http, Signal::Traces, payload::traces(0, 4)).await;
    spanloom.settled().await;

    let lost = "pipeline=\"traces\" destination=\"otlp_grpc\" items=3 reason=\"rejected\" \
        trace_id=\"07070707070707070000000000000006\" service=\"cart\"";
    spanloom.wait_for_output(lost).await;

    let status = command::spanloom(&["status", "--admin", &spanloom.admin.to_string()]).await;
    assert_eq!(status.code, 0, "{status:?}");
    let lines: Vec<String> =
        status.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "otlp grpc traces 3 0",
        "otlp http traces 4 0",
        "traces nop 7 0 0 0 - -",
        "traces to otlp_grpc: dropped 3 rejected",
        "no plugin runs",
    ] {
        assert!(lines.iter().any(|shown| shown == line), "no `{line}` in:\n{}", status.stdout);
    }
    let row = "traces otlp_grpc 4 0 3 0 0/1000 ";
    assert!(lines.iter().any(|shown| shown.starts_with(row)), "no `{row}` in:\n{}", status.stdout);

    spanloom.signal(ProcessSignal::TERM);
    assert!(spanloom.exit().await.success());
    spanloom.wait_for_output("traces to otlp_grpc: received 7, delivered 4, dropped 3 (3 rejected)").await;
    spanloom.wait_for_output("traces to nop: received 7, delivered 7").await;
}

/// Scenario: the process ends after every item was delivered.
/// Guarantees: one line says that nothing was lost.
#[tokio::test]
async fn an_end_without_losses_is_summed_up_in_a_line() {
    let mut spanloom = Spanloom::start(&config::relay("nop:")).await;
    client::grpc(spanloom.grpc, Signal::Traces, payload::traces(0, 3)).await.unwrap();
    spanloom.settled().await;
    spanloom.signal(ProcessSignal::TERM);
    assert!(spanloom.exit().await.success());
    let summary = "nothing was lost: logs to nop: received 0; metrics to nop: received 0; \
        traces to nop: received 3, delivered 3";
    spanloom.wait_for_output(summary).await;
}
