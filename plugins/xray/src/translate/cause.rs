//! Describes failures: whose fault they are, and the exceptions.

use std::borrow::Cow;

use spanloom_plugin::flat::{Attributes, FlatEvent, FlatSpan};
use spanloom_plugin::json::Writer;
use spanloom_plugin::{SpanKind, StatusCode, ValueRef};

use super::fields::Fields;
use super::key::Key;
use super::resource::text;
use super::stack::{self, Trace};
use crate::document::Detail;
use crate::ids::derived;

/// Tells whether an exception was thrown by the called service.
const REMOTE: &str = "aws.xray.exception.remote";

/// Whose fault a failure is, according to the segment that the span was, to the HTTP status, or to the span's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) error: bool,
    pub(crate) fault: bool,
    pub(crate) throttle: bool,
}

/// Exceptions. Each may have been caused by the next one.
#[derive(Debug, Default)]
pub(crate) struct Cause<'a> {
    working_directory: Option<&'a str>,
    pub(crate) exceptions: Vec<Exception<'a>>,
    /// Whether `http.status_text` is contained in the cause.
    pub(crate) has_status_text: bool,
}

#[derive(Debug)]
pub(crate) struct Exception<'a> {
    pub(crate) trace: Trace<'a>,
    pub(crate) remote: Option<bool>,
    /// Whether the next exception caused this one.
    pub(crate) has_cause: bool,
    pub(crate) restored: Restored<'a>,
}

/// What a segment said of an exception that the `awsxray` receiver has read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Restored<'a> {
    id: Option<&'a str>,
    cause: Option<&'a str>,
    truncated: u64,
    skipped: u64,
}

impl Fault {
    pub(crate) fn of(span: &FlatSpan<'_>, fields: &Fields<'_>) -> Fault {
        let [error, fault, throttle] =
            [Key::XrayError, Key::XrayFault, Key::XrayThrottle].map(|key| fields.bool(key) == Some(true));
        if error || fault || throttle {
            return Fault { error, fault, throttle };
        }
        match fields.int(Key::HttpStatusCode) {
            Some(status @ 400..=499) => Fault { error: true, throttle: status == 429, fault: false },
            Some(500..=599) => Fault { fault: true, ..Fault::default() },
            _ => Fault { fault: span.status_code() == StatusCode::Error, ..Fault::default() },
        }
    }
}

impl<'a> Cause<'a> {
    /// Collects the exceptions of the events, otherwise the status message.
    pub(crate) fn of(span: &FlatSpan<'a>, fields: &Fields<'a>, language: &str) -> Cause<'a> {
        let mut cause =
            Cause { working_directory: fields.text(Key::XrayWorkingDirectory), ..Cause::default() };
        let remote = matches!(span.kind(), SpanKind::Client | SpanKind::Producer);
        let is_aws_api = fields.is_aws_api();
        for event in span.events() {
            match event.name() {
                "exception" => cause.add_thrown(&event, remote, language),
                "HTTP request failure" if is_aws_api => cause.add_failed_request(&event),
                _ => {}
            }
        }
        if cause.exceptions.is_empty() && span.status_code() == StatusCode::Error {
            cause.add_status(span.status_message(), fields);
        }
        cause
    }

    /// Writes `cause` if there are exceptions. The ids are those of the document that contains it.
    pub(crate) fn write(&self, json: &mut Writer, trace_id: &[u8; 16], segment_id: &[u8; 8], detail: Detail) {
        if self.exceptions.is_empty() {
            return;
        }
        let id = |at: usize| derived(trace_id, segment_id, 1 + at as u64);
        json.key("cause").object(|json| {
            detail.text(json, "working_directory", self.working_directory);
            json.key("exceptions").array(|json| {
                for (at, exception) in self.exceptions.iter().enumerate().take(detail.items) {
                    let caused = exception.has_cause && at + 1 < detail.items;
                    exception.write(json, &id(at), caused.then(|| id(at + 1)), detail);
                }
            });
        });
    }

    fn add_thrown(&mut self, event: &FlatEvent<'a>, remote: bool, language: &str) {
        let attributes = event.attributes();
        let text = |key| text(&attributes, key).unwrap_or_default();
        let mut traces = stack::parse(language, text("exception.stacktrace")).into_iter();
        let thrown = Trace {
            kind: text("exception.type"),
            message: text("exception.message").into(),
            frames: traces.next().map(|first| first.frames).unwrap_or_default(),
        };
        let restored = Restored::of(&attributes);
        if restored.id.is_some() {
            let remote = matches!(attributes.clone().find_key(REMOTE), Some(ValueRef::Bool(true)));
            self.exceptions.push(Exception {
                trace: thrown,
                remote: Some(remote),
                has_cause: false,
                restored,
            });
            return;
        }
        let chain: Vec<Trace<'a>> = std::iter::once(thrown).chain(traces).collect();
        let last = chain.len() - 1;
        let exception =
            |(at, trace)| Exception { trace, remote: Some(remote), has_cause: at < last, restored };
        self.exceptions.extend(chain.into_iter().enumerate().map(exception));
    }

    /// Adds a failed attempt of an AWS SDK request, in the form `status@seconds@message`.
    fn add_failed_request(&mut self, event: &FlatEvent<'a>) {
        let attributes = event.attributes();
        let status = match attributes.clone().find_key("http.response.status_code") {
            Some(ValueRef::Int(status)) => status.to_string(),
            Some(ValueRef::Text(status)) => status.to_owned(),
            _ => return,
        };
        let Some(message) = text(&attributes, "aws.http.error_message") else { return };
        let micros = event.time_unix_nano() / 1000;
        let message = format!("{status}@{}.{:06}@{message}", micros / 1_000_000, micros % 1_000_000);
        let trace = Trace { kind: "aws.http.error.event", message: message.into(), frames: Vec::new() };
        self.exceptions.push(Exception {
            trace,
            remote: Some(true),
            has_cause: false,
            restored: Restored::default(),
        });
    }

    fn add_status(&mut self, message: &'a str, fields: &Fields<'a>) {
        self.has_status_text = true;
        let message = Some(message).filter(|message| !message.is_empty());
        if let Some(message) = message.or_else(|| fields.text(Key::HttpStatusText)) {
            let trace = Trace { kind: "", message: Cow::Borrowed(message), frames: Vec::new() };
            self.exceptions.push(Exception {
                trace,
                remote: None,
                has_cause: false,
                restored: Restored::default(),
            });
        }
    }
}

impl<'a> Restored<'a> {
    fn of(attributes: &Attributes<'a>) -> Restored<'a> {
        let id = |key| text(attributes, key).filter(|text| is_id(text));
        let count = |key| match attributes.clone().find_key(key) {
            Some(ValueRef::Int(count)) => u64::from(u32::try_from(count).unwrap_or_default()),
            _ => 0,
        };
        Restored {
            id: id("aws.xray.exception.id"),
            cause: id("aws.xray.exception.cause"),
            truncated: count("aws.xray.exception.truncated"),
            skipped: count("aws.xray.exception.skipped"),
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

impl Exception<'_> {
    fn write(&self, json: &mut Writer, id: &[u8; 8], cause: Option<[u8; 8]>, detail: Detail) {
        json.object(|json| {
            let restored = &self.restored;
            match restored.id {
                Some(id) => json.field("id", id),
                None => json.key("id").hex(id),
            };
            detail.text(json, "message", Some(&self.trace.message));
            detail.text(json, "type", Some(self.trace.kind));
            if let Some(remote) = self.remote {
                json.field("remote", remote);
            }
            let frames = self.trace.frames.iter().take(detail.frames);
            let truncated = restored.truncated + (self.trace.frames.len() - frames.len()) as u64;
            for (key, count) in [("truncated", truncated), ("skipped", restored.skipped)] {
                if count > 0 {
                    json.field(key, count);
                }
            }
            match (restored.cause, cause) {
                (Some(cause), _) => {
                    json.field("cause", cause);
                }
                (None, Some(cause)) => {
                    json.key("cause").hex(&cause);
                }
                (None, None) => {}
            }
            if frames.len() > 0 {
                json.key("stack").array(|json| frames.for_each(|frame| frame.write(json, detail)));
            }
        });
    }
}
