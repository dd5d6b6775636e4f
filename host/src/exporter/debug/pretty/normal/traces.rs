use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    trace::v1::{ResourceSpans, Span, span::SpanKind, status::StatusCode},
};

use super::{ATTRIBUTE_LIMIT, NAME_WIDTH, SERVICE_WIDTH, VALUE_WIDTH, inline};
use crate::exporter::debug::pretty::{
    color::{Paint, Style},
    table::{Cell, Table, cell, left, right},
    text::{clock_nano, duration, escape, fit, short_hex},
    tree::{self, INDENT_LIMIT},
    value::{as_str, service_name},
};

/// The attributes that say most about a span, the best first.
const KEY_ATTRIBUTES: [&str; 13] = [
    "http.response.status_code",
    "http.status_code",
    "error.type",
    "db.query.text",
    "db.statement",
    "db.operation.name",
    "rpc.response.status_code",
    "rpc.method",
    "messaging.destination.name",
    "url.full",
    "http.url",
    "url.path",
    "http.target",
];

pub(super) fn render(resources: &[ResourceSpans], paint: Paint) -> String {
    let (services, spans): (Vec<&str>, Vec<&Span>) = resources
        .iter()
        .flat_map(|resource| {
            let service = service_name(resource.resource.as_ref().map_or(&[], |of| of.attributes.as_slice()));
            let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
            spans.map(move |span| (service, span))
        })
        .unzip();
    let columns = [left(12), left(12), left(32), left(8), right(7), left(5), left(8)];
    let mut table = Table::new(columns, paint);
    for (place, depth) in tree::order(&spans) {
        if let (Some(service), Some(span)) = (services.get(place), spans.get(place)) {
            table.push(cells(service, span, depth), rest(span, paint));
        }
    }
    table.render()
}

fn cells(service: &str, span: &Span, depth: usize) -> [Cell; 7] {
    let indent =
        if depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(depth.min(INDENT_LIMIT) - 1)) };
    let (status, status_style) = match status(span) {
        StatusCode::Unset => ("-", Style::Dim),
        StatusCode::Ok => ("ok", Style::Plain),
        StatusCode::Error => ("error", Style::Error),
    };
    [
        cell(clock_nano(span.start_time_unix_nano), Style::Dim),
        cell(fit(service, SERVICE_WIDTH), Style::service(service)),
        cell(indent + &fit(&span.name, NAME_WIDTH), Style::Bold),
        cell(kind(span), Style::Dim),
        cell(duration(span.start_time_unix_nano, span.end_time_unix_nano), Style::Plain),
        cell(status, status_style),
        cell(short_hex(&span.trace_id), Style::Dim),
    ]
}

/// Returns the error's message, if any, and the attributes that say most.
fn rest(span: &Span, paint: Paint) -> String {
    let message = span.status.as_ref().map_or("", |status| status.message.as_str());
    let message = paint.apply(Style::Error, &escape(message, VALUE_WIDTH));
    let attributes = inline(key_attributes(span).into_iter(), paint);
    if message.is_empty() { attributes } else { format!("{message} {attributes}") }
}

/// Returns the attributes that say most, [`KEY_ATTRIBUTES`] first, without those that the span's name already
/// contains.
fn key_attributes(span: &Span) -> Vec<&KeyValue> {
    let is_news = |attribute: &&KeyValue| {
        as_str(attribute.value.as_ref()).is_none_or(|value| !span.name.contains(value))
    };
    let rank = |attribute: &&KeyValue| {
        KEY_ATTRIBUTES.iter().position(|key| *key == attribute.key).unwrap_or(KEY_ATTRIBUTES.len())
    };
    let mut attributes: Vec<&KeyValue> = span.attributes.iter().filter(is_news).collect();
    attributes.sort_by_key(rank);
    attributes.truncate(ATTRIBUTE_LIMIT);
    attributes
}

fn kind(span: &Span) -> &'static str {
    match SpanKind::try_from(span.kind) {
        Ok(SpanKind::Internal) => "INTERNAL",
        Ok(SpanKind::Server) => "SERVER",
        Ok(SpanKind::Client) => "CLIENT",
        Ok(SpanKind::Producer) => "PRODUCER",
        Ok(SpanKind::Consumer) => "CONSUMER",
        Ok(SpanKind::Unspecified) | Err(_) => "-",
    }
}

fn status(span: &Span) -> StatusCode {
    let code = span.status.as_ref().map_or(0, |status| status.code);
    StatusCode::try_from(code).unwrap_or(StatusCode::Unset)
}
