//! Reads one attribute of all spans of a batch and of their resources.

use spanloom_plugin::{NumberColumn, SpanBatch, TextColumn, Value};

use crate::Part;

/// The values of one attribute. Texts and numbers are read in at most four calls to the host.
#[derive(Debug)]
pub struct Attribute {
    texts: TextColumn,
    numbers: NumberColumn,
    resource_texts: TextColumn,
    resource_numbers: NumberColumn,
    /// The lists, maps, bytes and empty values, with their rows.
    nested: Vec<(u32, Value)>,
    resource_nested: Vec<(u32, Value)>,
}

/// Knows the attributes that are lists, maps or bytes in spans.
///
/// To read such a value takes a call to the host for each span that may have it, and hardly any attribute has
/// one. So a few spans of each batch are looked at, others each time, until one has such a value. From then
/// on every span is looked at.
#[derive(Clone, Debug, Default)]
pub struct Nested {
    keys: Vec<String>,
    turn: usize,
}

impl Attribute {
    pub fn read(spans: &SpanBatch, key: &str, nested: &mut Nested) -> Attribute {
        let mut attribute = Attribute::read_text(spans, key);
        let len = spans.len();
        if attribute.texts.len() < len {
            attribute.numbers = spans.numbers(key);
            let rows = missing(len, &attribute.texts, &attribute.numbers);
            attribute.nested = nested.read(spans, key, &rows);
        }
        let resources = spans.resource_count();
        if attribute.resource_texts.len() < resources {
            attribute.resource_numbers = spans.resource_numbers(key);
            let rows = missing(resources, &attribute.resource_texts, &attribute.resource_numbers);
            let value = |row: u32| Some((row, spans.resource_get(row, key)?));
            attribute.resource_nested = rows.into_iter().filter_map(value).collect();
        }
        attribute
    }

    /// Does the same as [`read`](Attribute::read) for an attribute that only counts if it is a text.
    pub fn read_text(spans: &SpanBatch, key: &str) -> Attribute {
        Attribute {
            texts: spans.text(key),
            numbers: [].into_iter().collect(),
            resource_texts: spans.resource_text(key),
            resource_numbers: [].into_iter().collect(),
            nested: Vec::new(),
            resource_nested: Vec::new(),
        }
    }

    /// Returns one entry per span, or an empty list if no span has the attribute.
    pub fn of_spans(&self, len: usize) -> Vec<Option<Part<'_>>> {
        dense(&self.texts, &self.numbers, &self.nested, len)
    }

    /// Returns one entry per resource, or an empty list if no resource has the attribute.
    pub fn of_resources(&self, len: usize) -> Vec<Option<Part<'_>>> {
        dense(&self.resource_texts, &self.resource_numbers, &self.resource_nested, len)
    }
}

impl Nested {
    /// How many spans of a batch are looked at until one has such a value.
    const PROBES: usize = 4;

    /// Knows the attributes that an earlier instance knew.
    pub fn of(keys: Vec<String>) -> Nested {
        Nested { keys, turn: 0 }
    }

    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Returns the values of these rows, which have the attribute neither as a text nor as a number.
    fn read(&mut self, spans: &SpanBatch, key: &str, rows: &[u32]) -> Vec<(u32, Value)> {
        let value = |row: &u32| Some((*row, spans.get(*row, key)?));
        if !self.keys.iter().any(|known| known == key) {
            let step = rows.len().div_ceil(Nested::PROBES).max(1);
            self.turn = self.turn.wrapping_add(1);
            if !rows.iter().skip(self.turn % step).step_by(step).any(|row| value(row).is_some()) {
                return Vec::new();
            }
            self.keys.push(key.to_owned());
        }
        rows.iter().filter_map(value).collect()
    }
}

/// Returns the rows that are in neither column.
fn missing(len: usize, texts: &TextColumn, numbers: &NumberColumn) -> Vec<u32> {
    if texts.len() + numbers.len() >= len {
        return Vec::new();
    }
    let mut present = vec![false; len];
    for row in texts.rows.iter().chain(&numbers.rows) {
        present.get_mut(*row as usize).into_iter().for_each(|present| *present = true);
    }
    (0..).zip(present).filter(|(_, present)| !present).map(|(row, _)| row).collect()
}

fn dense<'a>(
    texts: &'a TextColumn,
    numbers: &'a NumberColumn,
    nested: &'a [(u32, Value)],
    len: usize,
) -> Vec<Option<Part<'a>>> {
    if texts.is_empty() && numbers.is_empty() && nested.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![None; len];
    let texts = texts.iter().map(|(row, text)| (row, Part::Text(text)));
    let numbers = numbers.iter().map(|(row, number)| (row, number.into()));
    let nested = nested.iter().map(|(row, value)| (*row, value.into()));
    for (row, part) in texts.chain(numbers).chain(nested) {
        if let Some(entry) = parts.get_mut(row as usize) {
            *entry = Some(part);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use spanloom_plugin::testing;

    use super::*;

    #[test]
    fn a_value_of_every_type_is_read() {
        let value = |attribute: &str| format!(r#"{{"name": "a", "attributes": [{attribute}]}}"#);
        let spans = [
            r#"{"key": "n", "value": {"stringValue": "x"}}"#,
            r#"{"key": "n", "value": {"intValue": "1"}}"#,
            "",
            r#"{"key": "n", "value": {"arrayValue": {"values": [{"intValue": "1"}]}}}"#,
            r#"{"key": "n", "value": {"bytesValue": "/wA="}}"#,
            r#"{"key": "n", "value": {}}"#,
        ];
        let resource = r#"{"key": "n", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": true}}]}}}"#;
        let json = format!(
            r#"{{"resourceSpans": [{{"resource": {{"attributes": [{resource}]}}, "scopeSpans": [{{"spans": [{}]}}]}}]}}"#,
            spans.map(value).join(",")
        );
        let spans = testing::from_json(&json).expect("spans");
        let mut nested = Nested::default();
        let attribute = Attribute::read(&spans, "n", &mut nested);
        let parts = [
            Some(Part::Text("x")),
            Some(Part::Int(1)),
            None,
            Some(Part::Json("[1]")),
            Some(Part::Bytes(&[255, 0])),
            Some(Part::Json("null")),
        ];
        assert_eq!(attribute.of_spans(6), parts);
        assert_eq!(attribute.of_resources(1), [Some(Part::Json(r#"{"k":true}"#))]);
        assert_eq!(nested.keys(), ["n"]);
    }

    #[test]
    fn a_list_among_many_spans_is_found_in_the_end() {
        let span = |number: usize| {
            let attributes =
                if number == 13 { r#"{"key": "n", "value": {"arrayValue": {"values": []}}}"# } else { "" };
            format!(r#"{{"name": "a", "attributes": [{attributes}]}}"#)
        };
        let spans: Vec<String> = (0..100).map(span).collect();
        let json =
            format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{}]}}]}}]}}"#, spans.join(","));
        let mut nested = Nested::default();
        let found = (0..25).filter(|_| {
            let spans = testing::from_json(&json).expect("spans");
            !Attribute::read(&spans, "n", &mut nested).of_spans(100).is_empty()
        });
        assert!(found.count() > 0);
    }
}
