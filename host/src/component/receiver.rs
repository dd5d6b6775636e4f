//! What every receiver does.

use crate::{pipeline::Ingest, running::Running};

/// Takes telemetry in, from sockets or by fetching it, and hands it to an [`Ingest`].
///
/// One receiver is built for each id that a pipeline names, however many pipelines name it. Building it binds nothing and
/// starts nothing.
///
/// # What a receiver owes
/// - Each request is answered once: as accepted after [`Door::submit`](crate::pipeline::ingest::Door::submit) has returned `Ok`,
///   else as refused, with the protocol's own words for "try again" where [`Failure`](crate::receipt::Failure) says so.
/// - What a request may hold before it is answered is bounded, in bytes and in time, and so is what all requests may hold
///   together.
/// - A request that is not of the protocol gets the protocol's refusal. It is no error of the receiver, and ends no task.
#[async_trait::async_trait]
pub trait Receiver: Send + Sync {
    /// Binds the sockets, spawns the tasks that serve them on `running.tasks`, and returns once clients can connect. Tasks
    /// that hold a socket to listen on are in `running.listeners` too.
    ///
    /// Everything that the receiver leads to has been started before. Called by one task at a time: at the start of the
    /// service, or at a reload.
    ///
    /// # Stopping
    /// When `running.stop` is cancelled, the receiver stops listening at once, lets the requests under way end, and ends its
    /// tasks. A request that has not come in whole may be cut off. Nobody calls another method: a shutdown waits for the
    /// tracker, for a while, and then drops the tasks.
    ///
    /// # Starting again
    /// A reload stops the receivers that it replaces before it starts new ones on the same addresses. If one of the new
    /// ones fails, the stopped ones are started again, each with a new `running`, while tasks of its first run may still be
    /// ending. So sockets are bound here and nowhere else.
    ///
    /// # Errors
    /// When an address cannot be bound or a file cannot be read; the message names the key. Then nothing listens, and the
    /// start or reload has failed.
    async fn start(&self, ingest: Ingest, running: &Running) -> anyhow::Result<()>;
}
