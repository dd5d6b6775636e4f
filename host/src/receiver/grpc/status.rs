//! The refusal of a request as a `google.rpc.Status`: over gRPC, and as the body of an HTTP answer.
//!
//! `receiver/http/refusal.rs` decides which cause a refusal has. Each cause has this code:
//!
//! | cause | gRPC |
//! |---|---|
//! | a pipeline or a destination did not take it | its code (+ RetryInfo) |
//! | no room in the budget or in memory | UNAVAILABLE + RetryInfo |
//! | not a request of its signal, or no valid item in it | INVALID_ARGUMENT + BadRequest |
//! | not compressed as it says | INVALID_ARGUMENT |
//! | not one message in gRPC's framing | INTERNAL |
//! | larger than the limit, before or after decompression | RESOURCE_EXHAUSTED without RetryInfo |
//! | not arrived in time | DEADLINE_EXCEEDED |
//! | broken off | CANCELLED |
//! | not authenticated | UNAUTHENTICATED |
//! | no such path or service, or no pipeline for the signal | UNIMPLEMENTED |
//! | another method than POST; another content type or encoding | UNIMPLEMENTED |
//!
//! If ids in a request have a wrong length, their items are left out, the rest is accepted, and
//! `partial_success` reports the items.

use std::time::Duration;

use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    receipt,
    receiver::http::{Cause, Detail, Refusal},
};

/// OTLP's senders over gRPC try again after RESOURCE_EXHAUSTED only if they are told a delay.
const RETRYABLE_EXHAUSTION: Cause =
    Cause::NotTaken { code: receipt::Code::ResourceExhausted, retryable: true };

/// Returns the status as a protobuf message.
pub(in crate::receiver) fn to_protobuf(refusal: &Refusal) -> Vec<u8> {
    let details = refusal.detail.as_ref().map(detail_to_protobuf).unwrap_or_default();
    Status::with_error_details(code(refusal.cause), &refusal.message, details).details().to_vec()
}

/// Returns the status as proto3 JSON.
pub(in crate::receiver) fn to_json(refusal: &Refusal) -> String {
    let mut status = json!({ "code": i32::from(code(refusal.cause)), "message": refusal.message });
    if let (Some(detail), Some(fields)) = (&refusal.detail, status.as_object_mut()) {
        fields.insert("details".to_owned(), json!([detail_to_json(detail)]));
    }
    status.to_string()
}

impl From<Refusal> for Status {
    fn from(mut refusal: Refusal) -> Status {
        if refusal.cause == RETRYABLE_EXHAUSTION {
            refusal.detail.get_or_insert(Detail::Retry(Duration::ZERO));
        }
        let details = refusal.detail.as_ref().map(|_| to_protobuf(&refusal).into()).unwrap_or_default();
        Status::with_details(code(refusal.cause), refusal.message, details)
    }
}

fn code(cause: Cause) -> Code {
    match cause {
        Cause::Unavailable => Code::Unavailable,
        Cause::NotTaken { code, .. } => Code::from_i32(code.number()),
        Cause::BadFrame => Code::Internal,
        Cause::Invalid => Code::InvalidArgument,
        Cause::TooLarge => Code::ResourceExhausted,
        Cause::TooSlow => Code::DeadlineExceeded,
        Cause::BrokenOff => Code::Cancelled,
        Cause::Unauthenticated => Code::Unauthenticated,
        Cause::NotFound | Cause::MethodNotAllowed | Cause::Unsupported => Code::Unimplemented,
    }
}

/// Returns a detail as google/rpc/error_details.proto defines it.
fn detail_to_protobuf(detail: &Detail) -> ErrorDetails {
    match detail {
        Detail::Retry(after) => ErrorDetails::with_retry_info(Some(*after)),
        Detail::BadField { field, description } => {
            ErrorDetails::with_bad_request_violation(field, description)
        }
    }
}

fn detail_to_json(detail: &Detail) -> Value {
    match detail {
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
