//! The key `compression` of the OTLP exporters.

use std::io::{self, Write};

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use smallvec::SmallVec;

use crate::config::ConfigError;

/// From this size on, a blocking thread compresses. Below it, the handover costs more than it saves.
const OFF_WORKER_BYTES: usize = 64 << 10;

/// With 1,000 spans, level 6 took seven times as long as level 1, and the result was a fifth smaller. zstd
/// was better in both.
const GZIP_LEVEL: flate2::Compression = flate2::Compression::fast();

/// The value of `compression` as it is written. [`CompressionConfig::read`] converts it.
#[derive(Clone, Debug)]
pub struct CompressionConfig(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
    /// The zlib format under both its names. RFC 9110 calls it deflate.
    Zlib,
    Deflate,
    /// A single block.
    Snappy,
    /// The framing format: under its own name over HTTP, and under the name `snappy` over gRPC.
    SnappyFramed,
    GrpcSnappy,
    /// The frame format.
    Lz4,
}

impl Default for CompressionConfig {
    fn default() -> CompressionConfig {
        CompressionConfig("gzip".to_owned())
    }
}

impl<'de> Deserialize<'de> for CompressionConfig {
    /// A key without a value means no compression, as in the Collector.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<CompressionConfig, D::Error> {
        Option::<String>::deserialize(from).map(|name| CompressionConfig(name.unwrap_or_default()))
    }
}

impl CompressionConfig {
    /// Returns the compression, which must be one that the transport has: [`Compression::GRPC`] or
    /// [`Compression::HTTP`].
    pub fn read(&self, known: &[Compression]) -> Result<Compression, ConfigError> {
        let name = self.0.as_str();
        if matches!(name, "none" | "") {
            return Ok(Compression::None);
        }
        known.iter().copied().find(|known| known.name() == Some(name)).ok_or_else(|| {
            let names: Vec<&str> = known.iter().filter_map(|known| known.name()).collect();
            ConfigError::new(format!("compression: there is no `{name}`, but {} and none", names.join(", ")))
        })
    }
}

impl Compression {
    /// The Collector's compressions over gRPC.
    pub const GRPC: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::GrpcSnappy];
    /// The Collector's compressions over HTTP.
    pub const HTTP: [Compression; 7] = [
        Compression::Gzip,
        Compression::Zstd,
        Compression::Zlib,
        Compression::Deflate,
        Compression::Snappy,
        Compression::SnappyFramed,
        Compression::Lz4,
    ];

    /// Returns the encoding's name in a header, or `None` without compression.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
            Compression::Zlib => Some("zlib"),
            Compression::Deflate => Some("deflate"),
            Compression::Snappy | Compression::GrpcSnappy => Some("snappy"),
            Compression::SnappyFramed => Some("x-snappy-framed"),
            Compression::Lz4 => Some("lz4"),
        }
    }

    /// Returns the chunks as one compressed stream, or unchanged without compression.
    pub async fn compress(self, chunks: SmallVec<[Bytes; 1]>) -> io::Result<SmallVec<[Bytes; 1]>> {
        let size = chunks.iter().map(Bytes::len).sum::<usize>();
        let compressed = match self {
            Compression::None => return Ok(chunks),
            _ if size < OFF_WORKER_BYTES => self.compress_all(&chunks, size)?,
            _ => tokio::task::spawn_blocking(move || self.compress_all(&chunks, size)).await??,
        };
        Ok(SmallVec::from_buf([compressed.into()]))
    }

    fn compress_all(self, chunks: &[Bytes], size: usize) -> io::Result<Vec<u8>> {
        let buffer = Vec::with_capacity(size / 4);
        match self {
            Compression::None => Ok(chunks.concat()),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(buffer, GZIP_LEVEL);
                chunks.iter().try_for_each(|chunk| encoder.write_all(chunk))?;
                encoder.finish()
            }
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(buffer, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                chunks.iter().try_for_each(|chunk| encoder.write_all(chunk))?;
                encoder.finish()
            }
            Compression::Zlib | Compression::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(buffer, GZIP_LEVEL);
                chunks.iter().try_for_each(|chunk| encoder.write_all(chunk))?;
                encoder.finish()
            }
            Compression::Snappy => Ok(snap::raw::Encoder::new().compress_vec(&chunks.concat())?),
            Compression::SnappyFramed | Compression::GrpcSnappy => {
                let mut encoder = snap::write::FrameEncoder::new(buffer);
                chunks.iter().try_for_each(|chunk| encoder.write_all(chunk))?;
                encoder.into_inner().map_err(|error| error.into_error())
            }
            Compression::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(buffer);
                chunks.iter().try_for_each(|chunk| encoder.write_all(chunk))?;
                encoder.finish().map_err(io::Error::from)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Decompresses with the libraries' readers by the encoding's name, so that the name is checked too.
    fn inflated(name: &str, bytes: &[u8], over_grpc: bool) -> Vec<u8> {
        let mut plain = Vec::new();
        match name {
            "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain),
            "zlib" | "deflate" => flate2::read::ZlibDecoder::new(bytes).read_to_end(&mut plain),
            "zstd" => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut plain),
            "snappy" if !over_grpc => return snap::raw::Decoder::new().decompress_vec(bytes).unwrap(),
            "snappy" | "x-snappy-framed" => snap::read::FrameDecoder::new(bytes).read_to_end(&mut plain),
            "lz4" => lz4_flex::frame::FrameDecoder::new(bytes).read_to_end(&mut plain),
            other => panic!("what is {other}?"),
        }
        .unwrap();
        plain
    }

    /// Scenario: small and large chunks take their two paths through every compression of both transports.
    /// Guarantees: each decompresses to the same bytes, and the config finds each by its name.
    #[tokio::test]
    async fn what_is_compressed_can_be_read_again() {
        for size in [10, 3 * OFF_WORKER_BYTES] {
            let chunks: SmallVec<[Bytes; 1]> = (0..3).map(|n| Bytes::from(vec![n; size])).collect();
            assert_eq!(Compression::None.compress(chunks.clone()).await.unwrap(), chunks);
            for (known, over_grpc) in [(&Compression::GRPC[..], true), (&Compression::HTTP, false)] {
                for compression in known {
                    let name = compression.name().unwrap();
                    let compressed = compression.compress(chunks.clone()).await.unwrap();
                    assert_eq!(inflated(name, &compressed[0], over_grpc), chunks.concat(), "{name}");
                    let config = CompressionConfig(name.to_owned());
                    assert_eq!(config.read(known).unwrap(), *compression);
                }
            }
        }
    }

    /// Scenario: the key has no value.
    /// Guarantees: nothing is compressed, as in the Collector.
    #[test]
    fn a_key_without_a_value_is_no_compression() {
        let config: CompressionConfig = serde_json::from_value(serde_json::Value::Null).unwrap();
        assert_eq!(config.read(&Compression::HTTP).unwrap(), Compression::None);
    }

    /// Scenario: the config names a compression that gRPC does not have.
    /// Guarantees: the error names it, and the ones that gRPC has.
    #[test]
    fn an_unknown_compression_is_refused_by_name() {
        let error = CompressionConfig("lz4".to_owned()).read(&Compression::GRPC).unwrap_err();
        let expected = "compression: there is no `lz4`, but gzip, zstd, snappy and none";
        assert!(error.to_string().contains(expected), "{error}");
    }
}
