//! Connections that send as fast as they are answered.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::otlp::{
    Signal,
    client::{GrpcClient, http_client_builder},
    payload,
};

use super::CONNECTION_SPANS;

/// Several connections, each sending numbered spans in one request after another.
pub struct Load {
    /// What requests' times count from.
    pub begun: Instant,
    stop: Arc<AtomicBool>,
    senders: JoinSet<(usize, Sent)>,
}

/// How a connection sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Grpc(SocketAddr),
    Http(SocketAddr),
}

/// What one connection did.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    pub spans: usize,
    /// In each request.
    pub request_spans: usize,
    pub requests: Vec<Request>,
    /// What was answered to requests that were not accepted.
    pub errors: Vec<String>,
}

/// One that was accepted.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// When it was sent, since the load began.
    pub at: Duration,
    pub took_us: u32,
}

enum Connection {
    Grpc(GrpcClient),
    Http(reqwest::Client, SocketAddr),
}

impl Load {
    pub async fn start(ways: &[Way], request_spans: usize) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let mut senders = JoinSet::new();
        let begun = Instant::now();
        for (number, way) in ways.iter().enumerate() {
            let connection = Connection::open(*way).await;
            let stop = stop.clone();
            let first = number * CONNECTION_SPANS;
            senders.spawn(
                async move { (number, connection.send_all(first, request_spans, begun, &stop).await) },
            );
        }
        Load { begun, stop, senders }
    }

    /// What each connection sent, in the order of the ways.
    pub async fn stop(self) -> Vec<Sent> {
        self.stop.store(true, Relaxed);
        let mut sent = self.senders.join_all().await;
        sent.sort_by_key(|(number, _)| *number);
        sent.into_iter().map(|(_, sent)| sent).collect()
    }
}

impl Connection {
    async fn open(way: Way) -> Connection {
        match way {
            Way::Grpc(to) => Connection::Grpc(GrpcClient::connect(to).await),
            Way::Http(to) => {
                let client = http_client_builder().pool_max_idle_per_host(1).build();
                Connection::Http(client.expect("an HTTP client"), to)
            }
        }
    }

    async fn send_all(self, first: usize, request_spans: usize, begun: Instant, stop: &AtomicBool) -> Sent {
        let mut sent = Sent { request_spans, ..Sent::default() };
        while !stop.load(Relaxed) {
            let body = payload::traces(first + sent.spans, request_spans);
            let since = Instant::now();
            match self.send(body).await {
                Ok(()) => {
                    let took_us = u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX);
                    sent.requests.push(Request { at: since.duration_since(begun), took_us });
                }
                // It is not known whether any of it arrives: the end of this connection.
                Err(error) => {
                    sent.errors.push(error);
                    return sent;
                }
            }
            sent.spans += request_spans;
        }
        sent
    }

    async fn send(&self, body: Bytes) -> Result<(), String> {
        match self {
            Connection::Grpc(client) => {
                client.send(Signal::Traces, body).await.map(drop).map_err(|status| status.to_string())
            }
            Connection::Http(client, to) => {
                let request = client.post(format!("http://{to}/v1/traces"));
                let request = request.header("content-type", "application/x-protobuf").body(body);
                let answer = request.send().await.map_err(|error| error.to_string())?;
                let status = answer.status();
                let text = answer.text().await.map_err(|error| error.to_string())?;
                if status.is_success() { Ok(()) } else { Err(format!("{status}: {text}")) }
            }
        }
    }
}
