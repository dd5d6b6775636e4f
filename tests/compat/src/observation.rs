//! What one side did with one input, in a form that two sides can be compared by.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_STANDARD_NO_PAD};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::{compression, decode, grpc, http1, stub::Arrival};

/// The headers of an answer over HTTP that clients act on.
const HEADERS: &[&str] = &[
    "allow",
    "retry-after",
    "www-authenticate",
    "location",
    "vary",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
    "access-control-expose-headers",
];

/// What a status decides, too.
const CONSEQUENCES: &[&str] = &["body", "content-type", "message", "details", "encoding"];

/// Why a side does not start. Reasons are not compared, but shown.
pub(crate) const REASON: &str = "reason";

/// Each thing that was seen, by its name: `status`, `body`, `arrived`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observation(pub(crate) BTreeMap<String, String>);

/// An input, and what each side did with it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) collector: Observation,
    pub(crate) spanloom: Observation,
}

/// One thing in which the two sides differ.
pub(crate) struct Difference {
    /// `topic/input: aspect`.
    pub(crate) name: String,
    pub(crate) collector: String,
    pub(crate) spanloom: String,
}

impl Observation {
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Observation {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn of_http(answer: anyhow::Result<http1::Answer>) -> Observation {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Observation::default().with("status", error.root_cause().to_string()),
        };
        let content_type = text(&answer.headers, "content-type");
        let mut seen = Observation::default()
            .with("status", answer.status.to_string())
            .with("content-type", content_type.clone())
            .with("body", body(answer.status, &content_type, &answer.body));
        for name in HEADERS {
            let value = header_list(name, text(&answer.headers, name));
            if !value.is_empty() {
                seen = seen.with(name, value);
            }
        }
        seen
    }

    pub(crate) fn of_grpc(answer: anyhow::Result<grpc::Answer>) -> Observation {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Observation::default().with("status", error.root_cause().to_string()),
        };
        let message = text(&answer.headers, "grpc-message");
        let details = text(&answer.headers, "grpc-status-details-bin");
        Observation::default()
            .with("status", format!("{} grpc {}", answer.status, text(&answer.headers, "grpc-status")))
            .with("content-type", text(&answer.headers, "content-type"))
            .with("message", if message.is_empty() { "none" } else { "a text" })
            .with("details", status_details(&details))
            .with("encoding", text(&answer.headers, "grpc-encoding"))
            .with("body", grpc_body(&answer))
    }

    /// Adds what arrived at the stub, in an order of its own.
    pub(crate) fn and_arrivals(self, arrivals: &[Arrival], headers: &[&str]) -> Observation {
        let mut lines: Vec<String> = arrivals.iter().map(|arrival| arrival.line(headers)).collect();
        lines.sort();
        self.with("arrived", if lines.is_empty() { "nothing".to_owned() } else { lines.join(" | ") })
    }
}

impl Case {
    /// Returns each aspect in which the sides differ.
    ///
    /// What follows from another difference is left out: if a side does not start, everything else; if the
    /// statuses differ, the body, and whether anything arrived.
    pub(crate) fn differences(&self, topic: &str) -> Vec<Difference> {
        let aspects: std::collections::BTreeSet<&String> =
            self.collector.0.keys().chain(self.spanloom.0.keys()).collect();
        let value = |seen: &Observation, aspect: &str| seen.0.get(aspect).cloned().unwrap_or_default();
        let pairs = aspects.into_iter().map(|aspect| Difference {
            name: format!("{topic}/{}: {aspect}", self.name),
            collector: value(&self.collector, aspect),
            spanloom: value(&self.spanloom, aspect),
        });
        let differs = |aspect: &str| value(&self.collector, aspect) != value(&self.spanloom, aspect);
        let (other_start, other_status) = (differs("start"), differs("status"));
        let follows = |pair: &Difference| {
            let aspect = pair.name.rsplit(": ").next().unwrap_or_default();
            let nothing = pair.collector == "nothing" || pair.spanloom == "nothing";
            (other_start && aspect != "start")
                || (other_status && (CONSEQUENCES.contains(&aspect) || aspect == "arrived" && nothing))
        };
        let differing = pairs.filter(|pair| pair.collector != pair.spanloom && !follows(pair));
        let reasoned = |mut pair: Difference| {
            let reason = value(&self.collector, REASON) + &value(&self.spanloom, REASON);
            if other_start && !reason.is_empty() {
                for text in [&mut pair.collector, &mut pair.spanloom] {
                    if text == "refuses" {
                        text.push_str(&format!(": {reason}"));
                    }
                }
            }
            pair
        };
        differing.filter(|pair| !pair.name.ends_with(": reason")).map(reasoned).collect()
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<String> =
        headers.get_all(name).iter().map(|value| value.as_bytes().escape_ascii().to_string()).collect();
    values.join(", ")
}

/// Returns a body by its meaning. The words of an error message are not compared, only that there are any.
fn body(status: u16, content_type: &str, body: &[u8]) -> String {
    let is_error = status >= 400;
    if body.is_empty() {
        // In protobuf, nothing is a whole message.
        return if content_type == "application/x-protobuf" { "{}" } else { "empty" }.to_owned();
    }
    if content_type.starts_with("application/json") {
        return match serde_json::from_slice(body) {
            Ok(json) => without_words(json, is_error).to_string(),
            Err(_) => format!("not JSON: {}", body.escape_ascii()),
        };
    }
    if content_type.starts_with("application/x-protobuf") {
        let name = if is_error { "RpcStatus" } else { "Response" };
        return without_words(decode::message(name, body), is_error).to_string();
    }
    format!("text of {content_type}")
}

/// Returns the message of an answer over gRPC.
fn grpc_body(answer: &grpc::Answer) -> String {
    let message = match answer.body.as_slice() {
        [0, _, _, _, _, message @ ..] => Ok(message.to_vec()),
        [1, _, _, _, _, packed @ ..] => compression::inflate(&text(&answer.headers, "grpc-encoding"), packed),
        _ => return "none".to_owned(),
    };
    message
        .map_or_else(|error| error.to_string(), |message| decode::message("Response", &message).to_string())
}

/// Returns the value of a header that is a list of names, in one order and case.
fn header_list(name: &str, value: String) -> String {
    if name != "vary" && !name.ends_with("-headers") && !name.ends_with("-methods") {
        return value;
    }
    let mut names: Vec<String> = value.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.sort();
    names.join(", ")
}

fn without_words(mut json: Value, is_error: bool) -> Value {
    let Some(object) = json.as_object_mut() else { return json };
    if !is_error {
        // An empty partial success says nothing.
        if object.get("partialSuccess") == Some(&json!({})) {
            object.remove("partialSuccess");
        }
        return json;
    }
    // The code is a number in JSON and a text where protobuf was decoded.
    if let Some(code) = object.get("code").map(|code| code.to_string().replace('"', "")) {
        object.insert("code".to_owned(), json!(code));
    }
    if object.get("message").is_some_and(|message| message != "") {
        object.insert("message".to_owned(), json!("a text"));
    }
    let delays = delays(object.get("details"));
    object.insert("details".to_owned(), json!(delays));
    json
}

/// Returns the details of a status in `grpc-status-details-bin`.
fn status_details(base64: &str) -> String {
    let decoded = BASE64_STANDARD.decode(base64).or_else(|_| BASE64_STANDARD_NO_PAD.decode(base64));
    let status = decode::message("RpcStatus", &decoded.unwrap_or_default());
    delays(status.get("details")).join(", ")
}

/// Returns the details that clients act on: when to try again. Others explain the message.
fn delays(details: Option<&Value>) -> Vec<String> {
    let details = details.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    details.iter().map(Value::to_string).filter(|detail| detail.contains("RetryInfo")).collect()
}
