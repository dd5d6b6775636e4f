use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, Span,
    span::{Event, Link, SpanKind},
    status::StatusCode,
};

use super::{Fields, Outline, TEXT_LIMIT, attributes, resource, scope};
use crate::exporter::debug::pretty::{
    color::Style,
    text::{duration, escape},
    tree,
};

pub(super) fn write(resources: &[ResourceSpans], out: &mut Outline) {
    for of_resource in resources {
        resource(out, of_resource.resource.as_ref(), &of_resource.schema_url);
        for of_scope in &of_resource.scope_spans {
            scope(out, of_scope.scope.as_ref(), &of_scope.schema_url);
            let spans: Vec<&Span> = of_scope.spans.iter().collect();
            for span in tree::order(&spans).into_iter().filter_map(|(place, _)| spans.get(place)) {
                write_span(out, span);
            }
        }
    }
}

fn write_span(out: &mut Outline, span: &Span) {
    out.heading(2, "Span", &escape(&span.name, TEXT_LIMIT));
    let mut fields = Fields::default();
    fields.id("trace id", &span.trace_id);
    fields.id("span id", &span.span_id);
    fields.id("parent id", &span.parent_span_id);
    fields.text("trace state", &span.trace_state);
    fields.flags(span.flags);
    fields.text("kind", &kind(span.kind));
    fields.time("start", span.start_time_unix_nano);
    fields.time("end", span.end_time_unix_nano);
    fields.text("duration", &duration(span.start_time_unix_nano, span.end_time_unix_nano));
    status(&mut fields, span);
    fields.count("dropped events", span.dropped_events_count);
    fields.count("dropped links", span.dropped_links_count);
    out.fields(3, fields);
    attributes(out, 3, &span.attributes, span.dropped_attributes_count);
    for event in &span.events {
        write_event(out, span, event);
    }
    for link in &span.links {
        write_link(out, link);
    }
}

fn status(fields: &mut Fields, span: &Span) {
    let Some(status) = &span.status else { return };
    let (code, style) = match StatusCode::try_from(status.code) {
        Ok(StatusCode::Unset) => ("unset".to_owned(), Style::Dim),
        Ok(StatusCode::Ok) => ("ok".to_owned(), Style::Plain),
        Ok(StatusCode::Error) => ("error".to_owned(), Style::Error),
        Err(_) => (format!("unknown ({})", status.code), Style::Error),
    };
    let separator = if status.message.is_empty() { "" } else { ": " };
    fields.styled("status", &format!("{code}{separator}{}", status.message), style);
}

/// Writes an event. Its time is counted from the start of the span.
fn write_event(out: &mut Outline, span: &Span, event: &Event) {
    let offset = duration(span.start_time_unix_nano, event.time_unix_nano);
    let sign = if offset.starts_with('-') { "" } else { "+" };
    out.heading(3, "event", &format!("{} {sign}{offset}", escape(&event.name, TEXT_LIMIT)));
    let mut fields = Fields::default();
    fields.attributes(&event.attributes);
    fields.count("dropped attributes", event.dropped_attributes_count);
    out.fields(4, fields);
}

fn write_link(out: &mut Outline, link: &Link) {
    out.heading(3, "link", "");
    let mut fields = Fields::default();
    fields.id("trace id", &link.trace_id);
    fields.id("span id", &link.span_id);
    fields.text("trace state", &link.trace_state);
    fields.flags(link.flags);
    fields.attributes(&link.attributes);
    fields.count("dropped attributes", link.dropped_attributes_count);
    out.fields(4, fields);
}

fn kind(kind: i32) -> String {
    match SpanKind::try_from(kind) {
        Ok(kind) => kind.as_str_name().trim_start_matches("SPAN_KIND_").to_owned(),
        Err(_) => format!("unknown ({kind})"),
    }
}
