//! Decompression that never makes more than it is allowed to.

use std::io::{self, Read};

use bytes::Bytes;

/// A `Content-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gzip,
    Zstd,
    /// The zlib format (RFC 9110, section 8.4.1.2).
    Deflate,
}

#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    #[error("the body is larger than {limit_bytes} bytes once decompressed")]
    TooLarge { limit_bytes: usize },
    #[error("the body is not valid {encoding}: {source}")]
    Invalid { encoding: &'static str, source: io::Error },
}

impl Encoding {
    pub const ALL: [Encoding; 3] = [Encoding::Gzip, Encoding::Zstd, Encoding::Deflate];

    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
            Encoding::Deflate => "deflate",
        }
    }

    pub fn from_name(name: &str) -> Option<Encoding> {
        Encoding::ALL.into_iter().find(|encoding| encoding.as_str().eq_ignore_ascii_case(name))
    }
}

/// Stops at the first byte above the limit: memory stays bounded whatever the ratio.
pub fn inflate(encoding: Encoding, compressed: &[u8], limit_bytes: usize) -> Result<Bytes, InflateError> {
    let invalid = |source| InflateError::Invalid { encoding: encoding.as_str(), source };
    let mut reader: Box<dyn Read + '_> = match encoding {
        Encoding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(compressed)),
        Encoding::Deflate => Box::new(flate2::bufread::ZlibDecoder::new(compressed)),
        Encoding::Zstd => Box::new(zstd::Decoder::with_buffer(compressed).map_err(invalid)?),
    };
    // OTLP compresses about fivefold; beyond that the buffer doubles.
    let mut inflated = Vec::with_capacity(compressed.len().saturating_mul(5).min(limit_bytes));
    let limit = u64::try_from(limit_bytes).unwrap_or(u64::MAX);
    reader.by_ref().take(limit.saturating_add(1)).read_to_end(&mut inflated).map_err(invalid)?;
    if inflated.len() > limit_bytes {
        return Err(InflateError::TooLarge { limit_bytes });
    }
    Ok(inflated.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn deflate(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        match encoding {
            Encoding::Gzip => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), level);
                writer.write_all(bytes).unwrap();
                writer.finish().unwrap()
            }
            Encoding::Deflate => {
                let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), level);
                writer.write_all(bytes).unwrap();
                writer.finish().unwrap()
            }
            Encoding::Zstd => zstd::encode_all(bytes, 0).unwrap(),
        }
    }

    #[test]
    fn what_was_compressed_comes_back() {
        for encoding in Encoding::ALL {
            let bytes = b"spans and more spans".repeat(100);
            let compressed = deflate(encoding, &bytes);
            assert_eq!(inflate(encoding, &compressed, bytes.len()).unwrap(), bytes, "{encoding:?}");
        }
    }

    /// 64 MiB of zeros in a few KB: refused at the limit, and only the limit's worth is ever held.
    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        for encoding in Encoding::ALL {
            let bomb = deflate(encoding, &vec![0; 64 << 20]);
            let refused = inflate(encoding, &bomb, 1 << 20);
            assert!(matches!(refused, Err(InflateError::TooLarge { limit_bytes }) if limit_bytes == 1 << 20));
        }
    }

    #[test]
    fn what_is_not_compressed_is_refused() {
        for encoding in Encoding::ALL {
            let refused = inflate(encoding, b"not compressed at all", 1 << 20);
            assert!(matches!(refused, Err(InflateError::Invalid { .. })), "{encoding:?}");
        }
    }

    #[test]
    fn a_body_that_is_cut_short_is_refused() {
        for encoding in Encoding::ALL {
            let mut compressed = deflate(encoding, &b"spans and more spans".repeat(1000));
            compressed.truncate(compressed.len() / 2);
            let refused = inflate(encoding, &compressed, 1 << 20);
            assert!(matches!(refused, Err(InflateError::Invalid { .. })), "{encoding:?}");
        }
    }
}
