//! Counts the bytes of a connection that belong to an unfinished head or frame.
//!
//! Such bytes lie in the HTTP library's buffers, where they cannot be counted towards a request's budget.

/// The beginning of every HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES: usize = 9;

/// The state of one connection's byte stream.
#[derive(Debug)]
pub(super) enum Unfinished {
    /// Only this many bytes of the preface have arrived.
    Unknown { matched: usize },
    /// This many bytes of an HTTP/1.1 head have arrived.
    Http1 { head_bytes: usize },
    /// The current frame: the bytes of its head that have arrived, and the bytes that are still to come.
    Http2 {
        head: [u8; FRAME_HEAD_BYTES],
        head_bytes: usize,
        frame_bytes: usize,
        left_bytes: usize,
        /// The number of frames that have begun, modulo 2^32.
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

    /// Records bytes that have arrived.
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
                        // The next byte belongs to a frame's head.
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

    /// Records that the head of a request is complete.
    pub(super) fn note_request(&mut self) {
        if let Unfinished::Http1 { head_bytes } = self {
            *head_bytes = 0;
        }
    }

    pub(super) fn is_http1(&self) -> bool {
        matches!(self, Unfinished::Http1 { .. })
    }

    /// Returns the bytes of the current head or frame that have arrived.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Unfinished::Unknown { matched } => *matched,
            Unfinished::Http1 { head_bytes } => *head_bytes,
            Unfinished::Http2 { left_bytes: 0, head_bytes, .. } => *head_bytes,
            Unfinished::Http2 { frame_bytes, left_bytes, .. } => frame_bytes - left_bytes,
        }
    }

    /// Returns the size of the current frame, or 0 if the size is not known.
    pub(super) fn frame_bytes(&self) -> usize {
        match self {
            Unfinished::Http2 { frame_bytes, left_bytes: 1.., .. } => *frame_bytes,
            _ => 0,
        }
    }

    /// Returns a number that differs from frame to frame.
    pub(super) fn frame(&self) -> u32 {
        if let Unfinished::Http2 { frames, .. } = self { *frames } else { 0 }
    }

    /// Returns the bytes of the current frame that are still to come.
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

    /// Scenario: frames arrive in pieces of several sizes.
    /// Guarantees: the current frame's size is known as soon as its head has arrived, and is forgotten at the
    /// frame's end.
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

    /// Scenario: a connection's bytes begin like HTTP/2's preface and go on differently.
    /// Guarantees: all bytes count as a head of HTTP/1.1 until a request begins.
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
