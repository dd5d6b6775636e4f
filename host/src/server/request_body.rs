//! Reads a request's body within limits of size and time.

mod budget;
mod inflate;
mod paced;

pub use budget::{Budget, Held, OverBudget, WAITING_OF_A_PEER_LIMIT};
pub use inflate::{Encoding, InflateError, inflate};
pub use paced::{Paced, TooSlow};

use bytes::{Bytes, BytesMut};

/// The most memory that a peer can reserve by announcing a length.
const MAX_RESERVED_BYTES: usize = 1 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error(transparent)]
    TooSlow(#[from] TooSlow),
    #[error("the request arrived too slowly while others waited for room")]
    Stalled,
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    #[error("the body broke off: {0}")]
    Broken(axum::Error),
}

/// Joins a body that arrives in pieces.
pub struct Whole {
    bytes: BytesMut,
    announced: usize,
}

/// Reads the whole body. A body that arrives in one piece is not copied.
pub async fn read(body: &mut Paced, limit_bytes: usize) -> Result<Bytes, ReadError> {
    let announced = body.announced_bytes();
    if announced > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes });
    }
    let first = next(body).await?.unwrap_or_default();
    if first.len() > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes });
    }
    let Some(second) = next(body).await? else { return Ok(first) };
    let mut whole = Whole::new(announced);
    whole.push(&first);
    drop(first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if whole.len() + bytes.len() > limit_bytes {
            return Err(ReadError::TooLarge { limit_bytes });
        }
        whole.push(&bytes);
        piece = next(body).await?;
    }
    Ok(whole.finish())
}

/// Reads and drops the rest of the body, so that a peer that first sends everything can read the answer. Ends
/// with the body, after `limit_bytes`, or when the body's time is up.
pub async fn discard(body: &mut Paced, limit_bytes: usize) {
    body.forget();
    let mut discarded = 0;
    while let Ok(Some(bytes)) = next(body).await
        && discarded <= limit_bytes
    {
        discarded += bytes.len();
    }
}

/// Returns the next piece that is not empty.
pub async fn next(body: &mut Paced) -> Result<Option<Bytes>, ReadError> {
    body.next().await
}

impl Whole {
    /// Prepares for the number of bytes that the peer announces.
    pub fn new(announced: usize) -> Whole {
        Whole { bytes: BytesMut::new(), announced }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends a piece. Memory is reserved for the announced length, but at most four times what has arrived
    /// (and at least 1 MiB). So pieces are rarely copied, and an announcement alone costs little.
    pub fn push(&mut self, piece: &[u8]) {
        let needed = self.bytes.len() + piece.len();
        if needed > self.bytes.capacity() {
            let likely = self.announced.min(needed.saturating_mul(4).max(MAX_RESERVED_BYTES));
            self.bytes.reserve(likely.max(needed) - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
    }

    pub fn finish(self) -> Bytes {
        self.bytes.freeze()
    }
}
