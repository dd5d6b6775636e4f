//! Conversions between the batches of `wire` and the records of `spanloom:plugin/spans@0.1.0`.
//!
//! The host and the SDK each have Rust types of their own for these records, which their generators made. Both include this file
//! and name their types `super::records`.

use wire::NumberKind;

use super::records::{
    Attribute, EditError, Event, FlatAttributes, FlatEvents, FlatLinks, FlatResources, FlatScopes, FlatSpans,
    Link, NumberColumn, Span, SpanKind, SpanResource, SpanScope, Status, StatusCode, TextColumn, Value,
    WrongLength,
};

pub(super) fn value(value: &wire::Value<'_>) -> Value {
    match value {
        wire::Value::Str(text) => Value::Text((*text).to_owned()),
        wire::Value::Int(number) => Value::Int(*number),
        wire::Value::Double(number) => Value::Double(*number),
        wire::Value::Bool(truth) => Value::Bool(*truth),
        wire::Value::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        wire::Value::Empty | wire::Value::Array(_) | wire::Value::KvList(_) => {
            Value::Json(wire::json::value_to_json(value))
        }
    }
}

/// Hands the value to `edit` as `wire` has it.
pub(super) fn with_value(
    value: &Value,
    edit: impl FnOnce(&wire::Value<'_>) -> Result<(), wire::EditError>,
) -> Result<(), EditError> {
    let edited = match value {
        Value::Text(text) => edit(&wire::Value::Str(text)),
        Value::Int(number) => edit(&wire::Value::Int(*number)),
        Value::Double(number) => edit(&wire::Value::Double(*number)),
        Value::Bool(truth) => edit(&wire::Value::Bool(*truth)),
        Value::Bytes(bytes) => edit(&wire::Value::Bytes(bytes)),
        Value::Json(json) => {
            let value = wire::json::value_from_json(json);
            edit(&value.map_err(|error| EditError::BadValue(error.to_string()))?.get())
        }
    };
    edited.map_err(edit_error)
}

pub(super) fn edit_error(error: wire::EditError) -> EditError {
    match error {
        wire::EditError::Row { row, .. } => EditError::NoSuchRow(row as u32),
        wire::EditError::Length { rows, values } => {
            EditError::WrongLength(WrongLength { expected: rows as u32, given: values as u32 })
        }
        wire::EditError::Size | wire::EditError::Parts { .. } => EditError::TooLarge,
        wire::EditError::Depth => EditError::BadValue(error.to_string()),
    }
}

pub(super) fn text_column(column: wire::TextColumn) -> TextColumn {
    let (arena, ends, rows) = column.into_parts();
    TextColumn { arena, ends, rows }
}

pub(super) fn number_column(column: &wire::NumberColumn) -> NumberColumn {
    NumberColumn {
        bits: column.bits().to_vec(),
        kinds: column.kinds().iter().map(|kind| *kind as u8).collect(),
        rows: column.rows().to_vec(),
    }
}

pub(super) fn to_text_column(column: TextColumn) -> Result<wire::TextColumn, EditError> {
    wire::TextColumn::new(column.arena, column.ends, column.rows).map_err(column_error)
}

pub(super) fn to_number_column(column: NumberColumn) -> Result<wire::NumberColumn, EditError> {
    let kind = |kind: &u8| match kind {
        0 => Ok(NumberKind::Int),
        1 => Ok(NumberKind::Double),
        2 => Ok(NumberKind::Bool),
        other => Err(EditError::BadColumn(format!("{other} is no kind of number"))),
    };
    let kinds = column.kinds.iter().map(kind).collect::<Result<_, _>>()?;
    wire::NumberColumn::new(column.bits, kinds, column.rows).map_err(column_error)
}

fn column_error(error: wire::ColumnError) -> EditError {
    EditError::BadColumn(error.to_string())
}

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

fn attributes<'a>(attributes: impl Iterator<Item = (&'a str, wire::Value<'a>)>) -> Vec<Attribute> {
    attributes.map(|(key, of)| Attribute { key: key.to_owned(), value: value(&of) }).collect()
}

/// An id as it came; all zeros where the sender's had another length.
fn id<const LEN: usize>(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() == LEN { bytes.to_vec() } else { vec![0; LEN] }
}

/// In the columns of kinds and status codes: a number that OTLP does not have.
const UNKNOWN: u8 = u8::MAX;

pub(super) fn kind_number(kind: i32) -> u8 {
    u8::try_from(kind).ok().filter(|kind| *kind <= 5).unwrap_or(UNKNOWN)
}

pub(super) fn status_number(code: i32) -> u8 {
    u8::try_from(code).ok().filter(|code| *code <= 2).unwrap_or(UNKNOWN)
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

/// Every field of every span: the lists move, nothing is copied.
pub(super) fn flat_spans(flat: wire::FlatSpans) -> FlatSpans {
    FlatSpans {
        arena: flat.arena,
        ends: flat.ends,
        bytes: flat.bytes,
        trace_ids: flat.trace_ids,
        span_ids: flat.span_ids,
        parent_span_ids: flat.parent_span_ids,
        start_times_unix_nano: flat.start_times_unix_nano,
        end_times_unix_nano: flat.end_times_unix_nano,
        kinds: flat.kinds,
        status_codes: flat.status_codes,
        flags: flat.flags,
        names: flat.names,
        status_messages: flat.status_messages,
        trace_states: flat.trace_states,
        scopes: flat.scopes,
        attribute_ends: flat.attribute_ends,
        event_ends: flat.event_ends,
        link_ends: flat.link_ends,
        attributes: flat_attributes(flat.attributes),
        events: FlatEvents {
            times_unix_nano: flat.events.times_unix_nano,
            names: flat.events.names,
            attribute_ends: flat.events.attribute_ends,
            attributes: flat_attributes(flat.events.attributes),
        },
        links: FlatLinks {
            trace_ids: flat.links.trace_ids,
            span_ids: flat.links.span_ids,
            trace_states: flat.links.trace_states,
            flags: flat.links.flags,
            attribute_ends: flat.links.attribute_ends,
            attributes: flat_attributes(flat.links.attributes),
        },
        scope_table: FlatScopes {
            resources: flat.scope_table.resources,
            names: flat.scope_table.names,
            versions: flat.scope_table.versions,
            schema_urls: flat.scope_table.schema_urls,
            attribute_ends: flat.scope_table.attribute_ends,
            attributes: flat_attributes(flat.scope_table.attributes),
        },
        resource_table: FlatResources {
            schema_urls: flat.resource_table.schema_urls,
            attribute_ends: flat.resource_table.attribute_ends,
            attributes: flat_attributes(flat.resource_table.attributes),
        },
    }
}

fn flat_attributes(flat: wire::FlatAttributes) -> FlatAttributes {
    FlatAttributes { keys: flat.keys, kinds: flat.kinds, values: flat.values }
}
