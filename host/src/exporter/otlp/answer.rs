//! Reads a destination's answer: partial success, and `google.rpc.Status` with its details.

use std::time::Duration;

use http_body_util::{BodyExt as _, Collected, LengthLimitError, Limited};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tonic_types::RpcStatusExt as _;

pub use tonic_types::Status as RpcStatus;

use super::{RESPONSE_LIMIT_BYTES, with_causes};
use crate::component::{ExportError, Exported};

/// Returns the delay of the `RetryInfo` among a status's details, if there is one.
pub fn retry_delay(status: &RpcStatus) -> Option<Duration> {
    status.get_details_retry_info().map(|info| info.retry_delay.unwrap_or_default())
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
            return ExportError::permanent(message);
        }
        ExportError::retryable(format!("the answer broke off: {}", with_causes(&*error)))
    })
}

/// Decodes an `Export…ServiceResponse`. The responses for metrics and logs have the same fields as those for
/// traces, with the same numbers. A response that cannot be decoded counts as full success, because the
/// destination has reported success.
pub fn exported(response: &[u8]) -> Exported {
    let partial = ExportTraceServiceResponse::decode(response).unwrap_or_default().partial_success;
    let partial = partial.unwrap_or_default();
    Exported {
        rejected: usize::try_from(partial.rejected_spans).unwrap_or(0),
        message: partial.error_message,
    }
}

/// Returns whether an error is about size, which has no code of its own. The servers' messages agree enough:
/// grpc-go has `larger than max`, grpc-java `exceeds maximum size`, tonic `too large` and `size limit`.
pub fn is_about_size(message: &str) -> bool {
    ["larger than", "too large", "exceeds max", "size limit"].iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    /// Scenario: a status has details without and with a `RetryInfo`.
    /// Guarantees: the delay is found if it is there.
    #[test]
    fn the_retry_delay_is_found_among_the_details() {
        let after = Duration::from_millis(3500);
        let mut details = ErrorDetails::with_debug_info(Vec::new(), "");
        assert_eq!(retry_delay(&status(details.clone())), None);
        details.set_retry_info(Some(after));
        assert_eq!(retry_delay(&status(details)), Some(after));
    }

    fn status(details: ErrorDetails) -> RpcStatus {
        let status = tonic::Status::with_error_details(tonic::Code::Unavailable, "busy", details);
        RpcStatus::decode(status.details()).unwrap()
    }

    /// Scenario: the response to logs reports rejected records; the three responses are equal on the wire.
    /// Guarantees: the number and the message are read, and an empty response is full success.
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
