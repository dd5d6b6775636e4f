//! Stack traces, as the languages print them.

mod dotnet;
mod go;
mod java;
mod javascript;
mod lines;
mod python;

use std::borrow::Cow;

use spanloom_plugin::json::Writer;

use crate::document::Detail;

/// An exception with its stack, as a trace tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace<'a> {
    pub(crate) kind: &'a str,
    pub(crate) message: Cow<'a, str>,
    /// The innermost call first.
    pub(crate) frames: Vec<Frame<'a>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) path: &'a str,
    /// 0 if it is not told.
    pub(crate) line: u32,
    pub(crate) label: &'a str,
}

/// The exceptions of a stack trace: the one that was thrown, whose type and message the sender tells elsewhere, and the
/// one that caused it, and so on. Nothing where the trace is empty or the language unknown.
pub(crate) fn parse<'a>(language: &str, trace: &'a str) -> Vec<Trace<'a>> {
    if trace.is_empty() {
        return Vec::new();
    }
    match language {
        // The SDK for PHP prints them as Java does.
        "java" | "php" => java::parse(trace),
        "python" => python::parse(trace),
        "javascript" | "nodejs" | "webjs" => javascript::parse(trace),
        "dotnet" => dotnet::parse(trace),
        "go" => go::parse(trace),
        _ => Vec::new(),
    }
}

impl<'a> Trace<'a> {
    /// The thrown one.
    fn thrown(frames: Vec<Frame<'a>>) -> Trace<'a> {
        Trace { frames, ..Trace::default() }
    }

    /// Of `Type: message`; all of it is the type if there is no colon.
    fn told(text: &'a str) -> Trace<'a> {
        let (kind, message) = text.split_once(':').unwrap_or((text, ""));
        Trace { kind, message: message.strip_prefix(' ').unwrap_or(message).into(), frames: Vec::new() }
    }
}

impl Frame<'_> {
    pub(crate) fn write(&self, json: &mut Writer, detail: Detail) {
        json.object(|json| {
            detail.text(json, "path", Some(self.path));
            json.field("line", u64::from(self.line));
            detail.text(json, "label", Some(self.label));
        });
    }
}
