//! Records for each file when it changed, whether it is still, and which content was reported last.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::sync::Notify;

use super::{Settled, WatchSettings, WatchedFile, absolute, folders::Folders, trace};
use crate::{hash::Sha256, plugin::load::card::SIZE_LIMIT_BYTES};

/// The files that are watched. Every method blocks.
pub(super) struct Files {
    settings: WatchSettings,
    folders: Folders,
    files: BTreeMap<PathBuf, File>,
    looked: Instant,
}

struct File {
    /// The path from the root.
    path: PathBuf,
    /// The names on the way to the file at the last look; the last name is the file's.
    names: Vec<PathBuf>,
    /// The content that was seen last; `None` until the first content has settled.
    known: Option<Content>,
    /// The metadata of the file when `known` was read.
    settled: Option<Stamp>,
    /// The metadata that the file has instead of `settled`, if they differ.
    moving: Option<Moving>,
    /// True once the watch has looked at the file. No event tells of changes before the first look.
    looked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Hash(Sha256),
    Unreadable,
}

/// Metadata that changes whenever the content does. It may also change without the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    /// The time of the last write: seconds and nanoseconds.
    written: (i64, i64),
    /// The time of the last change of the content or the metadata: seconds and nanoseconds.
    changed: (i64, i64),
}

struct Moving {
    stamp: Stamp,
    since: Instant,
    /// How long the file had not been written to at `since`.
    age: Duration,
    /// True if the change came while the watch listened. If false, a writer may have the file open although
    /// no event said so.
    told: bool,
}

/// How many times the names are looked up, because each look may find another folder on the way.
const LISTEN_ROUNDS: usize = 4;

impl Files {
    pub(super) fn new(settings: WatchSettings, events: Arc<Notify>) -> Files {
        let folders = Folders::new(events, settings.force_polling);
        Files { settings, folders, files: BTreeMap::new(), looked: Instant::now() }
    }

    pub(super) fn set(&mut self, wanted: &[WatchedFile]) {
        self.files.retain(|path, _| wanted.iter().any(|file| file.path == *path));
        for file in wanted {
            self.files.entry(file.path.clone()).or_insert_with(|| File::new(file));
        }
    }

    /// Looks at every file. Returns the files that have settled since the last look with another content.
    pub(super) fn look(&mut self) -> Vec<Settled> {
        self.listen();
        self.looked = Instant::now();
        let mut found = Vec::new();
        for (path, file) in &mut self.files {
            file.look();
            if file.due(&self.settings, &self.folders).is_some_and(|due| due <= Instant::now())
                && let Some(content) = file.settle()
            {
                found.push(Settled { path: path.clone(), sha256: content.hash() });
            }
        }
        found
    }

    /// Returns the time of the next look, if no event comes.
    pub(super) fn next_look(&self) -> Instant {
        let tells = |file: &File| file.names.iter().all(|name| self.folders.tells_of(name));
        let interval = match self.files.values().all(tells) {
            true => self.settings.safety_poll,
            false => self.settings.poll,
        };
        let due = self.files.values().filter_map(|file| file.due(&self.settings, &self.folders));
        due.min().unwrap_or(self.looked + interval).min(self.looked + interval)
    }

    /// Listens for events of every name that matters. Files are looked at after that, so that no change is
    /// missed in between.
    fn listen(&mut self) {
        for _ in 0..LISTEN_ROUNDS {
            let mut names = BTreeSet::new();
            for file in self.files.values_mut() {
                file.names = trace::names(&file.path);
                names.extend(file.names.iter().cloned());
            }
            if !self.folders.listen(&names) {
                break;
            }
        }
    }
}

impl File {
    fn new(file: &WatchedFile) -> File {
        let known = file.known.map(Content::Hash);
        let path = absolute(&file.path);
        File { path, names: Vec::new(), known, settled: None, moving: None, looked: false }
    }

    fn look(&mut self) {
        let stamp = Stamp::of(&self.path);
        if stamp.is_none() {
            // A file that comes back is another file, even with the same content.
            self.settled = None;
        }
        let moving = stamp.filter(|stamp| self.settled != Some(*stamp));
        if self.moving.as_ref().map(|moving| moving.stamp) != moving {
            self.moving = moving.map(|stamp| Moving::now(stamp, self.looked));
        }
        self.looked = true;
    }

    /// Returns when the file will have been still for long enough, if it does not change again.
    fn due(&self, settings: &WatchSettings, folders: &Folders) -> Option<Instant> {
        let moving = self.moving.as_ref()?;
        let name = self.names.last()?;
        let wait = if !self.names.iter().all(|name| folders.tells_of(name)) {
            // The file may be on another system, whose clock and delays are unknown. It must be the same at
            // two looks.
            settings.settle.max(settings.poll)
        } else if folders.is_written(name) {
            settings.patience
        } else if self.is_moved(&moving.stamp) {
            settings.settle_moved
        } else if !moving.told {
            settings.patience.saturating_sub(moving.age).max(settings.settle_moved)
        } else {
            settings.settle.saturating_sub(moving.age).max(settings.settle_moved)
        };
        Some(moving.since + wait)
    }

    /// Returns true if the file was moved to its name after it had been written.
    fn is_moved(&self, stamp: &Stamp) -> bool {
        let is_other = self.settled.is_none_or(|settled| settled.inode != stamp.inode);
        is_other && stamp.changed > stamp.written
    }

    /// Reads a file that is still. Returns the content if it is whole and not the content that was known.
    fn settle(&mut self) -> Option<Content> {
        let stamp = self.moving.as_ref()?.stamp;
        let content = match Sha256::of_file(&self.path, SIZE_LIMIT_BYTES as u64) {
            Ok(hash) => Content::Hash(hash),
            Err(_) => Content::Unreadable,
        };
        self.look();
        if self.moving.as_ref().map(|moving| moving.stamp) != Some(stamp) {
            return None;
        }
        (self.moving, self.settled) = (None, Some(stamp));
        let before = self.known.replace(content);
        (before? != content).then_some(content)
    }
}

impl Content {
    fn hash(self) -> Option<Sha256> {
        match self {
            Content::Hash(hash) => Some(hash),
            Content::Unreadable => None,
        }
    }
}

impl Stamp {
    /// Returns the metadata of the file that the path leads to.
    fn of(path: &Path) -> Option<Stamp> {
        fs::metadata(path).ok().filter(Metadata::is_file).map(|metadata| Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            len: metadata.len(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    fn age(&self) -> Duration {
        let seconds = Duration::from_secs(u64::try_from(self.written.0).unwrap_or_default());
        let nanoseconds = Duration::from_nanos(u64::try_from(self.written.1).unwrap_or_default());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(seconds + nanoseconds)
    }
}

impl Moving {
    fn now(stamp: Stamp, told: bool) -> Moving {
        Moving { stamp, since: Instant::now(), age: stamp.age(), told }
    }
}
