//! Parses stack traces in the formats of several languages.

mod dotnet;
mod go;
mod java;
mod javascript;
mod lines;
mod python;

use std::borrow::Cow;

use spanloom_plugin::json::Writer;

use crate::document::Detail;

/// An exception with its stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace<'a> {
    pub(crate) kind: &'a str,
    pub(crate) message: Cow<'a, str>,
    /// The frames, with the innermost call first.
    pub(crate) frames: Vec<Frame<'a>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) path: &'a str,
    /// 0 if the line is unknown.
    pub(crate) line: u32,
    pub(crate) label: &'a str,
}

/// Returns the exceptions of a stack trace: the thrown one, whose type and message the sender sends
/// elsewhere, then its cause, and so on. Returns nothing if the trace is empty or the language is unknown.
pub(crate) fn parse<'a>(language: &str, trace: &'a str) -> Vec<Trace<'a>> {
    if trace.is_empty() {
        return Vec::new();
    }
    match language {
        // The PHP SDK prints traces like Java.
        "java" | "php" => java::parse(trace),
        "python" => python::parse(trace),
        "javascript" | "nodejs" | "webjs" => javascript::parse(trace),
        "dotnet" => dotnet::parse(trace),
        "go" => go::parse(trace),
        _ => Vec::new(),
    }
}

impl<'a> Trace<'a> {
    /// Makes the thrown exception.
    fn thrown(frames: Vec<Frame<'a>>) -> Trace<'a> {
        Trace { frames, ..Trace::default() }
    }

    /// Parses `Type: message`. Without a colon, the whole text is the type.
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
