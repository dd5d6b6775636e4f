//! Watches files: reports one whose content is another than before, once that content is whole and still.
//!
//! An event is a reason to look and no more. What is believed is what the file system says of the file, and its hash:
//! events may be merged, lost, out of order, or never come.

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

/// Files that are watched until this is dropped.
pub struct Watch {
    wanted: watch::Sender<Vec<WatchedFile>>,
}

/// A file to watch. It need not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedFile {
    /// As it is written in a config; symlinks on the way are followed, and watched too.
    pub path: PathBuf,
    /// The content that is in use. Another one is reported, also if it is there already. `None`: the first content that
    /// is seen is taken for the one in use, and is not reported.
    pub known: Option<Sha256>,
}

/// A file whose content is another than before, whole and still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// As it was given.
    pub path: PathBuf,
    /// `None` if the file cannot be read or is too large: who reads it learns why.
    pub sha256: Option<Sha256>,
}

/// How long is waited, and for what.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// For how long a file that was written in place has not changed when it counts as still.
    pub settle: Duration,
    /// The same for a file that was moved into place after it was written.
    pub settle_moved: Duration,
    /// The same for a file that its writer has not closed, or may not have: it was written to before events came.
    pub patience: Duration,
    /// Between two looks where no events come: network mounts, or no watches left.
    pub poll: Duration,
    /// Between two looks where events come.
    pub safety_poll: Duration,
    /// Asks for no events at all.
    pub force_polling: bool,
}

/// Between an event and the look that it is the reason for: events come in bursts.
const LOOK_DELAY: Duration = Duration::from_millis(5);
/// Reports that no one has taken yet. What else has settled waits, the latest of each file.
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
    /// Starts to watch, on a task of its own that looks in the blocking pool. The task ends with either of the two.
    pub fn start(settings: WatchSettings) -> (Watch, mpsc::Receiver<Settled>) {
        let (wanted, wanted_changed) = watch::channel(Vec::new());
        let (reports, settled) = mpsc::channel(REPORTS_LIMIT);
        tokio::spawn(run(settings, wanted_changed, reports));
        (Watch { wanted }, settled)
    }

    /// Watches these files and no others. Of a file that is watched already nothing is forgotten: its `known` is not
    /// looked at.
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
        // It ends early when the runtime does.
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

/// From the root, so that the working directory may change. Symlinks and `..` stay.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests;
