//! Converts whole spans, resources and scopes from `wire` to the interface.

use super::values::attributes;
use crate::bindings::spanloom::plugin::spans::{Event, Link, Span, SpanResource, SpanScope, Status};
use crate::{SpanKind, StatusCode};

pub(super) fn span(span: &wire::Span<'_>) -> Span {
    let events = span.events().map(|event| Event {
        time_unix_nano: event.time_unix_nano(),
        name: event.name().to_owned(),
        attributes: attributes(event.attributes()),
    });
    let links = span.links().map(|link| Link {
        trace_id: id::<16>(link.trace_id()),
        span_id: id::<8>(link.span_id()),
        trace_state: link.trace_state().to_owned(),
        attributes: attributes(link.attributes()),
        flags: link.flags(),
    });
    Span {
        trace_id: id::<16>(span.trace_id()),
        span_id: id::<8>(span.span_id()),
        parent_span_id: id::<8>(span.parent_span_id()),
        name: span.name().to_owned(),
        kind: SpanKind::from_number(u8::try_from(span.kind()).unwrap_or_default()),
        start_time_unix_nano: span.start_time_unix_nano(),
        end_time_unix_nano: span.end_time_unix_nano(),
        status: Status {
            code: StatusCode::from_number(u8::try_from(span.status_code()).unwrap_or_default()),
            message: span.status_message().to_owned(),
        },
        attributes: attributes(span.attributes()),
        events: events.collect(),
        links: links.collect(),
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

/// Returns the id, or all zeros if the sender's id had another length.
fn id<const N: usize>(id: &[u8]) -> Vec<u8> {
    if id.len() == N { id.to_vec() } else { vec![0; N] }
}
