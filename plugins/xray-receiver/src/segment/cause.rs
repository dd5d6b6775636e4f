//! Why a segment failed.

use std::borrow::Cow;

use spanloom_plugin::wire::writer::{EventWriter, SpanWriter};

use super::attributes::Attributes;
use super::stack;
use crate::json::{Json, Object};

/// Returns whether a cause says anything.
pub(super) fn is_told(cause: &Json<'_>) -> bool {
    matches!(cause, Json::Text(_) | Json::Object(_))
}

/// Returns the status message: a cause may be the id of an exception in another segment.
pub(super) fn message<'t>(segment: &'t Object<'t>) -> Cow<'t, str> {
    segment.text("cause").unwrap_or_default()
}

/// Returns whether an exception of the document, or of a subsegment in it, has a stack.
pub(super) fn has_stack(segment: &Object<'_>) -> bool {
    exceptions(segment).any(|exception| !exception.list("stack").is_empty())
        || segment.objects("subsegments").any(has_stack)
}

pub(super) fn write_attributes<'t>(segment: &'t Object<'t>, out: &mut Attributes<'_, 't>) {
    let Some(cause) = segment.object("cause") else { return };
    out.text("aws.xray.cause.working_directory", cause.text("working_directory"));
    if let Some(paths) = cause.get("paths") {
        out.push("aws.xray.cause.paths", paths);
    }
}

/// Writes an event for each exception.
pub(super) fn write_events(
    segment: &Object<'_>,
    language: &str,
    time_unix_nano: u64,
    span: &mut SpanWriter<'_>,
) {
    for exception in exceptions(segment) {
        span.event(|event| {
            event.time_unix_nano(time_unix_nano).name("exception");
            write_exception(exception, language, event);
        });
    }
}

fn write_exception(exception: &Object<'_>, language: &str, event: &mut EventWriter<'_>) {
    let mut out = Attributes::new(event.attributes());
    out.text("exception.type", exception.text("type"));
    out.text("exception.message", exception.text("message"));
    out.text("exception.stacktrace", stack::of(exception, language).map(Cow::Owned));
    out.text("aws.xray.exception.id", exception.text("id"));
    out.text("aws.xray.exception.cause", exception.text("cause"));
    if let Some(remote) = exception.bool("remote") {
        out.push("aws.xray.exception.remote", remote);
    }
    for (field, key) in
        [("truncated", "aws.xray.exception.truncated"), ("skipped", "aws.xray.exception.skipped")]
    {
        if let Some(count) = exception.int(field) {
            out.push(key, count);
        }
    }
}

fn exceptions<'t>(segment: &'t Object<'t>) -> impl Iterator<Item = &'t Object<'t>> {
    segment.object("cause").into_iter().flat_map(|cause| cause.objects("exceptions"))
}
