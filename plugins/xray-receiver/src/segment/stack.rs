//! Writes the frames of an exception as the sender's language prints a stack trace, so that every back end can
//! show and parse it.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::json::Object;

/// The format of stacks in other languages, and the language of a document that names no SDK.
pub(super) const DEFAULT: &str = "java";

struct Frame<'t> {
    path: Cow<'t, str>,
    line: Option<i64>,
    label: Cow<'t, str>,
}

/// Returns the value of `telemetry.sdk.language`: what follows in the SDK's name, like `X-Ray for Python`.
pub(super) fn language<'t>(document: &'t Object<'t>) -> Option<Cow<'t, str>> {
    let sdk = document.object("aws")?.object("xray")?.text("sdk")?;
    let (_, language) = sdk.split_once("for ")?;
    Some(match language.trim().to_lowercase() {
        language if language.starts_with("node") => Cow::Borrowed("nodejs"),
        language if language.starts_with(".net") => Cow::Borrowed("dotnet"),
        language => Cow::Owned(language),
    })
}

/// Returns the stack trace, or `None` if there are no frames.
pub(super) fn of(exception: &Object<'_>, language: &str) -> Option<String> {
    let frames: Vec<Frame<'_>> = exception.objects("stack").map(Frame::of).collect();
    if frames.is_empty() {
        return None;
    }
    let kind = exception.text("type").unwrap_or_default();
    let message = exception.text("message").unwrap_or_default();
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, language, &format!("{kind}: {message}"), &frames);
    Some(out)
}

fn write(out: &mut String, language: &str, thrown: &str, frames: &[Frame<'_>]) -> std::fmt::Result {
    if language == "python" {
        out.push_str("Traceback (most recent call last):\n");
        // The innermost call is the last.
        for Frame { path, line, label } in frames.iter().rev() {
            writeln!(out, "  File \"{path}\", line {}, in {label}", line.unwrap_or_default())?;
        }
        return writeln!(out, "{thrown}");
    }
    writeln!(out, "{thrown}")?;
    if language == "go" {
        writeln!(out, "\ngoroutine 1 [running]:")?;
    }
    for frame in frames {
        let Frame { path, line, label } = frame;
        let place = frame.place();
        match language {
            "go" => writeln!(out, "{label}\n\t{path}:{}", line.unwrap_or_default())?,
            "nodejs" if label.is_empty() => writeln!(out, "    at {place}")?,
            "nodejs" => writeln!(out, "    at {label} ({place})")?,
            "dotnet" => writeln!(out, "   at {label} in {path}:line {}", line.unwrap_or_default())?,
            _ => writeln!(out, "\tat {label}({place})")?,
        }
    }
    Ok(())
}

impl<'t> Frame<'t> {
    fn of(frame: &'t Object<'t>) -> Frame<'t> {
        Frame {
            path: frame.text("path").unwrap_or_default(),
            line: frame.int("line"),
            label: frame.text("label").unwrap_or_default(),
        }
    }

    /// Returns `path:line`, or the path alone.
    fn place(&self) -> String {
        self.line.map_or_else(|| self.path.to_string(), |line| format!("{}:{line}", self.path))
    }
}
