//! Reads and writes OTLP/JSON (opentelemetry-proto `docs/specification.md`, "JSON Protobuf Encoding"), led by
//! the schema.
//!
//! Ids are hex in either case, other bytes are base64, enums are integers, keys are lowerCamelCase, and
//! 64-bit integers are strings. Unknown keys are ignored, and `null` means absent. Neither direction builds
//! objects.

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

/// A JSON request as protobuf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromJson {
    pub bytes: Vec<u8>,
    /// The number of arrays and objects left out because they nested too deep.
    pub cuts: usize,
}

/// Converts a JSON request to protobuf. Lone surrogates and bytes that are not UTF-8 become U+FFFD. What nests more
/// than 127 arrays and objects deep is left out.
pub fn from_json(signal: Signal, json: &[u8]) -> Result<Vec<u8>, JsonError> {
    from_json_within(signal, json, usize::MAX).map(|read| read.bytes)
}

/// Does the same as [`from_json`], but fails if the conversion takes more than `limit_bytes` of memory. To
/// read requests up to some size, allow twice that size.
pub fn from_json_within(signal: Signal, json: &[u8], limit_bytes: usize) -> Result<FromJson, JsonError> {
    let read = |json: &[u8]| read::request(signal.request(), json, limit_bytes);
    read(json).or_else(|error| match mend::mended(json) {
        Some(mended) => read(&mended),
        None => Err(error),
    })
}

/// Writes a batch as one JSON request, without spaces or line breaks.
pub fn to_json(batch: &Batch) -> Vec<u8> {
    let requests = batch.requests();
    let parts: Vec<&[u8]> = requests.iter().map(|request| &request[..]).collect();
    let mut out = Vec::with_capacity(batch.encoded_len() * 2);
    write::message(&mut out, batch.signal().request(), &parts);
    out
}

/// Says why a document is not a JSON request: the fault, the key, and the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The path of the key, like `resourceSpans[0].scopeSpans[0].spans[3].traceId`. Empty for the document
    /// itself.
    pub path: String,
    /// Counted from 1; 0 if the document ends before its first line.
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
