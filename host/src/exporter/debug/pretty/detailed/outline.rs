use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::TEXT_LIMIT;
use crate::exporter::debug::pretty::{
    color::{Paint, Style},
    table::width,
    text::{self, escape, hex, timestamp},
    value::{as_str, quoted},
};

/// The width for keys. A longer key does not shift the other values.
const KEY_WIDTH: usize = 36;
/// The most lines that are shown of a text such as a stack trace.
const LINE_LIMIT: usize = 60;

/// Headings, with aligned fields under them.
pub(super) struct Outline {
    out: String,
    paint: Paint,
}

/// The fields under one heading.
#[derive(Default)]
pub(super) struct Fields(Vec<Field>);

struct Field {
    key: String,
    /// The value, escaped line by line.
    lines: Vec<String>,
    style: Style,
}

impl Outline {
    pub(super) fn new(paint: Paint) -> Outline {
        Outline { out: String::new(), paint }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Writes a heading. `title` must already be escaped.
    pub(super) fn heading(&mut self, depth: usize, label: &str, title: &str) {
        let (label, title) = (self.paint.apply(Style::Dim, label), self.paint.apply(Style::Bold, title));
        let gap = if title.is_empty() { "" } else { " " };
        self.line(depth, &format!("{label}{gap}{title}"));
    }

    pub(super) fn fields(&mut self, depth: usize, Fields(fields): Fields) {
        let widest = fields.iter().map(|field| width(&field.key)).max().unwrap_or(0).min(KEY_WIDTH);
        for Field { key, lines, style } in fields {
            let gap = " ".repeat(widest.saturating_sub(width(&key)));
            let key = self.paint.apply(Style::Dim, &key);
            match lines.as_slice() {
                [line] => self.line(depth, &format!("{key}{gap}  {}", self.paint.apply(style, line))),
                lines => {
                    self.line(depth, &key);
                    for line in lines {
                        self.line(depth + 1, &format!("│ {line}"));
                    }
                }
            }
        }
    }

    fn line(&mut self, depth: usize, text: &str) {
        self.out.extend(std::iter::repeat_n("  ", depth));
        self.out.push_str(text);
        self.out.push('\n');
    }
}

impl Fields {
    /// Adds a text unless it is empty.
    pub(super) fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.push(key, escape(text, TEXT_LIMIT), Style::Plain);
        }
    }

    pub(super) fn styled(&mut self, key: &str, text: &str, style: Style) {
        self.push(key, escape(text, TEXT_LIMIT), style);
    }

    /// Adds an id unless it is empty.
    pub(super) fn id(&mut self, key: &str, id: &[u8]) {
        if !id.is_empty() {
            self.push(key, hex(id.get(..TEXT_LIMIT).unwrap_or(id)), Style::Dim);
        }
    }

    /// Adds a time unless it is unknown.
    pub(super) fn time(&mut self, key: &str, unix_nano: u64) {
        if unix_nano > 0 {
            self.push(key, timestamp(unix_nano), Style::Plain);
        }
    }

    /// Adds a number unless it is zero.
    pub(super) fn count(&mut self, key: &str, count: u32) {
        if count > 0 {
            self.push(key, count.to_string(), Style::Plain);
        }
    }

    /// Adds flags unless they are zero.
    pub(super) fn flags(&mut self, flags: u32) {
        if flags > 0 {
            self.push("flags", format!("0x{flags:08x}"), Style::Plain);
        }
    }

    pub(super) fn attributes(&mut self, attributes: &[KeyValue]) {
        for attribute in attributes {
            let lines = match as_str(attribute.value.as_ref()) {
                Some(text) if text.trim_end().contains('\n') => lines(text),
                _ => vec![quoted(attribute.value.as_ref(), TEXT_LIMIT)],
            };
            self.0.push(Field { key: escape(&attribute.key, TEXT_LIMIT), lines, style: Style::Plain });
        }
    }

    fn push(&mut self, key: &str, line: String, style: Style) {
        self.0.push(Field { key: key.to_owned(), lines: vec![line], style });
    }
}

fn lines(text: &str) -> Vec<String> {
    let shown = text.lines().take(LINE_LIMIT).map(|line| escape(&line.replace('\t', "    "), TEXT_LIMIT));
    let mut lines: Vec<String> = shown.collect();
    if text.lines().nth(LINE_LIMIT).is_some() {
        lines.push(format!("…{}", text::length(text.len())));
    }
    lines
}
