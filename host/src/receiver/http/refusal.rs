//! Decides which error a request gets. No other place decides this.
//!
//! | cause | HTTP |
//! |---|---|
//! | a pipeline or a destination did not take it | by its code, as below (+ Retry-After) |
//! | no room in the budget (below) or in memory | 503 + Retry-After |
//! | not a request of its protocol and signal, or no valid item in it | 400 |
//! | not compressed as it says | 400 |
//! | not in the framing of its protocol | 400 |
//! | larger than the limit, before or after decompression | 413 |
//! | not arrived in time | 408 |
//! | broken off | 400 |
//! | not authenticated | 401 + WWW-Authenticate |
//! | no such path, or no pipeline for the signal | 404 |
//! | another method than those of the path, mostly POST | 405 + Allow |
//! | another content type or encoding | 415 + Accept, Accept-Encoding |
//!
//! What a destination answered reaches the sender as a gRPC code
//! ([`Failure::code_for_sender`](crate::receipt::Failure::code_for_sender)), and over HTTP as the Collector's
//! receiver says it:
//!
//! | code | HTTP |
//! |---|---|
//! | CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS | 503 |
//! | RESOURCE_EXHAUSTED | 429; 413 if the destination found a single item too large |
//! | INVALID_ARGUMENT | 400 |
//! | UNAUTHENTICATED | 401 |
//! | PERMISSION_DENIED | 403 |
//! | UNIMPLEMENTED | 404 |
//! | any other | 500 |
//!
//! A request has no room in the budget if the requests under way hold all that they may, and this request
//! could not wait or arrived too slowly while others waited.

mod from;

use std::{fmt, time::Duration};

use axum::{body::Body, response::Response};
use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

use crate::{component::auth::Unauthenticated, receipt::Code};

/// The longest message. gRPC sends the message in a header, and this is far below what peers allow.
const MAX_MESSAGE_BYTES: usize = 1024;

/// The delay to suggest if the requests under way leave no room. They are answered, or time out, soon.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The answer to a request that is not accepted: the cause, and a message for the sender.
#[derive(Debug)]
pub struct Refusal {
    pub cause: Cause,
    pub message: String,
    pub detail: Option<Detail>,
    /// The header is boxed because few refusals have one.
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no room for the request at the moment.
    Unavailable,
    /// No pipeline took the request, or no destination accepted it.
    NotTaken {
        code: Code,
        retryable: bool,
    },
    /// The body is not a request of its protocol and signal.
    Invalid,
    /// The body is not in the framing of its protocol.
    BadFrame,
    TooLarge,
    TooSlow,
    BrokenOff,
    Unauthenticated,
    NotFound,
    MethodNotAllowed,
    /// The content type or the encoding is not accepted.
    Unsupported,
}

/// A refusal's content beyond its cause and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The delay after which the sender may try again.
    Retry(Duration),
    /// The wrong field (empty for the request itself), and what is wrong with it.
    BadField { field: String, description: String },
}

impl Cause {
    pub fn status(self) -> StatusCode {
        match self {
            Cause::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Cause::NotTaken { code, .. } => status_of(code),
            Cause::Invalid | Cause::BadFrame | Cause::BrokenOff => StatusCode::BAD_REQUEST,
            Cause::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Cause::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Cause::Unauthenticated => StatusCode::UNAUTHORIZED,
            Cause::NotFound => StatusCode::NOT_FOUND,
            Cause::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Cause::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }
}

impl Refusal {
    /// Makes a refusal without details. The message is cut to a length that every protocol can send.
    pub fn new(cause: Cause, message: impl fmt::Display) -> Refusal {
        let message = shortened(message.to_string());
        Refusal { cause, message, detail: None, header: None }
    }

    /// Refuses a body that is not a message of its protocol, for a wrong field.
    pub fn bad_field(message: impl fmt::Display, field: String, description: String) -> Refusal {
        let [field, description] = [field, description].map(shortened);
        let detail = Some(Detail::BadField { field, description });
        Refusal { detail, ..Refusal::new(Cause::Invalid, message) }
    }

    /// Refuses a request for which there is no room at the moment.
    pub fn no_room(message: impl fmt::Display) -> Refusal {
        let detail = Some(Detail::Retry(TRY_AGAIN_AFTER));
        Refusal { detail, ..Refusal::new(Cause::Unavailable, message) }
    }

    pub fn unauthenticated(Unauthenticated(why): Unauthenticated, challenge: &str) -> Refusal {
        Refusal::new(Cause::Unauthenticated, why).with_header(WWW_AUTHENTICATE, challenge)
    }

    pub fn not_found(message: impl fmt::Display) -> Refusal {
        Refusal::new(Cause::NotFound, message)
    }

    /// `allowed` lists the methods: `GET, POST`.
    pub fn method_not_allowed(allowed: &str) -> Refusal {
        Refusal::new(Cause::MethodNotAllowed, format!("the method is {allowed}")).with_header(ALLOW, allowed)
    }

    pub fn unsupported_type(accepted: &str) -> Refusal {
        let message = format!("the content types accepted are {accepted}");
        Refusal::new(Cause::Unsupported, message).with_header(ACCEPT, accepted)
    }

    pub fn unsupported_encoding(accepted: &str) -> Refusal {
        let message = format!("the content encodings accepted are {accepted}");
        Refusal::new(Cause::Unsupported, message).with_header(ACCEPT_ENCODING, accepted)
    }

    /// Returns whether the sender should send the request again.
    pub fn is_retryable(&self) -> bool {
        matches!(self.cause, Cause::Unavailable | Cause::NotTaken { retryable: true, .. })
    }

    /// Returns the HTTP answer with this body: its status, and the headers that belong to the cause.
    pub fn answer(&self, content_type: HeaderValue, body: impl Into<Body>) -> Response {
        let mut response = Response::new(body.into());
        *response.status_mut() = self.cause.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        if let Some((name, value)) = self.header.as_deref() {
            headers.insert(name, value.clone());
        }
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// Returns the HTTP answer of a protocol that has no format for errors: the message as text.
    pub fn plain_answer(&self) -> Response {
        let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
        self.answer(content_type, format!("{}\n", self.message))
    }

    /// Returns the value of `Retry-After`: whole seconds, rounded up, so that nobody comes back too soon.
    fn retry_after_seconds(&self) -> Option<u64> {
        match &self.detail {
            Some(Detail::Retry(after)) => Some(after.as_secs() + u64::from(after.subsec_nanos() > 0)),
            _ => None,
        }
    }

    fn with_header(mut self, name: HeaderName, value: &str) -> Refusal {
        self.header = HeaderValue::from_str(value).ok().map(|value| Box::new((name, value)));
        self
    }
}

fn status_of(code: Code) -> StatusCode {
    match code {
        code if code.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unimplemented => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn shortened(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_MESSAGE_BYTES));
    text
}
