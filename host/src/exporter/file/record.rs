//! Encodes one request for the file.

use std::io;

use super::{Compression, Format};

/// The default level of zstd: fast, and OTLP becomes three to five times smaller.
const ZSTD_LEVEL: i32 = 3;

/// Returns the bytes of one request: a line of JSON, or a length and as many bytes.
pub(super) fn encode(
    data: &wire::Batch,
    format: Format,
    compression: Option<Compression>,
) -> io::Result<Vec<u8>> {
    let mut bytes = match format {
        Format::Json => wire::json::to_json(data),
        Format::Proto => data.chunks().concat(),
    };
    match (format, compression) {
        (Format::Json, None) => {
            bytes.push(b'\n');
            Ok(bytes)
        }
        (Format::Proto, None) => prefixed(&bytes),
        (_, Some(Compression::Zstd)) => prefixed(&zstd::bulk::compress(&bytes, ZSTD_LEVEL)?),
    }
}

fn prefixed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut record = Vec::with_capacity(4 + bytes.len());
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(bytes);
    Ok(record)
}
