//! OTLP/JSON (opentelemetry-proto `docs/specification.md`, "JSON Protobuf Encoding"), from the schema.
//!
//! Ids are hex of either case, other bytes base64, enums integers, keys lowerCamelCase, 64-bit integers strings;
//! unknown keys are ignored and `null` is absence. Neither direction builds objects on its way.

mod mend;
mod number;
mod read;
mod text;
mod value;
mod write;

use std::fmt;

use crate::{Batch, Signal};

pub(crate) use value::write_value;
pub use value::{OwnedValue, value_from_json, value_to_json};

/// A JSON request as protobuf. JSON may nest 127 arrays and objects deep. U+FFFD stands for lone surrogates and for what is not
/// UTF-8.
pub fn from_json(signal: Signal, json: &[u8]) -> Result<Vec<u8>, JsonError> {
    from_json_within(signal, json, usize::MAX)
}

/// As [`from_json`], of what takes no more memory than this on the way. Twice the largest request is enough for one of that
/// size.
pub fn from_json_within(signal: Signal, json: &[u8], limit_bytes: usize) -> Result<Vec<u8>, JsonError> {
    let read = |json: &[u8]| read::request(signal.request(), json, limit_bytes);
    read(json).or_else(|error| match mend::mended(json) {
        Some(mended) => read(&mended),
        None => Err(error),
    })
}

/// A batch as one JSON request, without spaces or line breaks.
pub fn to_json(batch: &Batch) -> Vec<u8> {
    let requests = batch.requests();
    let parts: Vec<&[u8]> = requests.iter().map(|request| &request[..]).collect();
    let mut out = Vec::with_capacity(batch.encoded_len() * 2);
    write::message(&mut out, batch.signal().request(), &parts);
    out
}

/// Why a document is not a JSON request: what is wrong, in which key, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// `resourceSpans[0].scopeSpans[0].spans[3].traceId`; empty for the document itself.
    pub path: String,
    /// From 1; 0 if the document ended too early to have lines.
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl JsonError {
    fn new(path: String, error: &serde_json::Error) -> JsonError {
        let (line, column) = (error.line(), error.column());
        let message = error.to_string();
        let place = format!(" at line {line} column {column}");
        let message = message.strip_suffix(&place).unwrap_or(&message).to_owned();
        JsonError { path, line, column, message }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the request" } else { &self.path };
        write!(f, "{path} at line {} column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for JsonError {}
