//! The content of an answer beyond its status: OTLP's responses, and details of
//! google/rpc/error_details.proto.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};
use tonic_types::ErrorDetails;
use wire::Signal;

/// Any of the three `Export…ServiceResponse`s. They differ only in the name for the number of rejected items.
#[derive(Clone, PartialEq, Message)]
struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// A warning for the sender of a request that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Warning {
    /// The number of items that were left out.
    pub(super) rejected: usize,
    pub(super) message: String,
}

/// The content of a status beyond its code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Retry(Duration),
    /// The wrong field (empty for the request itself), and what is wrong with it.
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

    /// Returns the detail as proto3 JSON.
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

/// Returns the answer to an accepted request: empty, or with a warning in `partial_success`.
pub(super) fn success(warning: Option<Warning>) -> Bytes {
    match warning {
        None => Bytes::new(),
        Some(Warning { rejected, message }) => {
            let rejected = i64::try_from(rejected).unwrap_or(i64::MAX);
            let partial_success = Some(PartialSuccess { rejected, error_message: message });
            ExportResponse { partial_success }.encode_to_vec().into()
        }
    }
}

/// Returns the same answer in proto3 JSON, where 64-bit integers are strings and zero is left out.
pub(super) fn success_json(signal: Option<Signal>, warning: Option<Warning>) -> Bytes {
    let Some(Warning { rejected, message }) = warning else { return Bytes::from_static(b"{}") };
    let key = match signal {
        Some(Signal::Metrics) => "rejectedDataPoints",
        Some(Signal::Logs) => "rejectedLogRecords",
        Some(Signal::Traces) | None => "rejectedSpans",
    };
    let mut partial = json!({ "errorMessage": message });
    if let Some(partial) = partial.as_object_mut().filter(|_| rejected > 0) {
        partial.insert(key.to_owned(), rejected.to_string().into());
    }
    json!({ "partialSuccess": partial }).to_string().into()
}
