//! What an operator sees: the first start, the process's own metrics, its health.

use spanloom_tests::{
    Spanloom, config,
    otlp::{Signal, client, payload},
};

/// The first thing a user runs: no config, and what passes is shown.
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

/// Dashboards made for the Collector find their numbers.
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
