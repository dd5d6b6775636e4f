//! Reads a body that must arrive in time, and within the budget of all bodies.

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

/// The interval of the checks of a body that is waited for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// While others wait for room, this share of what a body holds has to arrive between two checks. A body of 60
/// MiB that uses its whole time passes, and so does a small one over a slow line.
const PROGRESS_SHARE: usize = 32;

/// A body that fails if it has not arrived within the timeout, or if there is no room for more of it. While
/// others wait for room, it also fails if too little of it arrives.
pub struct Paced {
    body: Body,
    timeout: Duration,
    /// When the timeout ends.
    until: Instant,
    look: Option<Pin<Box<Sleep>>>,
    /// The bytes that have arrived since the last check.
    fresh_bytes: usize,
    /// `None` if arriving bytes are not kept.
    held: Option<Arc<Held>>,
    /// Whether the body has waited for room. Then its lateness may not be the peer's fault.
    has_waited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request did not arrive within {0:?}")]
pub struct TooSlow(pub Duration);

impl Paced {
    /// Starts to read a body. Its bytes are held until the last clone of `held` is dropped, which may outlive
    /// the body.
    pub fn new(body: Body, timeout: Duration, held: Arc<Held>) -> Paced {
        let until = Instant::now() + timeout;
        Paced { body, timeout, until, look: None, fresh_bytes: 0, held: Some(held), has_waited: false }
    }

    /// Returns the time by which the request must have arrived.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Returns the least number of bytes that are still to come, as the peer announces it.
    pub(super) fn announced_bytes(&self) -> usize {
        usize::try_from(self.body.size_hint().lower()).unwrap_or(usize::MAX)
    }

    /// Stops keeping the body's bytes.
    pub(super) fn forget(&mut self) {
        self.held = None;
    }

    /// Returns the next piece that is not empty, once there is room for it. Returns `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        while let Some(frame) = poll_fn(|context| self.poll_frame(context)).await {
            // Trailers are ignored.
            let Ok(data) = frame?.into_data() else { continue };
            if data.is_empty() {
                continue;
            }
            if let Some(held) = &self.held
                && !held.more_at_once(data.len())
            {
                self.has_waited = true;
                held.more_in_turn(data.len(), self.until).await?;
                // The peer could not send anything meanwhile, so the checks start again.
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
            return Err(if self.has_waited { ReadError::Stalled } else { TooSlow(self.timeout).into() });
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
