//! Tells messages apart.

use std::fmt;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// The most digits of a length in decimal.
const DIGITS_LIMIT: usize = 10;
const LENGTH_BYTES: usize = 4;

/// How messages are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Each message ends with LF, or with CR LF.
    Lines,
    /// The length of each message stands before it, big-endian, in 32 bits.
    Length32,
    /// The length of each message stands before it, as decimal digits and a space (RFC 6587, section 3.4.1).
    OctetCounted,
}

/// What a buffer begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A message, without its framing. It is no longer in the buffer.
    Message(Bytes),
    /// Not yet a whole message.
    More,
}

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a message is larger than {limit_bytes} bytes (`max_frame_size`)")]
    TooLarge { limit_bytes: usize },
    #[error("a message does not begin with its length and a space")]
    NoLength,
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Framing::Lines => "lines",
            Framing::Length32 => "length32",
            Framing::OctetCounted => "octet-counted",
        })
    }
}

impl Framing {
    /// Takes the message that the buffer begins with. `seen` is how much of the buffer was looked at before.
    pub(super) fn next(
        self,
        buffer: &mut BytesMut,
        seen: &mut usize,
        limit_bytes: usize,
    ) -> Result<Found, FrameError> {
        match self {
            Framing::Lines => line(buffer, seen, limit_bytes),
            Framing::Length32 => {
                let Some(length) = buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(Found::More) };
                let length = u32::from_be_bytes(*length) as usize;
                counted(buffer, LENGTH_BYTES, length, limit_bytes)
            }
            Framing::OctetCounted => {
                let digits =
                    buffer.iter().take(DIGITS_LIMIT).take_while(|byte| byte.is_ascii_digit()).count();
                match buffer.get(digits) {
                    None => return Ok(Found::More),
                    Some(b' ') if digits > 0 => {}
                    Some(_) => return Err(FrameError::NoLength),
                }
                let number = buffer.iter().take(digits);
                let length = number.fold(0_usize, |length, digit| length * 10 + usize::from(digit - b'0'));
                counted(buffer, digits + 1, length, limit_bytes)
            }
        }
    }

    /// Returns what is left at the end of a connection, if it counts as a message: a last line without an end.
    pub(super) fn last(self, buffer: &mut BytesMut) -> Option<Bytes> {
        (self == Framing::Lines && !buffer.is_empty()).then(|| buffer.split().freeze())
    }

    /// Writes an answer as a message.
    pub(super) fn write(self, answer: &[u8], to: &mut Vec<u8>) {
        match self {
            Framing::Lines => {
                to.extend_from_slice(answer);
                to.push(b'\n');
            }
            Framing::Length32 => {
                // An answer is in a guest's memory before, and so below 4 GiB.
                to.put_u32(answer.len() as u32);
                to.extend_from_slice(answer);
            }
            Framing::OctetCounted => {
                to.extend_from_slice(format!("{} ", answer.len()).as_bytes());
                to.extend_from_slice(answer);
            }
        }
    }
}

fn line(buffer: &mut BytesMut, seen: &mut usize, limit_bytes: usize) -> Result<Found, FrameError> {
    let unseen = buffer.get(*seen..).unwrap_or_default();
    let Some(end) = unseen.iter().position(|byte| *byte == b'\n').map(|at| *seen + at) else {
        *seen = buffer.len();
        return if buffer.len() > limit_bytes + 1 {
            Err(FrameError::TooLarge { limit_bytes })
        } else {
            Ok(Found::More)
        };
    };
    *seen = 0;
    let mut line = buffer.split_to(end + 1);
    line.truncate(end);
    if line.ends_with(b"\r") {
        line.truncate(end - 1);
    }
    if line.len() > limit_bytes {
        return Err(FrameError::TooLarge { limit_bytes });
    }
    Ok(Found::Message(line.freeze()))
}

fn counted(
    buffer: &mut BytesMut,
    head_bytes: usize,
    length: usize,
    limit_bytes: usize,
) -> Result<Found, FrameError> {
    if length > limit_bytes {
        return Err(FrameError::TooLarge { limit_bytes });
    }
    if buffer.len() < head_bytes + length {
        return Ok(Found::More);
    }
    buffer.advance(head_bytes);
    Ok(Found::Message(buffer.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the messages of a stream that arrives byte by byte.
    fn messages(framing: Framing, stream: &[u8]) -> Result<Vec<Bytes>, FrameError> {
        let (mut buffer, mut seen, mut found) = (BytesMut::new(), 0, Vec::new());
        for byte in stream {
            buffer.put_u8(*byte);
            while let Found::Message(message) = framing.next(&mut buffer, &mut seen, 10)? {
                found.push(message);
            }
        }
        found.extend(framing.last(&mut buffer));
        Ok(found)
    }

    /// Scenario: streams of each framing arrive byte by byte, some with an unfinished message at the end.
    /// Guarantees: the messages are whole. Only a last line counts without its end.
    #[test]
    fn messages_are_told_apart_wherever_they_are_cut() {
        for (framing, stream, expected) in [
            (Framing::Lines, &b"one\ntwo\r\n\nlast"[..], &["one", "two", "", "last"][..]),
            (Framing::Length32, b"\0\0\0\x03one\0\0\0\0\0\0\0\x02tw", &["one", "", "tw"]),
            (Framing::Length32, b"\0\0\0\x03one\0\0\0\x03tw", &["one"]),
            (Framing::OctetCounted, b"3 one0 2 tw3 th", &["one", "", "tw"]),
        ] {
            assert_eq!(messages(framing, stream).unwrap(), expected, "{framing:?}");
        }
    }

    /// Scenario: messages are larger than the limit, or do not begin with a length.
    /// Guarantees: each is refused before it has arrived.
    #[test]
    fn what_is_no_message_is_refused() {
        let too_large = Err(FrameError::TooLarge { limit_bytes: 10 });
        assert_eq!(messages(Framing::Lines, b"123456789012"), too_large);
        assert_eq!(messages(Framing::Lines, b"1234567890\r\n").unwrap(), ["1234567890"]);
        assert_eq!(messages(Framing::Length32, b"\0\0\0\x0b"), too_large);
        assert_eq!(messages(Framing::OctetCounted, b"11 "), too_large);
        assert_eq!(messages(Framing::OctetCounted, b"99999999999"), Err(FrameError::NoLength));
        for stream in [&b" a"[..], b"<34>1 ", b"x"] {
            assert_eq!(messages(Framing::OctetCounted, stream), Err(FrameError::NoLength));
        }
    }

    /// Scenario: answers are written and read in each framing.
    /// Guarantees: they are the same messages.
    #[test]
    fn an_answer_is_read_as_it_was_written() {
        for framing in [Framing::Lines, Framing::Length32, Framing::OctetCounted] {
            let mut written = Vec::new();
            for answer in ["yes", ""] {
                framing.write(answer.as_bytes(), &mut written);
            }
            assert_eq!(messages(framing, &written).unwrap(), ["yes", ""], "{framing:?}");
        }
    }
}
