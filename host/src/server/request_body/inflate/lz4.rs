//! Reads all frames of a body of lz4, and says how much memory that takes.

use std::io::{self, Read};

use bytes::{Buf as _, Bytes, buf::Reader};
use lz4_flex::frame::FrameDecoder;

/// Returns what a decoder holds for a frame: a block as it came, and two of content.
pub(super) fn buffers_bytes(frame: &[u8]) -> usize {
    3 * block_bytes(frame)
}

/// Returns the size of the largest blocks in a frame, from the frame's header (lz4_Frame_format.md, "BD byte").
fn block_bytes(frame: &[u8]) -> usize {
    match frame.get(5).map(|descriptor| descriptor >> 4 & 7) {
        Some(4) => 64 << 10,
        Some(5) => 256 << 10,
        Some(6) => 1 << 20,
        _ => 4 << 20,
    }
}

/// Reads all frames of a body. The decoder ends its output after each, and its buffers fit frames with blocks of one
/// size. No frame may have larger blocks than the first, for which there is room.
pub(super) struct Frames {
    decoder: FrameDecoder<Reader<Bytes>>,
    /// The size of the blocks of the first frame, and of the current one.
    first_bytes: usize,
    block_bytes: usize,
}

impl Frames {
    pub(super) fn new(body: Bytes) -> Frames {
        let block_bytes = block_bytes(&body);
        Frames { decoder: FrameDecoder::new(body.reader()), first_bytes: block_bytes, block_bytes }
    }
}

impl Read for Frames {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoder.read(into)?;
            let rest = self.decoder.get_ref().get_ref();
            if read > 0 || into.is_empty() || rest.is_empty() {
                return Ok(read);
            }
            let next_bytes = block_bytes(rest);
            if next_bytes > self.first_bytes {
                let message = "a later frame has larger blocks than the first";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            if next_bytes != self.block_bytes {
                self.decoder = FrameDecoder::new(rest.clone().reader());
                self.block_bytes = next_bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};

    use super::*;

    fn frame(block_size: BlockSize) -> Vec<u8> {
        let mut encoder = FrameEncoder::with_frame_info(FrameInfo::new().block_size(block_size), Vec::new());
        io::Write::write_all(&mut encoder, b"spans").unwrap();
        encoder.finish().unwrap()
    }

    /// Scenario: frames with blocks of each size, alone and one behind another.
    /// Guarantees: there is room for the blocks of the first, and a later frame with larger ones is refused.
    #[test]
    fn no_frame_has_larger_blocks_than_there_is_room_for() {
        let sizes = [
            (BlockSize::Max64KB, 64 << 10),
            (BlockSize::Max256KB, 256 << 10),
            (BlockSize::Max1MB, 1 << 20),
            (BlockSize::Max4MB, 4 << 20),
        ];
        for (first, bytes) in sizes {
            assert_eq!(buffers_bytes(&frame(first)), 3 * bytes);
            for (second, more) in sizes {
                let body = [frame(first), frame(second)].concat();
                let mut text = String::new();
                let read = Frames::new(body.into()).read_to_string(&mut text);
                assert_eq!(read.is_ok(), more <= bytes, "{bytes} and then {more}");
            }
        }
    }
}
