//! One attribute (or field) across all rows of a batch.

use std::fmt;

use crate::{EditError, Value};

/// Text of some rows, in one arena.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextColumn {
    arena: String,
    ends: Vec<u32>,
    rows: Vec<u32>,
}

/// Numbers of some rows, as 64-bit patterns with their kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberColumn {
    bits: Vec<u64>,
    kinds: Vec<NumberKind>,
    rows: Vec<u32>,
}

/// How to read 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberKind {
    Int,
    Double,
    Bool,
}

/// Why something is not a column, or not one of this batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnError {
    /// A list is not as long as the list of rows.
    Length { rows: usize, values: usize },
    /// Rows are not in ascending order, or one is named twice.
    Order { at: usize },
    /// A text does not end after it begins, within the arena, between two characters.
    End { at: usize },
}

impl TextColumn {
    /// `ends[i]` is where the text of row `rows[i]` ends in `arena`; it begins where the one before ends.
    /// Rows ascend; those not named have no text.
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

    /// Of an entry a row, the texts that there are; those that would pass 4 GiB together are left out.
    pub fn of<'a>(rows: impl IntoIterator<Item = Option<&'a str>>) -> TextColumn {
        TextColumn::collect(present(rows.into_iter().map(|text| text.map(str::as_bytes))))
    }

    pub fn arena(&self) -> &str {
        &self.arena
    }

    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The rows that have a text, ascending.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub fn into_parts(self) -> (String, Vec<u32>, Vec<u32>) {
        (self.arena, self.ends, self.rows)
    }

    /// Rows and their texts.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        let mut start = 0;
        self.rows.iter().zip(&self.ends).map(move |(row, end)| {
            let text = self.arena.get(start..*end as usize).unwrap_or_default();
            start = *end as usize;
            (*row, text)
        })
    }

    /// The column of what `texts` yields, by ascending rows, each of them UTF-8; what would pass 4 GiB is left out.
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
        // Looked at once, not text by text.
        TextColumn { arena: String::from_utf8(arena).unwrap_or_default(), ends, rows }
    }
}

impl NumberColumn {
    /// Rows ascend; those not named have no number.
    pub fn new(bits: Vec<u64>, kinds: Vec<NumberKind>, rows: Vec<u32>) -> Result<NumberColumn, ColumnError> {
        check_rows(&rows, bits.len())?;
        check_rows(&rows, kinds.len())?;
        Ok(NumberColumn { bits, kinds, rows })
    }

    /// `i64` in two's complement, `f64` as IEEE 754, `bool` as 0 or 1.
    pub fn bits(&self) -> &[u64] {
        &self.bits
    }

    pub fn kinds(&self) -> &[NumberKind] {
        &self.kinds
    }

    /// The rows that have a number, ascending.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, NumberKind, u64)> {
        self.rows.iter().zip(&self.kinds).zip(&self.bits).map(|((row, kind), bits)| (*row, *kind, *bits))
    }

    /// The column of what `numbers` yields, by ascending rows.
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
    /// The kind and the 64 bits of a value that is a number or a bool.
    pub fn of(value: Value<'_>) -> Option<(NumberKind, u64)> {
        match value {
            Value::Int(value) => Some((NumberKind::Int, value.cast_unsigned())),
            Value::Double(value) => Some((NumberKind::Double, value.to_bits())),
            Value::Bool(value) => Some((NumberKind::Bool, u64::from(value))),
            _ => None,
        }
    }

    /// What 64 bits of this kind mean.
    pub fn value(self, bits: u64) -> Value<'static> {
        match self {
            NumberKind::Int => Value::Int(bits.cast_signed()),
            NumberKind::Double => Value::Double(f64::from_bits(bits)),
            NumberKind::Bool => Value::Bool(bits != 0),
        }
    }
}

/// The rows that have something, and what it is.
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

/// Whether all rows named are rows of a batch of `len`.
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
