//! Converts columns to lists with an entry for each row, for languages in which offsets into one text are
//! impractical.

use wire::{EditError, NumberColumn, NumberKind, TextColumn};

/// Returns the texts of a column, with an entry for each row.
pub(in crate::plugin) fn texts(column: &TextColumn, rows: usize) -> Vec<Option<String>> {
    let mut texts = vec![None; rows];
    for (row, text) in column.iter() {
        if let Some(entry) = texts.get_mut(row as usize) {
            *entry = Some(text.to_owned());
        }
    }
    texts
}

/// Returns the numbers of a column, with an entry for each row.
pub(in crate::plugin) fn numbers(column: &NumberColumn, rows: usize) -> Vec<Option<f64>> {
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

/// Returns a column of the rows that have a text.
pub(in crate::plugin) fn from_texts(texts: &[Option<String>]) -> Result<TextColumn, EditError> {
    let len = texts.iter().flatten().map(String::len).sum();
    if u32::try_from(len).is_err() {
        return Err(EditError::Size);
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
    // This cannot fail: rows and ends ascend, and each end is the end of a text.
    TextColumn::new(arena, ends, rows).map_err(|_| EditError::Size)
}
