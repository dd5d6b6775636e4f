//! The meaning of a gRPC status for the batch (opentelemetry-proto `docs/specification.md`, "OTLP/gRPC
//! Response").

use http::StatusCode;
use prost::Message as _;
use tonic::{Code, Status};

use crate::{
    component::ExportError,
    exporter::otlp::answer::{RpcStatus, is_about_size, retry_delay},
};

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
