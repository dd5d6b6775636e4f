//! Decides which error a request gets in each protocol. No other place decides this.
//!
//! | rejection | gRPC | HTTP |
//! |---|---|---|
//! | no room in a pipeline, or a retryable failure | UNAVAILABLE (+ RetryInfo) | 503 (+ Retry-After) |
//! | no room in the budget (below) or in memory | UNAVAILABLE + RetryInfo | 503 + Retry-After |
//! | the destination will never accept it | INTERNAL | 500 |
//! | not a request of its signal, or no valid item in it | INVALID_ARGUMENT + BadRequest | 400 |
//! | not compressed as it says | INVALID_ARGUMENT | 400 |
//! | not one message in gRPC's framing | INTERNAL | – |
//! | larger than the limit, before or after decompression | RESOURCE_EXHAUSTED without RetryInfo | 413 |
//! | not arrived in time | DEADLINE_EXCEEDED | 408 |
//! | broken off | CANCELLED | 400 |
//! | not authenticated | UNAUTHENTICATED | 401 + WWW-Authenticate |
//! | no such path or service, or no pipeline for the signal | UNIMPLEMENTED | 404 |
//! | another method than POST | – | 405 + Allow |
//! | another content type or encoding | UNIMPLEMENTED | 415 + Accept, Accept-Encoding |
//!
//! A request has no room in the budget if the requests under way hold all that they may, and this request
//! could not wait or arrived too slowly while others waited.
//!
//! If ids in a request have a wrong length, their items are left out, the rest is accepted, and
//! `partial_success` reports the items.

use std::{fmt, time::Duration};

use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{ACCEPT, ACCEPT_ENCODING, ALLOW, WWW_AUTHENTICATE},
};
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;
use wire::{WireError, json::JsonError};

use super::rpc::Detail;
use crate::{
    component::auth::Unauthenticated,
    memory::MemoryShort,
    receipt::{Failure, Retry},
    server::request_body::{InflateError, OverBudget, ReadError},
};

/// The longest message. gRPC sends the message in a header, and this is far below what peers allow.
const MAX_MESSAGE_BYTES: usize = 1024;

/// The delay to suggest if the requests under way leave no room. They are answered, or time out, soon.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Rejection {
    code: Code,
    pub(super) status: StatusCode,
    message: String,
    detail: Option<Detail>,
    /// The header is boxed because few rejections have one.
    pub(super) header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Rejection {
    fn new(code: Code, status: StatusCode, message: impl fmt::Display) -> Rejection {
        let mut message = message.to_string();
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        Rejection { code, status, message, detail: None, header: None }
    }

    fn with_header(mut self, name: HeaderName, value: &str) -> Rejection {
        self.header = HeaderValue::from_str(value).ok().map(|value| Box::new((name, value)));
        self
    }

    fn bad_data(message: impl fmt::Display, field: String, description: String) -> Rejection {
        let detail = Some(Detail::BadField { field, description });
        Rejection { detail, ..Rejection::new(Code::InvalidArgument, StatusCode::BAD_REQUEST, message) }
    }

    pub(super) fn bad_frame(message: impl fmt::Display) -> Rejection {
        Rejection::new(Code::Internal, StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn too_large(message: impl fmt::Display) -> Rejection {
        Rejection::new(Code::ResourceExhausted, StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    pub(super) fn no_room(message: impl fmt::Display) -> Rejection {
        Rejection {
            detail: Some(Detail::Retry(TRY_AGAIN_AFTER)),
            ..Rejection::new(Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE, message)
        }
    }

    pub(super) fn unauthenticated(Unauthenticated(why): Unauthenticated, challenge: &str) -> Rejection {
        Rejection::new(Code::Unauthenticated, StatusCode::UNAUTHORIZED, why)
            .with_header(WWW_AUTHENTICATE, challenge)
    }

    pub(super) fn not_found(message: impl fmt::Display) -> Rejection {
        Rejection::new(Code::Unimplemented, StatusCode::NOT_FOUND, message)
    }

    pub(super) fn method_not_allowed() -> Rejection {
        Rejection::new(Code::Unimplemented, StatusCode::METHOD_NOT_ALLOWED, "the method is POST")
            .with_header(ALLOW, "POST")
    }

    pub(super) fn unsupported_type(accepted: &str) -> Rejection {
        let message = format!("the content types accepted are {accepted}");
        Rejection::new(Code::Unimplemented, StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
            .with_header(ACCEPT, accepted)
    }

    pub(super) fn unsupported_encoding(accepted: &str) -> Rejection {
        let message = format!("the content encodings accepted are {accepted}");
        Rejection::new(Code::Unimplemented, StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
            .with_header(ACCEPT_ENCODING, accepted)
    }

    /// Returns the value of `Retry-After`: whole seconds, rounded up, so that nobody comes back too soon.
    pub(super) fn retry_after_seconds(&self) -> Option<u64> {
        match &self.detail {
            Some(Detail::Retry(after)) => Some(after.as_secs() + u64::from(after.subsec_nanos() > 0)),
            _ => None,
        }
    }

    pub(super) fn to_protobuf(&self) -> Vec<u8> {
        let details = self.detail.as_ref().map(Detail::to_protobuf).unwrap_or_default();
        tonic::Status::with_error_details(self.code, &self.message, details).details().to_vec()
    }

    pub(super) fn to_json(&self) -> String {
        let mut status = json!({ "code": i32::from(self.code), "message": self.message });
        if let (Some(detail), Some(fields)) = (&self.detail, status.as_object_mut()) {
            fields.insert("details".to_owned(), json!([detail.to_json()]));
        }
        status.to_string()
    }
}

impl From<Rejection> for tonic::Status {
    fn from(rejection: Rejection) -> tonic::Status {
        let details = rejection.detail.as_ref().map(|_| rejection.to_protobuf().into()).unwrap_or_default();
        tonic::Status::with_details(rejection.code, rejection.message, details)
    }
}

impl From<Failure> for Rejection {
    fn from(failure: Failure) -> Rejection {
        match failure.retry {
            Retry::Never => {
                Rejection::new(Code::Internal, StatusCode::INTERNAL_SERVER_ERROR, failure.message)
            }
            Retry::After(after) => Rejection {
                detail: after.filter(|after| *after > Duration::ZERO).map(Detail::Retry),
                ..Rejection::new(Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE, failure.message)
            },
        }
    }
}

impl From<WireError> for Rejection {
    fn from(error: WireError) -> Rejection {
        let description = format!("at byte {}: {}", error.offset, error.kind);
        Rejection::bad_data(&error, error.path.clone(), description)
    }
}

impl From<JsonError> for Rejection {
    fn from(error: JsonError) -> Rejection {
        let description = format!("at line {} column {}: {}", error.line, error.column, error.message);
        Rejection::bad_data(&error, error.path.clone(), description)
    }
}

impl From<ReadError> for Rejection {
    fn from(error: ReadError) -> Rejection {
        match error {
            ReadError::TooLarge { .. } => Rejection::too_large(error),
            ReadError::TooSlow(_) => {
                Rejection::new(Code::DeadlineExceeded, StatusCode::REQUEST_TIMEOUT, error)
            }
            ReadError::OverBudget(error) => error.into(),
            ReadError::Stalled => Rejection::no_room(error),
            ReadError::Broken(_) => Rejection::new(Code::Cancelled, StatusCode::BAD_REQUEST, error),
        }
    }
}

impl From<OverBudget> for Rejection {
    fn from(error: OverBudget) -> Rejection {
        Rejection::no_room(error)
    }
}

impl From<MemoryShort> for Rejection {
    fn from(error: MemoryShort) -> Rejection {
        Rejection::no_room(error)
    }
}

impl From<InflateError> for Rejection {
    fn from(error: InflateError) -> Rejection {
        match error {
            InflateError::TooLarge { .. } => Rejection::too_large(error),
            InflateError::Invalid { .. } => {
                Rejection::new(Code::InvalidArgument, StatusCode::BAD_REQUEST, error)
            }
            InflateError::OverBudget(error) => error.into(),
        }
    }
}
