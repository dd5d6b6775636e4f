//! Decompresses bodies, and stops at the size limit.

mod lz4;

use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};
use tokio::time::Instant;

use super::{Held, OverBudget};
use crate::cpu::{self, Work};

/// A body up to this size is decompressed in place. A larger one would make other tasks wait too long.
const INLINE_BYTES: usize = 128 << 10;
/// Decompressing more than this at a time counts as long work.
const SHORT_BYTES: usize = 4 << 20;
/// The most bytes that one byte of deflate can become.
const DEFLATE_RATIO: usize = 1032;
/// The most bytes that one byte of snappy can become: three bytes become up to 64.
const SNAPPY_RATIO: usize = 22;
/// The usual ratio of compressed OTLP, for a body that does not state its decompressed length.
const USUAL_RATIO: usize = 5;
/// A stated length is believed up to this ratio. Room for more is taken only once so much was decompressed.
const BELIEVED_RATIO: usize = 4 * USUAL_RATIO;
/// The largest window of the encoders that senders use, as a power of two. (RFC 8878 asks for at least 8
/// MiB.)
const ZSTD_WINDOW_LOG: u32 = 25;

/// A value of `Content-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Gzip,
    Zstd,
    /// The zlib format (RFC 9110, section 8.4.1.2). The name `zlib` is accepted too.
    Deflate,
    /// One block, or the framing format, which older Collectors and gRPC use under this name.
    Snappy,
    SnappyFramed,
    /// The LZ4 frame format.
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

    /// Returns the decompressed length that the bytes state, or the usual one. A value that is too small
    /// costs a few more steps, and one that is too large takes room in the budget for a while.
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
                Ok(Some(length)) => usize::try_from(length)
                    .unwrap_or(usize::MAX)
                    .min(compressed.len().saturating_mul(BELIEVED_RATIO)),
                _ => usual,
            },
            Encoding::Snappy if !is_framed(compressed) => {
                let stated = snap::raw::decompress_len(compressed).unwrap_or(usual);
                stated.min(compressed.len().saturating_mul(SNAPPY_RATIO))
            }
            Encoding::Deflate | Encoding::Snappy | Encoding::SnappyFramed | Encoding::Lz4 => usual,
        }
    }
}

/// Decompresses within the limit, whatever the ratio, and stops at the first byte above it. Room is reserved
/// before bytes are produced, and for the buffers of the decoder. At the end exactly the decompressed bytes are
/// held, and the compressed bytes are released.
///
/// # Errors
/// Fails if the bytes are not valid, if the content is larger than the limit, or if there is no room in time.
pub async fn inflate(
    encoding: Encoding,
    compressed: Bytes,
    limit_bytes: usize,
    held: &Arc<Held>,
    until: Instant,
) -> Result<Bytes, InflateError> {
    let compressed_bytes = compressed.len();
    let buffers_bytes = if encoding == Encoding::Lz4 { lz4::buffers_bytes(&compressed) } else { 0 };
    held.more_in_turn(buffers_bytes, until).await?;
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
            // The request's room stays reserved until the work ends, even if the caller gives up.
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
            let inflated_bytes = inflated.len();
            held.less((room_bytes + compressed_bytes + buffers_bytes).saturating_sub(inflated_bytes));
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
    /// A block of snappy, which states its length and is decompressed in one go.
    Block(Bytes),
}

/// Returns whether the bytes begin like snappy's framing format.
fn is_framed(snappy: &[u8]) -> bool {
    snappy.starts_with(b"\xff\x06\x00\x00sNaPpY")
}

/// Returns the content of a block, or `None` if the content is larger than the room.
fn decompress_block(block: &[u8], room_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let bytes = snap::raw::decompress_len(block)?;
    if bytes > block.len().saturating_mul(SNAPPY_RATIO) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its stated length is impossible"));
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
        let reader: Box<dyn Read + Send> = match encoding {
            Encoding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(compressed.reader())),
            Encoding::Deflate => Box::new(flate2::bufread::ZlibDecoder::new(compressed.reader())),
            Encoding::Zstd => {
                let invalid = |source| InflateError::Invalid { encoding: encoding.as_str(), source };
                let mut decoder = zstd::Decoder::with_buffer(compressed.reader()).map_err(invalid)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(invalid)?;
                Box::new(decoder)
            }
            Encoding::Snappy | Encoding::SnappyFramed => {
                Box::new(snap::read::FrameDecoder::new(compressed.reader()))
            }
            Encoding::Lz4 => Box::new(lz4::Frames::new(compressed)),
        };
        Ok(Inflating { encoding, source: Source::Stream(reader), inflated: Vec::new() })
    }

    /// Decompresses up to this size and one byte more. Returns whether the content ends there.
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

    /// Decompresses for a request that already holds its compressed bytes. Also returns the bytes that it
    /// holds at the end.
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

    /// Scenario: a body is two frames, with an empty one between them; another ends within its second frame.
    /// Guarantees: the content of all frames comes back; a frame without its end is an error.
    #[tokio::test]
    async fn all_frames_of_a_body_are_read() {
        for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Lz4] {
            let frames = ["spans", "", " and more"].map(|text| deflate(encoding, text.as_bytes())).concat();
            let cut = frames[..frames.len() - 8].to_vec();
            let (inflated, _) = inflate_alone(encoding, frames, 1000).await;
            assert_eq!(inflated.unwrap(), "spans and more", "{encoding:?}");
            assert!(inflate_alone(encoding, cut, 1000).await.0.is_err(), "{encoding:?}");
        }
    }

    /// Scenario: texts of several lengths are decompressed, with each encoding.
    /// Guarantees: each text comes back, and exactly its bytes are held.
    #[tokio::test]
    async fn what_was_compressed_comes_back_and_is_held_instead() {
        for encoding in Encoding::ALL {
            // These lengths take no step, one step, or several steps if the encoding does not state its
            // length.
            for times in [0, 1, 100, 10_000, 1_000_000] {
                let bytes = b"spans and more spans".repeat(times);
                let compressed = deflate(encoding, &bytes);
                let (inflated, held_bytes) = inflate_alone(encoding, compressed, 20_000_000).await;
                assert!(inflated.unwrap() == bytes, "{encoding:?}, {times} times");
                assert_eq!(held_bytes, bytes.len(), "{encoding:?}, {times} times");
            }
        }
    }

    /// Scenario: a gzip body has two members, of which only the last one's length is known in advance.
    /// Guarantees: both are decompressed, and exactly their bytes are held.
    #[tokio::test]
    async fn of_a_body_of_several_gzip_members_the_last_alone_says_its_length() {
        let members = [deflate(Encoding::Gzip, &[1; 1 << 20]), deflate(Encoding::Gzip, &[2; 10])].concat();
        let (inflated, held_bytes) = inflate_alone(Encoding::Gzip, members, 2 << 20).await;
        assert_eq!((inflated.unwrap().len(), held_bytes), ((1 << 20) + 10, (1 << 20) + 10));
    }

    /// Scenario: 64 MiB of zeros are compressed to a few KB.
    /// Guarantees: the body is refused at the limit, and no more than the limit is ever held.
    #[tokio::test]
    async fn a_bomb_is_refused_at_the_limit() {
        for encoding in Encoding::ALL {
            let bomb = deflate(encoding, &vec![0; 64 << 20]);
            let bomb_bytes = bomb.len();
            let (refused, held_bytes) = inflate_alone(encoding, bomb, 1 << 20).await;
            assert!(matches!(refused, Err(InflateError::TooLarge { limit_bytes }) if limit_bytes == 1 << 20));
            let buffers_bytes = if encoding == Encoding::Lz4 { 12 << 20 } else { 0 };
            assert!(held_bytes <= (1 << 20) + bomb_bytes + buffers_bytes, "{encoding:?}: {held_bytes}");
        }
    }

    /// Scenario: on a runtime with one thread, a large body is decompressed.
    /// Guarantees: other tasks run meanwhile.
    #[tokio::test]
    async fn inflating_much_keeps_nobody_waiting() {
        let compressed = deflate(Encoding::Gzip, &vec![0; 8 << 20]);
        let no_core = crate::cpu::keep_waiting().await;
        let inflating = tokio::spawn(inflate_alone(Encoding::Gzip, compressed, 8 << 20));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        // This thread has had its turns, and nothing was decompressed in them.
        assert!(!inflating.is_finished());
        drop(no_core);
        assert_eq!(inflating.await.unwrap().0.unwrap().len(), 8 << 20);
    }

    /// Scenario: other requests hold the whole budget.
    /// Guarantees: the decompression is refused, and nothing of it is held.
    #[tokio::test(start_paused = true)]
    async fn without_room_for_it_nothing_is_inflated() {
        let budget = Budget::new(10 << 20, 4 << 20);
        let others: Vec<_> = (0..9).map(|_| budget.hold(Arc::default())).collect();
        for other in &others {
            // The requests take as much as they may.
            let _ = other.more(1 << 20);
        }
        let held = budget.hold(Arc::default());
        let until = Instant::now() + Duration::from_secs(10);
        let compressed = deflate(Encoding::Gzip, &vec![0; 6 << 20]);
        let refused = inflate(Encoding::Gzip, compressed.into(), 6 << 20, &held, until).await;
        assert!(matches!(refused, Err(InflateError::OverBudget(_))), "{refused:?}");
        assert_eq!(held.bytes(), 0);
    }

    /// Scenario: bodies state lengths that they cannot have, and there is little room.
    /// Guarantees: they are invalid, and do not wait for room.
    #[tokio::test(start_paused = true)]
    async fn a_length_that_lies_is_invalid_and_waits_for_no_room() {
        let budget = Budget::new(10 << 20, 8 << 20);
        let others: Vec<_> = (0..7).map(|_| budget.hold(Arc::default())).collect();
        for other in &others {
            let _ = other.more(1 << 20);
        }
        // Snappy's length is 1 GiB, and that of zstd a TiB, in a frame of one segment.
        let snappy = b"\x80\x80\x80\x80\x04not so much".to_vec();
        let zstd = b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\x01\0\0\x01\0\0".to_vec();
        for (encoding, lies) in [(Encoding::Snappy, snappy), (Encoding::Zstd, zstd)] {
            let held = budget.hold(Arc::default());
            let until = Instant::now() + Duration::from_secs(10);
            let refused = inflate(encoding, lies.into(), 8 << 20, &held, until).await;
            assert!(matches!(refused, Err(InflateError::Invalid { .. })), "{encoding:?}: {refused:?}");
        }
    }

    /// Scenario: the body is not compressed.
    /// Guarantees: each encoding refuses it as invalid.
    #[tokio::test]
    async fn what_is_not_compressed_is_refused() {
        for encoding in Encoding::ALL {
            let (refused, _) = inflate_alone(encoding, b"not compressed at all".to_vec(), 1 << 20).await;
            assert!(matches!(refused, Err(InflateError::Invalid { .. })), "{encoding:?}");
        }
    }

    /// Scenario: the body is cut off in the middle.
    /// Guarantees: each encoding refuses it as invalid.
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
