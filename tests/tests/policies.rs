//! The built-in samplers in a pipeline: `tail_sampling_policies` and `adaptive_sampler`.

use spanloom_tests::{
    Sink, Spanloom,
    otlp::{Signal, client::GrpcClient, payload},
};

const TRACES: usize = 70;

/// Scenario: of 70 traces of one span, each seventh has failed, and the first, which has failed too, is dropped by its
/// name. Behind the policies, a sampler has room for more traces than these.
/// Guarantees: what the policies keep is delivered, the rest is sampled out, and the votes of each policy are counted under
/// the Collector's names.
#[tokio::test]
async fn policies_decide_and_their_votes_are_counted() {
    let sink = Sink::start().await;
    let config = format!(
        r#"{{"receivers": {{"otlp": {{"protocols": {{"grpc": {{"endpoint": "${{env:GRPC}}"}}, "http": {{"endpoint": "${{env:HTTP}}"}}}}}}}},
        "processors": {{
            "tail_sampling_policies": {{"policies": [
                {{"name": "errors", "type": "status_code", "status_code": {{"status_codes": ["ERROR"]}}}},
                {{"name": "first", "type": "drop", "drop": {{"drop_sub_policy": [{{"type": "ottl_condition",
                    "ottl_condition": {{"error_mode": "ignore", "span": ["name == \"{}\""]}}}}]}}}}]}},
            "adaptive_sampler": {{"traces_per_second": 1000, "initial_percentage": 100}}}},
        "exporters": {{"otlp_grpc": {{"endpoint": "{}", "tls": {{"insecure": true}}}}}},
        "service": {{"pipelines": {{"traces": {{"receivers": ["otlp"],
            "processors": ["tail_sampling_policies", "adaptive_sampler"], "exporters": ["otlp_grpc"]}}}}}}}}"#,
        payload::name(0),
        sink.address
    );
    let spanloom = Spanloom::start(&config).await;
    let client = GrpcClient::connect(spanloom.grpc).await;
    client.send(Signal::Traces, payload::traces(0, TRACES)).await.unwrap();
    let kept = (1..TRACES).filter(|number| payload::has_failed(*number)).count();
    sink.wait_for_items(Signal::Traces, kept).await;

    let metrics = spanloom.metrics().await;
    for (policy, sampled, decision, count) in [
        ("first", false, "dropped", 1),
        ("first", false, "not_sampled", TRACES - 1),
        ("errors", true, "sampled", kept),
        ("errors", false, "not_sampled", TRACES - 1 - kept),
    ] {
        let series = format!(
            "otelcol_processor_tail_sampling_count_traces_sampled{{processor=\"tail_sampling_policies\",\
             policy=\"{policy}\",sampled=\"{sampled}\",decision=\"{decision}\"}} {count}\n"
        );
        assert!(metrics.contains(&series), "no {series} in {metrics}");
    }
    for account in spanloom.finish().await.values() {
        let expected = (kept as u64, (TRACES - kept) as u64);
        assert_eq!((account.delivered, account.sampled_out), expected, "{account:?}");
    }
}
