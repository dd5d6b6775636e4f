//! The meaning of a gRPC status for the batch (opentelemetry-proto `docs/specification.md`, "OTLP/gRPC
//! Response").

use http::{HeaderMap, StatusCode};
use prost::Message as _;
use tonic::{Code, Status, metadata::MetadataMap};

use crate::{
    component::ExportError,
    exporter::otlp::answer::{RpcStatus, is_about_size, retry_delay},
};

const DETAILS: &str = "grpc-status-details-bin";

/// Reads the status of an answer, if the headers (or trailers) have one. Details that are not base64 are left
/// out, because tonic panics on them.
pub(super) fn read(headers: &HeaderMap) -> Option<Status> {
    let details = |headers: &HeaderMap| {
        let metadata = MetadataMap::from_headers(headers.clone());
        metadata.get_bin(DETAILS).map(|details| details.to_bytes().is_ok())
    };
    if !headers.contains_key(DETAILS) || details(headers) == Some(true) {
        return Status::from_header_map(headers);
    }
    let mut headers = headers.clone();
    headers.remove(DETAILS);
    Status::from_header_map(&headers)
}

pub(super) fn check(status: &Status) -> Result<(), ExportError> {
    let code = status.code();
    if code == Code::Ok {
        return Ok(());
    }
    let message = format!("{code:?}: {}", status.message());
    let after = RpcStatus::decode(status.details()).ok().as_ref().and_then(retry_delay);
    Err(match code {
        Code::ResourceExhausted | Code::OutOfRange if after.is_none() && is_about_size(status.message()) => {
            ExportError::TooLarge { message }
        }
        Code::ResourceExhausted if after.is_some() => ExportError::Retryable { message, after },
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => ExportError::Retryable { message, after },
        _ => ExportError::Permanent { message },
    })
}

/// Checks the HTTP status of an answer that is not gRPC's, most likely a proxy's (grpc
/// `doc/http-grpc-status-mapping.md`).
pub(super) fn check_http(status: StatusCode) -> Result<(), ExportError> {
    let message = format!("HTTP {status} instead of a gRPC answer");
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::PAYLOAD_TOO_LARGE => Err(ExportError::TooLarge { message }),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Err(ExportError::Retryable { message, after: None }),
        _ => Err(ExportError::Permanent { message }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a destination's status has details that are base64, are not, or are missing.
    /// Guarantees: the status is read, without the wrong details.
    #[test]
    fn a_status_with_wrong_details_is_read_without_them() {
        for (details, read_bytes) in [("%%", 0), ("a", 0), ("CA4", 2), ("CA4=", 2), ("", 0)] {
            let headers = [("grpc-status", "14"), (DETAILS, details)];
            let headers = headers.iter().filter(|(_, value)| !value.is_empty());
            let headers: HeaderMap =
                headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            let status = read(&headers).unwrap();
            assert_eq!((status.code(), status.details().len()), (Code::Unavailable, read_bytes), "{details}");
        }
        assert!(read(&HeaderMap::new()).is_none());
    }
}
