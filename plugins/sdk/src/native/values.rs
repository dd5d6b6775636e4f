//! Converts values, columns and errors between the interface and `wire`.

use wire::NumberKind;

use crate::bindings::spanloom::plugin::spans::{Attribute, WrongLength};
use crate::{EditError, NumberColumn, TextColumn, Value};

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

pub(super) fn attributes<'a>(attributes: impl Iterator<Item = (&'a str, wire::Value<'a>)>) -> Vec<Attribute> {
    attributes.map(|(key, of)| Attribute { key: key.to_owned(), value: value(&of) }).collect()
}

/// Converts the value and passes it to `edit`.
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

pub(super) fn to_text_column(column: &TextColumn) -> Result<wire::TextColumn, EditError> {
    let TextColumn { arena, ends, rows } = column.clone();
    wire::TextColumn::new(arena, ends, rows).map_err(|error| EditError::BadColumn(error.to_string()))
}

pub(super) fn to_number_column(column: &NumberColumn) -> Result<wire::NumberColumn, EditError> {
    let kind = |kind: &u8| match kind {
        0 => Ok(NumberKind::Int),
        1 => Ok(NumberKind::Double),
        2 => Ok(NumberKind::Bool),
        other => Err(EditError::BadColumn(format!("{other} is no kind of number"))),
    };
    let kinds = column.kinds.iter().map(kind).collect::<Result<_, _>>()?;
    let column = wire::NumberColumn::new(column.bits.clone(), kinds, column.rows.clone());
    column.map_err(|error| EditError::BadColumn(error.to_string()))
}
