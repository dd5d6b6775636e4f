//! Columns: one attribute or field across all rows of a batch.

use std::fmt;

use crate::{EditError, Value};

/// The texts of some rows, in one arena.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextColumn {
    arena: String,
    ends: Vec<u32>,
    rows: Vec<u32>,
}

/// The numbers of some rows, as 64-bit patterns with their kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberColumn {
    bits: Vec<u64>,
    kinds: Vec<NumberKind>,
    rows: Vec<u32>,
}

/// How 64 bits are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    Int,
    Double,
    Bool,
}

/// Why lists do not make a column, or why a column does not fit its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnError {
    /// A list has another length than the list of rows.
    Length { rows: usize, values: usize },
    /// Rows do not ascend, or a row occurs twice.
    Order { at: usize },
    /// A text ends before it begins, outside the arena, or within a character.
    End { at: usize },
}

impl TextColumn {
    /// Makes a column. The text of row `rows[i]` ends at `ends[i]` in `arena` and begins where the text
    /// before it ends. Rows must ascend. Rows that are not in `rows` have no text.
    pub fn new(arena: String, ends: Vec<u32>, rows: Vec<u32>) -> Result<TextColumn, ColumnError> {
        check_rows(&rows, ends.len())?;
        let mut start = 0;
        for (at, end) in ends.iter().enumerate() {
            if *end < start || !arena.is_char_boundary(*end as usize) {
                return Err(ColumnError::End { at });
            }
            start = *end;
        }
        Ok(TextColumn { arena, ends, rows })
    }

    /// Makes a column of an iterator with one entry per row. Texts after the first 4 GiB are left out.
    pub fn of<'a>(rows: impl IntoIterator<Item = Option<&'a str>>) -> TextColumn {
        TextColumn::collect(present(rows.into_iter().map(|text| text.map(str::as_bytes))))
    }

    pub fn arena(&self) -> &str {
        &self.arena
    }

    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Returns the rows that have a text, in ascending order.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub fn into_parts(self) -> (String, Vec<u32>, Vec<u32>) {
        (self.arena, self.ends, self.rows)
    }

    /// Iterates over rows and their texts.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        let mut start = 0;
        self.rows.iter().zip(&self.ends).map(move |(row, end)| {
            let text = self.arena.get(start..*end as usize).unwrap_or_default();
            start = *end as usize;
            (*row, text)
        })
    }

    /// Makes a column of rows and their texts. The rows must ascend and the texts must be UTF-8. Texts after
    /// the first 4 GiB are left out.
    pub(crate) fn collect<'a>(texts: impl Iterator<Item = (usize, &'a [u8])>) -> TextColumn {
        let most = texts.size_hint().1.unwrap_or(0);
        let (mut arena, mut ends, mut rows) =
            (Vec::new(), Vec::with_capacity(most), Vec::with_capacity(most));
        for (row, text) in texts {
            let Ok(end) = u32::try_from(arena.len() + text.len()) else { break };
            arena.extend_from_slice(text);
            ends.push(end);
            rows.push(row as u32);
        }
        // UTF-8 is checked once for all texts, not text by text.
        TextColumn { arena: String::from_utf8(arena).unwrap_or_default(), ends, rows }
    }
}

impl NumberColumn {
    /// Makes a column. Rows must ascend. Rows that are not in `rows` have no number.
    pub fn new(bits: Vec<u64>, kinds: Vec<NumberKind>, rows: Vec<u32>) -> Result<NumberColumn, ColumnError> {
        check_rows(&rows, bits.len())?;
        check_rows(&rows, kinds.len())?;
        Ok(NumberColumn { bits, kinds, rows })
    }

    /// Returns the numbers: `i64` in two's complement, `f64` as IEEE 754, `bool` as 0 or 1.
    pub fn bits(&self) -> &[u64] {
        &self.bits
    }

    pub fn kinds(&self) -> &[NumberKind] {
        &self.kinds
    }

    /// Returns the rows that have a number, in ascending order.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, NumberKind, u64)> {
        self.rows.iter().zip(&self.kinds).zip(&self.bits).map(|((row, kind), bits)| (*row, *kind, *bits))
    }

    /// Makes a column of rows and their numbers. The rows must ascend.
    pub(crate) fn collect(numbers: impl Iterator<Item = (usize, (NumberKind, u64))>) -> NumberColumn {
        let mut column = NumberColumn::default();
        for (row, (kind, bits)) in numbers {
            column.bits.push(bits);
            column.kinds.push(kind);
            column.rows.push(row as u32);
        }
        column
    }
}

impl NumberKind {
    /// Returns the kind and the 64 bits of a value that is a number or a bool.
    pub fn of(value: Value<'_>) -> Option<(NumberKind, u64)> {
        match value {
            Value::Int(value) => Some((NumberKind::Int, value.cast_unsigned())),
            Value::Double(value) => Some((NumberKind::Double, value.to_bits())),
            Value::Bool(value) => Some((NumberKind::Bool, u64::from(value))),
            _ => None,
        }
    }

    /// Returns the value that 64 bits of this kind stand for.
    pub fn value(self, bits: u64) -> Value<'static> {
        match self {
            NumberKind::Int => Value::Int(bits.cast_signed()),
            NumberKind::Double => Value::Double(f64::from_bits(bits)),
            NumberKind::Bool => Value::Bool(bits != 0),
        }
    }
}

/// Yields the rows that have a value, each with its value.
pub(crate) fn present<T>(rows: impl Iterator<Item = Option<T>>) -> impl Iterator<Item = (usize, T)> {
    rows.enumerate().filter_map(|(row, value)| Some((row, value?)))
}

fn check_rows(rows: &[u32], values: usize) -> Result<(), ColumnError> {
    if rows.len() != values {
        return Err(ColumnError::Length { rows: rows.len(), values });
    }
    match rows.windows(2).position(|pair| !matches!(pair, [a, b] if a < b)) {
        Some(at) => Err(ColumnError::Order { at: at + 1 }),
        None => Ok(()),
    }
}

/// Checks that all rows are within a batch of `len` rows.
pub(crate) fn check_last(rows: &[u32], len: usize) -> Result<(), EditError> {
    match rows.last() {
        Some(row) if *row as usize >= len => Err(EditError::Row { row: *row as usize, rows: len }),
        _ => Ok(()),
    }
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { rows, values } => write!(f, "{values} values for {rows} rows"),
            Self::Order { at } => write!(f, "row {at} of the column does not come after the one before"),
            Self::End { at } => write!(f, "text {at} of the column ends where no text can"),
        }
    }
}

impl std::error::Error for ColumnError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_do_not_add_up_are_refused() {
        let text = |ends: &[u32], rows: &[u32]| TextColumn::new("aé".into(), ends.to_vec(), rows.to_vec());
        assert_eq!(text(&[1], &[0, 1]), Err(ColumnError::Length { rows: 2, values: 1 }));
        assert_eq!(text(&[1, 1], &[1, 1]), Err(ColumnError::Order { at: 1 }));
        assert_eq!(text(&[1, 0], &[0, 1]), Err(ColumnError::End { at: 1 }));
        assert_eq!(text(&[2], &[0]), Err(ColumnError::End { at: 0 }));
        assert_eq!(text(&[4], &[0]), Err(ColumnError::End { at: 0 }));
        let column = text(&[1, 3], &[2, 5]).expect("a column");
        assert_eq!(column.iter().collect::<Vec<_>>(), [(2, "a"), (5, "é")]);
        assert_eq!(TextColumn::of([None, None, Some("a"), None, None, Some("é")]), column);
    }
}
