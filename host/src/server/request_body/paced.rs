//! A body that must be complete within a time, and within what all bodies together may hold.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Held, ReadError};

/// How often a body that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// While others wait for room, this share of what a body holds has to come from one look to the next. So one of 60 MiB
/// that makes the most of its time passes, as does a small one over a slow line.
const PROGRESS_SHARE: usize = 32;

/// Fails once the whole body has not arrived within the timeout, or when there is no room for more of it. While others
/// wait for room, it also fails when too little of it comes.
pub struct Paced {
    body: Body,
    timeout: Duration,
    /// When the timeout ends.
    until: Instant,
    look: Option<Pin<Box<Sleep>>>,
    /// What has come since the last look.
    fresh_bytes: usize,
    /// `None` when what arrives is not kept.
    held: Option<Arc<Held>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request did not arrive within {0:?}")]
pub struct TooSlow(pub Duration);

impl Paced {
    /// What arrives is held until the last clone of `held` is dropped, which may be later than the body.
    pub fn new(body: Body, timeout: Duration, held: Arc<Held>) -> Paced {
        let until = Instant::now() + timeout;
        Paced { body, timeout, until, look: None, fresh_bytes: 0, held: Some(held) }
    }

    /// When the request must have arrived.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// The least that is yet to come, as the peer announces it.
    pub(super) fn announced_bytes(&self) -> usize {
        usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX)
    }

    /// From now on nothing of the body is kept.
    pub(super) fn forget(&mut self) {
        self.held = None;
    }

    /// The next piece that is not empty, once there is room for it; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        while let Some(frame) = poll_fn(|context| self.poll_frame(context)).await {
            // Trailers say nothing to us.
            let Ok(data) = frame?.into_data() else { continue };
            if data.is_empty() {
                continue;
            }
            if let Some(held) = &self.held
                && !held.more_at_once(data.len())
            {
                held.more_in_turn(data.len(), self.until).await?;
                // The peer could send nothing meanwhile.
                self.look = None;
            }
            self.fresh_bytes += data.len();
            return Ok(Some(data));
        }
        Ok(None)
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReadError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(ReadError::Broken)));
        }
        loop {
            let until = self.until;
            let next = || (Instant::now() + LOOK_EVERY).min(until);
            let look = self.look.get_or_insert_with(|| Box::pin(sleep_until(next())));
            if look.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            look.as_mut().reset(next());
            if let Err(error) = self.look_at() {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    fn look_at(&mut self) -> Result<(), ReadError> {
        if Instant::now() >= self.until {
            return Err(TooSlow(self.timeout).into());
        }
        let fresh_bytes = std::mem::take(&mut self.fresh_bytes);
        match &self.held {
            Some(held) if held.budget().is_short() && fresh_bytes <= held.bytes() / PROGRESS_SHARE => {
                Err(ReadError::Stalled)
            }
            _ => Ok(()),
        }
    }
}
