//! The content of the answer to a request that was accepted: OTLP's responses.

use bytes::Bytes;
use prost::Message;
use serde_json::json;
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
