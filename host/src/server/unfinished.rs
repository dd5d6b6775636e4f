//! What of a connection's bytes belongs to a head or a frame that has begun and not ended.
//!
//! Until then these bytes lie in the HTTP library's buffers, where no request can be charged for them.

/// How every HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES: usize = 9;

/// Follows the bytes of one connection.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// So many bytes of the preface have come, and nothing else.
    Unknown { matched: usize },
    /// So many bytes of a head.
    Http1 { head_bytes: usize },
    /// The frame that is on its way: what has come of its head, and what is yet to come of the rest.
    Http2 {
        head: [u8; FRAME_HEAD_BYTES],
        head_bytes: usize,
        frame_bytes: usize,
        left_bytes: usize,
        /// How many have begun, modulo 2^32.
        frames: u32,
    },
}

impl Default for Unfinished {
    fn default() -> Unfinished {
        Unfinished::Unknown { matched: 0 }
    }
}

impl Unfinished {
    const FRAMES: Unfinished = Unfinished::Http2 {
        head: [0; FRAME_HEAD_BYTES],
        head_bytes: 0,
        frame_bytes: 0,
        left_bytes: 0,
        frames: 0,
    };

    /// More bytes have come.
    pub(super) fn note(&mut self, mut bytes: &[u8]) {
        while let (Unfinished::Unknown { matched }, Some((byte, rest))) = (&mut *self, bytes.split_first()) {
            if PREFACE.get(*matched) != Some(byte) {
                *self = Unfinished::Http1 { head_bytes: *matched };
                break;
            }
            bytes = rest;
            *matched += 1;
            if *matched == PREFACE.len() {
                *self = Unfinished::FRAMES;
            }
        }
        match self {
            Unfinished::Unknown { .. } => {}
            Unfinished::Http1 { head_bytes } => *head_bytes = head_bytes.saturating_add(bytes.len()),
            Unfinished::Http2 { head, head_bytes, frame_bytes, left_bytes, frames } => {
                while !bytes.is_empty() {
                    if *left_bytes == 0 {
                        // Between two frames, or in the head of one.
                        let Some((byte, rest)) = bytes.split_first() else { return };
                        if let Some(place) = head.get_mut(*head_bytes) {
                            *place = *byte;
                        }
                        bytes = rest;
                        *head_bytes += 1;
                        if *head_bytes < FRAME_HEAD_BYTES {
                            continue;
                        }
                        *head_bytes = 0;
                        let [high, middle, low, ..] = *head;
                        *left_bytes = u32::from_be_bytes([0, high, middle, low]) as usize;
                        *frame_bytes = *left_bytes;
                        *frames = frames.wrapping_add(1);
                    }
                    let come = bytes.len().min(*left_bytes);
                    *left_bytes -= come;
                    bytes = bytes.get(come..).unwrap_or_default();
                }
            }
        }
    }

    /// A request's head was whole.
    pub(super) fn note_request(&mut self) {
        if let Unfinished::Http1 { head_bytes } = self {
            *head_bytes = 0;
        }
    }

    pub(super) fn is_http1(&self) -> bool {
        matches!(self, Unfinished::Http1 { .. })
    }

    /// How many bytes of the head or frame have come.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Unfinished::Unknown { matched } => *matched,
            Unfinished::Http1 { head_bytes } => *head_bytes,
            Unfinished::Http2 { left_bytes: 0, head_bytes, .. } => *head_bytes,
            Unfinished::Http2 { frame_bytes, left_bytes, .. } => frame_bytes - left_bytes,
        }
    }

    /// How many bytes the frame will have that is on its way; 0 if it is not known.
    pub(super) fn frame_bytes(&self) -> usize {
        match self {
            Unfinished::Http2 { frame_bytes, left_bytes: 1.., .. } => *frame_bytes,
            _ => 0,
        }
    }

    /// Another number for each frame.
    pub(super) fn frame(&self) -> u32 {
        if let Unfinished::Http2 { frames, .. } = self { *frames } else { 0 }
    }

    /// How many bytes of it are yet to come.
    pub(super) fn left_bytes(&self) -> usize {
        if let Unfinished::Http2 { left_bytes, .. } = self { *left_bytes } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: usize) -> Vec<u8> {
        let [_, length @ ..] = (payload as u32).to_be_bytes();
        [&length[..], &[0; 6], &vec![7; payload]].concat()
    }

    /// Wherever the bytes are cut, the frame under way is known as soon as its head is, and forgotten at its end.
    #[test]
    fn frames_are_followed_wherever_they_are_cut() {
        let bytes = [PREFACE, &frame(0), &frame(300), &frame(1), &frame(70_000)[..50_000]].concat();
        for piece in [1, 2, 7, 9, 10, 1000, bytes.len()] {
            let mut unfinished = Unfinished::default();
            for piece in bytes.chunks(piece) {
                unfinished.note(piece);
            }
            let left = 70_000 + FRAME_HEAD_BYTES - 50_000;
            assert_eq!((unfinished.frame_bytes(), unfinished.left_bytes()), (70_000, left), "{piece}");
            assert_eq!(unfinished.bytes(), 70_000 - left, "{piece}");
            unfinished.note(&vec![7; left]);
            assert_eq!((unfinished.frame_bytes(), unfinished.bytes()), (0, 0), "{piece}");
        }
    }

    #[test]
    fn what_is_not_http2_is_a_head_until_a_request_begins() {
        let mut unfinished = Unfinished::default();
        for byte in b"PRI /v1/traces HTTP/1.1\r\n" {
            unfinished.note(&[*byte]);
        }
        assert!(unfinished.is_http1());
        assert_eq!(unfinished.bytes(), 25);
        unfinished.note_request();
        assert_eq!(unfinished.bytes(), 0);
    }
}
