//! A destination that takes OTLP over gRPC and HTTP on one port, records the exact bytes, and fails when told
//! to.

mod grpc;
mod http;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use ::http::HeaderMap;
use axum::Router;
use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

pub(crate) use grpc::RawCodec;

use crate::otlp::{self, Signal};

const WAIT_TIMEOUT: Duration = Duration::from_secs(30);

/// A running destination. It serves until it is dropped.
pub struct Sink {
    pub address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

/// The sink's answer to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    #[default]
    Accept,
    /// UNAVAILABLE or 503, with a time to wait if one is given.
    Unavailable { retry_after: Option<Duration> },
    /// INVALID_ARGUMENT or 400.
    Refuse,
    /// Success, except that this many items are rejected.
    Partial { rejected: i64 },
    /// Success after this time.
    After(Duration),
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub transport: Transport,
    pub signal: Signal,
    pub headers: HeaderMap,
    /// The message, decompressed and without gRPC's prefix.
    pub body: Bytes,
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Grpc,
    Http,
}

struct State {
    received: Mutex<Vec<Received>>,
    script: Mutex<Script>,
    changed: watch::Sender<()>,
    /// If there is a taker, it is given each request, and the sink keeps none.
    taker: Option<Taker>,
}

type Taker = Box<dyn Fn(&Received) + Send + Sync>;

#[derive(Default)]
struct Script {
    next: VecDeque<Answer>,
    otherwise: Answer,
}

impl Sink {
    pub async fn start() -> Sink {
        Self::start_at("127.0.0.1:0".parse().expect("an address")).await
    }

    pub async fn start_at(address: SocketAddr) -> Sink {
        Self::serve(address, None).await
    }

    /// Starts a sink that keeps no request but gives each to `taker`. It serves tests with more requests than
    /// memory holds.
    pub async fn start_with(taker: impl Fn(&Received) + Send + Sync + 'static) -> Sink {
        Self::serve("127.0.0.1:0".parse().expect("an address"), Some(Box::new(taker))).await
    }

    async fn serve(address: SocketAddr, taker: Option<Taker>) -> Sink {
        let listener = TcpListener::bind(address).await.expect("the sink's port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State {
            received: Mutex::default(),
            script: Mutex::default(),
            changed: watch::Sender::new(()),
            taker,
        });
        let routes = Router::new().merge(grpc::routes()).merge(http::routes()).with_state(state.clone());
        let server =
            tokio::spawn(async move { axum::serve(listener, routes).await.expect("the sink serves") });
        Sink { address, state, server }
    }

    /// Sets the answers to the next requests, in order. The usual answer follows them.
    pub fn answer_next(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.script.lock().unwrap().next.extend(answers);
    }

    /// Sets the answer to every request for which [`Sink::answer_next`] gave none.
    pub fn answer_usually(&self, answer: Answer) {
        self.state.script.lock().unwrap().otherwise = answer;
    }

    /// Returns every request, refused requests included.
    pub fn requests(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Returns the requests that were accepted at least in part.
    pub fn accepted(&self) -> Vec<Received> {
        self.requests().into_iter().filter(Received::is_accepted).collect()
    }

    /// Returns the number of items (spans, data points, log records) in the accepted requests.
    pub fn items(&self, signal: Signal) -> usize {
        let accepted = self.accepted();
        let of_signal = accepted.iter().filter(|request| request.signal == signal);
        of_signal.map(|request| otlp::items(signal, &request.body)).sum()
    }

    /// Waits until this many items have been accepted.
    pub async fn wait_for_items(&self, signal: Signal, items: usize) {
        self.wait_until(&format!("{items} items of {signal:?}"), || self.items(signal) >= items).await;
    }

    /// Waits until this many requests have come, refused requests included.
    pub async fn wait_for_requests(&self, requests: usize) {
        self.wait_until(&format!("{requests} requests"), || self.requests().len() >= requests).await;
    }

    async fn wait_until(&self, what: &str, arrived: impl Fn() -> bool) {
        let mut changed = self.state.changed.subscribe();
        let wait = async {
            while !arrived() {
                changed.changed().await.expect("the sink runs");
            }
        };
        if timeout(WAIT_TIMEOUT, wait).await.is_err() {
            let sizes: Vec<usize> = self.requests().iter().map(|request| request.body.len()).collect();
            panic!("the sink waited for {what} in vain; it has requests of {sizes:?} bytes");
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Received {
    pub fn is_accepted(&self) -> bool {
        !matches!(self.answer, Answer::Unavailable { .. } | Answer::Refuse)
    }
}

impl State {
    /// Records a request and returns how to answer it.
    async fn take(&self, transport: Transport, signal: Signal, headers: HeaderMap, body: Bytes) -> Answer {
        let answer = {
            let mut script = self.script.lock().unwrap();
            script.next.pop_front().unwrap_or_else(|| script.otherwise.clone())
        };
        if let Answer::After(delay) = answer {
            sleep(delay).await;
        }
        let received = Received { transport, signal, headers, body, answer: answer.clone() };
        match &self.taker {
            Some(taker) => taker(&received),
            None => self.received.lock().unwrap().push(received),
        }
        self.changed.send_replace(());
        answer
    }
}
