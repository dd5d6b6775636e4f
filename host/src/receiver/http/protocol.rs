//! What a protocol over HTTP says of its requests and answers.

use std::{borrow::Cow, sync::Arc};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{Method, request::Parts};
use tokio::time::Instant;
use wire::Batch;

use super::{Cause, Door, Doors, Refusal, convert};
use crate::{
    pipeline::Metadata,
    server::{Peer, request_body::Held},
};

/// A protocol over HTTP. [`HttpService`](super::HttpService) calls the methods for each request, in the order
/// in which they stand here, from as many tasks as there are requests.
#[async_trait::async_trait]
pub trait Protocol: Send + Sync + 'static {
    /// What a request that was accepted leaves for its answer.
    type Accepted: Send;
    /// Where a request enters the pipelines: a [`Door`], or all [`Doors`] if only its content tells the signal.
    type Entrance<'a>: Copy + Send + Sync;

    /// Returns whether requests to a path are answered, by any method. The sender is not yet known to be let in.
    fn serves(&self, path: &str) -> bool;

    /// Returns the methods that a path takes, as the header `Allow` writes them: `PUT, POST`. Empty if it takes any.
    /// Web pages are told the same, if `cors` lets them in.
    fn methods(&self, _path: &str) -> Cow<'_, str> {
        Cow::Borrowed("POST")
    }

    /// Refuses a request by its method.
    fn check_method(&self, method: &Method, path: &str) -> Result<(), Refusal> {
        let methods = self.methods(path);
        if methods.is_empty() || methods.split(", ").any(|known| known == method.as_str()) {
            return Ok(());
        }
        Err(Refusal::method_not_allowed(&methods))
    }

    /// Finds the entrance of the requests to a path that is served. The sender is let in.
    ///
    /// # Errors
    /// No pipeline takes such requests.
    fn entrance<'a>(&self, doors: &'a Doors, path: &str) -> Result<Self::Entrance<'a>, Refusal>;

    /// Refuses a request by its head, for instance because of its content type. The sender is let in, and a
    /// pipeline takes the signal; nothing of the body is read.
    fn check(&self, _head: &Parts) -> Result<(), Refusal> {
        Ok(())
    }

    /// Takes the request into the pipelines, usually by [`Received::submit`]. If the sender goes away, the
    /// call is dropped where it waits.
    async fn take<'a>(&self, request: Received<'a, Self::Entrance<'a>>) -> Result<Self::Accepted, Refusal>;

    /// Answers a request that was accepted. By default, with 200 and an empty body.
    fn accepted(&self, _head: &Parts, _accepted: Self::Accepted) -> Response {
        Response::new(Body::empty())
    }

    /// Answers a request that was refused: with [`Refusal::answer`], in the protocol's own format. By default,
    /// the message is text.
    fn refused(&self, _head: &Parts, refusal: &Refusal) -> Response {
        refusal.plain_answer()
    }
}

/// A request of a sender that was let in, with its whole body.
pub struct Received<'a, E = &'a Door> {
    pub head: &'a Parts,
    pub peer: &'a Arc<Peer>,
    pub entrance: E,
    /// The body, decompressed, of up to `limit_bytes`.
    pub body: Bytes,
    pub limit_bytes: usize,
    /// The headers, if plugins may see them.
    pub metadata: Option<Arc<Metadata>>,
    /// What the request holds of the receiver's budget: the body's bytes.
    pub held: &'a Arc<Held>,
    /// The time by which the request must have what it waits for.
    pub until: Instant,
}

impl Received<'_, &Door> {
    /// Makes a batch of the body, by `read`, and hands it to the pipelines. `read` returns a batch of the
    /// door's signal. It runs away from the threads that serve connections if the body is large. While it
    /// runs, the request holds twice the size of the body, so `read` must not need much more: it writes the batch
    /// while it reads ([`wire::RequestWriter`]), and collects no objects.
    ///
    /// The sender of an empty batch is answered at once. A sender whose items were partly accepted by a
    /// destination is told nothing, since it must not send them again.
    pub async fn submit(
        self,
        read: impl FnOnce(&Bytes) -> Result<Batch, Refusal> + Send + 'static,
    ) -> Result<(), Refusal> {
        let Received { entrance: door, body, limit_bytes, metadata, held, until, .. } = self;
        let body_bytes = body.len();
        held.more_in_turn(body_bytes, until).await?;
        let batch = convert(body, held, read).await?;
        let made_bytes = batch.encoded_len();
        if made_bytes > limit_bytes {
            let message =
                format!("what the body holds takes {made_bytes} bytes in OTLP, and may take {limit_bytes}");
            return Err(Refusal::new(Cause::TooLarge, message));
        }
        // From here on, the batch is all that the request holds.
        let batch_bytes = batch.weight_bytes();
        held.less(body_bytes.saturating_mul(2).saturating_sub(batch_bytes));
        held.more_in_turn(batch_bytes.saturating_sub(held.bytes()), until).await?;
        door.check_items(batch.items())?;
        if !batch.is_empty() {
            door.submit(batch, metadata).await?;
        }
        Ok(())
    }
}
