//! OTLP/HTTP: one path for each signal, and protobuf or JSON by `Content-Type`.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT, RETRY_AFTER},
};
use wire::Signal;

use super::{
    config::{HttpConfig, Paths},
    doors::{Door, Doors},
    gate::Gate,
    grpc,
    rejection::Rejection,
    rpc::{self, Warning},
};
use crate::{
    cpu::{self, Work},
    memory,
    pipeline::Metadata,
    server::{
        Peer,
        request_body::{self, Budget, Encoding, Held, Paced, ReadError},
    },
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const NOT_HTTP: &str = "this port speaks OTLP/HTTP; gRPC is on another (4317 by default)";
/// The largest JSON that is read in place. A larger one would make other tasks wait too long.
const INLINE_JSON_BYTES: usize = 64 << 10;
/// Reading more than this counts as long work.
const SHORT_JSON_BYTES: usize = 1 << 20;

pub(super) struct Http {
    doors: Doors,
    gate: Gate,
    budget: Arc<Budget>,
    paths: Paths,
    encodings: Vec<Encoding>,
    limit_bytes: usize,
    read_timeout: Duration,
    include_metadata: bool,
}

/// The format of a request's message and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
}

/// A request whose head is valid.
struct Admitted<'a> {
    door: &'a Door,
    encoding: Option<Encoding>,
    metadata: Option<Arc<Metadata>>,
}

impl Http {
    pub(super) fn new(doors: Doors, gate: Gate, budget: Arc<Budget>, config: &HttpConfig) -> Http {
        Http {
            doors,
            gate,
            budget,
            paths: config.paths(),
            encodings: config.encodings(),
            limit_bytes: config.limit_bytes(),
            read_timeout: config.read_timeout(),
            include_metadata: config.include_metadata,
        }
    }

    pub(super) async fn answer(self: Arc<Self>, request: Request) -> Response {
        let peer = Peer::of(&request);
        if grpc::is_grpc(request.headers()) {
            self.gate.note_other_protocol(&peer, NOT_HTTP);
            return grpc::refusal(Rejection::not_found(NOT_HTTP));
        }
        let format = Format::of(request.headers());
        let held = self.budget.hold(peer.clone());
        let (head, body) = request.into_parts();
        let mut body = Paced::new(body, self.read_timeout, held.clone());
        let outcome = match self.admit(&head, format, &peer).await {
            Ok(admitted) => self.take(admitted, format, &mut body, &held).await,
            Err(rejection) => Err(rejection),
        };
        // The bytes that are discarded below must not be held.
        drop(held);
        match outcome {
            Ok(warning) => success(format, self.signal(head.uri.path()), warning),
            Err(rejection) => {
                // A client with `Expect` has not sent the body, and need not.
                if !head.headers.contains_key(EXPECT) {
                    request_body::discard(&mut body, self.limit_bytes.saturating_mul(2)).await;
                }
                refusal(format, &rejection)
            }
        }
    }

    async fn admit(
        &self,
        head: &http::request::Parts,
        format: Option<Format>,
        peer: &Peer,
    ) -> Result<Admitted<'_>, Rejection> {
        let path = head.uri.path();
        let signal = self.signal(path).ok_or_else(|| Rejection::not_found(format!("no path {path} here")))?;
        if head.method != Method::POST {
            return Err(Rejection::method_not_allowed());
        }
        self.gate.admit(&head.headers, peer).await?;
        let door = self
            .doors
            .of(signal)
            .ok_or_else(|| Rejection::not_found(format!("no pipeline takes {signal} from this receiver")))?;
        if format.is_none() {
            return Err(Rejection::unsupported_type(&format!("{PROTOBUF}, {JSON}")));
        }
        let metadata = self.include_metadata.then(|| Arc::new(Metadata::of(&head.headers)));
        Ok(Admitted { door, encoding: self.encoding(&head.headers)?, metadata })
    }

    fn signal(&self, path: &str) -> Option<Signal> {
        let Paths { traces, metrics, logs } = &self.paths;
        let paths = [(traces, Signal::Traces), (metrics, Signal::Metrics), (logs, Signal::Logs)];
        paths.into_iter().find(|(known, _)| *known == path).map(|(_, signal)| signal)
    }

    fn encoding(&self, headers: &HeaderMap) -> Result<Option<Encoding>, Rejection> {
        let name = match headers.get(CONTENT_ENCODING).map(HeaderValue::to_str) {
            None | Some(Ok("" | "identity")) => return Ok(None),
            Some(name) => name.unwrap_or_default(),
        };
        let known = Encoding::from_name(name).filter(|encoding| self.encodings.contains(encoding));
        known.map(Some).ok_or_else(|| {
            let accepted: Vec<&str> = self.encodings.iter().map(|encoding| encoding.as_str()).collect();
            Rejection::unsupported_encoding(&accepted.join(", "))
        })
    }

    async fn take(
        &self,
        Admitted { door, encoding, metadata }: Admitted<'_>,
        format: Option<Format>,
        body: &mut Paced,
        held: &Arc<Held>,
    ) -> Result<Option<Warning>, Rejection> {
        memory::has_room(0)?;
        let mut bytes = request_body::read(body, self.limit_bytes).await?;
        if let Some(encoding) = encoding {
            bytes = request_body::inflate(encoding, bytes, self.limit_bytes, held, body.until()).await?;
        }
        if format == Some(Format::Json) {
            held.more_in_turn(bytes.len(), body.until()).await?;
            bytes = from_json(door.signal, bytes, held, self.limit_bytes).await?;
        }
        door.take(bytes, metadata, held, body.until()).await
    }
}

/// Converts JSON to protobuf. The caller already holds twice the JSON's bytes. At the end only the protobuf's
/// bytes are held.
async fn from_json(
    signal: Signal,
    json: Bytes,
    held: &Arc<Held>,
    limit_bytes: usize,
) -> Result<Bytes, Rejection> {
    let json_bytes = json.len();
    let read = move |json: &Bytes| wire::json::from_json_within(signal, json, limit_bytes.saturating_mul(2));
    let protobuf = if json_bytes <= INLINE_JSON_BYTES {
        read(&json)
    } else {
        let size = if json_bytes <= SHORT_JSON_BYTES { Work::Short } else { Work::Long };
        // The work counts as held until it ends.
        let held = held.clone();
        cpu::run(size, move || {
            let protobuf = read(&json);
            drop((json, held));
            protobuf
        })
        .await
    };
    let protobuf = protobuf?;
    if protobuf.len() > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes }.into());
    }
    held.less(json_bytes.saturating_mul(2).saturating_sub(protobuf.len()));
    held.at_least(protobuf.len())?;
    Ok(protobuf.into())
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

fn success(format: Option<Format>, signal: Option<Signal>, warning: Option<Warning>) -> Response {
    match format {
        Some(Format::Json) => respond(Format::Json, rpc::success_json(signal, warning)),
        _ => respond(Format::Protobuf, rpc::success(warning)),
    }
}

/// Answers with a `google.rpc.Status`: in the request's format, or in JSON, which people can read, if the
/// request has another.
fn refusal(format: Option<Format>, rejection: &Rejection) -> Response {
    let mut response = match format {
        Some(Format::Protobuf) => respond(Format::Protobuf, rejection.to_protobuf().into()),
        _ => respond(Format::Json, rejection.to_json().into()),
    };
    *response.status_mut() = rejection.status;
    if let Some((name, value)) = rejection.header.as_deref() {
        response.headers_mut().insert(name, value.clone());
    }
    if let Some(seconds) = rejection.retry_after_seconds() {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn respond(format: Format, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, format.content_type());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let reading = tokio::spawn({
            let held = held.clone();
            async move { from_json(Signal::Traces, json.into(), &held, 8 << 20).await }
        });
        let mut turns_of_others = 0;
        while !reading.is_finished() {
            tokio::task::yield_now().await;
            turns_of_others += 1;
        }
        assert!(turns_of_others > 1);
        assert_eq!(reading.await.unwrap().unwrap().len(), held.bytes());
    }
}
