//! The parts of receivers that take unary calls over gRPC.
//!
//! A port is a [`GrpcService`] of a [`Unary`] protocol, which names its methods, and is given each message
//! undecoded. Nothing here knows OTLP's messages.

mod config;
mod frame;
mod status;

use std::{future::ready, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE, request::Parts};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};

pub use config::{GrpcConfig, KeepaliveConfig, ServerParametersConfig};
pub(in crate::receiver) use status::{to_json, to_protobuf};

use crate::{
    memory,
    pipeline::Metadata,
    receiver::http::{Cause, Doors, Gate, Refusal, hold_large},
    server::{
        Peer,
        request_body::{Budget, Encoding, Held, Paced},
    },
};

/// The name of the transport in metrics and in the log.
pub const TRANSPORT: &str = "grpc";

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ACCEPTED_ENCODINGS: &str = "gzip,zstd,snappy,identity";

/// A protocol of unary calls. [`GrpcService`] calls the methods for each call, from as many tasks as there are
/// calls.
#[async_trait::async_trait]
pub trait Unary: Send + Sync + 'static {
    /// Where a call enters the pipelines: a door of one signal, or all doors if only the message tells the signal.
    type Entrance<'a>: Copy + Send + Sync;

    /// Says to a client of another protocol what the port speaks.
    const NOT_GRPC: &'static str;

    /// Finds the entrance of the calls to a method, such as `/package.Service/Method`. The sender is let in.
    ///
    /// # Errors
    /// There is no such method, or no pipeline takes its calls.
    fn entrance<'a>(&self, doors: &'a Doors, path: &str) -> Result<Self::Entrance<'a>, Refusal>;

    /// Takes the call into the pipelines. If the sender goes away, the call is dropped where it waits.
    async fn take<'a>(&self, call: Call<'a, Self::Entrance<'a>>) -> Result<CallAnswer, Refusal>;
}

/// A call of a sender that was let in, with its whole message.
pub struct Call<'a, E> {
    pub head: &'a Parts,
    pub peer: &'a Arc<Peer>,
    pub entrance: E,
    /// The message, decompressed.
    pub message: Bytes,
    /// The headers, if plugins may see them.
    pub metadata: Option<Arc<Metadata>>,
    /// What the call holds of the receiver's budget: the message's bytes.
    pub held: &'a Arc<Held>,
    /// The time by which the call must have what it waits for.
    pub until: Instant,
}

/// The answer to a call that was not refused.
#[derive(Clone, Debug, Default)]
pub struct CallAnswer {
    /// The code of the status; 0 is OK.
    pub code: u16,
    pub headers: HeaderMap,
    /// The message of the answer, or the text of the status if the code is not 0.
    pub message: Bytes,
}

/// The service of one port.
pub struct GrpcService<U> {
    unary: U,
    doors: Doors,
    gate: Gate,
    budget: Arc<Budget>,
    limit_bytes: usize,
    read_timeout: Duration,
    include_metadata: bool,
}

impl<U: Unary> GrpcService<U> {
    pub fn new(
        unary: U,
        gate: Gate,
        doors: Doors,
        budget: Arc<Budget>,
        config: &GrpcConfig,
    ) -> GrpcService<U> {
        let (limit_bytes, read_timeout) = (config.limit_bytes(), config.read_timeout());
        let include_metadata = config.include_metadata;
        GrpcService { unary, doors, gate, budget, limit_bytes, read_timeout, include_metadata }
    }

    /// Answers a request.
    pub async fn answer(self: Arc<Self>, request: Request) -> Response {
        if !is_grpc(request.headers()) {
            self.gate.note_other_protocol(&Peer::of(&request), U::NOT_GRPC);
            return not_grpc(U::NOT_GRPC);
        }
        match self.take_in_time(request).await {
            Ok(CallAnswer { code: 0, headers, message }) => success(headers, &message),
            Ok(answer) => failure(answer),
            Err(refused) => refusal(refused),
        }
    }

    /// Gives the request up when its client does. What a pipeline has taken by then goes on.
    async fn take_in_time(&self, request: Request) -> Result<CallAnswer, Refusal> {
        let Some(limit) = client_timeout(request.headers())? else { return self.take(request).await };
        timeout(limit, self.take(request)).await.unwrap_or_else(|_| {
            let message = format!("no answer within the {limit:?} that the client allows (`grpc-timeout`)");
            Err(Refusal::new(Cause::TooSlow, message))
        })
    }

    async fn take(&self, request: Request) -> Result<CallAnswer, Refusal> {
        if request.method() != Method::POST {
            return Err(Refusal::method_not_allowed("POST"));
        }
        let peer = Peer::of(&request);
        let (head, body) = request.into_parts();
        self.gate.admit(&head.headers, &peer).await?;
        let entrance = self.unary.entrance(&self.doors, head.uri.path())?;
        let encoding = encoding(&head.headers)?;
        let metadata = self.include_metadata.then(|| Arc::new(Metadata::of(&head.headers)));
        memory::has_room(0)?;
        let _head_held = hold_large(&head.headers, &self.budget, &peer)?;
        let held = self.budget.hold(peer.clone());
        let mut body = Paced::new(body, self.read_timeout, held.clone());
        let message = frame::read(&mut body, &held, encoding, self.limit_bytes).await?;
        held.at_least(message.len())?;
        let until = body.until();
        let call = Call { head: &head, peer: &peer, entrance, message, metadata, held: &held, until };
        self.unary.take(call).await
    }
}

/// Returns how long the client waits for its answer: up to eight digits and a unit (gRPC over HTTP2, "Timeout").
fn client_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    const DIGITS: std::ops::RangeInclusive<usize> = 1..=8;
    let Some(value) = headers.get(GRPC_TIMEOUT).map(HeaderValue::as_bytes) else { return Ok(None) };
    let malformed = || Refusal::new(Cause::BadFrame, "the header `grpc-timeout` is not digits and a unit");
    let (unit, digits) = value.split_last().ok_or_else(malformed)?;
    let is_number = DIGITS.contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit & 0xf));
    Ok(Some(match unit {
        _ if !is_number => return Err(malformed()),
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return Err(malformed()),
    }))
}

/// Returns whether a request is a call over gRPC.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|content_type| content_type.starts_with(b"application/grpc"))
}

fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Refusal> {
    match headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(None),
        Some(b"gzip") => Ok(Some(Encoding::Gzip)),
        Some(b"zstd") => Ok(Some(Encoding::Zstd)),
        Some(b"snappy") => Ok(Some(Encoding::Snappy)),
        Some(_) => Err(Refusal::unsupported_encoding(ACCEPTED_ENCODINGS)),
    }
}

/// Answers a client that mistook this port for another: a browser, a health check, an OTLP/HTTP exporter.
fn not_grpc(why: &str) -> Response {
    let mut response = Response::new(Body::from(format!("{why}\n")));
    *response.status_mut() = http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn success(headers: HeaderMap, message: &[u8]) -> Response {
    let trailers = HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(frame::frame(message)).with_trailers(ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

/// Answers with the status that a protocol chose.
fn failure(CallAnswer { code, headers, message }: CallAnswer) -> Response {
    let status = Status::new(Code::from_i32(code.into()), String::from_utf8_lossy(&message));
    let mut response = status.into_http::<tonic::body::Body>().map(Body::new);
    for (name, value) in &headers {
        if !response.headers().contains_key(name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

/// Answers with headers alone, which end the call.
pub fn refusal(refusal: Refusal) -> Response {
    let mut response = Status::from(refusal).into_http::<tonic::body::Body>().map(Body::new);
    response.headers_mut().insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED_ENCODINGS));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: clients send timeouts in each unit, and texts that are none.
    /// Guarantees: each is read, and the rest is refused.
    #[test]
    fn a_clients_timeout_is_read_or_refused() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(GRPC_TIMEOUT, HeaderValue::from_str(value).unwrap())]);
            client_timeout(&headers).map_err(|refusal| refusal.cause)
        };
        let good = [
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
            ("1M", Duration::from_secs(60)),
            ("10S", Duration::from_secs(10)),
            ("5m", Duration::from_millis(5)),
            ("7u", Duration::from_micros(7)),
            ("0n", Duration::ZERO),
        ];
        for (value, expected) in good {
            assert_eq!(read(value), Ok(Some(expected)), "{value}");
        }
        for value in ["", "S", "5", "5x", "-5S", "100000000S", "1.5S", " 5S"] {
            assert_eq!(read(value), Err(Cause::BadFrame), "{value:?}");
        }
        assert_eq!(client_timeout(&HeaderMap::new()).unwrap(), None);
    }
}
