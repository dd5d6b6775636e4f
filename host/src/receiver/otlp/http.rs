//! OTLP/HTTP: one path for each signal, and protobuf or JSON by `Content-Type`.

use std::sync::Arc;

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE, request::Parts};
use wire::{Signal, json::FromJson};

use super::{
    config::Paths,
    message,
    rpc::{self, Warning},
};
use crate::{
    receiver::{
        grpc,
        http::{Door, Doors, HttpService, Protocol, Received, Refusal, convert, unescaped},
    },
    server::{
        Peer,
        request_body::{Held, ReadError},
    },
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const NOT_HTTP: &str = "this port speaks OTLP/HTTP; gRPC is on another (4317 by default)";

pub(super) struct OtlpHttp {
    paths: Paths,
}

/// The format of a request's message and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
}

/// Answers a request. A sender that speaks gRPC has mistaken the port, and is told so in gRPC.
pub(super) async fn answer(service: Arc<HttpService<OtlpHttp>>, request: Request) -> Response {
    if grpc::is_grpc(request.headers()) {
        service.gate().note_other_protocol(&Peer::of(&request), NOT_HTTP);
        return grpc::refusal(Refusal::not_found(NOT_HTTP));
    }
    service.answer(request).await
}

impl OtlpHttp {
    pub(super) const DEFAULT_ENDPOINT: &str = "localhost:4318";

    pub(super) fn new(paths: Paths) -> OtlpHttp {
        OtlpHttp { paths }
    }

    fn signal(&self, path: &str) -> Option<Signal> {
        self.paths.signal(&unescaped(path))
    }
}

#[async_trait::async_trait]
impl Protocol for OtlpHttp {
    type Accepted = Option<Warning>;
    type Entrance<'a> = &'a Door;

    fn serves(&self, path: &str) -> bool {
        self.signal(path).is_some()
    }

    fn entrance<'a>(&self, doors: &'a Doors, path: &str) -> Result<&'a Door, Refusal> {
        let signal = self.signal(path).ok_or_else(|| Refusal::not_found(format!("no path {path} here")))?;
        doors.open_for(signal)
    }

    fn check(&self, head: &Parts) -> Result<(), Refusal> {
        match Format::of(&head.headers) {
            Some(_) => Ok(()),
            None => Err(Refusal::unsupported_type(&format!("{PROTOBUF}, {JSON}"))),
        }
    }

    async fn take<'a>(&self, request: Received<'a, &'a Door>) -> Result<Option<Warning>, Refusal> {
        let Received { head, entrance: door, body, limit_bytes, metadata, held, until, .. } = request;
        let (mut bytes, mut cuts) = (body, 0);
        if Format::of(&head.headers) == Some(Format::Json) {
            held.more_in_turn(bytes.len(), until).await?;
            (bytes, cuts) = from_json(door.signal, bytes, held, limit_bytes).await?;
        }
        message::take(door, bytes, cuts, metadata, held, until).await
    }

    fn accepted(&self, head: &Parts, warning: Option<Warning>) -> Response {
        match Format::of(&head.headers) {
            Some(Format::Json) => {
                let signal = self.signal(head.uri.path());
                respond(Format::Json, rpc::success_json(signal, warning))
            }
            _ => respond(Format::Protobuf, rpc::success(warning)),
        }
    }

    /// Answers with a `google.rpc.Status`: in the request's format, or in JSON, which people can read, if the
    /// request has another.
    fn refused(&self, head: &Parts, refusal: &Refusal) -> Response {
        match Format::of(&head.headers) {
            Some(Format::Protobuf) => {
                refusal.answer(Format::Protobuf.content_type(), grpc::to_protobuf(refusal))
            }
            _ => refusal.answer(Format::Json.content_type(), grpc::to_json(refusal)),
        }
    }
}

/// Converts JSON to protobuf, and counts the places at which values were cut. The caller already holds twice the
/// JSON's bytes. At the end only the protobuf's bytes are held.
async fn from_json(
    signal: Signal,
    json: Bytes,
    held: &Arc<Held>,
    limit_bytes: usize,
) -> Result<(Bytes, usize), Refusal> {
    let json_bytes = json.len();
    let read = move |json: &Bytes| wire::json::from_json_within(signal, json, limit_bytes.saturating_mul(2));
    let FromJson { bytes: protobuf, cuts } = convert(json, held, read).await?;
    if protobuf.len() > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes }.into());
    }
    held.less(json_bytes.saturating_mul(2).saturating_sub(protobuf.len()));
    held.at_least(protobuf.len())?;
    Ok((protobuf.into(), cuts))
}

impl Format {
    /// Returns the format. Parameters such as `charset` are ignored.
    fn of(headers: &HeaderMap) -> Option<Format> {
        let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let media_type = value.split(';').next().unwrap_or_default().trim();
        match media_type {
            _ if media_type.eq_ignore_ascii_case(PROTOBUF) => Some(Format::Protobuf),
            _ if media_type.eq_ignore_ascii_case(JSON) => Some(Format::Json),
            _ => None,
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Format::Protobuf => PROTOBUF,
            Format::Json => JSON,
        })
    }
}

fn respond(format: Format, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, format.content_type());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::request_body::Budget;

    /// Scenario: on a runtime with one thread, much JSON is read.
    /// Guarantees: other tasks run meanwhile, and only the protobuf's bytes are held at the end.
    #[tokio::test]
    async fn reading_much_json_keeps_nobody_waiting() {
        let span =
            r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"a span"}"#;
        let spans = vec![span; 10_000].join(",");
        let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
        let held = Budget::new(64 << 20, 8 << 20).hold(Arc::default());
        held.more(2 * json.len()).unwrap();
        let no_core = crate::cpu::keep_waiting().await;
        let reading = tokio::spawn({
            let held = held.clone();
            async move { from_json(Signal::Traces, json.into(), &held, 8 << 20).await }
        });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        // This thread has had its turns, and nothing was read in them.
        assert!(!reading.is_finished());
        drop(no_core);
        assert_eq!(reading.await.unwrap().unwrap().0.len(), held.bytes());
    }
}
