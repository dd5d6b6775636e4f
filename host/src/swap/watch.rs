//! Watches files, and reports a file whose content has changed once the file is complete and no longer
//! changes (*still*).
//!
//! An event is only a reason to look. The watch decides by the metadata that the file system returns and by
//! the content's hash, since events may be merged, lost, out of order, or never come.

mod files;
mod folders;
mod trace;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc, watch},
    time::Instant,
};

use crate::{hash::Sha256, plugin::load::file::WRITERS_PATIENCE};
use files::Files;

/// Watches files until it is dropped.
pub struct Watch {
    wanted: watch::Sender<Vec<WatchedFile>>,
}

/// A file to watch, which need not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedFile {
    /// The path as the config has it. Symlinks on the way are followed, and watched too.
    pub path: PathBuf,
    /// The hash of the content that is in use. Other content is reported, even if it is already there. With
    /// `None`, the first content that is seen counts as the one in use, and is not reported.
    pub known: Option<Sha256>,
}

/// A report that a file's content has changed, and is whole and still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The path as it was given.
    pub path: PathBuf,
    /// The hash; `None` if the file cannot be read or is too large. Reading the file gives the reason.
    pub sha256: Option<Sha256>,
}

/// The times that the watch waits.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// How long a file that was written in place must not change before it counts as still.
    pub settle: Duration,
    /// The same for a file that was moved into place after it was written.
    pub settle_moved: Duration,
    /// The same for a file that its writer has not closed, or may not have closed because it was written
    /// before events came.
    pub patience: Duration,
    /// The time between two looks where no events come: on network mounts, or with no watches left.
    pub poll: Duration,
    /// The time between two looks where events come.
    pub safety_poll: Duration,
    /// True to ask for no events, and only poll.
    pub force_polling: bool,
}

/// The time between an event and the look that it causes. Events come in bursts.
const LOOK_DELAY: Duration = Duration::from_millis(5);
/// The reports that the receiver has not taken yet. Later reports wait in the watch, the latest for each
/// file.
const REPORTS_LIMIT: usize = 1;

impl Default for WatchSettings {
    fn default() -> WatchSettings {
        WatchSettings {
            settle: Duration::from_millis(100),
            settle_moved: Duration::from_millis(20),
            patience: WRITERS_PATIENCE,
            poll: Duration::from_secs(2),
            safety_poll: Duration::from_secs(10),
            force_polling: false,
        }
    }
}

impl Watch {
    /// Starts to watch. The work is done by a task of its own, which looks at files in the blocking pool. The
    /// task ends when the watch or the receiver is dropped.
    pub fn start(settings: WatchSettings) -> (Watch, mpsc::Receiver<Settled>) {
        let (wanted, wanted_changed) = watch::channel(Vec::new());
        let (reports, settled) = mpsc::channel(REPORTS_LIMIT);
        tokio::spawn(run(settings, wanted_changed, reports));
        (Watch { wanted }, settled)
    }

    /// Watches these files and no others. For a file that is watched already, the watch keeps what it knows
    /// and ignores `known`.
    pub fn set(&self, files: impl IntoIterator<Item = WatchedFile>) {
        self.wanted.send_replace(files.into_iter().collect());
    }
}

async fn run(
    settings: WatchSettings,
    mut wanted: watch::Receiver<Vec<WatchedFile>>,
    reports: mpsc::Sender<Settled>,
) {
    let events = Arc::new(Notify::new());
    let mut files = Files::new(settings, events.clone());
    let mut waiting: BTreeMap<PathBuf, Settled> = BTreeMap::new();
    loop {
        let looked = tokio::task::spawn_blocking(move || {
            let found = files.look();
            (files, found)
        });
        let found;
        // The blocking task fails only while the runtime shuts down.
        let Ok(looked) = looked.await else { return };
        (files, found) = looked;
        waiting.extend(found.into_iter().map(|settled| (settled.path.clone(), settled)));
        let next_look = Instant::from_std(files.next_look());
        tokio::select! {
            changed = wanted.changed() => match changed {
                Ok(()) => files.set(&wanted.borrow_and_update()),
                Err(_) => return,
            },
            () = events.notified() => tokio::time::sleep(LOOK_DELAY).await,
            () = tokio::time::sleep_until(next_look) => {}
            room = reports.reserve(), if !waiting.is_empty() => match (room, waiting.pop_first()) {
                (Ok(room), Some((_, settled))) => room.send(settled),
                _ => return,
            },
            () = reports.closed() => return,
        }
    }
}

/// Returns the path from the root, so that the working directory may change. Symlinks and `..` stay.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
