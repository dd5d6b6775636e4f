//! Reads the one message of a unary call (gRPC over HTTP/2, `Length-Prefixed-Message`), undecoded.
//!
//! Tonic's own reader copies every message into its own buffer. Most senders of large requests put a request
//! into one frame, and then the transport's buffer can be handed on as it is.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{
    receiver::http::{Cause, Refusal},
    server::request_body::{self, Encoding, Held, Paced, ReadError, Whole},
};

/// The size of the flag and the message's length.
const PREFIX_BYTES: usize = 5;

struct Prefix {
    compressed: bool,
    len: usize,
}

/// Reads the body to its end, and decompresses the message if its flag says so. `encoding` is the value of
/// the call's `grpc-encoding`, and `held` is what the body holds.
pub(super) async fn read(
    body: &mut Paced,
    held: &Arc<Held>,
    encoding: Option<Encoding>,
    limit_bytes: usize,
) -> Result<Bytes, Refusal> {
    let mut first = request_body::next(body).await?.unwrap_or_default();
    while first.len() < PREFIX_BYTES {
        let Some(more) = request_body::next(body).await? else { return Err(broken("it holds no message")) };
        first = [first, more].concat().into();
    }
    let prefix = Prefix::take(&mut first)?;
    if prefix.len > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes }.into());
    }
    let message = read_message(body, first, prefix.len).await?;
    match (prefix.compressed, encoding) {
        (false, _) => Ok(message),
        // The framing format of snappy, which gRPC uses, is empty where its content is.
        (true, Some(Encoding::Snappy)) if message.is_empty() => Ok(message),
        (true, Some(encoding)) => {
            Ok(request_body::inflate(encoding, message, limit_bytes, held, body.until()).await?)
        }
        (true, None) => Err(broken("its message is compressed, and no grpc-encoding says how")),
    }
}

/// Frames an answer: a message without compression.
pub(super) fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    // Answers are far smaller than 4 GiB.
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    framed.freeze()
}

/// Reads the message. A message that arrives in one piece is not copied.
async fn read_message(body: &mut Paced, mut message: Bytes, len: usize) -> Result<Bytes, Refusal> {
    if message.is_empty() && len > 0 {
        message = request_body::next(body).await?.unwrap_or_default();
    }
    if message.len() < len {
        let mut whole = Whole::new(len);
        whole.push(&message);
        drop(message);
        while whole.len() < len
            && let Some(piece) = request_body::next(body).await?
        {
            whole.push(&piece);
        }
        message = whole.finish();
    }
    // This also waits for the end of the call, which an answer must not overtake.
    if message.len() != len || request_body::next(body).await?.is_some() {
        return Err(broken("it is not one message of the length that it announces"));
    }
    Ok(message)
}

fn broken(how: &str) -> Refusal {
    Refusal::new(Cause::BadFrame, format!("the body is not that of a unary call: {how}"))
}

impl Prefix {
    fn take(bytes: &mut Bytes) -> Result<Prefix, Refusal> {
        let mut prefix = bytes.split_to(PREFIX_BYTES);
        let compressed = match prefix.get_u8() {
            0 => false,
            1 => true,
            _ => return Err(broken("the flag before its message is neither 0 nor 1")),
        };
        Ok(Prefix { compressed, len: prefix.get_u32() as usize })
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use axum::body::Body;
    use futures::stream;

    use super::*;
    use crate::server::request_body::Budget;

    const LIMIT_BYTES: usize = 1000;

    async fn read_pieces(pieces: Vec<Bytes>) -> Result<Bytes, Refusal> {
        read_encoded(pieces, None).await
    }

    async fn read_encoded(pieces: Vec<Bytes>, encoding: Option<Encoding>) -> Result<Bytes, Refusal> {
        let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
        let held = Budget::new(1 << 20, LIMIT_BYTES).hold(Arc::default());
        let mut body = Paced::new(body, Duration::from_secs(10), held.clone());
        read(&mut body, &held, encoding, LIMIT_BYTES).await
    }

    /// Scenario: the message arrives in one piece.
    /// Guarantees: its bytes are not copied.
    #[tokio::test]
    async fn a_message_in_one_piece_is_not_copied() {
        let piece = frame(b"a message");
        let message = read_pieces(vec![piece.clone()]).await.unwrap();
        assert_eq!(message, "a message");
        assert_eq!(message.as_ptr(), piece[PREFIX_BYTES..].as_ptr());
    }

    /// Scenario: the message arrives in three pieces, cut at every pair of places.
    /// Guarantees: the message is whole.
    #[tokio::test]
    async fn a_message_in_pieces_is_whole_wherever_it_is_cut() {
        let framed = frame(b"a message");
        for first in 0..framed.len() {
            for second in first..framed.len() {
                let cuts = [framed.slice(..first), framed.slice(first..second), framed.slice(second..)];
                assert_eq!(read_pieces(cuts.to_vec()).await.unwrap(), "a message", "{first} {second}");
            }
        }
    }

    /// Scenario: the message is empty.
    /// Guarantees: it counts as a message.
    #[tokio::test]
    async fn an_empty_message_is_one() {
        assert_eq!(read_pieces(vec![frame(b"")]).await.unwrap(), "");
    }

    /// Scenario: an empty message is compressed to nothing.
    /// Guarantees: snappy takes it, and gzip, which has a header, does not.
    #[tokio::test]
    async fn nothing_is_an_empty_message_in_snappy() {
        let nothing = || vec![Bytes::from_static(&[1, 0, 0, 0, 0])];
        assert_eq!(read_encoded(nothing(), Some(Encoding::Snappy)).await.unwrap(), "");
        assert!(read_encoded(nothing(), Some(Encoding::Gzip)).await.is_err());
    }

    /// Scenario: the body is cut short, holds two messages, or has a wrong flag.
    /// Guarantees: it is refused.
    #[tokio::test]
    async fn what_is_not_one_whole_message_is_refused() {
        let framed = frame(b"a message");
        for len in 0..framed.len() {
            assert!(read_pieces(vec![framed.slice(..len)]).await.is_err(), "{len}");
        }
        assert!(read_pieces(vec![framed.clone(), framed.clone()]).await.is_err());
        assert!(read_pieces(vec![[framed.clone(), framed].concat().into()]).await.is_err());
        // The first has the flag of a compressed message and no encoding; the second has an unknown flag.
        assert!(read_pieces(vec![Bytes::from_static(&[1, 0, 0, 0, 1, 0])]).await.is_err());
        assert!(read_pieces(vec![Bytes::from_static(&[2, 0, 0, 0, 1, 0])]).await.is_err());
    }

    /// Scenario: the prefix announces more than the limit.
    /// Guarantees: the message is refused before it arrives.
    #[tokio::test]
    async fn what_announces_more_than_the_limit_is_refused_before_it_arrives() {
        let announced = [&[0][..], &1001_u32.to_be_bytes()].concat();
        assert!(read_pieces(vec![announced.into()]).await.is_err());
    }
}
