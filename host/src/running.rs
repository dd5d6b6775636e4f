//! The tasks of a started component, and the signal to stop them.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The stop signal and the tasks of a started component.
#[derive(Clone, Debug, Default)]
pub struct Running {
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    /// The tasks that hold a listening socket.
    pub listeners: TaskTracker,
}
