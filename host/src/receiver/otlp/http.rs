//! OTLP/HTTP: one path a signal, protobuf or JSON by `Content-Type`.

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
    rejection::Rejection,
    rpc::{self, Warning},
};
use crate::{
    extension::auth::ServerAuth,
    pipeline::Metadata,
    server::request_body::{self, Budget, Encoding, Held, Paced},
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

pub(super) struct Http {
    doors: Doors,
    auth: Option<Arc<dyn ServerAuth>>,
    budget: Arc<Budget>,
    paths: Paths,
    encodings: Vec<Encoding>,
    limit_bytes: usize,
    read_timeout: Duration,
    include_metadata: bool,
}

/// How the messages of a request and its answer are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Protobuf,
    Json,
}

/// A request whose head is in order.
struct Admitted<'a> {
    door: &'a Door,
    encoding: Option<Encoding>,
    metadata: Option<Arc<Metadata>>,
}

impl Http {
    pub(super) fn new(
        doors: Doors,
        auth: Option<Arc<dyn ServerAuth>>,
        budget: Arc<Budget>,
        config: &HttpConfig,
    ) -> Http {
        Http {
            doors,
            auth,
            budget,
            paths: config.paths(),
            encodings: config.encodings(),
            limit_bytes: config.limit_bytes(),
            read_timeout: config.read_timeout(),
            include_metadata: config.include_metadata,
        }
    }

    pub(super) async fn answer(self: Arc<Self>, request: Request) -> Response {
        let format = Format::of(request.headers());
        let (head, body) = request.into_parts();
        let held = self.budget.hold();
        let mut body = Paced::new(body, self.read_timeout, held.clone());
        let outcome = match self.admit(&head, format) {
            Ok(admitted) => self.take(admitted, format, &mut body, &held).await,
            Err(rejection) => Err(rejection),
        };
        match outcome {
            Ok(warning) => success(format, self.signal(head.uri.path()), warning),
            Err(rejection) => {
                // A client that asked first has not sent the body, and need not.
                if !head.headers.contains_key(EXPECT) {
                    request_body::discard(&mut body, self.limit_bytes.saturating_mul(2)).await;
                }
                refusal(format, &rejection)
            }
        }
    }

    fn admit(&self, head: &http::request::Parts, format: Option<Format>) -> Result<Admitted<'_>, Rejection> {
        let path = head.uri.path();
        let signal = self.signal(path).ok_or_else(|| Rejection::not_found(format!("no path {path} here")))?;
        if head.method != Method::POST {
            return Err(Rejection::method_not_allowed());
        }
        if let Some(auth) = &self.auth {
            auth.authenticate(&head.headers)
                .map_err(|why| Rejection::unauthenticated(why, auth.challenge()))?;
        }
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
        held: &Held,
    ) -> Result<Option<Warning>, Rejection> {
        let mut bytes = request_body::read(body, self.limit_bytes).await?;
        if let Some(encoding) = encoding {
            bytes = request_body::inflate(encoding, &bytes, self.limit_bytes)?;
            held.more(bytes.len())?;
        }
        if format == Some(Format::Json) {
            bytes = wire::json::from_json(door.signal, &bytes)?.into();
            held.more(bytes.len())?;
        }
        door.take(bytes, metadata).await
    }
}

impl Format {
    /// Without parameters such as `charset`.
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

/// Always a `google.rpc.Status`: in the request's format, or in the one that people read if it had none of ours.
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
