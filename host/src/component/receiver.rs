//! The contract of receivers.

use crate::{pipeline::Ingest, running::Running};

/// Receives telemetry, from sockets or by fetching it, and passes it to an [`Ingest`].
///
/// One receiver is built for each id that a pipeline names, however many pipelines name it. Building it binds
/// nothing and starts nothing.
///
/// # What a receiver owes
/// - Each request is answered once. It is answered as accepted after
///   [`Door::submit`](crate::pipeline::ingest::Door::submit) has returned `Ok`, and otherwise as refused,
///   with the protocol's status for "try again" if [`Failure`](crate::receipt::Failure) allows a retry.
/// - The memory and the time that a request may take before it is answered are bounded, and so is the memory
///   of all requests together.
/// - A request that violates the protocol gets the protocol's refusal. It is not an error of the receiver,
///   and ends no task.
#[async_trait::async_trait]
pub trait Receiver: Send + Sync {
    /// Reads the files that [`start`](Receiver::start) will read, such as certificates, and binds nothing. A
    /// reload asks this of its new receivers before it stops the ones that they replace, so that a file that
    /// is missing keeps no sender out, not even for a moment.
    ///
    /// # Errors
    /// A file cannot be read; the message names the key.
    async fn check_files(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Binds the sockets, spawns the tasks that serve them on `running.tasks`, and returns once clients can
    /// connect. Tasks that own a listening socket are also in `running.listeners`.
    ///
    /// Everything that the receiver leads to has been started before. Called by one task at a time: at the
    /// start of the service, or at a reload.
    ///
    /// # Stopping
    /// When `running.stop` is cancelled, the receiver stops listening at once, lets the requests under way
    /// end, and ends its tasks. A request that has not fully arrived may be cut off. No other method is
    /// called: a shutdown waits for the tracker for a limited time, and then drops the tasks.
    ///
    /// # Starting again
    /// A reload stops the receivers that it replaces before it starts new ones on the same addresses. If one
    /// of the new ones fails, the stopped ones are started again, each with a new `running`, while tasks of
    /// its first run may still be ending. So sockets are bound here and nowhere else,
    /// through `running.sockets`: it passes them on, so that no sender finds a port closed.
    ///
    /// # Errors
    /// An address cannot be bound, or a file cannot be read; the message names the key. Nothing listens then,
    /// and the start or reload fails.
    async fn start(&self, ingest: Ingest, running: &Running) -> anyhow::Result<()>;
}
