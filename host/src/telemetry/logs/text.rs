//! Writes the fields of a text line: `message name=value name="text"`.

use std::{
    collections::BTreeMap,
    fmt::{self, Debug, Write as _},
};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, format::Writer},
};

use crate::log_line::clean::{Clean, VALUE_LIMIT_BYTES, one_line};

pub(super) struct Fields {
    /// The fields of every line, behind its own, with a space before each.
    pub(super) initial: String,
}

/// Returns the fields as text.
pub(super) fn initial(fields: &BTreeMap<String, Value>) -> String {
    let field = |(name, value): (&String, &Value)| format!(" {name}={value}");
    fields.iter().map(field).map(|field| one_line(&field, VALUE_LIMIT_BYTES)).collect()
}

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut line = Line { writer, is_first: true, outcome: Ok(()) };
        fields.record(&mut line);
        line.outcome?;
        line.writer.write_str(&self.initial)
    }
}

struct Line<'w> {
    writer: Writer<'w>,
    is_first: bool,
    outcome: fmt::Result,
}

impl Line<'_> {
    fn field(&mut self, name: &str, value: &dyn Debug) -> fmt::Result {
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        match (name, self.writer.has_ansi_escapes()) {
            ("message", _) => {}
            // The name is italic and the `=` dim.
            (name, true) => write!(self.writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?,
            (name, false) => write!(self.writer, "{name}=")?,
        }
        let mut clean = Clean::new(&mut self.writer, VALUE_LIMIT_BYTES);
        write!(clean, "{value:?}")?;
        clean.finish()
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if self.outcome.is_ok() {
            self.outcome = self.field(field.name(), value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.record_debug(field, &format_args!("{value}")),
            _ => self.record_debug(field, &value),
        }
    }
}
