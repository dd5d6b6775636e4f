//! The meaning of an HTTP answer for the batch (opentelemetry-proto `docs/specification.md`, "OTLP/HTTP
//! Response").

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use prost::Message as _;
use serde::{Deserialize, de};

use super::redirect::not_followed;
use crate::{
    component::{ExportError, Exported},
    exporter::otlp::answer::{self, RpcStatus, retry_delay},
    receipt::Code,
};

/// The most characters of an answer that are shown if the answer is not OTLP.
const EXCERPT_CHARS: usize = 200;

/// The part of a `google.rpc.Status` in JSON that is read.
#[derive(Deserialize)]
struct JsonStatus {
    #[serde(default)]
    message: String,
}

/// An `Export…ServiceResponse` in JSON.
#[derive(Default, Deserialize)]
struct JsonResponse {
    #[serde(default, rename = "partialSuccess")]
    partial_success: Option<JsonPartialSuccess>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonPartialSuccess {
    #[serde(
        alias = "rejectedSpans",
        alias = "rejectedDataPoints",
        alias = "rejectedLogRecords",
        deserialize_with = "int64"
    )]
    rejected: i64,
    #[serde(rename = "errorMessage")]
    error_message: String,
}

/// Reads an answer. `prefix` is put before the message of an error.
pub(super) async fn read(
    answer: http::Response<reqwest::Body>,
    prefix: &str,
) -> Result<Exported, ExportError> {
    let (head, body) = answer.into_parts();
    let body = match answer::read(body).await {
        Ok(body) => body.to_bytes(),
        // The status is known and says more than the failure to read its explanation.
        Err(_) if !head.status.is_success() => Bytes::new(),
        Err(error) => return Err(error),
    };
    if head.status.is_success() {
        return Ok(exported(is_json(&head.headers), &body));
    }
    Err(error(prefix, head.status, &head.headers, &body, SystemTime::now()))
}

fn exported(json: bool, body: &[u8]) -> Exported {
    if !json {
        return answer::exported(body);
    }
    let partial = serde_json::from_slice::<JsonResponse>(body).unwrap_or_default().partial_success;
    let partial = partial.unwrap_or_default();
    Exported { rejected: usize::try_from(partial.rejected).unwrap_or(0), message: partial.error_message }
}

fn error(prefix: &str, status: StatusCode, headers: &HeaderMap, body: &[u8], now: SystemTime) -> ExportError {
    let details = if is_json(headers) {
        let status = serde_json::from_slice::<JsonStatus>(body).ok();
        status.map(|JsonStatus { message }| RpcStatus { message, ..RpcStatus::default() })
    } else {
        RpcStatus::decode(body).ok().filter(|_| is_protobuf(headers))
    };
    let explanation = match &details {
        Some(details) => details.message.clone(),
        None => excerpt(body),
    };
    let colon = if explanation.is_empty() { "" } else { ": " };
    let message = format!("{prefix}HTTP {status}{colon}{explanation}");
    let code = code(status);
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let after = retry_after(headers, now).or_else(|| retry_delay(&details?));
            // A delay of 0 means as soon as the sender likes.
            let after = after.filter(|after| !after.is_zero());
            ExportError::Retryable { message, code, after }
        }
        StatusCode::PAYLOAD_TOO_LARGE => ExportError::TooLarge { message, code },
        _ if status.is_redirection() => not_followed(status, headers, "would be sent a GET without the data"),
        _ => ExportError::Permanent { message, code },
    }
}

/// Returns the gRPC code that means the same as a status that is not a success.
fn code(status: StatusCode) -> Code {
    match status {
        StatusCode::BAD_REQUEST => Code::InvalidArgument,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS => Code::ResourceExhausted,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Code::Unavailable
        }
        _ => Code::Unknown,
    }
}

/// Returns the delay of `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

fn is_json(headers: &HeaderMap) -> bool {
    has_content_type(headers, "application/json")
}

fn is_protobuf(headers: &HeaderMap) -> bool {
    has_content_type(headers, "application/x-protobuf")
}

fn has_content_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

/// Returns the beginning of a text on one line.
fn excerpt(body: &[u8]) -> String {
    let start = body.get(..4 * EXCERPT_CHARS).unwrap_or(body);
    let text = String::from_utf8_lossy(start);
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(EXCERPT_CHARS).collect()
}

/// Reads a 64-bit number. JSON's numbers cannot hold 64 bits, so proto3 writes a string and reads both.
fn int64<'de, D: de::Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Int64 {
        Number(i64),
        Text(String),
    }
    match Int64::deserialize(from)? {
        Int64::Number(number) => Ok(number),
        Int64::Text(text) => text.parse().map_err(de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    /// Returns 1994-11-06 08:49:07 GMT.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_747)
    }

    /// Scenario: the destination answers with every status from 400 to 599.
    /// Guarantees: only 429, 502, 503 and 504 are retryable.
    #[test]
    fn only_four_codes_are_worth_another_try() {
        let retried: Vec<u16> = (400..600)
            .filter(|code| {
                let status = StatusCode::from_u16(*code).unwrap();
                let error = error("", status, &HeaderMap::new(), b"", now());
                matches!(error, ExportError::Retryable { .. })
            })
            .collect();
        assert_eq!(retried, [429, 502, 503, 504]);
    }

    /// Scenario: a destination asks for no delay, and a proxy that was redirected to answers.
    /// Guarantees: a delay of 0 is none, and the message says who answered.
    #[test]
    fn an_error_says_who_answered_and_no_delay_of_zero() {
        let headers = headers(&[(header::RETRY_AFTER, "0")]);
        let error = error("redirected to https://b: ", StatusCode::TOO_MANY_REQUESTS, &headers, b"", now());
        let message = "redirected to https://b: HTTP 429 Too Many Requests".to_owned();
        assert_eq!(error, ExportError::Retryable { message, code: Code::ResourceExhausted, after: None });
    }

    /// Scenario: `Retry-After` is a number, a date in the future or the past, or anything else.
    /// Guarantees: numbers and dates give a delay, which is zero for a past date; anything else gives none.
    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (value, expected) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = headers(&[(header::RETRY_AFTER, value)]);
            assert_eq!(retry_after(&headers, now()), expected.map(Duration::from_secs), "{value}");
        }
    }

    /// Scenario: the explanation of an error is a status in protobuf or JSON, or plain text.
    /// Guarantees: the message is the same for all.
    #[test]
    fn the_message_is_taken_from_the_status_in_either_encoding_or_from_the_text() {
        let status = RpcStatus { code: 3, message: "no resource".into(), details: Vec::new() };
        for (content_type, body) in [
            ("application/x-protobuf", status.encode_to_vec()),
            ("application/json; charset=utf-8", br#"{"code":3,"message":"no resource"}"#.to_vec()),
            ("text/html", b"no\n  resource".to_vec()),
        ] {
            let headers = headers(&[(header::CONTENT_TYPE, content_type)]);
            let error = error("", StatusCode::BAD_REQUEST, &headers, &body, now());
            let message = "HTTP 400 Bad Request: no resource".to_owned();
            let expected = ExportError::Permanent { message, code: Code::InvalidArgument };
            assert_eq!(error, expected, "{content_type}");
        }
    }

    /// Scenario: a partial success in JSON counts in a string or in a number.
    /// Guarantees: both are read.
    #[test]
    fn json_partial_success_may_count_in_strings() {
        for body in [
            r#"{"partialSuccess":{"rejectedSpans":"5","errorMessage":"late"}}"#,
            r#"{"partialSuccess":{"rejectedLogRecords":5,"errorMessage":"late"}}"#,
        ] {
            assert_eq!(
                exported(true, body.as_bytes()),
                Exported { rejected: 5, message: "late".into() },
                "{body}"
            );
        }
        assert_eq!(exported(true, b"{}"), Exported::default());
    }
}
