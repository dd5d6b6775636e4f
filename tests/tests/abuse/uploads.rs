//! Large requests: many at once, and requests that never end.

use spanloom_tests::attack::uploads::{IdleUploads, PATIENCE};
use tokio::task::JoinSet;

use super::*;

const MIB_BYTES: usize = 1 << 20;
/// Scenario: four uploads of 64 MiB stop before their end and hold all the room for large requests.
/// Guarantees: small requests are served at once, and a large one when the uploads are given up.
#[tokio::test(flavor = "multi_thread")]
async fn idle_uploads_of_64_mib_keep_no_one_out() {
    let spanloom = start().await;
    let mut idle = IdleUploads::default();
    for _ in 0..2 {
        idle.over_http(spanloom.http);
        idle.over_grpc(spanloom.grpc);
    }
    idle.lie_still(64 * MIB_BYTES).await;
    for _ in 0..10 {
        others_are_served(&spanloom).await;
    }
    let large = payload::large_traces(40 * MIB_BYTES);
    let (over_grpc, over_http) = tokio::join!(
        timeout(PATIENCE, client::grpc(spanloom.grpc, Signal::Traces, large.clone())),
        timeout(PATIENCE, client::http(spanloom.http, Signal::Traces, large.clone())),
    );
    over_grpc.expect("an answer in time").expect("taken over gRPC");
    assert_eq!(over_http.expect("an answer in time").status(), StatusCode::OK);
    assert_memory_below(&spanloom, 600);
    idle.end().await;
    spanloom.finish().await;
}

/// Scenario: forty uploads of 60 MiB come at once, more than may be held.
/// Guarantees: some wait for others, all are accepted, and memory stays below 600 MiB.
#[tokio::test(flavor = "multi_thread")]
async fn forty_uploads_of_60_mib_at_once_are_all_taken() {
    let patient = ["grpc", "http"].map(|p| format!("receivers::otlp::protocols::{p}::read_timeout=170s"));
    let spanloom = start_with(&["--set", &patient[0], "--set", &patient[1]]).await;
    let body = payload::large_traces(60 * MIB_BYTES);
    let mut uploads = JoinSet::new();
    for number in 0..40 {
        let (body, grpc, http) = (body.clone(), spanloom.grpc, spanloom.http);
        uploads.spawn(async move {
            if number % 2 == 0 {
                client::grpc(grpc, Signal::Traces, body).await.expect("taken over gRPC");
            } else {
                let answer = client::http(http, Signal::Traces, body).await;
                assert_eq!(answer.status(), StatusCode::OK, "taken over HTTP");
            }
        });
    }
    let all = async {
        while let Some(ended) = uploads.join_next().await {
            ended.expect("an upload that was taken");
        }
    };
    timeout(PATIENCE, all).await.expect("all of them in time");
    assert_memory_below(&spanloom, 600);
    let ledger = spanloom.finish().await;
    assert_eq!(ledger.values().map(|account| account.received).sum::<u64>(), 40, "{ledger:?}");
}
