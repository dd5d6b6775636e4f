//! Encodes one request for the file.

use std::io;

use super::config::{Compression, FileConfig, Format};

/// The default level of zstd: fast, and OTLP becomes three to five times smaller.
const ZSTD_LEVEL: i32 = 3;

/// How requests are encoded.
#[derive(Clone, Copy)]
pub(super) struct Encoding {
    format: Format,
    /// The level of zstd; `None` for no compression.
    zstd_level: Option<i32>,
}

impl Encoding {
    pub(super) fn of(config: &FileConfig) -> Encoding {
        let level = match config.compression_params.level {
            0 => ZSTD_LEVEL,
            level => {
                let levels = zstd::compression_level_range();
                level.clamp(*levels.start(), *levels.end())
            }
        };
        let is_packed = config.compression == Compression::Zstd;
        Encoding { format: config.format, zstd_level: is_packed.then_some(level) }
    }
}

/// Returns the bytes of one request: a line of JSON, or a length and as many bytes.
pub(super) fn encode(data: &wire::Batch, encoding: Encoding) -> io::Result<Vec<u8>> {
    let Encoding { format, zstd_level } = encoding;
    let mut bytes = match format {
        Format::Json => wire::json::to_json(data),
        Format::Proto => data.chunks().concat(),
    };
    match (format, zstd_level) {
        (Format::Json, None) => {
            bytes.push(b'\n');
            Ok(bytes)
        }
        (Format::Proto, None) => prefixed(&bytes),
        (_, Some(level)) => prefixed(&zstd::bulk::compress(&bytes, level)?),
    }
}

fn prefixed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut record = Vec::with_capacity(4 + bytes.len());
    record.extend_from_slice(&length.to_be_bytes());
    record.extend_from_slice(bytes);
    Ok(record)
}
