//! Reading a request's body within limits of size and time.

mod budget;
mod inflate;
mod paced;

pub use budget::{Budget, Held, OverBudget};
pub use inflate::{Encoding, InflateError, inflate};
pub use paced::{Paced, TooSlow};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

/// What a peer may make us reserve by merely announcing a length.
pub const MAX_RESERVED_BYTES: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the body is larger than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error(transparent)]
    TooSlow(#[from] TooSlow),
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    #[error("the body broke off: {0}")]
    Broken(axum::Error),
}

/// The whole body. One that arrives in a single piece is not copied.
pub async fn read(body: &mut Paced, limit_bytes: usize) -> Result<Bytes, ReadError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes });
    }
    let first = next(body).await?.unwrap_or_default();
    if first.len() > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes });
    }
    let Some(second) = next(body).await? else { return Ok(first) };
    let mut whole =
        BytesMut::with_capacity(announced.min(MAX_RESERVED_BYTES).max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    let mut piece = Some(second);
    while let Some(bytes) = piece {
        if whole.len() + bytes.len() > limit_bytes {
            return Err(ReadError::TooLarge { limit_bytes });
        }
        whole.extend_from_slice(&bytes);
        piece = next(body).await?;
    }
    Ok(whole.freeze())
}

/// Reads on and forgets, so that a peer that sends before it listens gets to hear the answer. Ends with the body, after
/// `limit_bytes`, or when the body's time is up.
pub async fn discard(body: &mut Paced, limit_bytes: usize) {
    body.forget();
    let mut discarded = 0;
    while let Ok(Some(bytes)) = next(body).await
        && discarded <= limit_bytes
    {
        discarded += bytes.len();
    }
}

/// The next piece that is not empty.
pub async fn next(body: &mut Paced) -> Result<Option<Bytes>, ReadError> {
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            // Trailers say nothing to us.
            _ => {}
        }
    }
    Ok(None)
}
