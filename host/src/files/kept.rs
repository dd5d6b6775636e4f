//! Keeps the content of files in memory, and reads it again at intervals.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use super::{PATIENCE, in_time_of};

/// The shortest interval between two reads.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// The content that was read last. A task reads it again until this is dropped, so that no caller waits for a
/// file.
pub(crate) struct Kept<T> {
    current: Arc<ArcSwap<T>>,
    _reading: Option<AbortOnDropHandle<()>>,
}

impl<T: Send + Sync + 'static> Kept<T> {
    /// Keeps the content and never reads it again.
    pub(crate) fn fixed(read: T) -> Kept<T> {
        Kept { current: Arc::new(ArcSwap::from_pointee(read)), _reading: None }
    }

    /// Keeps the content, and reads it again after each interval (at least a second) on a thread that may
    /// block. If a read fails, the previous content stays, and the log names the content by `what`.
    ///
    /// # Panics
    /// Panics outside of a runtime.
    pub(crate) fn read_again(
        first: T,
        what: &'static str,
        interval: Duration,
        read: impl Fn() -> Result<T, String> + Send + Sync + 'static,
    ) -> Kept<T> {
        let Kept { current, _reading } = Kept::fixed(first);
        let reading = keep_reading(current.clone(), what, interval.max(MIN_INTERVAL), Arc::new(read));
        Kept { current, _reading: Some(AbortOnDropHandle::new(tokio::spawn(reading))) }
    }

    /// Returns the content that was read last.
    pub(crate) fn current(&self) -> Arc<T> {
        self.current.load_full()
    }
}

async fn keep_reading<T: Send + Sync + 'static>(
    current: Arc<ArcSwap<T>>,
    what: &'static str,
    interval: Duration,
    read: Arc<impl Fn() -> Result<T, String> + Send + Sync + 'static>,
) {
    // A read that does not return keeps the permit, so that at most one thread waits for one set of files.
    let turn = Arc::new(Semaphore::new(1));
    let mut said = None;
    loop {
        tokio::time::sleep(interval).await;
        let read = read.clone();
        let fresh = in_time_of(PATIENCE, &turn, move || read()).await;
        match fresh.unwrap_or_else(|error| Err(error.to_string())) {
            Ok(fresh) => {
                current.store(Arc::new(fresh));
                said = None;
            }
            Err(why) if said.as_ref() == Some(&why) => {}
            Err(why) => {
                tracing::warn!("keeping the previous {what}: {why}");
                said = Some(why);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::sync_channel,
    };

    use super::*;

    const BRIEF: Duration = Duration::from_millis(1);

    async fn until(what: impl Fn() -> bool) {
        while !what() {
            tokio::time::sleep(BRIEF).await;
        }
    }

    /// Files change, and cannot be read for a moment: the last content stays until newer content is read.
    #[tokio::test]
    async fn what_cannot_be_read_leaves_what_was_read_before() {
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = reads.clone();
        let read = move || match counted.fetch_add(1, SeqCst) {
            0 => Err("broken".to_owned()),
            read => Ok(read),
        };
        let kept = Kept::read_again(100, "a number", BRIEF, read);
        assert_eq!(*kept.current(), 100);
        until(|| reads.load(SeqCst) == 1).await;
        assert_eq!(*kept.current(), 100);
        until(|| *kept.current() == 1).await;
    }

    /// A file system does not answer: callers get the last content without waiting, and the task ends with
    /// the value.
    #[tokio::test]
    async fn a_read_that_hangs_keeps_nobody_waiting() {
        let (hold, held) = sync_channel::<()>(0);
        let held = std::sync::Mutex::new(held);
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = reads.clone();
        let read = move || {
            counted.fetch_add(1, SeqCst);
            held.lock().map_err(|error| error.to_string())?.recv().map_err(|error| error.to_string())?;
            Ok(1)
        };
        let kept = Kept::read_again(0, "a number", BRIEF, read);
        until(|| reads.load(SeqCst) == 1).await;
        assert_eq!(*kept.current(), 0);
        let left = Arc::downgrade(&kept.current);
        drop(kept);
        until(|| left.upgrade().is_none()).await;
        drop(hold);
    }
}
