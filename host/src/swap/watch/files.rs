//! What is known of each file: when it changed, whether it is still, and which content was told last.

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

/// The files that are watched. Everything here blocks.
pub(super) struct Files {
    settings: WatchSettings,
    folders: Folders,
    files: BTreeMap<PathBuf, File>,
    looked: Instant,
}

struct File {
    /// From the root.
    path: PathBuf,
    /// The names on the way to it, as of the last look; the last one is the file's.
    names: Vec<PathBuf>,
    /// None until the first content has settled.
    known: Option<Content>,
    /// The file as it was when its content became known.
    settled: Option<Stamp>,
    /// The file that is there instead.
    moving: Option<Moving>,
    /// Whether it has been looked at: what happened to it before was not told.
    looked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Hash(Sha256),
    Unreadable,
}

/// Changes whenever the content does, and may change without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    /// When it was written to: seconds and nanoseconds.
    written: (i64, i64),
    /// When anything of it was changed, its name included.
    changed: (i64, i64),
}

struct Moving {
    stamp: Stamp,
    since: Instant,
    /// How long it had not been written to then.
    age: Duration,
    /// It came to be so while it was listened for. If not, its writer may have it open, and no event said so.
    told: bool,
}

/// Each look at the names may find that another folder is on the way.
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

    /// Looks at every file. What has settled since, and is new.
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

    /// When it must look again, if no event comes.
    pub(super) fn next_look(&self) -> Instant {
        let tells = |file: &File| file.names.iter().all(|name| self.folders.tells_of(name));
        let interval = match self.files.values().all(tells) {
            true => self.settings.safety_poll,
            false => self.settings.poll,
        };
        let due = self.files.values().filter_map(|file| file.due(&self.settings, &self.folders));
        due.min().unwrap_or(self.looked + interval).min(self.looked + interval)
    }

    /// Asks to be told of every name that matters. Only then is a file looked at, so that nothing falls in between.
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
            // What comes back is another file, if of the same content.
            self.settled = None;
        }
        let moving = stamp.filter(|stamp| self.settled != Some(*stamp));
        if self.moving.as_ref().map(|moving| moving.stamp) != moving {
            self.moving = moving.map(|stamp| Moving::now(stamp, self.looked));
        }
        self.looked = true;
    }

    /// When it will have been still for long enough, if nothing more happens.
    fn due(&self, settings: &WatchSettings, folders: &Folders) -> Option<Instant> {
        let moving = self.moving.as_ref()?;
        let name = self.names.last()?;
        let wait = if !self.names.iter().all(|name| folders.tells_of(name)) {
            // Another system's clock, and what it holds back, say nothing: the same from one look to the next.
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

    /// Whether the file came to its name after it had been written.
    fn is_moved(&self, stamp: &Stamp) -> bool {
        let is_other = self.settled.is_none_or(|settled| settled.inode != stamp.inode);
        is_other && stamp.changed > stamp.written
    }

    /// Reads what is still; what it is now, if that is new.
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
    /// Of the file that the path leads to.
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
