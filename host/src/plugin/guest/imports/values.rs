//! Attribute values and columns, between the interface and `wire`.

use wire::{ColumnError, EditError as WireEditError, NumberKind};

use crate::plugin::guest::bindings::imported::spans::{
    Attribute, EditError, NumberColumn, TextColumn, Value, WrongLength,
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

pub(super) fn attributes<'a>(attributes: impl Iterator<Item = (&'a str, wire::Value<'a>)>) -> Vec<Attribute> {
    attributes.map(|(key, of)| Attribute { key: key.to_owned(), value: value(&of) }).collect()
}

/// Hands the value to `edit` as `wire` has it.
pub(super) fn with_value(
    value: &Value,
    edit: impl FnOnce(&wire::Value<'_>) -> Result<(), WireEditError>,
) -> Result<(), EditError> {
    let outcome = match value {
        Value::Text(text) => edit(&wire::Value::Str(text)),
        Value::Int(number) => edit(&wire::Value::Int(*number)),
        Value::Double(number) => edit(&wire::Value::Double(*number)),
        Value::Bool(truth) => edit(&wire::Value::Bool(*truth)),
        Value::Bytes(bytes) => edit(&wire::Value::Bytes(bytes)),
        Value::Json(text) => {
            let value =
                wire::json::value_from_json(text).map_err(|why| EditError::BadValue(why.to_string()))?;
            edit(&value.get())
        }
    };
    outcome.map_err(edit_error)
}

pub(super) fn edit_error(error: WireEditError) -> EditError {
    match error {
        WireEditError::Row { row, .. } => EditError::NoSuchRow(row as u32),
        WireEditError::Length { rows, values } => wrong_length(rows, values),
        WireEditError::Size | WireEditError::Parts { .. } => EditError::TooLarge,
        WireEditError::Depth => EditError::BadValue(error.to_string()),
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
    let kinds = (column.kinds.iter())
        .map(|kind| match kind {
            0 => Ok(NumberKind::Int),
            1 => Ok(NumberKind::Double),
            2 => Ok(NumberKind::Bool),
            other => Err(EditError::BadColumn(format!("{other} is no kind of number"))),
        })
        .collect::<Result<_, _>>()?;
    wire::NumberColumn::new(column.bits, kinds, column.rows).map_err(column_error)
}

fn column_error(error: ColumnError) -> EditError {
    EditError::BadColumn(error.to_string())
}

/// A column with an entry a row.
pub(super) fn texts(column: &wire::TextColumn, rows: usize) -> Vec<Option<String>> {
    let mut texts = vec![None; rows];
    for (row, text) in column.iter() {
        if let Some(entry) = texts.get_mut(row as usize) {
            *entry = Some(text.to_owned());
        }
    }
    texts
}

/// A column with an entry a row.
pub(super) fn numbers(column: &wire::NumberColumn, rows: usize) -> Vec<Option<f64>> {
    let mut numbers = vec![None; rows];
    for (row, kind, bits) in column.iter() {
        if let Some(entry) = numbers.get_mut(row as usize) {
            *entry = Some(match kind {
                NumberKind::Double => f64::from_bits(bits),
                NumberKind::Int | NumberKind::Bool => bits.cast_signed() as f64,
            });
        }
    }
    numbers
}

/// The column of the rows that have an entry.
pub(super) fn from_texts(texts: &[Option<String>]) -> Result<wire::TextColumn, EditError> {
    let len = texts.iter().flatten().map(String::len).sum();
    if u32::try_from(len).is_err() {
        return Err(EditError::TooLarge);
    }
    let mut arena = String::with_capacity(len);
    let (mut ends, mut rows) = (Vec::new(), Vec::new());
    for (row, text) in texts.iter().enumerate() {
        if let Some(text) = text {
            arena.push_str(text);
            ends.push(arena.len() as u32);
            rows.push(row as u32);
        }
    }
    wire::TextColumn::new(arena, ends, rows).map_err(column_error)
}

pub(super) fn check_len(given: usize, expected: usize) -> Result<(), EditError> {
    if given == expected {
        return Ok(());
    }
    Err(wrong_length(expected, given))
}

fn wrong_length(expected: usize, given: usize) -> EditError {
    EditError::WrongLength(WrongLength { expected: expected as u32, given: given as u32 })
}
