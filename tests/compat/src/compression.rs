//! The encodings of the Collector's servers and clients, named as in `Content-Encoding`.

use std::io::{Read, Write};

use anyhow::{Result, bail};
use flate2::{Compression, read, write};

/// No body of this comparison is larger when it is inflated.
const LIMIT_BYTES: u64 = 256 << 20;

/// Returns the body in this encoding.
pub(crate) fn deflate(coding: &str, body: &[u8]) -> Result<Vec<u8>> {
    let level = Compression::default();
    Ok(match coding {
        "" | "none" | "identity" => body.to_vec(),
        "gzip" => {
            let mut gzip = write::GzEncoder::new(Vec::new(), level);
            gzip.write_all(body)?;
            gzip.finish()?
        }
        "zlib" | "deflate" => {
            let mut zlib = write::ZlibEncoder::new(Vec::new(), level);
            zlib.write_all(body)?;
            zlib.finish()?
        }
        "zstd" => zstd::encode_all(body, 3)?,
        "snappy" => snap::raw::Encoder::new().compress_vec(body)?,
        "x-snappy-framed" => {
            let mut framed = snap::write::FrameEncoder::new(Vec::new());
            framed.write_all(body)?;
            framed.into_inner().map_err(|error| error.error().kind()).map_err(std::io::Error::from)?
        }
        "lz4" => {
            let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
            lz4.write_all(body)?;
            lz4.finish()?
        }
        other => bail!("no encoding {other}"),
    })
}

/// Returns the plain bytes of a body in this encoding.
pub(crate) fn inflate(coding: &str, body: &[u8]) -> Result<Vec<u8>> {
    let reader: Box<dyn Read + '_> = match coding {
        "" | "none" | "identity" => return Ok(body.to_vec()),
        "gzip" => Box::new(read::GzDecoder::new(body)),
        "zlib" | "deflate" => Box::new(read::ZlibDecoder::new(body)),
        "zstd" => Box::new(zstd::Decoder::new(body)?),
        // The name stands for both formats; a framed body begins with the identifier of the stream.
        "snappy" if !body.starts_with(b"\xff\x06\x00\x00sNaPpY") => {
            return Ok(snap::raw::Decoder::new().decompress_vec(body)?);
        }
        "snappy" | "x-snappy-framed" => Box::new(snap::read::FrameDecoder::new(body)),
        "lz4" => Box::new(lz4_flex::frame::FrameDecoder::new(body)),
        other => bail!("no encoding {other}"),
    };
    let mut plain = Vec::new();
    reader.take(LIMIT_BYTES).read_to_end(&mut plain)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scenario: a body goes through each encoding and back.
    /// Guarantees: every name that the tables use works in both directions.
    #[test]
    fn every_encoding_gives_the_body_back() {
        for coding in ["", "gzip", "zlib", "deflate", "zstd", "snappy", "x-snappy-framed", "lz4"] {
            let packed = deflate(coding, b"the same bytes").unwrap();
            assert_eq!(inflate(coding, &packed).unwrap(), b"the same bytes", "{coding}");
        }
    }
}
