//! A body that must be complete within a time, and within what all bodies together may hold.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::{Held, ReadError};

/// Fails once the whole body has not arrived within the timeout, counted from the first time that it is waited for, or
/// when there is no room for more of it.
pub struct Paced {
    body: Body,
    timeout: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    /// `None` when what arrives is not kept.
    held: Option<Arc<Held>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request did not arrive within {0:?}")]
pub struct TooSlow(pub Duration);

impl Paced {
    /// What arrives is held until the last clone of `held` is dropped, which may be later than the body.
    pub fn new(body: Body, timeout: Duration, held: Arc<Held>) -> Paced {
        Paced { body, timeout, deadline: None, held: Some(held) }
    }

    /// From now on nothing of the body is kept.
    pub(super) fn forget(&mut self) {
        self.held = None;
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<TooSlow> {
        let timeout = self.timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(timeout)));
        deadline.as_mut().poll(context).map(|()| TooSlow(timeout))
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = ReadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ReadError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            let too_slow = ready!(self.poll_deadline(context));
            return Poll::Ready(Some(Err(too_slow.into())));
        };
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(ReadError::Broken)?;
            if let (Some(held), Some(data)) = (&self.held, frame.data_ref()) {
                held.more(data.len())?;
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
