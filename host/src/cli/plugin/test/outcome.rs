//! The outcome of a request, as a golden file holds it and as people read it.

pub(super) mod emitted;
mod received;

use std::time::Duration;

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wire::{Batch, Signal};

use super::{
    pretty::pretty,
    records::{self, Record, lines_of},
};
use crate::{
    component::{ExportError, Exported, FailedPart},
    plugin::{Decisions, Role, SamplingDecision, Tried, outside::http::HttpRequest},
    receipt::Retry,
};

#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// A processor's outcome: all that it passed on, as one request.
    Passed(Batch),
    Decided(Vec<TraceDecision>),
    Exported(Export),
    /// A connector's outcome: what it emitted, as one request for each signal. Times of the test itself are
    /// 0.
    Emitted(Vec<Batch>),
    /// A receiver's outcome: its answer, and its telemetry as one request for each signal, with such times.
    Received {
        answer: ReceiverAnswer,
        batches: Vec<Batch>,
    },
}

/// A receiver's answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReceiverAnswer {
    pub(super) status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<(String, String)>,
    #[serde(flatten)]
    pub(super) body: Body,
    /// The reason, if the request was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rejected: Option<String>,
}

/// A sampler's decision on one trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TraceDecision {
    pub(super) trace_id: String,
    /// The name of the root span.
    pub(super) root: String,
    pub(super) decision: Word,
    /// The rate of a kept trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<f64>,
    /// Shown, but in no golden file: it explains the decision.
    #[serde(skip)]
    pub(super) reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    Keep,
    Drop,
    Undecided,
}

/// An exporter's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Export {
    pub(super) outcome: ExportOutcome,
    #[serde(default)]
    pub(super) requests: Vec<SentRequest>,
}

/// The exporter's answer for the batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ExportOutcome {
    Ok,
    #[serde(untagged)]
    Failed(ExportFailure),
    #[serde(untagged)]
    Parts {
        parts: Vec<FailedRows>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ExportFailure {
    Retryable(String),
    Permanent(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FailedRows {
    pub(super) rows: Vec<u32>,
    #[serde(flatten)]
    pub(super) failure: ExportFailure,
}

/// A request that an exporter sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SentRequest {
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default)]
    pub(super) headers: Vec<(String, String)>,
    #[serde(flatten)]
    pub(super) body: Body,
}

/// The body of a request, in the most readable form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    /// JSON.
    Json(Value),
    /// Several lines, each JSON.
    JsonLines(Vec<Value>),
    Text(String),
    Base64(String),
}

impl Outcome {
    /// Reads the outcome from a golden file, for a plugin of this role that was given this signal.
    pub(super) fn from_golden(role: Role, signal: Signal, golden: &[u8]) -> anyhow::Result<Outcome> {
        match role {
            Role::Processor => {
                let request = wire::json::from_json(signal, golden)?;
                Ok(Outcome::Passed(Batch::decode(signal, request.into())?))
            }
            Role::Sampler => {
                let decisions = serde_json::from_slice(golden);
                decisions.map(Outcome::Decided).context("a sampler's is a list of decisions")
            }
            Role::Exporter => {
                let exported = serde_json::from_slice(golden);
                exported.map(Outcome::Exported).context("an exporter's has `outcome` and `requests`")
            }
            Role::Connector => emitted::from_golden(golden).map(Outcome::Emitted),
            Role::Receiver => {
                let (answer, batches) = received::from_golden(golden)?;
                Ok(Outcome::Received { answer, batches })
            }
        }
    }

    /// Writes the outcome for a golden file.
    pub(super) fn to_golden(&self) -> anyhow::Result<String> {
        Ok(match self {
            Outcome::Passed(batch) => pretty(&String::from_utf8(wire::json::to_json(batch))?),
            Outcome::Decided(decisions) => pretty(&serde_json::to_string(decisions)?),
            Outcome::Exported(exported) => pretty(&serde_json::to_string(exported)?),
            Outcome::Emitted(batches) => pretty(&emitted::to_json(batches)?),
            Outcome::Received { answer, batches } => pretty(&received::to_json(answer, batches)?),
        })
    }

    pub(super) fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = match self {
            Outcome::Passed(batch) => return records::of_batch(batch),
            Outcome::Emitted(batches) => return batches.iter().flat_map(records::of_batch).collect(),
            Outcome::Received { answer, batches } => {
                let answer = record("answer", "answer", answer);
                std::iter::once(answer).chain(batches.iter().flat_map(records::of_batch)).collect()
            }
            Outcome::Decided(decisions) => decisions.iter().map(TraceDecision::record).collect(),
            Outcome::Exported(Export { outcome, requests }) => {
                let requests = requests.iter().map(|request| record("request", &request.title(), request));
                std::iter::once(record("outcome", "outcome", outcome)).chain(requests).collect()
            }
        };
        records::number(&mut records);
        records
    }
}

impl TraceDecision {
    pub(super) fn of(traces: &wire::Traces, decisions: &Decisions) -> Vec<TraceDecision> {
        let names = traces.root_names();
        let mut names = names.iter().peekable();
        let decided = std::iter::zip(traces.ids(), &decisions.each).enumerate();
        decided
            .map(|(row, (id, decision))| {
                let (decision, rate) = match decision {
                    SamplingDecision::Keep { rate, .. } => (Word::Keep, Some(*rate)),
                    SamplingDecision::Drop => (Word::Drop, None),
                    SamplingDecision::Undecided => (Word::Undecided, None),
                };
                let root = names.next_if(|(named, _)| *named as usize == row).map_or("", |(_, name)| name);
                let trace_id = id.iter().map(|byte| format!("{byte:02x}")).collect();
                let reason = decisions.reason(row).map(str::to_owned);
                TraceDecision { trace_id, root: root.to_owned(), decision, rate, reason }
            })
            .collect()
    }

    /// Writes the decision: `keep 0.05`.
    pub(super) fn shown(&self) -> String {
        let word = match self.decision {
            Word::Keep => "keep",
            Word::Drop => "drop",
            Word::Undecided => "undecided",
        };
        self.rate.map_or(word.to_owned(), |rate| format!("{word} {rate}"))
    }

    fn record(&self) -> Record {
        Record {
            identity: self.trace_id.clone(),
            title: format!("{}  {}", self.root, self.trace_id).trim().to_owned(),
            lines: vec![format!("decision: {}", self.shown())],
            envelope: Vec::new(),
        }
    }
}

impl From<Result<Exported, ExportError>> for ExportOutcome {
    fn from(answer: Result<Exported, ExportError>) -> ExportOutcome {
        let retryable = |message, after: Option<Duration>| {
            ExportFailure::Retryable(match after {
                Some(after) => format!("{message} (after {})", humantime::format_duration(after)),
                None => message,
            })
        };
        match answer {
            Ok(_) => ExportOutcome::Ok,
            Err(ExportError::Retryable { message, after, .. }) => {
                ExportOutcome::Failed(retryable(message, after))
            }
            Err(ExportError::Permanent { message, .. } | ExportError::TooLarge { message, .. }) => {
                ExportOutcome::Failed(ExportFailure::Permanent(message))
            }
            Err(ExportError::Partly(parts)) => {
                let part = |FailedPart { rows, message, retry }| FailedRows {
                    rows,
                    failure: match retry {
                        Retry::After(after) => retryable(message, after),
                        _ => ExportFailure::Permanent(message),
                    },
                };
                ExportOutcome::Parts { parts: parts.into_iter().map(part).collect() }
            }
        }
    }
}

impl SentRequest {
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

impl From<Tried> for ReceiverAnswer {
    fn from(Tried { status, mut headers, body, rejected, .. }: Tried) -> ReceiverAnswer {
        headers.sort();
        ReceiverAnswer { status, headers, body: Body::read(&body), rejected }
    }
}

impl From<HttpRequest> for SentRequest {
    fn from(request: HttpRequest) -> SentRequest {
        let mut headers = request.headers;
        headers.sort();
        SentRequest { method: request.method, url: request.url, headers, body: Body::read(&request.body) }
    }
}

impl Body {
    fn read(body: &[u8]) -> Body {
        let Ok(text) = std::str::from_utf8(body) else { return Body::Base64(BASE64_STANDARD.encode(body)) };
        let of_objects = |value: &Value| value.is_object() || value.is_array();
        if let Some(value) = serde_json::from_str(text).ok().filter(of_objects) {
            return Body::Json(value);
        }
        let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        match lines {
            Ok(lines) if lines.len() > 1 && lines.iter().all(of_objects) => Body::JsonLines(lines),
            _ => Body::Text(text.to_owned()),
        }
    }
}

fn record(identity: &str, title: &str, value: &impl Serialize) -> Record {
    let value = serde_json::to_value(value).unwrap_or_default();
    let lines = if value.is_object() { lines_of(&value) } else { vec![format!("outcome: {value}")] };
    Record { identity: identity.to_owned(), title: title.to_owned(), lines, envelope: Vec::new() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::receipt::Code;

    /// Checks the golden file of an outcome, and that it reads back as the same outcome.
    #[track_caller]
    fn check(role: Role, outcome: &Outcome, expected: &str) {
        let golden = outcome.to_golden().unwrap();
        assert_eq!(golden, expected, "\n{golden}");
        let read = Outcome::from_golden(role, Signal::Traces, golden.as_bytes()).unwrap();
        assert_eq!(read.records(), outcome.records());
    }

    /// Scenario: a sampler keeps, drops and does not decide.
    /// Guarantees: the golden file has a line for each decision.
    #[test]
    fn decisions_are_a_line_each() {
        let decision = |id: &str, decision, rate| TraceDecision {
            trace_id: id.to_owned(),
            root: "GET /".to_owned(),
            decision,
            rate,
            reason: None,
        };
        check(
            Role::Sampler,
            &Outcome::Decided(vec![
                decision("01", Word::Keep, Some(0.05)),
                decision("02", Word::Drop, None),
                decision("03", Word::Undecided, None),
            ]),
            r#"[
  {"traceId": "01", "root": "GET /", "decision": "keep", "rate": 0.05},
  {"traceId": "02", "root": "GET /", "decision": "drop"},
  {"traceId": "03", "root": "GET /", "decision": "undecided"}
]
"#,
        );
    }

    fn sent(body: &[u8]) -> SentRequest {
        SentRequest::from(HttpRequest {
            method: "POST".to_owned(),
            url: "https://a.example/".to_owned(),
            headers: vec![("x-b".to_owned(), "1".to_owned()), ("x-a".to_owned(), "2".to_owned())],
            body: body.to_vec().into(),
            timeout: None,
        })
    }

    /// Scenario: an exporter sends bodies of JSON, JSON lines, text and bytes.
    /// Guarantees: each is written in its most readable form.
    #[test]
    fn requests_are_shown_as_their_bodies_read_best() {
        let bodies = [&b"{\"a\":1}"[..], b"{\"a\":1}\n[2]\n", b"5", b"", b"\xff\0"];
        let bodies: Vec<Value> =
            bodies.iter().map(|body| serde_json::to_value(sent(body).body).unwrap()).collect();
        assert_eq!(
            bodies,
            [
                json!({"json": {"a": 1}}),
                json!({"json_lines": [{"a": 1}, [2]]}),
                json!({"text": "5"}),
                json!({"text": ""}),
                json!({"base64": "/wA="})
            ]
        );
    }

    /// Scenario: an exporter fails, fails for some rows, and succeeds.
    /// Guarantees: the golden file holds its answer and its requests.
    #[test]
    fn what_an_exporter_says_is_kept_with_its_requests() {
        let outcome = |answer| {
            let requests = vec![sent(b"{\"a\":1}")];
            Outcome::Exported(Export { outcome: ExportOutcome::from(answer), requests })
        };
        check(
            Role::Exporter,
            &outcome(Err(ExportError::Retryable {
                message: "503".to_owned(),
                code: Code::Unavailable,
                after: Some(Duration::from_secs(2)),
            })),
            r#"{
  "outcome": {"retryable": "503 (after 2s)"},
  "requests": [
    {"method": "POST", "url": "https://a.example/", "headers": [["x-a", "2"], ["x-b", "1"]], "json": {"a": 1}}
  ]
}
"#,
        );
        let part = FailedPart { rows: vec![1, 2], message: "bad".to_owned(), retry: Retry::Never };
        assert_eq!(
            serde_json::to_value(ExportOutcome::from(Err(ExportError::Partly(vec![part])))).unwrap(),
            json!({"parts": [{"rows": [1, 2], "permanent": "bad"}]})
        );
        assert_eq!(serde_json::to_value(ExportOutcome::from(Ok(Exported::default()))).unwrap(), json!("ok"));
    }
}
