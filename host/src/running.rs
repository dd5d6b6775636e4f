//! The tasks of a started component, the signal to stop them, and the sockets that it listens on.

mod sockets;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use sockets::{Offer, SharedSocket, Sockets};

/// The stop signal, the tasks and the sockets of a started component.
#[derive(Clone, Debug, Default)]
pub struct Running {
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    /// The tasks that hold a listening socket.
    pub listeners: TaskTracker,
    /// The sockets of these tasks, for the component that takes this one's place.
    pub sockets: Sockets,
}
