//! What the service says to documents.

use std::time::Duration;

use spanloom_plugin::http::Response;
use spanloom_plugin::serde_json;
use spanloom_plugin::{Failure, serde};

use serde::Deserialize;

/// The body of a 2xx.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Processed {
    #[serde(rename = "UnprocessedTraceSegments", default)]
    unprocessed: Option<Vec<Unprocessed>>,
}

/// A document that was not processed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Unprocessed {
    /// Of the segment; none if the service could not read it.
    pub(crate) id: Option<String>,
    pub(crate) error_code: Option<String>,
    pub(crate) message: Option<String>,
}

/// The body of an error.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type", alias = "code", alias = "Code", default)]
    code: Option<String>,
    #[serde(alias = "Message", default)]
    message: Option<String>,
}

impl Processed {
    /// An empty body, and one that is no JSON, names nothing.
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
            // Without the message, which is about one document: those that come again together are one part.
            return Failure::retryable(format!("X-Ray did not process the segment: {code}"));
        }
        Failure::permanent(format!("X-Ray did not process the segment: {code}"))
    }
}

/// Of a status that is no 2xx: whether to come again, when, and what the service said.
pub(crate) fn refusal(response: &Response) -> Failure {
    let refusal: Refusal = serde_json::from_slice(&response.body).unwrap_or_default();
    let header = response.header("x-amzn-errortype").map(str::to_owned);
    let code = header.or(refusal.code).unwrap_or_default();
    // `com.amazonaws.xray#ThrottledException:https://…`
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

/// Codes that AWS services use for what may be better next time: throttles, their own trouble, and credentials that
/// have run out, which the host gets anew.
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
