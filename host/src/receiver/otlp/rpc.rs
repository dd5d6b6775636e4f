//! What an answer says beyond its status: OTLP's responses, and details of google/rpc/error_details.proto.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};
use tonic_types::ErrorDetails;

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
    pub(super) fn to_protobuf(&self) -> ErrorDetails {
        match self {
            Detail::Retry(after) => ErrorDetails::with_retry_info(Some(*after)),
            Detail::BadField { field, description } => {
                ErrorDetails::with_bad_request_violation(field, description)
            }
        }
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
