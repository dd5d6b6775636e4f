//! Columns: one attribute or field across all rows of a batch, as the host passes it.

use crate::bindings::spanloom::plugin::spans;

pub use spans::{NumberColumn, TextColumn};

/// A number with the type that the sender gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Double(f64),
    Bool(bool),
}

/// Ids of `N` bytes, one per row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids<const N: usize>(pub(crate) Vec<u8>);

impl TextColumn {
    /// Returns a column without texts, with capacity for `rows` texts of `arena_bytes` bytes together.
    pub fn with_capacity(rows: usize, arena_bytes: usize) -> TextColumn {
        TextColumn {
            arena: String::with_capacity(arena_bytes),
            ends: Vec::with_capacity(rows),
            rows: Vec::with_capacity(rows),
        }
    }

    /// Returns how many rows have a text.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether no row has a text.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Iterates over rows and their texts in ascending order, without copying.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        let mut start = 0;
        self.rows.iter().zip(&self.ends).map(move |(row, end)| {
            let text = self.arena.get(start..*end as usize).unwrap_or_default();
            start = *end as usize;
            (*row, text)
        })
    }

    /// Returns the text of one row, found by binary search.
    pub fn get(&self, row: u32) -> Option<&str> {
        let at = self.rows.binary_search(&row).ok()?;
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.arena.get(start as usize..*self.ends.get(at)? as usize)
    }

    /// Returns one entry per row of a batch of `len` rows.
    pub fn dense(&self, len: usize) -> Vec<Option<&str>> {
        let mut texts = vec![None; len];
        for (row, text) in self.iter() {
            if let Some(entry) = texts.get_mut(row as usize) {
                *entry = Some(text);
            }
        }
        texts
    }

    /// Adds a text. Rows must ascend, or the host refuses the column.
    pub fn push(&mut self, row: u32, text: &str) {
        self.push_with(row, |arena| arena.push_str(text));
    }

    /// Adds the text that `write` appends to the arena.
    pub fn push_with(&mut self, row: u32, write: impl FnOnce(&mut String)) {
        write(&mut self.arena);
        // The memory of a guest ends at 4 GiB, so the length fits.
        self.ends.push(self.arena.len() as u32);
        self.rows.push(row);
    }

    /// Returns the column of the texts that `edit` changes. `edit` appends the new text to the arena and
    /// returns true, or appends nothing and returns false. No text needs an allocation of its own.
    pub fn filter_map(&self, mut edit: impl FnMut(&str, &mut String) -> bool) -> TextColumn {
        let mut edited = TextColumn::with_capacity(self.len(), self.arena.len());
        for (row, text) in self.iter() {
            if edit(text, &mut edited.arena) {
                edited.push_with(row, |_| ());
            }
        }
        edited
    }
}

impl<S: AsRef<str>> FromIterator<(u32, S)> for TextColumn {
    fn from_iter<I: IntoIterator<Item = (u32, S)>>(texts: I) -> TextColumn {
        let texts = texts.into_iter();
        let mut column = TextColumn::with_capacity(texts.size_hint().0, 0);
        texts.for_each(|(row, text)| column.push(row, text.as_ref()));
        column
    }
}

impl NumberColumn {
    /// Returns how many rows have a number.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether no row has a number.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Iterates over rows and their numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Number)> {
        let numbers = self.bits.iter().zip(&self.kinds);
        self.rows.iter().zip(numbers).map(|(row, (bits, kind))| (*row, Number::of(*kind, *bits)))
    }

    /// Adds a number. Rows must ascend, or the host refuses the column.
    pub fn push(&mut self, row: u32, number: Number) {
        let (kind, bits) = match number {
            Number::Int(value) => (0, value.cast_unsigned()),
            Number::Double(value) => (1, value.to_bits()),
            Number::Bool(value) => (2, u64::from(value)),
        };
        self.bits.push(bits);
        self.kinds.push(kind);
        self.rows.push(row);
    }
}

impl FromIterator<(u32, Number)> for NumberColumn {
    fn from_iter<I: IntoIterator<Item = (u32, Number)>>(numbers: I) -> NumberColumn {
        let mut column = NumberColumn { bits: Vec::new(), kinds: Vec::new(), rows: Vec::new() };
        numbers.into_iter().for_each(|(row, number)| column.push(row, number));
        column
    }
}

impl Number {
    fn of(kind: u8, bits: u64) -> Number {
        match kind {
            0 => Number::Int(bits.cast_signed()),
            1 => Number::Double(f64::from_bits(bits)),
            _ => Number::Bool(bits != 0),
        }
    }

    /// Converts to a double. Ints above 2^53 lose digits; bools are 0 and 1.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Int(value) => value as f64,
            Number::Double(value) => value,
            Number::Bool(value) => f64::from(u8::from(value)),
        }
    }
}

impl<const N: usize> std::ops::Deref for Ids<N> {
    type Target = [[u8; N]];

    fn deref(&self) -> &[[u8; N]] {
        self.0.as_chunks().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column() -> TextColumn {
        TextColumn::from_iter([(1, "a?b"), (4, ""), (5, "é")])
    }

    #[test]
    fn a_column_is_read_by_rows_and_one_by_one() {
        assert_eq!(column().iter().collect::<Vec<_>>(), [(1, "a?b"), (4, ""), (5, "é")]);
        assert_eq!(
            [0, 1, 4, 5, 6].map(|row| column().get(row).map(str::to_owned)),
            [None, Some("a?b".to_owned()), Some(String::new()), Some("é".to_owned()), None]
        );
        assert_eq!(column().dense(5), [None, Some("a?b"), None, None, Some("")]);
    }

    #[test]
    fn an_edit_keeps_the_rows_of_the_texts_it_changes() {
        let edited = column().filter_map(|text, out| {
            let question = text.find('?');
            out.push_str(question.and_then(|at| text.get(..at)).unwrap_or_default());
            question.is_some()
        });
        assert_eq!(edited, TextColumn::from_iter([(1, "a")]));
    }

    #[test]
    fn numbers_come_back_as_they_were_typed() {
        let typed = [(0, Number::Int(-1)), (2, Number::Double(0.5)), (3, Number::Bool(true))];
        assert_eq!(NumberColumn::from_iter(typed).iter().collect::<Vec<_>>(), typed);
        assert_eq!(typed.map(|(_, number)| number.as_f64()), [-1.0, 0.5, 1.0]);
    }
}
