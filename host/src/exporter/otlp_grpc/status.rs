//! The meaning of a gRPC status for the batch (opentelemetry-proto `docs/specification.md`, "OTLP/gRPC
//! Response").

use http::{HeaderMap, StatusCode, header};
use prost::Message as _;
use tonic::{Status, metadata::MetadataMap};

use crate::{
    component::ExportError,
    exporter::otlp::answer::{RpcStatus, is_about_size, retry_delay},
    receipt::Code,
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
    if status.code() == tonic::Code::Ok {
        return Ok(());
    }
    let code = Code::from_number(i32::from(status.code()));
    let message = format!("{code:?}: {}", status.message());
    let after = RpcStatus::decode(status.details()).ok().as_ref().and_then(retry_delay);
    Err(match code {
        // A sender would repeat OUT_OF_RANGE for ever.
        Code::ResourceExhausted | Code::OutOfRange if after.is_none() && is_about_size(status.message()) => {
            ExportError::too_large(message)
        }
        Code::ResourceExhausted if after.is_some() => ExportError::Retryable { message, code, after },
        _ if code.is_retryable() => ExportError::Retryable { message, code, after },
        _ => ExportError::Permanent { message, code },
    })
}

/// Checks the head of an answer without a gRPC status. If it is not gRPC's, most likely a proxy has answered, and
/// the HTTP status says what happened (grpc `doc/http-grpc-status-mapping.md`).
pub(super) fn check_http(status: StatusCode, headers: &HeaderMap) -> Result<(), ExportError> {
    let content_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    if status == StatusCode::OK && content_type.starts_with(b"application/grpc") {
        return Ok(());
    }
    let message = format!("HTTP {status} instead of a gRPC answer");
    let code = match status {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => return Err(ExportError::retryable(message)),
        _ => Code::Unknown,
    };
    Err(match status {
        StatusCode::PAYLOAD_TOO_LARGE => ExportError::TooLarge { message, code },
        _ => ExportError::Permanent { message, code },
    })
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
            let expected = (tonic::Code::Unavailable, read_bytes);
            assert_eq!((status.code(), status.details().len()), expected, "{details}");
        }
        assert!(read(&HeaderMap::new()).is_none());
    }

    /// Scenario: a proxy answers in the destination's place, with each of these statuses.
    /// Guarantees: the code is the one that gRPC has for the status, and only what may pass is retryable.
    #[test]
    fn an_answer_that_is_not_grpc_is_told_by_its_http_status() {
        let told = |status: u16, content_type: &str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type.parse().unwrap())]);
            match check_http(StatusCode::from_u16(status).unwrap(), &headers) {
                Ok(()) => "gRPC".to_owned(),
                Err(ExportError::Retryable { code, .. }) => format!("{code:?}, retryable"),
                Err(ExportError::Permanent { code, .. }) => format!("{code:?}"),
                Err(other) => format!("{other:?}"),
            }
        };
        for (status, expected) in [
            (200, "Unknown"),
            (302, "Unknown"),
            (400, "Internal"),
            (401, "Unauthenticated"),
            (403, "PermissionDenied"),
            (404, "Unimplemented"),
            (429, "Unavailable, retryable"),
            (500, "Unknown"),
            (503, "Unavailable, retryable"),
        ] {
            assert_eq!(told(status, "text/html"), expected, "{status}");
        }
        assert_eq!(told(200, "application/grpc+proto"), "gRPC");
        assert_eq!(told(404, "application/grpc"), "Unimplemented");
    }
}
