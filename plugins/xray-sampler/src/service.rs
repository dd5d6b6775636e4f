//! X-Ray's API: `GetSamplingRules` and `GetSamplingTargets`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use spanloom_plugin::{
    Failure,
    http::{Request, Response},
    serde_json::{self, Value},
};

use crate::{local::MAX_RULES, rule::Spec};

/// The most statistics in one request.
pub(crate) const MAX_DOCUMENTS: usize = 25;
/// The most requests for one list of rules.
const MAX_PAGES: usize = 100;
/// The version of a rule's format.
const VERSION: f64 = 1.0;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) endpoint: String,
    pub(crate) timeout: Duration,
}

/// A `SamplingStatisticsDocument`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Statistics {
    #[serde(rename = "ClientID")]
    pub(crate) client_id: String,
    pub(crate) rule_name: String,
    /// Seconds since 1970.
    pub(crate) timestamp: f64,
    pub(crate) request_count: u64,
    pub(crate) sampled_count: u64,
    pub(crate) borrow_count: u64,
}

/// The answer of `GetSamplingTargets`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Targets {
    /// Seconds since 1970.
    pub(crate) last_rule_modification: Option<f64>,
    #[serde(rename = "SamplingTargetDocuments")]
    pub(crate) targets: Option<Vec<Target>>,
    #[serde(rename = "UnprocessedStatistics")]
    pub(crate) unprocessed: Option<Vec<Unprocessed>>,
}

/// A `SamplingTargetDocument`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Target {
    pub(crate) rule_name: Option<String>,
    pub(crate) fixed_rate: Option<f64>,
    pub(crate) reservoir_quota: Option<f64>,
    /// Seconds since 1970.
    #[serde(rename = "ReservoirQuotaTTL")]
    pub(crate) reservoir_quota_ttl: Option<f64>,
    /// Seconds until the next report.
    pub(crate) interval: Option<f64>,
}

/// Statistics that the service has not taken.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Unprocessed {
    pub(crate) rule_name: Option<String>,
    pub(crate) error_code: Option<String>,
    pub(crate) message: Option<String>,
}

/// An answer of `GetSamplingRules`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    next_token: Option<String>,
    sampling_rule_records: Vec<Value>,
}

#[derive(Serialize)]
struct Question<'a> {
    #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(rename = "SamplingStatisticsDocuments")]
    documents: &'a [Statistics],
}

/// The body of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    #[serde(rename = "__type", alias = "code", alias = "Code")]
    code: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

impl Api {
    /// Returns the rules of all pages, without those whose format is another.
    ///
    /// # Errors
    /// A page does not come, or is no answer of X-Ray's. The text says why.
    pub(crate) fn rules(&self) -> Result<Vec<Spec>, String> {
        let (mut specs, mut next_token) = (Vec::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let page: Page =
                self.ask("/GetSamplingRules", &Question { next_token: next_token.as_deref() })?;
            specs.extend(page.sampling_rule_records.into_iter().filter_map(spec));
            next_token = page.next_token.filter(|token| !token.is_empty());
            if next_token.is_none() || specs.len() >= MAX_RULES {
                break;
            }
        }
        specs.truncate(MAX_RULES);
        Ok(specs)
    }

    /// Reports statistics, at most [`MAX_DOCUMENTS`], and returns the targets of their rules.
    ///
    /// # Errors
    /// As [`Api::rules`].
    pub(crate) fn targets(&self, documents: &[Statistics]) -> Result<Targets, String> {
        self.ask("/SamplingTargets", &Report { documents })
    }

    fn ask<A: for<'de> Deserialize<'de>>(&self, path: &str, question: &impl Serialize) -> Result<A, String> {
        let url = format!("{}{path}", self.endpoint.trim_end_matches('/'));
        let body = serde_json::to_vec(question).map_err(|error| error.to_string())?;
        let request = Request::post(&url).header("content-type", "application/json").timeout(self.timeout);
        let answer = request.body(body).send().map_err(|error| match Failure::from(error) {
            Failure::Retryable(failure) => failure.message,
            Failure::Permanent(message) => message,
        })?;
        if !(200..=299).contains(&answer.status) {
            return Err(refusal(&answer));
        }
        serde_json::from_slice(&answer.body).map_err(|error| format!("its answer cannot be read: {error}"))
    }
}

/// Reads a `SamplingRuleRecord`.
fn spec(mut record: Value) -> Option<Spec> {
    let rule = record.get_mut("SamplingRule").map(Value::take)?;
    let spec: Spec = serde_json::from_value(rule).ok()?;
    (spec.version == VERSION && !spec.rule_name.is_empty()).then_some(spec)
}

fn refusal(answer: &Response) -> String {
    let Refusal { code, message } = serde_json::from_slice(&answer.body).unwrap_or_default();
    let parts = [code, message].into_iter().flatten().filter(|part| !part.is_empty());
    parts.fold(format!("status {}", answer.status), |said, part| format!("{said}: {part}"))
}
