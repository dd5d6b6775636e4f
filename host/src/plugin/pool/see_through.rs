//! Calls that go on after their sender has gone away.

use std::{pin::Pin, task::Poll};

/// Makes the call, and returns its outcome. If this future is dropped, the call continues on a separate task,
/// so that its guest is not lost and its outcome is counted. Most calls never wait, and end before they need
/// a task.
///
/// Returns `None` if the call panicked, which is logged.
pub(in crate::plugin) async fn see_through<C>(component: &str, mut call: Pin<Box<C>>) -> Option<C::Output>
where
    C: Future<Output: Send + 'static> + Send + 'static,
{
    if let Poll::Ready(outcome) = futures::poll!(call.as_mut()) {
        return Some(outcome);
    }
    match tokio::spawn(call).await {
        Ok(outcome) => Some(outcome),
        Err(error) => {
            tracing::error!(component, "a call was given up: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// A sender goes away while its call waits.
    #[tokio::test]
    async fn a_call_ends_though_nobody_waits_for_it_any_more() {
        let (go, may_go) = oneshot::channel::<()>();
        let (done, is_done) = oneshot::channel();
        let call = Box::pin(async move {
            may_go.await.ok();
            done.send(()).ok();
        });
        let mut sender = Box::pin(see_through("batch", call));
        assert!(futures::poll!(sender.as_mut()).is_pending());
        drop(sender);
        go.send(()).unwrap();
        assert!(is_done.await.is_ok());
    }
}
