//! What a started component runs in, and how it is told to stop.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a started component's tasks live in.
#[derive(Clone, Debug, Default)]
pub struct Running {
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    /// Those of the tasks that hold a socket to listen on.
    pub listeners: TaskTracker,
}
