//! Reads one attribute of all spans of a batch and of their resources.

use spanloom_plugin::{NumberColumn, SpanBatch, TextColumn};

use crate::Part;

/// The values of one attribute, read in at most four calls to the host. Arrays, maps and bytes count as
/// missing.
#[derive(Debug)]
pub struct Attribute {
    texts: TextColumn,
    numbers: NumberColumn,
    resource_texts: TextColumn,
    resource_numbers: NumberColumn,
}

impl Attribute {
    pub fn read(spans: &SpanBatch, key: &str) -> Attribute {
        let mut attribute = Attribute::read_text(spans, key);
        if attribute.texts.len() < spans.len() {
            attribute.numbers = spans.numbers(key);
        }
        attribute.resource_numbers = spans.resource_numbers(key);
        attribute
    }

    /// Does the same as [`read`](Attribute::read) for an attribute that only counts if it is a text.
    pub fn read_text(spans: &SpanBatch, key: &str) -> Attribute {
        Attribute {
            texts: spans.text(key),
            numbers: [].into_iter().collect(),
            resource_texts: spans.resource_text(key),
            resource_numbers: [].into_iter().collect(),
        }
    }

    /// Returns one entry per span, or an empty list if no span has the attribute.
    pub fn of_spans(&self, len: usize) -> Vec<Option<Part<'_>>> {
        dense(&self.texts, &self.numbers, len)
    }

    /// Returns one entry per resource, or an empty list if no resource has the attribute.
    pub fn of_resources(&self, len: usize) -> Vec<Option<Part<'_>>> {
        dense(&self.resource_texts, &self.resource_numbers, len)
    }
}

fn dense<'a>(texts: &'a TextColumn, numbers: &'a NumberColumn, len: usize) -> Vec<Option<Part<'a>>> {
    if texts.is_empty() && numbers.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![None; len];
    let texts = texts.iter().map(|(row, text)| (row, Part::Text(text)));
    for (row, part) in texts.chain(numbers.iter().map(|(row, number)| (row, number.into()))) {
        if let Some(entry) = parts.get_mut(row as usize) {
            *entry = Some(part);
        }
    }
    parts
}
