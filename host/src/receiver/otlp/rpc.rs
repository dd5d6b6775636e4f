//! The messages of `google.rpc` and OTLP that an answer is made of (google/rpc/status.proto, error_details.proto).

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtoDuration>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Message)]
struct ProtoDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// `google.rpc.BadRequest`.
#[derive(Clone, PartialEq, Message)]
struct BadRequest {
    #[prost(message, repeated, tag = "1")]
    field_violations: Vec<FieldViolation>,
}

/// `google.rpc.BadRequest.FieldViolation`.
#[derive(Clone, PartialEq, Message)]
struct FieldViolation {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(string, tag = "2")]
    description: String,
}

/// Any of the three `Export…ServiceResponse`s: they differ only in what the number of rejected items is called.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(string, tag = "2")]
    error_message: String,
}

/// What a status says beyond its code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Retry(Duration),
    /// Which field is wrong (empty for the request itself), and how.
    BadField {
        field: String,
        description: String,
    },
}

impl Detail {
    pub(super) fn to_any(&self) -> Any {
        let (name, value) = match self {
            Detail::Retry(after) => {
                let seconds = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
                // Below 10^9, so it fits.
                let nanos = i32::try_from(after.subsec_nanos()).unwrap_or_default();
                let retry_delay = Some(ProtoDuration { seconds, nanos });
                ("RetryInfo", RetryInfo { retry_delay }.encode_to_vec())
            }
            Detail::BadField { field, description } => {
                let violation = FieldViolation { field: field.clone(), description: description.clone() };
                ("BadRequest", BadRequest { field_violations: vec![violation] }.encode_to_vec())
            }
        };
        Any { type_url: format!("type.googleapis.com/google.rpc.{name}"), value: value.into() }
    }

    /// Proto3 JSON.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Detail::Retry(after) => json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}s", after.as_secs_f64()),
            }),
            Detail::BadField { field, description } => json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": field, "description": description }],
            }),
        }
    }
}

/// The answer to a request that was taken: empty, or with a warning in `partial_success`.
pub(super) fn success(warning: Option<String>) -> Bytes {
    match warning {
        None => Bytes::new(),
        Some(error_message) => {
            let partial_success = Some(PartialSuccess { error_message });
            ExportResponse { partial_success }.encode_to_vec().into()
        }
    }
}

pub(super) fn success_json(warning: Option<String>) -> Bytes {
    match warning {
        None => Bytes::from_static(b"{}"),
        Some(message) => json!({ "partialSuccess": { "errorMessage": message } }).to_string().into(),
    }
}
