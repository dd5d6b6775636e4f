//! Large requests: many at once, and such as never end.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::task::JoinSet;

use super::*;

const MIB_BYTES: usize = 1 << 20;
/// For what is only as slow as the machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Uploads that announce the largest request and stop before its end, and how many bytes of them were taken.
#[derive(Default)]
struct IdleUploads {
    sent: Arc<AtomicUsize>,
    running: JoinSet<()>,
}

impl IdleUploads {
    fn over_http(&mut self, to: SocketAddr) {
        let sent = self.sent.clone();
        self.running.spawn(async move {
            let mut connection = TcpStream::connect(to).await.expect("a connection");
            let head = format!(
                "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: {REQUEST_LIMIT_BYTES}\r\n\r\n"
            );
            connection.write_all(head.as_bytes()).await.expect("a head");
            let piece = vec![0; 64 << 10];
            for _ in 0..REQUEST_LIMIT_BYTES / piece.len() - 1 {
                if connection.write_all(&piece).await.is_err() {
                    return;
                }
                sent.fetch_add(piece.len(), Relaxed);
            }
            std::future::pending::<()>().await;
        });
    }

    fn over_grpc(&mut self, to: SocketAddr) {
        let sent = self.sent.clone();
        self.running.spawn(async move {
            let length = u32::try_from(REQUEST_LIMIT_BYTES).expect("a length").to_be_bytes();
            let prefix = Bytes::from([&[0][..], &length].concat());
            let pieces = REQUEST_LIMIT_BYTES / (64 << 10) - 1;
            let body = stream::unfold(0, move |piece| {
                let (sent, prefix) = (sent.clone(), prefix.clone());
                async move {
                    if piece == pieces {
                        std::future::pending::<()>().await;
                    }
                    sent.fetch_add(64 << 10, Relaxed);
                    let bytes = if piece == 0 { prefix } else { Bytes::from_static(&[0; 64 << 10]) };
                    Some((Ok::<_, std::io::Error>(bytes), piece + 1))
                }
            });
            let client = http_client_builder().http2_prior_knowledge().build().unwrap();
            let request = client
                .post(format!("http://{to}{}", Signal::Traces.grpc_path()))
                .header("content-type", "application/grpc")
                .header("te", "trailers");
            let _ = request.body(reqwest::Body::wrap_stream(body)).send().await;
        });
    }

    /// Waits until they have brought much, and nothing more of them is taken.
    async fn lie_still(&self) {
        let still = async {
            let mut before = 0;
            loop {
                sleep(Duration::from_millis(500)).await;
                let sent = self.sent.load(Relaxed);
                if sent == before && sent > 64 * MIB_BYTES {
                    return;
                }
                before = sent;
            }
        };
        timeout(PATIENCE, still).await.expect("they come to lie still");
    }
}

/// They hold what large requests may hold; small ones are served at once, and a large one once it is seen that they do
/// not go on.
#[tokio::test(flavor = "multi_thread")]
async fn idle_uploads_of_64_mib_keep_no_one_out() {
    let spanloom = start().await;
    let mut idle = IdleUploads::default();
    for _ in 0..2 {
        idle.over_http(spanloom.http);
        idle.over_grpc(spanloom.grpc);
    }
    idle.lie_still().await;
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
    idle.running.shutdown().await;
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
