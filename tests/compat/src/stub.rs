//! The destination behind each side: it records what arrives, and answers as it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Result;
use axum::{Router, body::Body, extract::State as Shared, response::Response};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{compression, decode};

/// Where [`Answer::Redirect`] leads by default.
pub(crate) const MOVED: &str = "/moved/v1/traces";

/// A server for OTLP over gRPC and over HTTP, on one port.
pub(crate) struct Stub {
    pub(crate) at: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    arrived: Mutex<Vec<Arrival>>,
    answer: Mutex<Answer>,
    /// Answers to requests whose paths begin so. They come before `answer`.
    by_path: Mutex<Vec<(&'static str, Answer)>>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// The decoded body.
    pub(crate) body: Value,
}

/// How the stub answers.
#[derive(Clone, Debug, Default)]
pub(crate) enum Answer {
    #[default]
    Accept,
    Http {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Sends the client to another place. What comes to [`MOVED`] is accepted.
    Redirect {
        status: u16,
        to: Option<String>,
    },
    Grpc {
        code: u32,
        /// The bytes of `grpc-status-details-bin`, in base64.
        details: Option<String>,
        /// The response message, sent if `code` is 0.
        message: Vec<u8>,
    },
}

impl Stub {
    pub(crate) async fn start() -> Result<Stub> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let at = listener.local_addr()?;
        let state = Arc::<State>::default();
        let routes = Router::new().fallback(take).with_state(state.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Stub { at, state, server })
    }

    pub(crate) fn answer(&self, answer: Answer) {
        if let Ok(mut current) = self.state.answer.lock() {
            *current = answer;
        }
    }

    pub(crate) fn answer_below(&self, path: &'static str, answer: Answer) {
        if let Ok(mut answers) = self.state.by_path.lock() {
            answers.retain(|(known, _)| *known != path);
            answers.push((path, answer));
        }
    }

    /// Returns what has arrived since the last call.
    pub(crate) fn take(&self) -> Vec<Arrival> {
        self.state.arrived.lock().map(|mut arrived| std::mem::take(&mut *arrived)).unwrap_or_default()
    }

    /// Waits until so many requests have arrived, or until the time is over, and returns the requests.
    pub(crate) async fn take_after(&self, requests: usize, limit: Duration) -> Vec<Arrival> {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline && self.count() < requests {
            sleep(Duration::from_millis(10)).await;
        }
        self.take()
    }

    fn count(&self) -> usize {
        self.state.arrived.lock().map_or(0, |arrived| arrived.len())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Arrival {
    /// Returns the request as one line, with these of its headers.
    pub(crate) fn line(&self, headers: &[&str]) -> String {
        let shown = headers.iter().filter_map(|name| {
            let values: Vec<_> =
                self.headers.get_all(*name).iter().map(|v| v.as_bytes().escape_ascii()).collect();
            let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
            (!values.is_empty()).then(|| format!(" {name}: {}", values.join(", ")))
        });
        format!("{}{} {}", self.path, shown.collect::<String>(), self.body)
    }
}

async fn take(Shared(state): Shared<Arc<State>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let is_grpc =
        head.headers.get("content-type").is_some_and(|t| t.as_bytes().starts_with(b"application/grpc"));
    let path = head.uri.path().to_owned();
    let is_moved = path == MOVED;
    let by_path = state.by_path.lock().ok().and_then(|answers| {
        answers.iter().find(|(below, _)| path.starts_with(below)).map(|(_, answer)| answer.clone())
    });
    let arrival =
        Arrival { body: decoded(&path, &head.headers, is_grpc, &bytes), path, headers: head.headers };
    if let Ok(mut arrived) = state.arrived.lock() {
        arrived.push(arrival);
    }
    let for_all = || state.answer.lock().map(|answer| answer.clone()).unwrap_or_default();
    match by_path.unwrap_or_else(for_all) {
        Answer::Redirect { .. } if is_moved => respond(Answer::Accept, is_grpc),
        answer => respond(answer, is_grpc),
    }
}

fn decoded(path: &str, headers: &HeaderMap, is_grpc: bool, bytes: &[u8]) -> Value {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (coding, bytes) = match (is_grpc, bytes) {
        (true, [0, _, _, _, _, message @ ..]) => ("", message),
        (true, [1, _, _, _, _, message @ ..]) => (text("grpc-encoding"), message),
        _ => (text("content-encoding"), bytes),
    };
    let plain = match compression::inflate(coding, bytes) {
        Ok(plain) => plain,
        Err(error) => return json!(format!("cannot be inflated: {error:#}")),
    };
    if text("content-type").starts_with("application/json") {
        return serde_json::from_slice(&plain).unwrap_or_else(|error| json!(format!("bad JSON: {error}")));
    }
    let path = path.to_ascii_lowercase();
    let signal = ["Traces", "Metrics", "Logs"]
        .into_iter()
        .find(|signal| path.contains(signal.to_ascii_lowercase().trim_end_matches('s')));
    decode::message(signal.unwrap_or("Traces"), &plain)
}

fn respond(answer: Answer, is_grpc: bool) -> Response {
    let built = match (answer, is_grpc) {
        (Answer::Accept, true) => return grpc_message(&[]),
        (Answer::Redirect { status, to }, _) => {
            let builder = http::Response::builder().status(status);
            let with = |builder: http::response::Builder, to: String| builder.header("location", to);
            to.into_iter().fold(builder, with).body(Body::empty())
        }
        (Answer::Accept, false) => http::Response::builder().body(Body::empty()),
        (Answer::Http { status, headers, body }, _) => {
            let builder = http::Response::builder().status(status);
            let with =
                |builder: http::response::Builder, (name, value)| builder.header::<&str, String>(name, value);
            headers.into_iter().fold(builder, with).body(Body::from(body))
        }
        (Answer::Grpc { code: 0, message, .. }, _) => return grpc_message(&message),
        (Answer::Grpc { code, details, .. }, _) => {
            let builder = http::Response::builder()
                .header("content-type", "application/grpc")
                .header("grpc-status", code.to_string())
                .header("grpc-message", "the stub is told to");
            let builder =
                details.into_iter().fold(builder, |b, bin| b.header("grpc-status-details-bin", bin));
            builder.body(Body::empty())
        }
    };
    built.unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// Returns a successful gRPC answer: one message, then the trailers.
fn grpc_message(message: &[u8]) -> Response {
    let length = u32::try_from(message.len()).unwrap_or_default();
    let frame = [&[0][..], &length.to_be_bytes()[..], message].concat();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
    let frames = [Ok::<_, std::io::Error>(Frame::data(Bytes::from(frame))), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(Body::new(StreamBody::new(futures::stream::iter(frames))));
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
    response
}
