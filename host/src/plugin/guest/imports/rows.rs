//! One span, resource or scope, whole.

use super::values::attributes;
use crate::plugin::guest::bindings::imported::spans::{
    Event, Link, Span, SpanKind, SpanResource, SpanScope, Status, StatusCode,
};

pub(super) fn span(span: &wire::Span<'_>) -> Span {
    Span {
        trace_id: id::<16>(span.trace_id()),
        span_id: id::<8>(span.span_id()),
        parent_span_id: id::<8>(span.parent_span_id()),
        name: span.name().to_owned(),
        kind: kind(span.kind()),
        start_time_unix_nano: span.start_time_unix_nano(),
        end_time_unix_nano: span.end_time_unix_nano(),
        status: Status { code: status_code(span.status_code()), message: span.status_message().to_owned() },
        attributes: attributes(span.attributes()),
        events: span.events().map(|event| self::event(&event)).collect(),
        links: span.links().map(|link| self::link(&link)).collect(),
        trace_state: span.trace_state().to_owned(),
        flags: span.flags(),
        resource: span.resource_number() as u32,
        scope: span.scope_number() as u32,
    }
}

pub(super) fn resource(resource: &wire::Resource<'_>) -> SpanResource {
    SpanResource {
        attributes: attributes(resource.attributes()),
        schema_url: resource.schema_url().to_owned(),
    }
}

pub(super) fn scope(scope: &wire::Scope<'_>) -> SpanScope {
    SpanScope {
        name: scope.name().to_owned(),
        version: scope.version().to_owned(),
        attributes: attributes(scope.attributes()),
        schema_url: scope.schema_url().to_owned(),
    }
}

fn event(event: &wire::Event<'_>) -> Event {
    Event {
        time_unix_nano: event.time_unix_nano(),
        name: event.name().to_owned(),
        attributes: attributes(event.attributes()),
    }
}

fn link(link: &wire::Link<'_>) -> Link {
    Link {
        trace_id: id::<16>(link.trace_id()),
        span_id: id::<8>(link.span_id()),
        trace_state: link.trace_state().to_owned(),
        attributes: attributes(link.attributes()),
        flags: link.flags(),
    }
}

/// All zeros where the sender's had another length.
fn id<const LEN: usize>(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() == LEN { bytes.to_vec() } else { vec![0; LEN] }
}

/// A kind that OTLP does not have is unspecified.
pub(super) fn kind_number(kind: i32) -> u8 {
    u8::try_from(kind).ok().filter(|kind| *kind <= 5).unwrap_or_default()
}

/// A status code that OTLP does not have is unset.
pub(super) fn status_number(code: i32) -> u8 {
    u8::try_from(code).ok().filter(|code| *code <= 2).unwrap_or_default()
}

fn kind(kind: i32) -> SpanKind {
    match kind {
        1 => SpanKind::Internal,
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

fn status_code(code: i32) -> StatusCode {
    match code {
        1 => StatusCode::Ok,
        2 => StatusCode::Error,
        _ => StatusCode::Unset,
    }
}
