//! The parts that both OTLP exporters share (opentelemetry-proto `docs/specification.md`).

pub mod answer;
pub mod body;
pub mod compression;
pub mod headers;
pub mod proxy;

use crate::component::ExportError;
pub use crate::log_line::with_causes;

/// The largest request that is sent, before compression, as the destination's limit counts.
pub const REQUEST_LIMIT_BYTES: usize = 64 << 20;
/// The largest answer that is read.
pub const RESPONSE_LIMIT_BYTES: usize = 4 << 20;

/// Refuses a request that is larger than any destination has to accept.
pub fn check_size(data: &wire::Batch) -> Result<(), ExportError> {
    let size = data.encoded_len();
    if size <= REQUEST_LIMIT_BYTES {
        return Ok(());
    }
    let message = format!("{size} bytes are more than an OTLP request may have ({REQUEST_LIMIT_BYTES})");
    Err(ExportError::too_large(message))
}
