//! Connections that send as fast as they are answered, or at a pace.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
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

/// Several connections, each sending numbered spans, or events, in one request after another.
pub struct Load {
    /// The start of the load; requests' times count from here.
    pub begun: Instant,
    wish: Arc<Wish>,
    senders: JoinSet<(usize, Sent)>,
}

/// Tells the senders what to do.
#[derive(Default)]
struct Wish {
    stop: AtomicBool,
    /// The time from one request of a connection to its next one; 0 if a connection does not wait.
    pace_us: AtomicU64,
}

/// The protocol and the address of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Grpc(SocketAddr),
    Http(SocketAddr),
    /// JSON events, which the example `webhook-receiver` takes. Each has the number as its message.
    Webhook(SocketAddr),
}

/// What one connection sent.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// The number of spans, or events.
    pub spans: usize,
    /// The number of them in each request.
    pub request_spans: usize,
    pub requests: Vec<Request>,
    /// The answers to requests that were not accepted.
    pub errors: Vec<String>,
}

/// An accepted request.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The time from the start of the load to the sending.
    pub at: Duration,
    pub took_us: u32,
}

enum Connection {
    Grpc(GrpcClient),
    Http(reqwest::Client, Posts),
}

/// How a connection over HTTP sends numbered items.
struct Posts {
    url: String,
    content_type: &'static str,
    /// Makes a body of this many items, numbered from the first argument.
    body: fn(usize, usize) -> Bytes,
}

impl Load {
    pub async fn start(ways: &[Way], request_spans: usize) -> Load {
        let wish = Arc::new(Wish::default());
        let mut senders = JoinSet::new();
        let begun = Instant::now();
        for (number, way) in ways.iter().enumerate() {
            let connection = Connection::open(*way).await;
            let wish = wish.clone();
            let first = number * CONNECTION_SPANS;
            senders.spawn(
                async move { (number, connection.send_all(first, request_spans, begun, &wish).await) },
            );
        }
        Load { begun, wish, senders }
    }

    /// Makes each connection send one request in this time, if the request is answered by then. Zero means no
    /// waiting.
    pub fn pace(&self, time: Duration) {
        self.wish.pace_us.store(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Stops the senders and returns what each connection sent, in the order of the ways.
    pub async fn stop(self) -> Vec<Sent> {
        self.wish.stop.store(true, Relaxed);
        let mut sent = self.senders.join_all().await;
        sent.sort_by_key(|(number, _)| *number);
        sent.into_iter().map(|(_, sent)| sent).collect()
    }
}

impl Connection {
    async fn open(way: Way) -> Connection {
        match way {
            Way::Grpc(to) => Connection::Grpc(GrpcClient::connect(to).await),
            Way::Http(to) => Connection::http(Posts {
                url: format!("http://{to}/v1/traces"),
                content_type: "application/x-protobuf",
                body: payload::traces,
            }),
            Way::Webhook(to) => Connection::http(Posts {
                url: format!("http://{to}/events"),
                content_type: "application/json",
                body: payload::events,
            }),
        }
    }

    fn http(posts: Posts) -> Connection {
        let client = http_client_builder().pool_max_idle_per_host(1).build();
        Connection::Http(client.expect("an HTTP client"), posts)
    }

    async fn send_all(self, first: usize, request_spans: usize, begun: Instant, wish: &Wish) -> Sent {
        let mut sent = Sent { request_spans, ..Sent::default() };
        while !wish.stop.load(Relaxed) {
            let body = self.body(first + sent.spans, request_spans);
            let since = Instant::now();
            let next = since + Duration::from_micros(wish.pace_us.load(Relaxed));
            match self.send(body).await {
                Ok(()) => {
                    let took_us = u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX);
                    sent.requests.push(Request { at: since.duration_since(begun), took_us });
                }
                // Whether any of the request arrives is unknown, so the connection stops here.
                Err(error) => {
                    sent.errors.push(error);
                    return sent;
                }
            }
            sent.spans += request_spans;
            if next > Instant::now() {
                tokio::time::sleep_until(next.into()).await;
            }
        }
        sent
    }

    fn body(&self, first: usize, items: usize) -> Bytes {
        match self {
            Connection::Grpc(_) => payload::traces(first, items),
            Connection::Http(_, posts) => (posts.body)(first, items),
        }
    }

    async fn send(&self, body: Bytes) -> Result<(), String> {
        match self {
            Connection::Grpc(client) => {
                client.send(Signal::Traces, body).await.map(drop).map_err(|status| status.to_string())
            }
            Connection::Http(client, Posts { url, content_type, .. }) => {
                let request = client.post(url).header("content-type", *content_type).body(body);
                let answer = request.send().await.map_err(|error| error.to_string())?;
                let status = answer.status();
                let text = answer.text().await.map_err(|error| error.to_string())?;
                if status.is_success() { Ok(()) } else { Err(format!("{status}: {text}")) }
            }
        }
    }
}
