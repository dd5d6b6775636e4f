//! Decompression that never makes more than it is allowed to.

use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::{Buf, Bytes, buf::Reader};
use tokio::time::Instant;

use super::{Held, OverBudget};
use crate::cpu::{self, Work};

/// What comes to no more than this is inflated where it is; more takes longer than others should wait.
const INLINE_BYTES: usize = 128 << 10;
/// Inflating more than this at a time is long work.
const SHORT_BYTES: usize = 4 << 20;
/// What a byte of deflate's can become at the most.
const DEFLATE_RATIO: usize = 1032;
/// What a byte of snappy's can become at the most: 64 of three.
const SNAPPY_RATIO: usize = 22;
/// How OTLP compresses, for who does not say what it comes to.
const USUAL_RATIO: usize = 5;
/// The largest window of the encoders that senders use (RFC 8878 asks for 8 MiB at the least), as a power of two.
const ZSTD_WINDOW_LOG: u32 = 25;

/// A `Content-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gzip,
    Zstd,
    /// The zlib format (RFC 9110, section 8.4.1.2), also under that name.
    Deflate,
    /// One block; or the framing format, as older Collectors and gRPC have it under this name.
    Snappy,
    SnappyFramed,
    /// The frame format.
    Lz4,
}

#[derive(Debug, thiserror::Error)]
pub enum InflateError {
    #[error("the body is larger than {limit_bytes} bytes once decompressed")]
    TooLarge { limit_bytes: usize },
    #[error("the body is not valid {encoding}: {source}")]
    Invalid { encoding: &'static str, source: io::Error },
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
}

impl Encoding {
    pub const ALL: [Encoding; 6] = [
        Encoding::Gzip,
        Encoding::Zstd,
        Encoding::Deflate,
        Encoding::Snappy,
        Encoding::SnappyFramed,
        Encoding::Lz4,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
            Encoding::Deflate => "deflate",
            Encoding::Snappy => "snappy",
            Encoding::SnappyFramed => "x-snappy-framed",
            Encoding::Lz4 => "lz4",
        }
    }

    pub fn from_name(name: &str) -> Option<Encoding> {
        if name.eq_ignore_ascii_case("zlib") {
            return Some(Encoding::Deflate);
        }
        Encoding::ALL.into_iter().find(|encoding| encoding.as_str().eq_ignore_ascii_case(name))
    }

    /// What the bytes say, or usually would, come to. Too little costs a few steps more, too much nothing but room in the
    /// budget while they are inflated.
    fn expected_bytes(self, compressed: &[u8]) -> usize {
        let usual = compressed.len().saturating_mul(USUAL_RATIO);
        match self {
            Encoding::Gzip => match compressed.last_chunk() {
                // The length of the last member, modulo 2^32.
                Some(length) => {
                    (u32::from_le_bytes(*length) as usize).min(compressed.len().saturating_mul(DEFLATE_RATIO))
                }
                None => usual,
            },
            Encoding::Zstd => match zstd::zstd_safe::get_frame_content_size(compressed) {
                Ok(Some(length)) => usize::try_from(length).unwrap_or(usize::MAX),
                _ => usual,
            },
            Encoding::Snappy if !is_framed(compressed) => {
                snap::raw::decompress_len(compressed).unwrap_or(usual)
            }
            Encoding::Deflate | Encoding::Snappy | Encoding::SnappyFramed | Encoding::Lz4 => usual,
        }
    }
}

/// Decompresses within the limit, whatever the ratio: stops at the first byte above it. What it makes is held before it
/// is made; in the end exactly what was made is, and the compressed bytes no more.
///
/// # Errors
/// Also when there is no room for it until then.
pub async fn inflate(
    encoding: Encoding,
    compressed: Bytes,
    limit_bytes: usize,
    held: &Arc<Held>,
    until: Instant,
) -> Result<Bytes, InflateError> {
    let compressed_bytes = compressed.len();
    let mut room_bytes = 0;
    let mut next_bytes = encoding.expected_bytes(&compressed).max(compressed_bytes);
    let mut inflating = Inflating::new(encoding, compressed)?;
    loop {
        next_bytes = next_bytes.min(limit_bytes);
        held.more_in_turn(next_bytes - room_bytes, until).await?;
        room_bytes = next_bytes;
        let is_whole = if room_bytes <= INLINE_BYTES {
            inflating.fill(room_bytes)?
        } else {
            let size = if room_bytes <= SHORT_BYTES { Work::Short } else { Work::Long };
            // Counts as held until it ends.
            let held = held.clone();
            let (further, filled) = cpu::run(size, move || {
                let filled = inflating.fill(room_bytes);
                drop(held);
                (inflating, filled)
            })
            .await;
            inflating = further;
            filled?
        };
        if is_whole {
            let Inflating { inflated, .. } = inflating;
            held.less(room_bytes.saturating_sub(inflated.len()).saturating_add(compressed_bytes));
            return Ok(inflated.into());
        }
        if room_bytes == limit_bytes {
            return Err(InflateError::TooLarge { limit_bytes });
        }
        next_bytes = room_bytes.saturating_mul(4).max(INLINE_BYTES);
    }
}

/// A decompression under way.
struct Inflating {
    encoding: Encoding,
    source: Source,
    inflated: Vec<u8>,
}

enum Source {
    Stream(Box<dyn Read + Send>),
    /// Of snappy, which says its length and is decompressed in one go.
    Block(Bytes),
}

/// Whether it begins as the framing format of snappy does.
fn is_framed(snappy: &[u8]) -> bool {
    snappy.starts_with(b"\xff\x06\x00\x00sNaPpY")
}

/// The block's content, if it takes no more than the room.
fn decompress_block(block: &[u8], room_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let bytes = snap::raw::decompress_len(block)?;
    if bytes > block.len().saturating_mul(SNAPPY_RATIO) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it says that it is longer than it can be"));
    }
    if bytes > room_bytes {
        return Ok(None);
    }
    Ok(Some(snap::raw::Decoder::new().decompress_vec(block)?))
}

impl Inflating {
    fn new(encoding: Encoding, compressed: Bytes) -> Result<Inflating, InflateError> {
        if encoding == Encoding::Snappy && !is_framed(&compressed) {
            return Ok(Inflating { encoding, source: Source::Block(compressed), inflated: Vec::new() });
        }
        let source: Reader<Bytes> = compressed.reader();
        let reader: Box<dyn Read + Send> = match encoding {
            Encoding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
            Encoding::Deflate => Box::new(flate2::bufread::ZlibDecoder::new(source)),
            Encoding::Zstd => {
                let invalid = |source| InflateError::Invalid { encoding: encoding.as_str(), source };
                let mut decoder = zstd::Decoder::with_buffer(source).map_err(invalid)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(invalid)?;
                Box::new(decoder)
            }
            Encoding::Snappy | Encoding::SnappyFramed => Box::new(snap::read::FrameDecoder::new(source)),
            Encoding::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(source)),
        };
        Ok(Inflating { encoding, source: Source::Stream(reader), inflated: Vec::new() })
    }

    /// Goes on until this much is inflated, and one byte more, which tells whether that is all.
    fn fill(&mut self, room_bytes: usize) -> Result<bool, InflateError> {
        let encoding = self.encoding.as_str();
        let invalid = |source| InflateError::Invalid { encoding, source };
        let reader = match &mut self.source {
            Source::Stream(reader) => reader,
            Source::Block(block) => {
                let content = decompress_block(block, room_bytes).map_err(invalid)?;
                return Ok(content.map(|content| self.inflated = content).is_some());
            }
        };
        let wanted = room_bytes.saturating_add(1).saturating_sub(self.inflated.len());
        self.inflated.reserve_exact(wanted);
        reader.by_ref().take(wanted as u64).read_to_end(&mut self.inflated).map_err(invalid)?;
        Ok(self.inflated.len() <= room_bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, time::Duration};

    use super::*;
    use crate::server::request_body::Budget;

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
            Encoding::Snappy => snap::raw::Encoder::new().compress_vec(bytes).unwrap(),
            Encoding::SnappyFramed => {
                let mut writer = snap::write::FrameEncoder::new(Vec::new());
                writer.write_all(bytes).unwrap();
                writer.into_inner().unwrap()
            }
            Encoding::Lz4 => {
                let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
                writer.write_all(bytes).unwrap();
                writer.finish().unwrap()
            }
        }
    }

    /// As a request does whose compressed bytes are held already. Also what is held in the end.
    async fn inflate_alone(
        encoding: Encoding,
        compressed: Vec<u8>,
        limit_bytes: usize,
    ) -> (Result<Bytes, InflateError>, usize) {
        let held = Budget::new(128 << 20, limit_bytes).hold(Arc::default());
        held.more(compressed.len()).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let inflated = inflate(encoding, compressed.into(), limit_bytes, &held, until).await;
        (inflated, held.bytes())
    }

    #[tokio::test]
    async fn what_was_compressed_comes_back_and_is_held_instead() {
        for encoding in Encoding::ALL {
            // Inflated at once, in a step, and in several where it does not say its length.
            for times in [0, 1, 100, 10_000, 1_000_000] {
                let bytes = b"spans and more spans".repeat(times);
                let compressed = deflate(encoding, &bytes);
                let (inflated, held_bytes) = inflate_alone(encoding, compressed, 20_000_000).await;
                assert!(inflated.unwrap() == bytes, "{encoding:?}, {times} times");
                assert_eq!(held_bytes, bytes.len(), "{encoding:?}, {times} times");
            }
        }
    }

    #[tokio::test]
    async fn of_a_body_of_several_gzip_members_the_last_alone_says_its_length() {
        let members = [deflate(Encoding::Gzip, &[1; 1 << 20]), deflate(Encoding::Gzip, &[2; 10])].concat();
        let (inflated, held_bytes) = inflate_alone(Encoding::Gzip, members, 2 << 20).await;
        assert_eq!((inflated.unwrap().len(), held_bytes), ((1 << 20) + 10, (1 << 20) + 10));
    }

    /// 64 MiB of zeros in a few KB: refused at the limit, and only the limit's worth is ever held.
    #[tokio::test]
    async fn a_bomb_is_refused_at_the_limit() {
        for encoding in Encoding::ALL {
            let bomb = deflate(encoding, &vec![0; 64 << 20]);
            let bomb_bytes = bomb.len();
            let (refused, held_bytes) = inflate_alone(encoding, bomb, 1 << 20).await;
            assert!(matches!(refused, Err(InflateError::TooLarge { limit_bytes }) if limit_bytes == 1 << 20));
            assert!(held_bytes <= (1 << 20) + bomb_bytes, "{encoding:?}: {held_bytes}");
        }
    }

    /// On a runtime of one thread, others have their turn while it is inflated.
    #[tokio::test]
    async fn inflating_much_keeps_nobody_waiting() {
        let compressed = deflate(Encoding::Gzip, &vec![0; 8 << 20]);
        let inflating = tokio::spawn(inflate_alone(Encoding::Gzip, compressed, 8 << 20));
        let mut turns_of_others = 0;
        while !inflating.is_finished() {
            tokio::task::yield_now().await;
            turns_of_others += 1;
        }
        assert!(turns_of_others > 1);
        assert_eq!(inflating.await.unwrap().0.unwrap().len(), 8 << 20);
    }

    /// What others hold is not there to be inflated into, and nothing of it is made.
    #[tokio::test(start_paused = true)]
    async fn without_room_for_it_nothing_is_inflated() {
        let budget = Budget::new(10 << 20, 4 << 20);
        let others: Vec<_> = (0..9).map(|_| budget.hold(Arc::default())).collect();
        for other in &others {
            // What they may hold together, as far as it goes.
            let _ = other.more(1 << 20);
        }
        let held = budget.hold(Arc::default());
        let until = Instant::now() + Duration::from_secs(10);
        let compressed = deflate(Encoding::Gzip, &vec![0; 6 << 20]);
        let refused = inflate(Encoding::Gzip, compressed.into(), 6 << 20, &held, until).await;
        assert!(matches!(refused, Err(InflateError::OverBudget(_))), "{refused:?}");
        assert_eq!(held.bytes(), 0);
    }

    #[tokio::test]
    async fn what_is_not_compressed_is_refused() {
        for encoding in Encoding::ALL {
            let (refused, _) = inflate_alone(encoding, b"not compressed at all".to_vec(), 1 << 20).await;
            assert!(matches!(refused, Err(InflateError::Invalid { .. })), "{encoding:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_is_cut_short_is_refused() {
        for encoding in Encoding::ALL {
            let mut compressed = deflate(encoding, &b"spans and more spans".repeat(1000));
            compressed.truncate(compressed.len() / 2);
            let (refused, _) = inflate_alone(encoding, compressed, 1 << 20).await;
            assert!(matches!(refused, Err(InflateError::Invalid { .. })), "{encoding:?}");
        }
    }
}
