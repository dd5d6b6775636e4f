//! What a destination answers: partial success, and google.rpc.Status with its details.

use std::time::Duration;

use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;

use super::{RESPONSE_LIMIT_BYTES, with_causes};
use crate::exporter::{ExportError, Exported};

/// `google.rpc.Status` (googleapis `google/rpc/status.proto`), in protobuf or JSON.
#[derive(Clone, PartialEq, Message, serde::Deserialize)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    #[serde(default)]
    pub code: i32,
    #[prost(string, tag = "2")]
    #[serde(default)]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    #[serde(skip)]
    details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RetryDelay>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryDelay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl RpcStatus {
    #[cfg(test)]
    pub fn new(code: i32, message: &str) -> RpcStatus {
        RpcStatus { code, message: message.to_owned(), details: Vec::new() }
    }

    /// The delay of the RetryInfo among the details, if there is one.
    pub fn retry_delay(&self) -> Option<Duration> {
        let info = self.details.iter().find(|any| any.type_url.ends_with("/google.rpc.RetryInfo"))?;
        let delay = RetryInfo::decode(&*info.value).ok()?.retry_delay.unwrap_or_default();
        let seconds = u64::try_from(delay.seconds).unwrap_or(0);
        let nanos = u32::try_from(delay.nanos).unwrap_or(0).min(999_999_999);
        Some(Duration::new(seconds, nanos))
    }
}

/// Reads an answer's body and trailers, up to the limit.
pub async fn read<B>(body: B) -> Result<Collected<B::Data>, ExportError>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Limited::new(body, RESPONSE_LIMIT_BYTES).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let message = format!("the answer is longer than {RESPONSE_LIMIT_BYTES} bytes");
            return ExportError::Permanent { message };
        }
        let message = format!("the answer broke off: {}", with_causes(&*error));
        ExportError::Retryable { message, after: None }
    })
}

/// Decodes an `Export…ServiceResponse`. Those of metrics and logs have the fields of traces' under the same numbers.
/// What cannot be decoded is taken as full success, as the destination has said that it was one.
pub fn exported(response: &[u8]) -> Exported {
    let partial = ExportTraceServiceResponse::decode(response).unwrap_or_default().partial_success;
    let partial = partial.unwrap_or_default();
    Exported {
        rejected: usize::try_from(partial.rejected_spans).unwrap_or(0),
        message: partial.error_message,
    }
}

/// Whether an error is about size, which has no code of its own. The messages of the servers there are agree enough:
/// grpc-go `larger than max`, grpc-java `exceeds maximum size`, tonic `too large` and `size limit`.
pub fn is_about_size(message: &str) -> bool {
    ["larger than", "too large", "exceeds max", "size limit"].iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(details: Vec<Any>) -> RpcStatus {
        RpcStatus { code: 14, message: "busy".into(), details }
    }

    #[test]
    fn the_retry_delay_is_found_among_the_details() {
        let info = RetryInfo { retry_delay: Some(RetryDelay { seconds: 3, nanos: 500_000_000 }) };
        let other = Any { type_url: "type.googleapis.com/google.rpc.DebugInfo".into(), value: vec![] };
        let retry =
            Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".into(), value: info.encode_to_vec() };
        assert_eq!(status(vec![other.clone(), retry]).retry_delay(), Some(Duration::from_millis(3500)));
        assert_eq!(status(vec![other]).retry_delay(), None);
    }

    #[test]
    fn a_negative_delay_is_none_at_all() {
        let info = RetryInfo { retry_delay: Some(RetryDelay { seconds: -3, nanos: -1 }) };
        let any = Any { type_url: "x/google.rpc.RetryInfo".into(), value: info.encode_to_vec() };
        assert_eq!(status(vec![any]).retry_delay(), Some(Duration::ZERO));
    }

    /// The three responses are told apart by nothing on the wire.
    #[test]
    fn partial_success_is_read_of_every_signal() {
        use opentelemetry_proto::tonic::collector::logs::v1::{
            ExportLogsPartialSuccess, ExportLogsServiceResponse,
        };
        let partial = ExportLogsPartialSuccess { rejected_log_records: 7, error_message: "late".into() };
        let response = ExportLogsServiceResponse { partial_success: Some(partial) };
        let expected = Exported { rejected: 7, message: "late".into() };
        assert_eq!(exported(&response.encode_to_vec()), expected);
        assert_eq!(exported(&[]), Exported::default());
    }
}
