//! Large requests that never end.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::stream;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::otlp::{Signal, client::http_client_builder};

/// The largest request that a receiver takes by default.
pub const REQUEST_LIMIT_BYTES: usize = 64 << 20;
/// The time limit for steps that are as slow as the machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Uploads that announce the largest request and stop before its end. Counts the bytes that were taken of
/// them.
#[derive(Default)]
pub struct IdleUploads {
    sent: Arc<AtomicUsize>,
    running: JoinSet<()>,
}

impl IdleUploads {
    pub fn over_http(&mut self, to: SocketAddr) {
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

    pub fn over_grpc(&mut self, to: SocketAddr) {
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
            let client = http_client_builder().http2_prior_knowledge().build().expect("an HTTP client");
            let request = client
                .post(format!("http://{to}{}", Signal::Traces.grpc_path()))
                .header("content-type", "application/grpc")
                .header("te", "trailers");
            let _ = request.body(reqwest::Body::wrap_stream(body)).send().await;
        });
    }

    /// Waits until more than this many bytes were taken, and no more are taken.
    pub async fn lie_still(&self, least_bytes: usize) {
        let still = async {
            let mut before = 0;
            loop {
                sleep(Duration::from_millis(500)).await;
                let sent = self.sent.load(Relaxed);
                if sent == before && sent > least_bytes {
                    return;
                }
                before = sent;
            }
        };
        timeout(PATIENCE, still).await.expect("the uploads come to rest");
    }

    /// Closes the connections.
    pub async fn end(mut self) {
        self.running.shutdown().await;
    }
}
