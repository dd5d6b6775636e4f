//! Listens for changes of names in folders, and knows the folders that give no events. Only this module uses
//! `notify`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, ModifyKind},
};
use tokio::sync::Notify;

pub(super) struct Folders {
    /// The system's watcher; `None` if there are no events, so that every folder is looked at.
    watcher: Option<RecommendedWatcher>,
    interest: Arc<Mutex<Interest>>,
    watched: BTreeMap<PathBuf, Watched>,
}

/// The names and folders that an event must concern.
#[derive(Default)]
struct Interest {
    /// Each name, and whether its file is being written to: it was written to, and its writer has not closed
    /// it.
    names: BTreeMap<PathBuf, bool>,
    folders: BTreeSet<PathBuf>,
    /// Folders that were moved or deleted. Another folder may be at the path now.
    lost: BTreeSet<PathBuf>,
}

struct Watched {
    /// Device and inode, since another folder may come to the same path.
    identity: (u64, u64),
    tells: bool,
}

impl Folders {
    /// Creates the listener. It notifies `events` of everything that is worth a look.
    pub(super) fn new(events: Arc<Notify>, force_polling: bool) -> Folders {
        let interest = Arc::new(Mutex::new(Interest::default()));
        let seen = interest.clone();
        let watcher = (!force_polling).then(|| {
            notify::recommended_watcher(move |event: notify::Result<Event>| {
                if lock(&seen).concerns(event) {
                    events.notify_one();
                }
            })
        });
        let watcher = watcher.transpose().unwrap_or_else(|error| {
            tracing::warn!("the system reports no changes of files ({error}): they are checked at intervals");
            None
        });
        Folders { watcher, interest, watched: BTreeMap::new() }
    }

    /// Listens for changes of these names and no others. Returns true if it listens to a folder that it did
    /// not listen to before. No event told of changes in that folder until now.
    pub(super) fn listen(&mut self, names: &BTreeSet<PathBuf>) -> bool {
        let wanted: BTreeSet<&Path> = names.iter().filter_map(|name| name.parent()).collect();
        let lost = lock(&self.interest).replace(names, &wanted);
        for gone in self.watched.keys().filter(|folder| !wanted.contains(folder.as_path())) {
            stop(self.watcher.as_mut(), gone);
        }
        self.watched.retain(|folder, _| wanted.contains(folder.as_path()));
        let mut is_new = false;
        for folder in wanted {
            let Ok(metadata) = fs::metadata(folder) else { continue };
            let identity = (metadata.dev(), metadata.ino());
            let known = self.watched.get(folder);
            if known.is_some_and(|known| known.identity == identity) && !lost.contains(folder) {
                continue;
            }
            if known.is_some() {
                stop(self.watcher.as_mut(), folder);
            }
            let tells = self.ask(folder);
            is_new |= tells;
            self.watched.insert(folder.to_owned(), Watched { identity, tells });
        }
        is_new
    }

    /// Returns true if there are events for the name.
    pub(super) fn tells_of(&self, name: &Path) -> bool {
        name.parent().and_then(|folder| self.watched.get(folder)).is_some_and(|watched| watched.tells)
    }

    /// Returns true if the file's writer has not closed the file, as far as events tell.
    pub(super) fn is_written(&self, name: &Path) -> bool {
        lock(&self.interest).names.get(name).copied().unwrap_or_default()
    }

    /// Asks for events of a folder. Returns true if there will be events.
    fn ask(&mut self, folder: &Path) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        if is_remote(folder) {
            tracing::info!(folder = %folder.display(), "on a network mount: its files are checked at intervals");
            return false;
        }
        let asked = watcher.watch(folder, RecursiveMode::NonRecursive);
        if let Err(error) = &asked {
            tracing::warn!(folder = %folder.display(), "cannot be watched ({error}): its files are checked at intervals");
        }
        asked.is_ok()
    }
}

impl Interest {
    fn concerns(&mut self, event: notify::Result<Event>) -> bool {
        // An event that was lost may have concerned these names.
        let Ok(event) = event else { return true };
        if event.need_rescan() {
            return true;
        }
        let writing = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
            // A read is not a change, and the watch itself reads a file after each change.
            EventKind::Access(_) => return false,
            // On other systems no event tells that a file was closed.
            EventKind::Modify(ModifyKind::Data(_)) => cfg!(target_os = "linux"),
            _ => false,
        };
        let is_gone = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
        let mut concerns = false;
        for path in &event.paths {
            if let Some(known) = self.names.get_mut(path) {
                // The metadata may change while the file is written.
                if !matches!(event.kind, EventKind::Modify(ModifyKind::Metadata(_))) {
                    *known = writing;
                }
                concerns = true;
            }
            if self.folders.contains(path) {
                if is_gone {
                    self.lost.insert(path.clone());
                }
                concerns = true;
            }
        }
        concerns
    }

    /// Replaces the names and folders. Returns the folders that were moved or deleted since the last call.
    fn replace(&mut self, names: &BTreeSet<PathBuf>, folders: &BTreeSet<&Path>) -> BTreeSet<PathBuf> {
        if self.names.keys().ne(names) {
            let known = std::mem::take(&mut self.names);
            let writing = |name: &PathBuf| known.get(name).copied().unwrap_or_default();
            self.names = names.iter().map(|name| (name.clone(), writing(name))).collect();
            self.folders = folders.iter().map(|folder| folder.to_path_buf()).collect();
        }
        std::mem::take(&mut self.lost)
    }
}

/// Stops listening to a folder, which may be gone already.
fn stop(watcher: Option<&mut RecommendedWatcher>, folder: &Path) {
    if let Some(watcher) = watcher {
        let _ = watcher.unwatch(folder);
    }
}

fn lock(interest: &Mutex<Interest>) -> MutexGuard<'_, Interest> {
    interest.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns true if other systems may change files in the folder without this system's knowledge. The numbers
/// are those of linux/magic.h and of the file systems' own sources.
#[cfg(target_os = "linux")]
fn is_remote(folder: &Path) -> bool {
    const NFS: u32 = 0x6969;
    const SMB: u32 = 0x517b;
    const CIFS: u32 = 0xff53_4d42;
    const SMB2: u32 = 0xfe53_4d42;
    const FUSE: u32 = 0x6573_5546;
    const VIRTIOFS: u32 = 0x6a65_6a63;
    const PLAN9: u32 = 0x0102_1997;
    const CEPH: u32 = 0x00c3_6400;
    const AFS: u32 = 0x5346_414f;
    const VIRTUALBOX: u32 = 0x786f_4256;
    const VMWARE: u32 = 0xbacb_acbc;
    const LUSTRE: u32 = 0x0bd0_0bd0;
    let remote = [NFS, SMB, CIFS, SMB2, FUSE, VIRTIOFS, PLAN9, CEPH, AFS, VIRTUALBOX, VMWARE, LUSTRE];
    // The type is wider than its values, and signed on some systems.
    rustix::fs::statfs(folder).is_ok_and(|found| remote.contains(&(found.f_type as u32)))
}

/// Returns false: on these systems the safety poll finds changes on network mounts.
#[cfg(not(target_os = "linux"))]
fn is_remote(_: &Path) -> bool {
    false
}
