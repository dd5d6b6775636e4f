//! Reads the answers of X-Ray.

use std::time::Duration;

use spanloom_plugin::http::Response;
use spanloom_plugin::serde_json;
use spanloom_plugin::{Failure, serde};

use serde::Deserialize;

/// The body of a 2xx response.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Processed {
    #[serde(rename = "UnprocessedTraceSegments", default)]
    unprocessed: Option<Vec<Unprocessed>>,
}

/// A document that was not processed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Unprocessed {
    /// The id of the segment; `None` if the service could not read the segment.
    pub(crate) id: Option<String>,
    pub(crate) error_code: Option<String>,
    pub(crate) message: Option<String>,
}

/// The body of an error response.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type", alias = "code", alias = "Code", default)]
    code: Option<String>,
    #[serde(alias = "Message", default)]
    message: Option<String>,
}

impl Processed {
    /// Returns the unprocessed segments of a response. A body that is empty or not JSON has none.
    pub(crate) fn read(response: &Response) -> Vec<Unprocessed> {
        let processed: Processed = serde_json::from_slice(&response.body).unwrap_or_default();
        processed.unprocessed.unwrap_or_default()
    }
}

impl Unprocessed {
    pub(crate) fn code(&self) -> &str {
        self.error_code.as_deref().filter(|code| !code.is_empty()).unwrap_or("unknown")
    }

    pub(crate) fn failure(&self) -> Failure {
        let code = self.code();
        if is_passing(code) {
            // The message is left out, because it is about one document, and documents that are retried
            // together need equal failures.
            return Failure::retryable(format!("X-Ray did not process the segment: {code}"));
        }
        Failure::permanent(format!("X-Ray did not process the segment: {code}"))
    }
}

/// Returns the failure for a status other than 2xx: whether and when to retry, and the service's message.
pub(crate) fn refusal(response: &Response) -> Failure {
    let refusal: Refusal = serde_json::from_slice(&response.body).unwrap_or_default();
    let header = response.header("x-amzn-errortype").map(str::to_owned);
    let code = header.or(refusal.code).unwrap_or_default();
    // The header looks like `com.amazonaws.xray#ThrottledException:https://…`.
    let code = code.split(':').next().unwrap_or_default().rsplit('#').next().unwrap_or_default();
    let message = [code, refusal.message.as_deref().unwrap_or_default()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .fold(format!("status {}", response.status), |message, part| format!("{message}: {part}"));
    let passing = matches!(response.status, 408 | 429 | 500..=599) || is_passing(code);
    if !passing {
        return Failure::permanent(message);
    }
    let failure = Failure::retryable(message);
    response.retry_after().map_or(failure.clone(), |delay: Duration| failure.after(delay))
}

/// Returns whether an AWS error code is temporary: throttles, internal errors, and expired credentials, which
/// the host renews.
fn is_passing(code: &str) -> bool {
    let code = code.to_ascii_lowercase();
    let passing = [
        "throttl",
        "toomanyrequests",
        "slowdown",
        "throughputexceeded",
        "internal",
        "unavailable",
        "timeout",
        "expiredtoken",
    ];
    passing.iter().any(|part| code.contains(part))
}
